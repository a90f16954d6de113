"""The implementation of the pytest plugin, imported when a test first uses gates."""
