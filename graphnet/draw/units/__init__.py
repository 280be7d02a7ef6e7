"""The unit view: a network as circles and weights, the classical picture, recovered from its graph of ops."""
