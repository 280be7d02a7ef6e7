"""What `graphnet.engine.units` says of slopes, under its earlier name."""

from graphnet.engine.units import SATURATED, Mask, SlopeRange, is_activation, local_slope, slope_range

__all__ = ["SATURATED", "Mask", "SlopeRange", "is_activation", "local_slope", "slope_range"]
