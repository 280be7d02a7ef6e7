"""Every op by its class, and the file of its rule."""

import graphnet.core.op as _op

from .activations import Identity as Identity
from .activations import LeakyRelu as LeakyRelu
from .activations import LogSoftmax as LogSoftmax
from .activations import Polynomial as Polynomial
from .activations import Relu as Relu
from .activations import Sigmoid as Sigmoid
from .activations import Softmax as Softmax
from .activations import Softplus as Softplus
from .activations import Tanh as Tanh
from .arithmetic import Add as Add
from .arithmetic import Cos as Cos
from .arithmetic import Cosh as Cosh
from .arithmetic import Divide as Divide
from .arithmetic import Exp as Exp
from .arithmetic import Expm1 as Expm1
from .arithmetic import Log as Log
from .arithmetic import Log1p as Log1p
from .arithmetic import Multiply as Multiply
from .arithmetic import Negative as Negative
from .arithmetic import Power as Power
from .arithmetic import Reciprocal as Reciprocal
from .arithmetic import Sin as Sin
from .arithmetic import Sinh as Sinh
from .arithmetic import Sqrt as Sqrt
from .arithmetic import Square as Square
from .arithmetic import Subtract as Subtract
from .comparisons import Abs as Abs
from .comparisons import Equal as Equal
from .comparisons import Greater as Greater
from .comparisons import GreaterEqual as GreaterEqual
from .comparisons import Less as Less
from .comparisons import LessEqual as LessEqual
from .comparisons import LogicalAnd as LogicalAnd
from .comparisons import LogicalNot as LogicalNot
from .comparisons import LogicalOr as LogicalOr
from .comparisons import Maximum as Maximum
from .comparisons import Minimum as Minimum
from .comparisons import NotEqual as NotEqual
from .comparisons import OnesLike as OnesLike
from .comparisons import Sign as Sign
from .comparisons import Where as Where
from .comparisons import ZerosLike as ZerosLike
from .convolution import Conv2d as Conv2d
from .convolution import Conv2dToInput as Conv2dToInput
from .convolution import Conv2dToKernel as Conv2dToKernel
from .dropout import Dropout as Dropout
from .joining import Concatenate as Concatenate
from .labels import Accuracy as Accuracy
from .linear import BiasAdd as BiasAdd
from .linear import Matmul as Matmul
from .linear import Transpose as Transpose
from .losses import MSE as MSE
from .losses import SSE as SSE
from .losses import BinaryCrossEntropy as BinaryCrossEntropy
from .losses import CrossEntropy as CrossEntropy
from .normalisation import BatchNorm as BatchNorm
from .normalisation import LayerNorm as LayerNorm
from .overview import overview as overview
from .picking import PutAdd as PutAdd
from .picking import Take as Take
from .pooling import MaxPool2d as MaxPool2d
from .reductions import Max as Max
from .reductions import Mean as Mean
from .reductions import Sum as Sum
from .shaping import BroadcastTo as BroadcastTo
from .shaping import Embed as Embed
from .shaping import ExpandDims as ExpandDims
from .shaping import Getitem as Getitem
from .shaping import Reshape as Reshape
from .shaping import Squeeze as Squeeze

Op = _op.Op
Primitive = _op.Primitive
