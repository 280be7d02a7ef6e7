"""Every rule, one family a file.

``gn.ops`` holds the ops themselves; the functions that apply them are in ``gn``. The whole rule set as one table is
``print(gn.ops.overview())``.
"""

from graphnet.core.op import Op, Primitive
from graphnet.ops.activations import (
    Identity,
    LeakyRelu,
    LogSoftmax,
    Polynomial,
    Relu,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from graphnet.ops.arithmetic import (
    Add,
    Cos,
    Cosh,
    Divide,
    Exp,
    Expm1,
    Log,
    Log1p,
    Multiply,
    Negative,
    Power,
    Reciprocal,
    Sin,
    Sinh,
    Sqrt,
    Square,
    Subtract,
)
from graphnet.ops.comparisons import (
    Abs,
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    Maximum,
    Minimum,
    NotEqual,
    OnesLike,
    Sign,
    Where,
    ZerosLike,
)
from graphnet.ops.convolution import Conv2d, Conv2dToInput, Conv2dToKernel
from graphnet.ops.dropout import Dropout
from graphnet.ops.joining import Concatenate
from graphnet.ops.labels import Accuracy
from graphnet.ops.linear import BiasAdd, Matmul, Transpose
from graphnet.ops.losses import MSE, SSE, BinaryCrossEntropy, CrossEntropy
from graphnet.ops.normalisation import BatchNorm, LayerNorm
from graphnet.ops.overview import overview
from graphnet.ops.picking import PutAdd, Take
from graphnet.ops.pooling import MaxPool2d
from graphnet.ops.reductions import Max, Mean, Sum
from graphnet.ops.shaping import (
    BroadcastTo,
    Embed,
    ExpandDims,
    Getitem,
    Reshape,
    Squeeze,
)

__all__ = [
    "MSE",
    "SSE",
    "Abs",
    "Accuracy",
    "Add",
    "BatchNorm",
    "BiasAdd",
    "BinaryCrossEntropy",
    "BroadcastTo",
    "Concatenate",
    "Conv2d",
    "Conv2dToInput",
    "Conv2dToKernel",
    "Cos",
    "Cosh",
    "CrossEntropy",
    "Divide",
    "Dropout",
    "Embed",
    "Equal",
    "Exp",
    "ExpandDims",
    "Expm1",
    "Getitem",
    "Greater",
    "GreaterEqual",
    "Identity",
    "LayerNorm",
    "LeakyRelu",
    "Less",
    "LessEqual",
    "Log",
    "Log1p",
    "LogSoftmax",
    "LogicalAnd",
    "LogicalNot",
    "LogicalOr",
    "Matmul",
    "Max",
    "MaxPool2d",
    "Maximum",
    "Mean",
    "Minimum",
    "Multiply",
    "Negative",
    "NotEqual",
    "OnesLike",
    "Op",
    "Polynomial",
    "Power",
    "Primitive",
    "PutAdd",
    "Reciprocal",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softmax",
    "Softplus",
    "Sqrt",
    "Square",
    "Squeeze",
    "Subtract",
    "Sum",
    "Take",
    "Tanh",
    "Transpose",
    "Where",
    "ZerosLike",
    "overview",
]
