"""The numbers in the emitted C, read back: where tensors lie, the schedule's tables, layers' structs, constants.

What the C's functions are told is compared with the plan and the program that were checked: each layer must name
the buffers that it reads and writes, its window's rows, its own numbers and its own constants.
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from ircompile.checks.reads import rows_read
from ircompile.errors import InternalError
from ircompile.ir.graph import Node
from ircompile.ir.ops import Windowed, window_of
from ircompile.ir.tensor import Array
from ircompile.kernels.model import Program
from ircompile.plan.model import Buffer, Plan

Files = Mapping[str, str | bytes]
NUMBER = re.compile(r"-?\b\d+\b")
FIELD = re.compile(r"\.(\w+) = (-?\d+)")
ROW = re.compile(r"[-+*/\d\s]*(step)?[-+*/\d\s]*")
STRUCT = r"static const struct \w+ {} = \{{([^}}]*)\}};"


def check_emitted(files: Files, name: str, program: Program) -> int:
    """How many numbers were read back; raises InternalError, naming the place, where one is not the program's."""
    code = files[f"{name}.c"]
    assert isinstance(code, str)
    return _Code(" ".join(re.sub(r"/\*.*?\*/", " ", code, flags=re.DOTALL).split()), files, name, program).checked()


class _Code:
    """NAME.c without comments, each run of white space one space."""

    def __init__(self, text: str, files: Files, name: str, program: Program) -> None:
        self.text, self.files, self.name, self.program = text, files, name, program
        self.plan: Plan = program.plan
        self.count = 0
        self.arrays = dict(self._blob() if f"{name}_weights.bin" in files else self._weights())

    def checked(self) -> int:
        """Compares everything."""
        for array in self.arrays.values():
            self.count += array.size
        self._buffers()
        self._offsets()
        self._schedule()
        for index, stage in enumerate(self.plan.stages):
            nodes = [node for node in (stage.recomputed_producer, stage.node) if node]
            if stage.node.name not in self.plan.placed:
                self._layer(index, nodes, stage.line_buffer)
        return self.count

    def _same(self, where: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise InternalError(f"{self.name}.c, {where}", f"{found} in the C, {wanted} in the program")
        self.count += len(found) if isinstance(found, list | dict) else 1

    def _within(self, offset: int) -> int:
        return offset - max(
            region.offset for region in self.plan.regions if region.offset <= offset and region.bytes
        )

    def _buffers(self) -> None:
        """Each tensor's place, of those that are declared; and that of rows that a layer keeps."""
        lines = {f"{node}_lines": buffer for node, buffer in self.plan.line_buffers.items()}
        for cname, values in re.findall(rf"{self.name}_buffer {self.name}_(\w+) = \{{([^}}]*)\}};", self.text):
            found = {field: int(value) for field, value in FIELD.findall(values)}
            if cname in lines:
                place, height = lines[cname], found["height"]
            else:
                tensor = self._tensor(cname)
                place, height = self.plan.buffers[tensor], self.plan.tensor(tensor).height
            self._same(f"buffer {cname}", found, self._fields(place, height))

    def _fields(self, place: Buffer, height: int) -> dict[str, int]:
        fields = {"offset": self._within(place.offset), "pitch": place.pitch, "height": height}
        return fields | {"slots": place.slots, "slot_offset": place.slot_offset}

    def _tensor(self, cname: str) -> str:
        """The tensor of a C name: the nth whose letters and digits are these has `_n` behind them."""
        number: dict[str, str] = {}
        for tensor in self.plan.buffers:
            stem, n = re.sub(r"\W", "_", tensor, flags=re.ASCII), 2
            word = stem
            while word in number:
                word, n = f"{stem}_{n}", n + 1
            number[word] = tensor
        return number[cname.removesuffix("_buffer")]

    def _offsets(self) -> None:
        """Where counters, positions of rings, scratch and sums lie."""
        upper = self.name.upper()
        wanted = {f"{upper}_COUNTERS": self.plan.counters.offset}
        for kind, blocks in (("SCRATCH", self.plan.scratch), ("SUMS", self.plan.sums)):
            wanted |= {f"{upper}_{kind}_{node}": block.offset for node, block in blocks.items() if block.bytes}
        for word, offset in wanted.items():
            found = re.search(rf"\b{word} = (\d+)", self.text)
            self._same(word, found and int(found[1]), self._within(offset))

    def _schedule(self) -> None:
        tables = self.program.tables
        rows = [[s.steps, s.first_wait, s.end_wait, s.resume_at] for s in tables.stages]
        self._same("nodes", self._table("nodes", 4), rows)
        waits = [[w.source, w.times, w.plus, w.over, w.most] for w in tables.waits]
        self._same("waits", self._table("waits", 5), waits or [[0, 0, 0, 1, 0]])
        for number, table in enumerate(tables.tables):
            self._same(f"steps {number}", self._table(f"steps_{number}", len(table)), [list(table)])
        if f"{self.name}_segments[] = " in self.text:
            self._same("segments", self._table("segments", len(tables.segments)), [list(tables.segments)])

    def _table(self, word: str, width: int) -> list[list[int]]:
        found = re.search(rf"\b{self.name}_{word}\[\] = \{{(.*?)\}};", self.text)
        numbers = list(map(int, NUMBER.findall(found[1]))) if found else []
        return [numbers[i : i + width] for i in range(0, len(numbers), width)]

    def _layer(self, index: int, nodes: list[Node], lines: bool) -> None:
        """What the function of a stage names: numbers, constants, buffers, the rows of its window."""
        node = nodes[-1]
        number = self.plan.graph.nodes.index(node)
        head = f"static void {self.name}_layer_{number}_{node.name}("
        begin = self.text.find(head)
        if begin < 0:
            raise InternalError(f"{self.name}.c, layer {node.name}", "has no function")
        body = self.text[begin + len(head) :].split(" static void ", 1)[0]
        where, packed = f"layer {node.name}", [self.program.packed[each.name] for each in nodes]
        self._same(f"{where}, numbers", self._structs(body), [dict(each.sizes) for each in packed if each.sizes])
        names = [word for word in re.findall(rf"\b{self.name}_\w+", body) if word in self.arrays]
        wanted = [values for each in packed for values in each.arrays.values()]
        if len(names) != len(wanted) or not all(
            np.array_equal(self.arrays[word], values.reshape(-1))
            for word, values in zip(names, wanted, strict=True)
        ):
            raise InternalError(
                f"{self.name}.c, {where}", f"its constants are not {' and '.join(names) or 'there'}"
            )
        self._places(where, body, nodes, lines)

    def _structs(self, body: str) -> list[dict[str, int]]:
        """The numbers of a function's calls: from a struct of its own, or from one that layers share."""
        found = re.findall(rf"{STRUCT.format('layer')}|&({self.name}_geometry_\d+)\b", body)
        texts = [own or re.findall(STRUCT.format(shared), self.text)[0] for own, shared in found]
        return [{field: int(value) for field, value in FIELD.findall(text)} for text in texts]

    def _places(self, where: str, body: str, nodes: list[Node], lines: bool) -> None:
        tensors = {name for node in nodes for name in (*node.inputs, node.output)}
        words = re.findall(rf"\b{self.name}_(\w+_buffer|\w+_lines)\b", body)
        kept = {f"{nodes[-1].name}_lines"} if lines else set()
        named = dict.fromkeys(self._tensor(word) for word in words if word not in kept)
        self._same(where, {*named} | (set(words) & kept), tensors | kept)
        node = nodes[-1]
        inputs = [name for name in named if name in node.inputs]
        self._same(f"{where}, inputs", inputs, [*dict.fromkeys(node.inputs)])
        if self.program.lowered.kernels[node.name].call == "row":
            self._rows(where, body, node)
        rows = re.search(rf"\b{self.name}_(?:kept_)?window\(rows, [^,]*, &\w+, ([^,]*), (\d+), (\d+)", body)
        if not rows or not isinstance(node.op, Windowed):
            return
        window = window_of(node.op)
        first = [0 - window.reach[0] + 1] if lines else [-window.padding[0]]
        first += [first[0] + (1 if lines else window.stride[0])]
        found = [_row(rows[1], step) for step in (0, 1)]
        self._same(
            f"{where}, window", [*found, int(rows[2]), int(rows[3])], [*first, window.kernel[0], window.dilation[0]]
        )

    def _rows(self, where: str, body: str, node: Node) -> None:
        """The row of each input that the first two steps and the last are handed, where they read one.

        Of an input that stands twice, as in a concatenation of rows, a step may read one row and be handed two.
        """
        site = self.plan.graph.site(node)
        calls = re.findall(rf"\b{self.name}_row\(arena, &{self.name}_(\w+_buffer), ([^(),]+)\)", body)
        found = [(name, line) for word, line in calls if node.inputs.count(name := self._tensor(word)) == 1]
        for step in sorted({0, min(1, node.op.steps(site) - 1), node.op.steps(site) - 1}):
            wanted = zip(node.inputs, rows_read(node, site, step), strict=True)
            rows = {(name, row) for name, rows in wanted for row in rows[:1]}
            given = {(name, _row(line, step)) for name, line in found if name in dict(rows)}
            self._same(f"{where}, row of step {step}", sorted(given - rows), [])

    def _weights(self) -> Iterator[tuple[str, Array]]:
        """The arrays of NAME_weights.c by name."""
        text = self.files[f"{self.name}_weights.c"]
        assert isinstance(text, str)
        for kind, word, count, values in re.findall(r"\bconst (\w+) (\w+)\[(\d+)\] = \{([^}]*)\};", text):
            numbers = values.replace("INT32_MIN", str(-(2**31))).replace("f", "").rstrip().rstrip(",")
            read = np.fromstring(numbers, np.float64 if kind == "float" else np.int64, sep=",")
            found = read.astype("float32" if kind == "float" else kind.removesuffix("_t"))
            self._same(f"{word}, elements", len(found), int(count))
            yield word, found

    def _blob(self) -> Iterator[tuple[str, Array]]:
        """The arrays of NAME_weights.bin by the names that NAME.c gives them."""
        data = self.files[f"{self.name}_weights.bin"]
        assert isinstance(data, bytes)
        sizes = {each.values.dtype.name: each.values.dtype for each in self.program.constants}
        offsets = re.findall(
            r"#define (\w+) \(\(const (\w+)_t \*\)\(const void \*\)\(weights \+ (\d+)\)\)", self.text
        )
        for (word, kind, offset), constant in zip(offsets, self.program.constants, strict=True):
            yield word, np.frombuffer(data, sizes[kind].newbyteorder("<"), constant.values.size, int(offset))


def _row(expression: str, step: int) -> int:
    """The value of a sum of products and quotients of numbers and `step`, or of a choice between such sums."""
    if "?" in expression:
        condition, values = expression.split("?", 1)
        left, right = condition.split("<")
        chosen = values.split(":", 1)[0 if _row(left, step) < _row(right, step) else 1]
        return _row(chosen, step)
    if not ROW.fullmatch(expression):
        raise InternalError(f"a row, {expression}", "is no line of its step")
    total = 0
    for sign, term in re.findall(r"([-+]?)\s*([^-+]+)", expression):
        value = 1
        for operator, factor in re.findall(r"([*/]?)\s*(\w+)", term):
            number = step if factor == "step" else int(factor)
            value = value // number if operator == "/" else value * number
        total += -value if sign == "-" else value
    return total
