"""graphnet: see and trust backpropagation.

Networks are explicit graphs of op nodes, each with a local backward rule. Build one, run it forward and backward, look
at the error signals of every node, check each rule by finite differences, and draw it.
"""

from graphnet import errors, layers, ops
from graphnet.check.checker import check_gradients, check_op
from graphnet.check.curve import StepCurve, step_curve
from graphnet.check.exercise import exercise
from graphnet.check.report import Report
from graphnet.core.function_op import op
from graphnet.core.graph import Graph
from graphnet.core.leaves import Constant, Input, Parameter, constant, input, parameter
from graphnet.core.node import Node
from graphnet.core.op import Op
from graphnet.core.origin import scope
from graphnet.draw import notebook, plots
from graphnet.draw.drawing import Drawing, draw
from graphnet.engine.compile import compile
from graphnet.engine.gradients import gradients
from graphnet.engine.passes import BackwardPass, ForwardPass, Message
from graphnet.engine.run import backward, forward
from graphnet.explain import derive, diagnose, explain
from graphnet.files.saving import load, load_parameters, load_state, save, save_parameters
from graphnet.ops.activations import (
    identity,
    leaky_relu,
    log_softmax,
    polynomial,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from graphnet.ops.arithmetic import add, divide, exp, log, multiply, negative, power, sqrt, square, subtract
from graphnet.ops.comparisons import abs, maximum, minimum, where
from graphnet.ops.convolution import conv2d
from graphnet.ops.dropout import dropout, dropout_masks
from graphnet.ops.joining import concatenate
from graphnet.ops.labels import accuracy, one_hot
from graphnet.ops.linear import bias_add, matmul, transpose
from graphnet.ops.losses import binary_cross_entropy, cross_entropy, mse, sse
from graphnet.ops.normalisation import batch_norm, layer_norm
from graphnet.ops.picking import take
from graphnet.ops.pooling import max_pool2d
from graphnet.ops.reductions import max, mean, sum
from graphnet.ops.shaping import broadcast_to, reshape
from graphnet.train import schedules
from graphnet.train.callbacks import Callback, EarlyStopping, History, Training
from graphnet.train.evaluation import inference
from graphnet.train.fit import fit
from graphnet.train.optimizers import Adam, AdamW, GradientDescent, Momentum, RMSProp

__version__ = "0.1.0"

notebook.install()

__all__ = [
    "Adam",
    "AdamW",
    "BackwardPass",
    "Callback",
    "Constant",
    "Drawing",
    "EarlyStopping",
    "ForwardPass",
    "GradientDescent",
    "Graph",
    "History",
    "Input",
    "Message",
    "Momentum",
    "Node",
    "Op",
    "Parameter",
    "RMSProp",
    "Report",
    "StepCurve",
    "Training",
    "abs",
    "accuracy",
    "add",
    "backward",
    "batch_norm",
    "bias_add",
    "binary_cross_entropy",
    "broadcast_to",
    "check_gradients",
    "check_op",
    "compile",
    "concatenate",
    "constant",
    "conv2d",
    "cross_entropy",
    "derive",
    "diagnose",
    "divide",
    "draw",
    "dropout",
    "dropout_masks",
    "errors",
    "exercise",
    "exp",
    "explain",
    "fit",
    "forward",
    "gradients",
    "identity",
    "inference",
    "input",
    "layer_norm",
    "layers",
    "leaky_relu",
    "load",
    "load_parameters",
    "load_state",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "minimum",
    "mse",
    "multiply",
    "negative",
    "one_hot",
    "op",
    "ops",
    "parameter",
    "plots",
    "polynomial",
    "power",
    "relu",
    "reshape",
    "save",
    "save_parameters",
    "schedules",
    "scope",
    "sigmoid",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "sse",
    "step_curve",
    "subtract",
    "sum",
    "take",
    "tanh",
    "transpose",
    "where",
]
