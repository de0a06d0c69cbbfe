"""`mien bench`: drives the real processes with synthetic cameras and says what a frame costs."""
