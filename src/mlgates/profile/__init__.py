"""Read a table once: profiles of columns, counters and their results, the baseline file."""
