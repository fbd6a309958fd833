"""The importer itself: one walk over the nodes in execution order."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.findings import HINT_FLOAT
from ircompile.importers.onnx import ends, quantizers, reductions
from ircompile.importers.onnx.builder import Builder, labels
from ircompile.importers.onnx.folding import CONSTANTS, Shapes, fold
from ircompile.importers.onnx.functions import CHANNELWISE, ELEMENTWISE
from ircompile.importers.onnx.lowering import (
    HINT_CONSTANT,
    HINT_DAMAGED,
    HINT_FORM,
    HINT_QDQ,
    NONSENSE,
    Context,
    nonsense,
)
from ircompile.importers.onnx.movement import MOVES, move, move_weights
from ircompile.importers.onnx.operators import OPERATORS, folding_of, form_of
from ircompile.importers.onnx.proto import GRAPH
from ircompile.importers.onnx.reader import Model, OnnxNode, read_model
from ircompile.importers.onnx.tables import lower_island
from ircompile.importers.onnx.values import Codes, Const, Entry, Expr, Quant, Real, Target, Value, Weights, constant
from ircompile.importers.onnx.weights import FloatWeights
from ircompile.importers.places import Place, Trace
from ircompile.ir.graph import Graph
from ircompile.ir.names import sanitize
from ircompile.ir.validate import validate

PROFILES = ("ort",)
QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")
CONTROL = ("If", "Loop", "Scan", "SequenceMap")


class Walk:
    """Values of the ONNX tensors, and the graph that computes them."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.builder = Builder(labels(model.nodes))
        self.context = Context(self.builder, OPERATORS, model.opset, lower_island)
        self.values: dict[str, Value | None] = {"": None}
        self.shapes = Shapes(model.path)
        self._float_weights = FloatWeights(model.nodes)
        self._open: set[str] = set()

    def run(self) -> Graph:
        """The graph of the whole model."""
        self.start()
        inputs = [ends.open_input(self, port) for port in self.model.inputs]
        for raw in self.model.nodes:
            self.node(raw)
        bindings = (binding for port in self.model.outputs for binding in ends.close_output(self, port))
        outputs = dict.fromkeys(bindings)
        for external in outputs:
            if external.tensor in [given.tensor for given in inputs]:
                problem = "is an input of the model, unchanged"
                raise CompileError(
                    f"output {external.name!r}", problem, "computed outputs", "leave it out of the model"
                )
        graph = self.builder.build(sanitize(self.model.path.stem, "model"), inputs, outputs, "ort")
        return validate(ends.finished(graph))

    def start(self) -> None:
        """Enters the file's constants."""
        for name, array in self.model.constants.items():
            self.values[name] = Const(array)

    def node(self, raw: OnnxNode) -> None:
        """Enters the values that a node computes; raises CompileError where it, or what it needs, cannot be."""
        try:
            self._node(raw)
        except NONSENSE as error:
            raise nonsense(raw, error) from error

    def open(self, tensor: str) -> None:
        """Notes a tensor whose scale the file tells later."""
        self._open.add(tensor)

    def _node(self, raw: OnnxNode) -> None:
        if raw.kind in CONTROL or any(value is GRAPH for value in raw.attributes.values()):
            raise CompileError(
                raw.where, "has a graph inside", "plain operators", "export without control flow: torch.jit.trace"
            )
        arguments = [self.values[name] for name in raw.inputs]
        if all(a is None or isinstance(a, Const | Weights) for a in arguments) and raw.kind not in QUANTIZERS:
            results: list[Value] = [self._constant(raw, arguments)]
        else:
            results = self._computed(raw, arguments)
        for name, value in zip(raw.outputs, results, strict=False):
            self.values[name] = value
        for name in raw.outputs[len(results) :]:
            self.values[name] = Expr(raw, tuple(arguments), raw.outputs.index(name))

    def _constant(self, raw: OnnxNode, arguments: list[Value | None]) -> Value:
        weights = arguments[0] if arguments else None
        if isinstance(weights, Weights) and raw.kind in MOVES:
            return move_weights(raw, weights, arguments[1:])
        function = folding_of(raw.kind)
        if function is None:
            raise CompileError(raw.where, "computes a constant in a way that is not folded", "simple arithmetic")
        numbers = [np.zeros(0, np.int64) if a is None else constant(a) for a in arguments]
        return Const(fold(function, raw, [n for n in numbers if n is not None]))

    def _computed(self, raw: OnnxNode, arguments: list[Value | None]) -> list[Value]:
        first = arguments[0] if arguments else None
        form = form_of(raw)
        if form is not None:
            return [self._qlinear(raw, arguments)]
        if raw.kind == "QuantizeLinear":
            return [self._quantize(raw, arguments)]
        if raw.kind == "DequantizeLinear":
            return [self._dequantize(raw, arguments)]
        if raw.kind in ("Shape", "Size") and first is not None:
            shape = self.shapes.of(raw.inputs[0], first, raw)
            return [Const(fold(CONSTANTS[raw.kind], raw, [np.broadcast_to(np.int8(0), shape)]))]
        if raw.kind in MOVES and isinstance(first, Codes | Real | Entry):
            return [self._moved(raw, first, arguments)]
        if isinstance(first, Codes):
            return self._on_codes(raw, first, arguments)
        if raw.kind in ("ArgMax", "ArgMin"):
            view = reductions.arg_max(self.context, raw, Expr(raw, tuple(arguments)))
            return [Codes(view, False, Quant(1.0, 0))]
        if raw.kind in ELEMENTWISE or raw.kind in CHANNELWISE:
            arguments = [self.context.picked(value) for value in arguments]
            self.values |= dict(zip(raw.inputs, arguments, strict=True))  # where outputs look for names
        arguments = self._float_weights.quantized(raw, arguments)
        return [Expr(raw, tuple(arguments), part) for part in range(len(raw.outputs))]

    def _moved(self, raw: OnnxNode, first: Codes | Real | Entry, arguments: list[Value | None]) -> Value:
        if raw.kind == "Cast" and isinstance(first, Codes):
            return self._cast(raw, first)
        view = first.view.moved(move(raw, first.view.index, arguments[1:]))
        return replace(first, view=view)

    def _cast(self, raw: OnnxNode, codes: Codes) -> Value:
        """Integers as they are: a cast to float is a DequantizeLinear of scale 1."""
        if self.builder.tensors[codes.view.tensor].dtype == "int32":
            return codes
        if raw.get("to") not in (1, 10, 11):
            raise CompileError(raw.where, "casts codes to another integer type", "casts to float")
        return self._as_real(codes, Quant(1.0, -128 if codes.unsigned else 0))

    def _on_codes(self, raw: OnnxNode, first: Codes, arguments: list[Value | None]) -> list[Value]:
        """A float operator's name on integers: MaxPool, Concat, Slice, Clip ... in the QOperator dialect."""
        if raw.kind != "Clip" and raw.kind not in self.context.keeping:
            known = "Clip and " + ", ".join(self.context.keeping)
            raise CompileError(raw.where, "works on integers", known, HINT_QDQ)
        quant = self.builder.quant(first.view.tensor)
        reals: list[Value | None] = [Real(a.view, quant) if isinstance(a, Codes) else a for a in arguments]
        shift = 128 if first.unsigned else 0
        if raw.kind in ("Resize", "Upsample"):
            raw = replace(raw, attributes={**raw.attributes, "codes": "uint8" if first.unsigned else "int8"})
        elif raw.kind == "Pad":
            reals = [*reals, None, None][: max(3, len(reals))]
            fill = None if reals[2] is None else constant(reals[2])
            number = raw.get("value", 0) if fill is None or not fill.size else fill.reshape(-1)[0]
            reals[2] = Const(np.asarray(int(number) - shift, np.int64))
        elif raw.kind == "Relu":  # the codes' own zero, whatever their zero point is
            raw = replace(raw, kind="Clip")
            reals.append(Const(quant.real(np.asarray(-shift))))
        elif raw.kind == "Clip":
            bounds = [None if a is None else constant(a) for a in arguments[1:]]
            reals[1:] = [None if b is None else Const(quant.real(b.astype(np.int64) - shift)) for b in bounds]
        found: list[Value] = []
        for part in range(len(raw.outputs)):
            expr = Expr(raw, tuple(reals), part)
            view = self.context.materialize(expr, Target(quant), raw)
            found.append(Codes(view, first.unsigned, quant))
        return found

    def _quantize(self, raw: OnnxNode, arguments: list[Value | None]) -> Value:
        value, scale, zero = (*arguments, None, None)[:3]
        numbers = None if value is None else constant(value)
        if numbers is not None:
            return quantizers.quantized(raw, numbers, scale, zero)
        quant, unsigned = quantizers.activation(raw, scale, zero, quantizers.output_type(raw))
        assert value is not None
        return Codes(self.context.materialize(value, Target(quant, unsigned=unsigned), raw), unsigned, quant)

    def _dequantize(self, raw: OnnxNode, arguments: list[Value | None]) -> Value:
        value, scale, zero = (*arguments, None, None)[:3]
        if isinstance(value, Const):
            return quantizers.dequantized(raw, value.array, scale, zero)
        if not isinstance(value, Codes):
            raise CompileError(raw.where, "dequantizes floats", "integers")
        quant, unsigned = quantizers.activation(raw, scale, zero, "uint8" if value.unsigned else "int8")
        if unsigned != value.unsigned:
            raise CompileError(raw.where, "its zero point has another type than its input", "equal types")
        return self._as_real(value, quant)

    def _as_real(self, codes: Codes, quant: Quant) -> Real:
        """Codes with a meaning; codes that had another one, or none, take it on."""
        tensor = codes.view.tensor
        if tensor in self._open:
            self._open.discard(tensor)
            ends.meaning(self.builder, tensor, quant)
        return Real(codes.view, quant, codes.unsigned)

    def _qlinear(self, raw: OnnxNode, arguments: list[Value | None]) -> Value:
        form = form_of(raw)
        assert form is not None
        padded = [*arguments, *([None] * 12)]
        operands: list[Value | None] = []
        for place in form.operands:
            value, scale, zero = padded[place : place + 3]
            if isinstance(value, Const):
                rows = form.kind == "Conv" or bool(raw.get("transB", 0))
                operands.append(quantizers.dequantized(raw, value.array, scale, zero, 0 if rows else -1))
            else:
                operands.append(self._dequantize(raw, [value, scale, zero]))
        operands += [padded[place] for place in form.plain]
        renamed = replace(raw, kind=form.kind, label=raw.kind)
        expr = Expr(renamed, tuple(operands))
        if padded[form.output] is None:
            return expr
        first = next((a for a in arguments if isinstance(a, Codes)), None)
        dtype = "uint8" if first is None or first.unsigned else "int8"
        quant, unsigned = quantizers.activation(raw, padded[form.output], padded[form.output + 1], dtype)
        target = Target(quant, unsigned=unsigned)
        return Codes(self.context.materialize(expr, target, renamed), unsigned, quant)


