"""Runs graphs: forward and backward on numbers, and the backward pass as a graph of its own."""
