"""Profile the columns of a table and count in its rows, in one pass; save and read baselines."""