def check_quantized(model: Model) -> None:
    """Raises CompileError for a model without quantizers."""
    kinds = {raw.kind for raw in model.nodes}
    if not any("Quant" in kind or kind.startswith(("QLinear", "QGemm")) for kind in kinds):
        problem = "is a float network, not quantized: it has no QuantizeLinear"
        raise CompileError(str(model.path), problem, "int8 models", f"{HINT_FLOAT}; or {HINT_QDQ}")


def hinted(model: Model, error: CompileError) -> CompileError:
    """The error with a hint that is true of the file: one of QOperators is quantized, but in the form with gaps."""
    if error.hint not in (HINT_QDQ, HINT_CONSTANT) or not any(form_of(raw) for raw in model.nodes):
        return error
    return CompileError(error.where, error.problem, error.supported, HINT_FORM)


@contextmanager
def sound(path: Path) -> Iterator[None]:
    """Turns whatever a damaged file raises into a CompileError that names the file."""
    try:
        yield
    except CompileError as error:
        raise error if str(path) in error.where else error.at(path.name) from error.__cause__
    except NONSENSE as error:
        raise CompileError(str(path), f"is damaged: {error!r}", "whole ONNX files", HINT_DAMAGED) from error
    except RecursionError:
        raise CompileError(str(path), "nests too deeply", "graphs of ordinary depth") from None


def trace_onnx(path: Path, numerics: str | None = None, outputs: Sequence[str] = ()) -> Trace:
    """The graph of a file, and where each quantized tensor of it lies in the graph, by its name."""
    if numerics not in (None, *PROFILES):
        raise CompileError(str(path), f"numerics {numerics!r} of an ONNX model", ", ".join(PROFILES))
    with sound(path):
        model = read_model(path, outputs)
        check_quantized(model)
        walk = Walk(model)
        try:
            graph = walk.run()
        except CompileError as error:
            raise hinted(model, error) from error.__cause__
    views = {name: value.view for name, value in walk.values.items() if isinstance(value, Codes)}
    places = {n: Place(v.tensor, v.index) for n, v in views.items() if v.tensor in graph.tensors}
    return Trace(graph, places, walk.context.builder.bias_rests)


def read_onnx(path: Path, numerics: str | None = None, outputs: Sequence[str] = ()) -> Graph:
    """The graph of an ONNX file, QDQ or QOperator; raises CompileError where it cannot be read.

    With `outputs` it is cut at those tensors.
    """
    return trace_onnx(path, numerics, outputs)[0]


__all__ = ["Walk", "read_onnx", "trace_onnx"]
