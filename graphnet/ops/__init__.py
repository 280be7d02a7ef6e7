"""Every rule, one family a file. ``gn.ops`` holds the ops themselves; the functions that apply them are in ``gn``."""

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
from graphnet.ops.linear import BiasAdd, Matmul, Transpose
from graphnet.ops.losses import MSE, SSE, BinaryCrossEntropy, CrossEntropy
from graphnet.ops.reductions import Max, Mean, Sum
from graphnet.ops.shaping import (
    BroadcastTo,
    Concatenate,
    Embed,
    ExpandDims,
    Getitem,
    PutAdd,
    Reshape,
    Squeeze,
    Take,
)

__all__ = [
    "MSE", "SSE", "Abs", "Add", "BiasAdd", "BinaryCrossEntropy", "BroadcastTo", "Concatenate", "Cos", "Cosh", "CrossEntropy",
    "Divide", "Embed", "Equal", "Exp", "ExpandDims", "Expm1", "Getitem", "Greater", "GreaterEqual", "Identity", "LeakyRelu",
    "Less", "LessEqual", "Log", "Log1p", "LogSoftmax", "LogicalAnd", "LogicalNot", "LogicalOr", "Matmul", "Max", "Maximum",
    "Mean", "Minimum", "Multiply", "Negative", "NotEqual", "OnesLike", "Op", "Polynomial", "Power", "Primitive", "PutAdd",
    "Reciprocal", "Relu", "Reshape", "Sigmoid", "Sign", "Sin", "Sinh", "Softmax", "Softplus", "Sqrt", "Square", "Squeeze",
    "Subtract", "Sum", "Take", "Tanh", "Transpose", "Where", "ZerosLike",
]  # fmt: skip
