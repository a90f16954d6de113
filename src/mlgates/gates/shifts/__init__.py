"""Drift, column by column: which can be judged, and how far apart two sides are."""
