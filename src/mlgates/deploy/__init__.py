"""Decisions about models in production: what happened over time, and what to do next."""
