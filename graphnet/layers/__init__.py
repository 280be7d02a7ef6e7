"""Layers: functions that add the nodes of a layer to a graph, with their parameters."""

from graphnet.layers.initialisers import INITIALISERS, Activation, Initialiser, glorot, he
from graphnet.layers.layers import batch_norm, conv2d, dense, dropout, embedding, flatten, layer_norm, mlp, recurrent
from graphnet.ops.pooling import max_pool2d

__all__ = ["INITIALISERS", "Activation", "Initialiser", "glorot", "he", "max_pool2d"]
__all__ += ["batch_norm", "conv2d", "dense", "dropout", "embedding", "flatten", "layer_norm", "mlp", "recurrent"]
