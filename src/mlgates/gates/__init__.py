"""The built-in gates; each is one module or package."""
