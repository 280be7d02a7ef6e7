"""Change the checks' own code in one place after another, and see whether a test notices."""
