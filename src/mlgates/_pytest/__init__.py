"""What the pytest plugin does once a test makes use of gates; imported when the first one does."""
