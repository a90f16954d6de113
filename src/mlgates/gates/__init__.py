"""The built-in gates; each gate is one module or package."""
