"""From float expressions to integer nodes: what a QuantizeLinear sets off."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from ircompile.errors import CompileError
from ircompile.importers.onnx.builder import Builder
from ircompile.importers.onnx.functions import ELEMENTWISE, KEEPING, clip_bounds
from ircompile.importers.onnx.islands import Island, evaluate, island_of, leaf_of, tabulate
from ircompile.importers.onnx.layout import Axes, View
from ircompile.importers.onnx.reader import OnnxNode
from ircompile.importers.onnx.record import Operator
from ircompile.importers.onnx.values import Codes, Entry, Expr, Quant, Real, Target, Value, Weights, constant
from ircompile.ir.ops import Table
from ircompile.ir.tensor import Array

Islands = Callable[["Context", Expr, Island, Target], View]
CLIPS = ("Relu", "Clip", "Max", "Min")
# What damaged attributes raise: an axis that is text, a list of shapes that is a number.
NONSENSE = (
    ValueError, IndexError, TypeError, KeyError, AttributeError, ArithmeticError, MemoryError,
)  # fmt: skip
HINT_DAMAGED = "the file may be damaged; if ONNX's own checker finds nothing wrong, please report it"
HINT_CONSTANT = "put a DequantizeLinear of int8 codes in the constant's place"
HINT_FORM = (
    "quantize_static's QOperator form leaves some operators and constants in float: "
    "quantize the model with quant_format=QuantFormat.QDQ"
)
HINT_INPUT = "quantize the model's input: a QuantizeLinear and a DequantizeLinear before this operator"
HINT_QDQ = (
    "quantize the model statically, with QuantizeLinear and DequantizeLinear around every operator "
    "(onnxruntime.quantization.quantize_static does)"
)


class Context:
    """The builder, and what is known of every float operator."""

    def __init__(self, builder: Builder, operators: Mapping[str, Operator], opset: int, islands: Islands) -> None:
        self.builder = builder
        self.operators = operators
        self.opset = opset
        self._islands = islands
        self._done: dict[tuple[int, Target], tuple[Value, View]] = {}
        self._entered: set[str] = set()

    def materialize(self, value: Value, target: Target, raw: OnnxNode) -> View:
        """The codes of a float value under the given scale; emits what computes them, once."""
        key = (id(value), target)
        if key not in self._done:
            self._done[key] = value, self._make(value, target, raw)
        return self._done[key][1]

    def _make(self, value: Value, target: Target, raw: OnnxNode) -> View:
        if isinstance(value, Real):
            return self.requantized(value, target, raw)
        if isinstance(value, Entry):
            return self._enter(value, target, raw)
        if not isinstance(value, Expr):
            raise CompileError(raw.where, "quantizes what is no float activation", "computed float tensors")
        leaf = None if fused(value) else leaf_of(value)
        if isinstance(leaf, Real):
            return self._table(value, leaf, target)
        clip = self.clip(value)
        if clip is not None:
            inner, low, high = clip
            return self.materialize(inner, target.clamped(low, high), raw)
        if isinstance(leaf, Entry):
            problem = f"computes with the float input {leaf.view.tensor!r}, which no QuantizeLinear has quantized"
            raise CompileError(value.node.where, problem, "Relu, Clip, Max and Min there", HINT_INPUT)
        island = None if fused(value) else island_of(value)
        if island is not None:
            return self._islands(self, value, island, target)
        if value.node.kind not in self.operators:
            raise self._no_table(value)
        try:
            return self.operators[value.node.kind].lower(self, value, target)
        except NONSENSE as error:
            raise nonsense(value.node, error) from error

    def _no_table(self, expr: Expr) -> CompileError:
        """Why an operator without a rule is no table: it is unknown, or a function of more than one activation.

        Raises CompileError itself where no QuantizeLinear stands before it.
        """
        if expr.node.kind not in ELEMENTWISE:
            return unsupported(expr.node, self.operators)
        for operand in expr.args:
            if operand is not None and constant(operand) is None:
                self.real(operand, expr.node)
        problem = "computes with several activations, or with a constant that varies along two axes"
        return CompileError(expr.node.where, problem, "functions of one activation: tables of its 256 codes")

    def _enter(self, entry: Entry, target: Target, raw: OnnxNode) -> View:
        """A float graph input behind its QuantizeLinear: the graph input is the quantized tensor."""
        name = entry.view.tensor
        if name in self._entered and self.builder.quant(name) != target.quant:
            raise CompileError(
                raw.where, f"quantizes input {name!r} a second time, otherwise", "one scale an input"
            )
        self._entered.add(name)
        self.builder.quantize(name, target.quant)
        if (target.low, target.high) == (-128, 127):
            return entry.view
        return self.requantized(Real(entry.view, target.quant), target, raw)

    def requantized(self, real: Real, target: Target, raw: OnnxNode) -> View:
        """Codes of one scale as codes of another; themselves where nothing changes."""
        if real.quant == target.quant and (target.low, target.high) == (-128, 127):
            return self.settled(real, raw)
        codes = np.arange(-128, 128)
        table = codes if real.quant == target.quant else tabulate(real.quant.real(codes), target)
        return self._look_up(raw, real, np.clip(table, target.low, target.high), target, "requantize", "rescale")

    def _table(self, expr: Expr, leaf: Real, target: Target) -> View:
        real = evaluate(expr, leaf.quant.real(np.arange(-128, 128)))
        kinds = expr.node.kind
        return self._look_up(expr.node, leaf, tabulate(real, target), target, kinds.lower())

    def _look_up(
        self, raw: OnnxNode, leaf: Real, table: Array, target: Target, function: str, suffix: str = ""
    ) -> View:
        name = self.builder.const(f"{self.builder.name(raw)}_table", table.astype(np.int8))
        out = self.builder.emit(raw, Table(name, function), [leaf.view.tensor], target.quant, suffix)
        return leaf.view.on(out)

    def clip(self, expr: Expr) -> tuple[Value, float, float] | None:
        """What an expression clips and to which range, if that is all it does."""
        if expr.node.kind not in CLIPS or expr.args[0] is None:
            return None
        numbers = [constant(a) if a is not None else None for a in expr.args]
        if expr.node.kind in ("Max", "Min"):
            bounds = [n for n in numbers if n is not None]
            rest = [a for a, n in zip(expr.args, numbers, strict=True) if n is None and a is not None]
            if len(rest) != 1 or any(n.size != 1 for n in bounds):
                return None
            limits = [float(n.reshape(())) for n in bounds]
            return (rest[0], max(limits), np.inf) if expr.node.kind == "Max" else (rest[0], -np.inf, min(limits))
        if any(a is not None and n is None for a, n in zip(expr.args[1:], numbers[1:], strict=True)):
            return None
        empty = np.zeros(0, np.float32)
        low, high = clip_bounds(expr.node, [empty if n is None else n for n in numbers])
        return expr.args[0], float(np.reshape(low, ())), float(np.reshape(high, ()))

    def real(self, value: Value | None, raw: OnnxNode) -> Real:
        """A value as codes with a scale of its own; raises CompileError where a QuantizeLinear is missing."""
        found = self.found(value)
        if found is not None:
            return found
        if isinstance(value, Expr):
            if value.node.kind not in self.operators and value.node.kind not in ELEMENTWISE:
                raise unsupported(value.node, self.operators)
            raise CompileError(
                raw.where, f"reads the float output of {value.node.where}: no QuantizeLinear stands between them",
                "quantized tensors between operators", HINT_QDQ,
            )  # fmt: skip
        if isinstance(value, Entry):
            problem = f"reads the float input {value.view.tensor!r}, which no QuantizeLinear quantizes"
            raise CompileError(raw.where, problem, "quantized inputs", HINT_QDQ)
        if isinstance(value, Codes):
            raise CompileError(raw.where, "reads integers as if they were floats", "DequantizeLinear before it")
        raise CompileError(raw.where, "has a constant where an activation belongs", "computed tensors")

    def found(self, value: Value | None) -> Real | None:
        """A value as codes, if it has a scale without being quantized: codes moved, or the largest of some.

        The scale of the codes may be another than that of the tensor: see `settled`.
        """
        if not isinstance(value, Expr):
            return value if isinstance(value, Real) else None
        scaled = self._scaled(value)
        if scaled is not None:
            return scaled
        keeps = value.node.kind in self.keeping and not interpolates(value.node)
        inner = self.found(value.args[0]) if keeps else None
        if inner is None or (value.node.kind == "Concat" and not self._alike(value, inner.quant)):
            return None
        if value.node.kind == "Pad" and not _has_code(value, inner.quant):
            return None
        return Real(self.materialize(value, Target(inner.quant), value.node), inner.quant)

    @cached_property
    def keeping(self) -> list[str]:
        """The operators that keep codes."""
        return sorted({*KEEPING, *(kind for kind, operator in self.operators.items() if operator.keeps)})

    def picked(self, value: Value | None) -> Value | None:
        """Codes that an operator moved or picked, so that functions of them are ones of codes; else the value."""
        if not isinstance(value, Expr) or value.node.kind not in self.keeping or value.node.kind in ELEMENTWISE:
            return value
        try:
            return self.found(value) or value
        except CompileError:  # it may be left to the caller
            return value

    def _scaled(self, expr: Expr) -> Real | None:
        """x * c and x / c of a positive number: the same codes with another scale."""
        if expr.node.kind not in ("Mul", "Div") or len(expr.args) != 2:
            return None
        numbers = [constant(a) for a in expr.args]
        at = 1 if numbers[1] is not None else 0
        number = numbers[at]
        if number is None or number.size != 1 or (expr.node.kind == "Div" and not at):
            return None
        value, factor = self.found(expr.args[1 - at]), np.float32(number.reshape(()))
        if value is None or not np.isfinite(factor) or factor <= 0:
            return None
        scale = np.float32(value.quant.scale)
        changed = scale * factor if expr.node.kind == "Mul" else scale / factor
        return Real(value.view, Quant(float(changed), value.quant.zero))

    def _alike(self, expr: Expr, quant: Quant) -> bool:
        """Whether all operands have one scale."""
        reals = [self.found(a) for a in expr.args if a is not None]
        return all(real is not None and real.quant == quant for real in reals)

    def settled(self, real: Real, raw: OnnxNode) -> View:
        """The view of codes on a tensor that has their scale."""
        if self.builder.quant(real.view.tensor) == real.quant:
            return real.view
        return self.builder.alias(raw, real.view, real.quant)

    def source(self, real: Real, raw: OnnxNode, axes: Axes) -> str:
        """The tensor of settled codes, in the order of `axes`."""
        return self.builder.arrange(raw, self.settled(real, raw), axes)

    def preserved(self, value: Value | None, target: Target, raw: OnnxNode) -> Real:
        """The operand of an operator that keeps codes: with its own scale if it has one, else with the target's."""
        found = self.found(value)
        if found is not None and found.quant in (self.builder.quant(found.view.tensor), target.quant):
            return found
        if not isinstance(value, Expr | Entry):
            return self.real(value, raw)
        return Real(self.materialize(value, target, raw), target.quant)


