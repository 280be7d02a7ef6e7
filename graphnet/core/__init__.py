"""What a network is: nodes, ops and graphs."""
