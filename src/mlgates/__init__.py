"""Composable validation gates for machine learning."""
