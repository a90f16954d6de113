"""Latencies in the order of their calls: how much they depend on each other, and what they say."""
