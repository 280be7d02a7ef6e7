"""Odd values in the place of every argument: what is no graphnet error is a defect."""
