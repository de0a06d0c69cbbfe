"""The `mien` command."""
