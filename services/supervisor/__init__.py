"""`mien up`: the process table of one machine."""
