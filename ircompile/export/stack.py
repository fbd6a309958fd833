"""The stack that the emitted C needs at most, from the target's own compiler: its call graph with stack usage."""

import re
import shutil
from collections.abc import Mapping
from typing import Any

from ircompile.errors import CompileError
from ircompile.target import Target
from ircompile.verification.runners.build import compiled

NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "([^"]+)"')
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
BYTES = re.compile(r"(\d+) bytes \((\w+)")


def measure_stack(files: Mapping[str, str | bytes], name: str, target: Target) -> dict[str, Any] | None:
    """Stack in bytes of every function of the C by itself, and of each entry with all that it calls, at most.

    "unknown" are called functions outside of the C (memcpy and memset), whose stack is not counted; "bounded" says
    whether every function's own is of a fixed size. None where GCC for the target is not installed. Raises
    CompileError where functions call themselves, which emitted C never does.
    """
    if shutil.which(target.compiler) is None or "gcc" not in target.compiler:
        return None
    try:
        with compiled(files, name, target, "-fcallgraph-info=su") as objects:
            graphs = [path.with_suffix(".ci") for path in objects]
            text = "\n".join(path.read_text() for path in graphs if path.exists())
    except CompileError:  # a GCC that knows no call graphs
        return None
    return stack_of(text, name)


def stack_of(graph: str, name: str) -> dict[str, Any]:
    """The same, from the text of a call graph in GCC's VCG format."""
    own: dict[str, int] = {}
    kinds: set[str] = set()
    calls: dict[str, list[str]] = {}
    unknown: set[str] = set()
    for line in graph.splitlines():
        if node := NODE.match(line):
            usage = BYTES.search(node[2])
            if usage:
                own[_short(node[1])] = int(usage[1])
                kinds.add(usage[2])
        elif edge := EDGE.match(line):
            calls.setdefault(_short(edge[1]), []).append(_short(edge[2]))
    deepest: dict[str, int] = {}

    def depth(function: str, above: tuple[str, ...]) -> int:
        if function in above:
            raise CompileError(function, "calls itself", "C without recursion")
        if function not in own:
            unknown.add(function)
            return 0
        if function not in deepest:
            inner = [depth(callee, (*above, function)) for callee in calls.get(function, [])]
            deepest[function] = own[function] + max(inner, default=0)
        return deepest[function]

    called = {callee for callees in calls.values() for callee in callees}
    entries = {f: depth(f, ()) for f in own if f not in called and f.startswith(name)}
    return {
        "functions": dict(sorted(own.items())),
        "entries": dict(sorted(entries.items())),
        "most": max(entries.values(), default=0),
        "bounded": kinds <= {"static"},
        "unknown": sorted(unknown),
    }


def _short(title: str) -> str:
    """A function's name, without its file."""
    return title.rpartition(":")[2]
