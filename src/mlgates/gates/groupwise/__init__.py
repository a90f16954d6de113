"""Groups beside each other: what is compared, in which groups, and what would decide."""
