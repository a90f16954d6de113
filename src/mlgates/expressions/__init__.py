"""The language of row conditions: parsed text, evaluated on Arrow columns."""
