"""Mutants that behave as the original does, or differ in what is left open, each with its reason."""

EQUIVALENT: dict[tuple[str, str, str], str] = {}
"""{(file, function, what the expression becomes): why}. An expression that has changed since is not excused."""
