"""Opening ONNX Runtime sessions whose integer results do not depend on the processor."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from ircompile.errors import CompileError
from ircompile.verification.references.base import Array, check_inputs, require

_DTYPES = {"float": np.float32, "double": np.float64}
"""Types that ONNX Runtime calls otherwise than NumPy does."""

CPU = ["CPUExecutionProvider"]
CHANGING_VALUES = ["DoubleQDQPairsRemover"]
"""Optimizers that are left out: it makes one of two QuantizeLinear in a row, with another scale and other codes."""


def session_options(fuse: bool = True, precise: bool = True) -> Any:
    """Options for one thread, so that no result depends on how work is split.

    Where the processor's uint8 x int8 product saturates (`saturates`), `session.x64quantprecision`
    makes ONNX Runtime rewrite constant int8 weights as uint8, whose product is exact. It is a graph
    optimization, so it has no effect with `fuse=False`, and is left out unless `precise`. Elsewhere it must stay
    off: it would break int8 QLinearMatMul, QLinearConv and QGemm, which have no kernel for int8 activations with
    uint8 weights.
    """
    options = _plain_options(fuse)
    if precise and saturates():
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


@cache
def saturates() -> bool:
    """Whether uint8 x int8 products saturate here: AVX2 or AVX-512 without VNNI adds pairs in int16."""
    ort = require("onnxruntime", "onnxruntime", "reference 'ort'")
    helper, types = onnx.helper, onnx.TensorProto
    depth = 64
    weight = onnx.numpy_helper.from_array(np.full((depth, 16), 127, np.int8), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "saturation",
        [helper.make_tensor_value_info("x", types.UINT8, [16, depth])],
        [helper.make_tensor_value_info("y", types.INT32, [16, 16])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), _plain_options(False), providers=CPU)
    result = session.run(None, {"x": np.full((16, depth), 255, np.uint8)})[0]
    return bool((result != 255 * 127 * depth).any())


def _plain_options(fuse: bool) -> Any:
    ort = require("onnxruntime", "onnxruntime", "reference 'ort'")
    levels = ort.GraphOptimizationLevel
    options = ort.SessionOptions()
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if fuse else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def open_session(
    model: str | bytes, where: str, fuse: bool = True, change: Callable[[Any], None] | None = None
) -> Any:
    """A CPU session of a model file or of a serialized model, with `session_options(fuse)` after a `change`.

    Those that are not `precise` are taken for a model that the others break.
    """
    ort = require("onnxruntime", "onnxruntime", where)
    for precise in (True, False):
        options = session_options(fuse, precise)
        if change:
            change(options)
        try:
            return ort.InferenceSession(model, options, providers=CPU, disabled_optimizers=CHANGING_VALUES)
        except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
            refusal = CompileError(
                where, f"ONNX Runtime refuses the model: {error}", "models which ONNX Runtime runs on a CPU",
                "check the model with onnx.checker",
            )  # fmt: skip
    raise refusal


def feed(session: Any, where: str, inputs: Sequence[Array]) -> list[Array]:
    """Run a session on inputs given in order; dynamic dimensions take what the input has."""
    declared = session.get_inputs()
    wanted = []
    for position, argument in enumerate(declared):
        shape = inputs[position].shape if position < len(inputs) else ()
        if all(isinstance(extent, int) for extent in argument.shape):
            shape = tuple(argument.shape)
        wanted.append((shape, _DTYPES.get(kind := argument.type.removeprefix("tensor(").removesuffix(")"), kind)))
    ready = check_inputs(where, inputs, wanted)
    results = session.run(None, {a.name: x for a, x in zip(declared, ready, strict=True)})
    return [np.asarray(result) for result in results]
