"""Layers: functions that add the nodes of a layer to a graph, with their parameters."""

from graphnet.layers.dense import dense, mlp
from graphnet.layers.images import conv2d, flatten
from graphnet.layers.initialisers import INITIALISERS, Activation, Initialiser, glorot, he
from graphnet.layers.normalised import batch_norm, dropout, layer_norm
from graphnet.layers.sequences import embedding, recurrent
from graphnet.ops.pooling import max_pool2d

__all__ = [
    "INITIALISERS",
    "Activation",
    "Initialiser",
    "batch_norm",
    "conv2d",
    "dense",
    "dropout",
    "embedding",
    "flatten",
    "glorot",
    "he",
    "layer_norm",
    "max_pool2d",
    "mlp",
    "recurrent",
]
