"""The gates, a file each."""
