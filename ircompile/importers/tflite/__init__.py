"""TFLite files: the only user of the tflite schema.

`reader` turns the flatbuffer into plain data, `lowering` holds the graph while it is built, the other modules
lower one family of operators each; the docstring of a lowering function is its rule in `docs/supported.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.graph import Graph, validate
from ircompile.importers.tflite import moves, pointwise, windows
from ircompile.importers.tflite.ends import Ends
from ircompile.importers.tflite.lowering import Cut, Floating, Lowering
from ircompile.importers.tflite.reader import TfOperator, read_model

NUMERICS = ("tflm", "litert-ref")
LOWERINGS: dict[str, Callable[[Lowering, TfOperator], None]] = {
    **windows.LOWERINGS,
    **pointwise.LOWERINGS,
    **moves.LOWERINGS,
}


def read_tflite(path: Path, numerics: str = "tflm", name: str | None = None) -> Graph:
    """The graph of a TFLite file, as the profile `numerics` computes it."""
    if numerics not in NUMERICS:
        raise CompileError(str(path), f"numerics {numerics!r} for a TFLite file", ", ".join(NUMERICS))
    model = read_model(path)
    low = Ends(model, numerics)
    low.open()
    for op in model.operators:
        lower(low, op)
    return validate(low.close(name or path.stem))


def lower(low: Lowering, op: TfOperator) -> None:
    """Lowers one operator, or cuts it off where it stands behind the last quantized tensor."""
    values = [low.values.get(index) for index in op.inputs if index >= 0]
    behind = any(isinstance(value, Floating | Cut) for value in values)
    if behind and op.kind not in ("DEQUANTIZE",):
        low.cut(op)
        return
    rule = LOWERINGS.get(op.kind)
    if rule is None:
        low.unsupported(op, sorted(LOWERINGS))
        return
    try:
        rule(low, op)
    except CompileError as error:
        here = low.model.where(op)
        raise error if here in error.where else error.at(f"{low.model.path.name} {here}") from None


def legality() -> dict[str, str]:
    """Operator name to the rule its lowering states, for `docs/supported.md`."""
    return {kind: " ".join((rule.__doc__ or "").split()) for kind, rule in sorted(LOWERINGS.items())}
