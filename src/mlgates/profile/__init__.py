"""One scan of a table: profiles of columns, counters and their states, the baseline file."""
