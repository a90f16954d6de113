"""The pytest plugin's parts, imported when a test first uses gates."""
