"""Monitor a model in production over time, and decide whether a new model replaces it.

`Monitor` runs a suite on one window of data after another, and `History` stores the reports.
`assign` and `Rollout` divide requests between two models, and `Traffic` counts them.
"""
