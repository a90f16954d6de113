"""The language of row conditions: parsers, and evaluation on Arrow columns."""
