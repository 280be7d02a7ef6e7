"""Plots of training and of activations, with matplotlib: an optional extra, imported when a plot is drawn.

Each function returns the figure. With ``ax=`` it draws into axes that you give; without, into a new figure that shows
itself in a notebook and is saved with ``figure.savefig("loss.png")``.
"""

from graphnet.draw.plots.functions import activations
from graphnet.draw.plots.training import gradient_histograms, loss, signal_norms, training

__all__ = ["activations", "gradient_histograms", "loss", "signal_norms", "training"]
