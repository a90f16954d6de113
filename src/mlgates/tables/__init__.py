"""Read tables of any kind as Arrow batches, and single columns of any kind as Arrow arrays."""
