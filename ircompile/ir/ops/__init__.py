"""The operators, one file each: what is known of an op stands there. `op.py` says what may be asked."""

from ircompile.ir.ops.argmax import ArgMax
from ircompile.ir.ops.binary import Binary, BinaryKind, Constant
from ircompile.ir.ops.blocks import DepthToSpace, SpaceToDepth
from ircompile.ir.ops.concat import Concat
from ircompile.ir.ops.conv import Conv
from ircompile.ir.ops.convolution import Convolution, DenseConvolution
from ircompile.ir.ops.copy import Copy
from ircompile.ir.ops.depthwise import Depthwise
from ircompile.ir.ops.extreme import Extreme
from ircompile.ir.ops.flip import Flip
from ircompile.ir.ops.gather import Gather
from ircompile.ir.ops.l2_normalization import L2Normalization
from ircompile.ir.ops.mean import Lookup, Mean, MeanOfSums
from ircompile.ir.ops.move import Reshape, Transpose
from ircompile.ir.ops.op import Moving, Op, Selecting, const_names
from ircompile.ir.ops.pad import Pad
from ircompile.ir.ops.pixel_table import PixelTable
from ircompile.ir.ops.pool import AveragePool, MaxPool
from ircompile.ir.ops.prelu import Prelu
from ircompile.ir.ops.reduction import Accumulating, Reduction
from ircompile.ir.ops.rescale import Rescale
from ircompile.ir.ops.resize import Resize, ResizeKind
from ircompile.ir.ops.running_sum import RunningSum
from ircompile.ir.ops.sigmoid import Sigmoid
from ircompile.ir.ops.slice import Slice
from ircompile.ir.ops.softmax import Softmax
from ircompile.ir.ops.table import Table
from ircompile.ir.ops.transpose_conv import TransposeConv
from ircompile.ir.ops.window import Window, Windowed, window_of

OPS: tuple[type[Op], ...] = (
    Conv, Depthwise, TransposeConv, AveragePool, MaxPool, Mean, MeanOfSums, RunningSum, Extreme, Binary, Prelu,
    Table, PixelTable, Rescale, Sigmoid, Softmax, L2Normalization, ArgMax, Resize, Concat, Slice, Gather, Pad,
    DepthToSpace, SpaceToDepth, Reshape, Transpose, Flip, Copy,
)  # fmt: skip


__all__ = [
    "OPS", "Accumulating", "ArgMax", "AveragePool", "Binary", "BinaryKind", "Concat", "Constant", "Conv",
    "Convolution", "Copy", "DenseConvolution", "DepthToSpace", "Depthwise", "Extreme", "Flip", "Gather",
    "L2Normalization", "Lookup", "MaxPool", "Mean", "MeanOfSums", "Moving", "Op", "Pad", "PixelTable", "Prelu",
    "Reduction", "Rescale", "Reshape", "Resize", "ResizeKind", "RunningSum", "Selecting", "Sigmoid", "Slice",
    "Softmax", "SpaceToDepth", "Table", "Transpose", "TransposeConv", "Window", "Windowed", "const_names",
    "window_of",
]  # fmt: skip
