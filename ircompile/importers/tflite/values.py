"""What a tensor of the file is, while its operators are lowered."""

from dataclasses import dataclass

from ircompile.importers.tflite.layout import Activation
from ircompile.importers.tflite.reader import TfOperator


@dataclass(frozen=True)
class Floating:
    """A float32 view of a quantized value: what DEQUANTIZE gives. `source` is the index it was made from."""

    source: int


@dataclass(frozen=True)
class FloatInput:
    """A float32 input of the model, until a QUANTIZE says its codes."""

    index: int


@dataclass(frozen=True)
class Cut:
    """A value behind the last quantized tensor, which the caller computes from the tensors `sources`."""

    sources: tuple[int, ...]


@dataclass(frozen=True)
class Batched:
    """A map that SPACE_TO_BATCH_ND spread over the batch: (dilation, padding) wait for the convolution."""

    source: int
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]
    convolved: TfOperator | None = None


@dataclass(frozen=True)
class Handle:
    """A variable, named by its `key`."""

    key: str


Value = Activation | Floating | FloatInput | Cut | Batched | Handle
