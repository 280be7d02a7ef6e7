"""Judges backward rules by finite differences: which rule is wrong, at which input and entry, and what it looks like."""