def fused(expr: Expr) -> bool:
    """Whether ONNX Runtime has a formula of its own for the operator: QLinearAdd and QLinearMul.

    With one constant it runs the same in QDQ form as floats, since it folds the constant's DequantizeLinear first.
    """
    kinds = {type(a) for a in expr.args}
    if expr.node.kind in ("Add", "Mul") and kinds == {Real} and len(expr.args) == 2:
        return True
    return expr.node.label in ("QLinearAdd", "QLinearMul") and kinds == {Real, Weights}


def pad_value(raw: OnnxNode, values: Sequence[Array]) -> np.generic:
    """What a Pad pads with: a float32, of integers an integer. `values` are its inputs but the first."""
    return values[1].reshape(-1)[0] if len(values) > 1 and values[1].size else np.float32(raw.get("value", 0.0))


def _has_code(pad: Expr, quant: Quant) -> bool:
    """Whether the value of a Pad is that of a code, so that nothing is rounded."""
    if pad.node.get("mode", "constant") != "constant":
        return True
    values = [constant(a) if a is not None else np.zeros(0) for a in pad.args[1:]]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return False
    fill = pad_value(pad.node, known)
    return bool(quant.real(np.asarray(quant.code(float(fill)))) == np.float32(fill))


def interpolates(raw: OnnxNode) -> bool:
    """Whether an operator gives numbers between those of its input: a linear Resize."""
    return raw.kind in ("Resize", "Upsample") and raw.get("mode", "nearest") != "nearest"


def nonsense(raw: OnnxNode, error: BaseException) -> CompileError:
    """The error of a node whose attributes or operands are of no known form."""
    return CompileError(raw.where, f"does not make sense: {error!r}", "what ONNX's operator list has", HINT_DAMAGED)


def unsupported(raw: OnnxNode, operators: Mapping[str, Operator]) -> CompileError:
    """The error of an operator of which nothing is known."""
    return CompileError(
        raw.where, "operator is not supported", ", ".join(sorted({*operators, *ELEMENTWISE})),
        "docs/supported.md lists the operators and their limits",
    )  # fmt: skip
