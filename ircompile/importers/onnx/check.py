"""Every operator of an ONNX file, whether supported or why not: the walk goes on behind what is refused."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.importers.findings import Finding, Verdict, refused
from ircompile.importers.onnx import ends, quantizers
from ircompile.importers.onnx.functions import sized
from ircompile.importers.onnx.layout import natural_axes, size_along, view_of
from ircompile.importers.onnx.lowering import NONSENSE, nonsense
from ircompile.importers.onnx.operators import form_of
from ircompile.importers.onnx.reader import OnnxNode, read_model
from ircompile.importers.onnx.values import Codes, Const, Weights
from ircompile.importers.onnx.walk import Walk, check_quantized, hinted, sound
from ircompile.ir.names import sanitize

UNKNOWN = "depends on what is not supported before it"


def check_onnx(path: Path, outputs: Sequence[str] = ()) -> list[Finding]:
    """Findings of inputs, operators in execution order, and outputs; raises CompileError for a damaged file."""
    with sound(path):
        model = read_model(path, outputs)
        check_quantized(model)
        return _Check(Walk(model)).findings()


class _Check:
    """The walk, with what it refuses noted; `lost` are tensors about which nothing is known."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.problems: dict[int, Finding] = {}
        self.ends: list[Finding] = []
        self.unchecked: set[int] = set()
        self.lost: set[str] = set()

    def findings(self) -> list[Finding]:
        """What is found, in the order of the file."""
        walk = self.walk
        walk.start()
        for port in walk.model.inputs:
            if not self._end(port.name, "input", partial(ends.open_input, walk, port)):
                self.lost.add(port.name)
        for raw in walk.model.nodes:
            self._visit(raw)
        for port in walk.model.outputs:
            if port.name not in self.lost:
                self._end(port.name, "output", partial(ends.close_output, walk, port))
        return [*self.ends, *(self._verdict(raw) for raw in walk.model.nodes)]

    def _visit(self, raw: OnnxNode) -> None:
        if any(name in self.lost for name in raw.inputs):
            self.unchecked.add(raw.index)
            self._assume(raw)
            return
        error = self._attempt(lambda: self.walk.node(raw))
        if error:
            self._note(raw, error)
            self._assume(raw)

    def _end(self, name: str, kind: str, attempt: Callable[[], object]) -> bool:
        error = self._attempt(attempt)
        if error and not self._culprit(error):
            self.ends.append(refused(-1, name, kind, error))
        elif error:
            self._note(None, error)
        return error is None

    def _attempt(self, attempt: Callable[[], object]) -> CompileError | None:
        try:
            attempt()
        except CompileError as error:
            return hinted(self.walk.model, error)
        except NONSENSE as error:
            return nonsense(self.walk.model.nodes[0], error)
        return None

    def _note(self, raw: OnnxNode | None, error: CompileError) -> None:
        """Blames the operator that the error names, which may stand before the one that was visited."""
        culprit = self._culprit(error) or raw
        assert culprit
        finding = refused(culprit.index, culprit.name or culprit.outputs[0], culprit.label or culprit.kind, error)
        self.problems.setdefault(culprit.index, finding)

    def _culprit(self, error: CompileError) -> OnnxNode | None:
        return next((raw for raw in self.walk.model.nodes if error.where.startswith(raw.where)), None)

    def _assume(self, raw: OnnxNode) -> None:
        """Goes on as if the operator had given codes of its output, where scale and shape are known."""
        walk = self.walk
        form = form_of(raw)
        place = 1 if raw.kind == "QuantizeLinear" else form.output if form else None
        name = raw.outputs[0]
        try:
            if place is None:
                raise CompileError(raw.where, UNKNOWN)
            arguments = [walk.values.get(n) for n in raw.inputs] + [None] * 12
            quant, unsigned = quantizers.activation(raw, arguments[place], arguments[place + 1], "int8")
            shape = sized(raw, walk.shapes.inferred(name, raw))
            axes = natural_axes(len(shape))
            view = view_of(sanitize(f"assumed_{raw.index}", "assumed"), shape, axes)
        except (CompileError, *NONSENSE):
            self.lost.update(raw.outputs)
            return
        tensor = walk.builder.activation(view.tensor, size_along(shape, axes), quant)
        walk.values[name] = Codes(view.on(tensor), unsigned, quant)

    def _verdict(self, raw: OnnxNode) -> Finding:
        name, kind = raw.name or raw.outputs[0], raw.label or raw.kind
        if raw.index in self.problems:
            return self.problems[raw.index]
        if raw.index in self.unchecked:
            return Finding(raw.index, name, kind, "not checked", UNKNOWN)
        values = [self.walk.values.get(output) for output in raw.outputs]
        verdict: Verdict = "supported"
        if all(isinstance(value, Const | Weights) for value in values):
            verdict = "constant"
        elif any(notice.startswith(raw.where) for notice in self.walk.builder.notices):
            verdict = "left to the caller"
        return Finding(raw.index, name, kind, verdict)
