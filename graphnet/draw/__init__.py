"""Pictures of graphs and passes: one neutral description of the picture, then one writer for each format."""

from graphnet.draw.drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
