"""Operators that change the size of a map: resizing, blocks, transposed convolution."""

from ircompile.importers.tflite.convolution import SAME, batched_convolution, clamp_of, narrow, weights_of
from ircompile.importers.tflite.functions import unsigned
from ircompile.importers.tflite.lowering import Lowering
from ircompile.importers.tflite.reader import TfOperator
from ircompile.importers.tflite.requantization import bias_of, requant_of
from ircompile.importers.tflite.values import Batched
from ircompile.ir.ops import DepthToSpace, Resize, ResizeKind, SpaceToDepth, TransposeConv


def _size(low: Lowering, op: TfOperator) -> tuple[int, int]:
    size = [int(v) for v in low.constant(op, 1, "size").reshape(-1)]
    if len(size) != 2 or min(size) < 1:
        raise low.error(op, f"size {size[:8]}", "height and width of 1 and more")
    return size[0], size[1]


def resize_nearest(low: Lowering, op: TfOperator) -> None:
    """Any constant size, align_corners, half_pixel_centers."""
    _resize(low, op, "nearest")


def resize_bilinear(low: Lowering, op: TfOperator) -> None:
    """Any constant size; align_corners or half_pixel_centers; int8 in integers, uint8 in float32."""
    _resize(low, op, "bilinear_float32" if unsigned(low, op) else "bilinear")


def _resize(low: Lowering, op: TfOperator, kind: ResizeKind) -> None:
    source, target, size = low.picture(op, 0), low.target(op), _size(low, op)
    low.check_same(op, source, target)
    node = Resize(kind, size, bool(op.option("AlignCorners")), bool(op.option("HalfPixelCenters")))
    low.finish(op, low.emit(op, node, [source], low.target(op, node.infer((source,), {}))))


def blocks(low: Lowering, op: TfOperator) -> None:
    """Any block size."""
    source = low.picture(op, 0)
    low.check_same(op, source, low.target(op))
    kind = DepthToSpace if op.kind == "DEPTH_TO_SPACE" else SpaceToDepth
    node = kind(int(op.option("BlockSize")))
    low.finish(op, low.emit(op, node, [source], low.target(op, node.infer((source,), {}))))


def space_to_batch(low: Lowering, op: TfOperator) -> None:
    """Around a VALID convolution of stride 1, which becomes dilated; padding at will."""
    shape = low.model.tensors[op.inputs[0]].shape
    block = [int(v) for v in low.constant(op, 1, "block shape").reshape(-1)[:4]]
    padding = low.constant(op, 2, "padding").reshape(-1).tolist()
    low.stored(op, 0)
    if len(shape) != 4 or len(block) != 2 or len(padding) != 4 or min(*block, *padding) < 0 or min(block) < 1:
        raise low.error(op, f"blocks of {block} on shape {list(shape)}", "height and width")
    low.define(op, Batched(op.inputs[0], (block[0], block[1]), (padding[0], padding[1], padding[2], padding[3])))


def batch_to_space(low: Lowering, op: TfOperator) -> None:
    """Behind SPACE_TO_BATCH_ND and a convolution; crops up to the padding."""
    value = low.values.get(op.inputs[0])
    if not isinstance(value, Batched) or value.convolved is None:
        raise low.error(op, "stands alone", "SPACE_TO_BATCH_ND, a convolution, BATCH_TO_SPACE_ND")
    block = tuple(int(v) for v in low.constant(op, 1, "block shape").reshape(-1)[:4])
    crops = [int(v) for v in low.constant(op, 2, "crops").reshape(-1)[:8]]
    if block != value.dilation or len(crops) != 4:
        raise low.error(op, f"blocks of {block} behind blocks of {value.dilation}", "equal blocks")
    padding = [p - c for p, c in zip(value.padding, crops, strict=True)]
    if min(padding) < 0 or min(crops) < 0:
        raise low.error(op, f"crops {crops} of padding {value.padding}", "crops up to the padding")
    batched_convolution(low, op, value, (padding[0], padding[1], padding[2], padding[3]))


def transpose_conv(low: Lowering, op: TfOperator) -> None:
    """Any kernel, stride and padding; weights as CONV_2D; fused activations; the shape a constant or an input."""
    shape = [int(v) for v in low.constant(op, 0, "output shape").reshape(-1)]
    tensor, weights = weights_of(low, op)
    source = low.picture(op, 2)
    if len(shape) != 4 or weights.ndim != 4 or min(shape) < 1:
        raise low.error(op, f"output shape {shape[:8]}, weights of shape {weights.shape}", "four axes")
    stride, kernel = (op.option("StrideH"), op.option("StrideW")), weights.shape[1:3]
    if min(stride) < 1:
        raise low.error(op, f"stride {stride}", "1 and more")
    cut = [0, 0]
    if op.option("Padding") == SAME:
        for axis in range(2):
            size = shape[1 + axis]
            cut[axis] = max((-(-size // stride[axis]) - 1) * stride[axis] + kernel[axis] - size, 0) // 2
    count = weights.shape[0]
    target = low.target(op, (shape[1], shape[2], count))
    requant = requant_of(low, op, tensor, count, clamp_of(low, op, target))
    node = TransposeConv(
        (shape[1], shape[2]), stride, (cut[0], cut[1]), low.store(op, "weights", narrow(weights)),
        low.store(op, "bias", bias_of(low, op, count, 3)), requant,
    )  # fmt: skip
    low.finish(op, low.emit(op, node, [source], target))


LOWERINGS = {
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
    "RESIZE_BILINEAR": resize_bilinear,
    "DEPTH_TO_SPACE": blocks,
    "SPACE_TO_DEPTH": blocks,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "TRANSPOSE_CONV": transpose_conv,
}
