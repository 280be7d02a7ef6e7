"""What the C extension holds."""
