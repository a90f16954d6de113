"""Trials of a model: each property of what it promises an application, tried and told."""
