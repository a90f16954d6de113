"""What is counted of a table in one scan, kept in a file, and compared."""
