"""What will lose accuracy in 8 bits, said before anything is quantized."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ircompile.emit.templating import shorten
from ircompile.ir.tensor import Array
from ircompile.quantization.float_model import FloatModel, OnnxNetwork

OUTLIERS = 50.0  # times the PERCENTILE of an activation's sizes: its largest must not be above
PERCENTILE = 99.9
CHANNELS_APART = 1000.0  # times: how far the ranges of a depthwise convolution's channels may be apart


@dataclass(frozen=True)
class Concern:
    """Something of the float network that 8 bits hold badly: where, what was found, and what can be done."""

    where: str
    problem: str
    advice: str


def concerns_of(model: FloatModel, inputs: Sequence[Array]) -> list[Concern]:
    """The concerns of a network; its activations are those of `inputs`."""
    found = _outliers(model, inputs)
    if isinstance(model, OnnxNetwork):
        found += _unfolded(model) + _channels_apart(model)
    return found


def _outliers(model: FloatModel, inputs: Sequence[Array]) -> list[Concern]:
    """Activations whose largest value is far above nearly all others: the others share the few codes near 0."""
    largest: dict[str, float] = {}
    typical: dict[str, list[float]] = {}
    for x in inputs:
        for name, values in model.trace(x).items():
            sizes = np.abs(values)
            largest[name] = max(largest.get(name, 0.0), float(sizes.max(initial=0)))
            if sizes.size:
                typical.setdefault(name, []).append(float(np.percentile(sizes, PERCENTILE)))
    found = []
    for name, most in largest.items():
        usual = float(np.mean(typical.get(name, [0.0])))
        if most > OUTLIERS * usual > 0:
            found.append(
                Concern(
                    shorten(name),
                    f"reaches {most:.4g}, {most / usual:.0f} times its {PERCENTILE}th percentile {usual:.4g}",
                    "clip it in the network (ReLU6), or look at the samples that cause it",
                )
            )
    return found


def _unfolded(model: OnnxNetwork) -> list[Concern]:
    return [
        Concern(
            shorten(node.output[0]),
            "is a BatchNormalization that no convolution before it takes in",
            "put it behind a convolution without an activation between them",
        )
        for node in model.model.graph.node
        if node.op_type == "BatchNormalization"
    ]


def _channels_apart(model: OnnxNetwork) -> list[Concern]:
    import onnx

    weights = {tensor.name: tensor for tensor in model.model.graph.initializer}
    found = []
    for node in model.model.graph.node:
        group = next((a.i for a in node.attribute if a.name == "group"), 1)
        if node.op_type != "Conv" or group == 1 or node.input[1] not in weights:
            continue
        array = np.abs(onnx.numpy_helper.to_array(weights[node.input[1]])).reshape(-1, 1)
        ranges = array.reshape(weights[node.input[1]].dims[0], -1).max(axis=1)
        alive = ranges[ranges > 0]
        if alive.size and alive.max() > CHANNELS_APART * alive.min():
            apart = alive.max() / alive.min()
            found.append(
                Concern(
                    shorten(node.output[0]),
                    f"has channels whose weights are {apart:.0f} times apart",
                    "its output has one scale for all channels, in which small ones may vanish: --equalize moves "
                    "factors into the next convolution, where no ReLU6 is between; or train with weight decay",
                )
            )
    return found
