"""Times graphnet against hand-written NumPy and other libraries on the same work."""
