"""Trains parameters: optimisers, fit and the history it returns."""
