"""Track a model in production over time, and decide whether a new one replaces it.

`Monitor` and `History` judge and keep one window of data after another. `Traffic`, `assign` and
`Rollout` divide requests between two models.
"""
