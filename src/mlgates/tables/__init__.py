"""Tables of any kind as Arrow batches, and one column of any kind as values."""
