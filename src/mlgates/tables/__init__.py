"""Read tables of any kind as Arrow batches, and columns of any kind as values."""
