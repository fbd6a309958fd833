"""What Python programs call: `ircompile.compile`, `ircompile.verify`, `ircompile.analyze`.

    result = ircompile.compile("person.tflite", "cortex-m4")
    result.arena_bytes, result.write("src/person")
    assert result.verify(on=["numpy", "host"]).equal

A model is a file (TFLite, ONNX or .ir) or a `Graph` in memory. What is wrong with a model, a target or a budget is
told by a `CompileError`, whose `where`, `problem`, `supported` and `hint` say it in parts.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from ircompile import pipeline
from ircompile.compilation import Compilation, Input, Rungs, Verification, compile_model
from ircompile.ir.graph import Graph
from ircompile.options import Given, Options, Reading, check_bytes
from ircompile.target import Target
from ircompile.timing.board import Board, core_of
from ircompile.timing.network import time_of
from ircompile.variants.estimate import Analysis, analyze_graph

Model = str | os.PathLike[str] | Graph


def compile(
    model: Model,
    target: str | Target | None = None,
    *,
    board: str | Board | None = None,
    **options: Unpack[Given],
) -> Compilation:
    """Compiles a model for a target, such as "cortex-m4", or for a `board`, such as "nucleo-f446re".

    The options are the fields of `Options`. A board has a core, memories to plan for and a time of one inference,
    which the result's report has.

    A model's file is compared with its own framework, where that is installed: a few seeded inputs, once for the
    same graph, in a process of its own. `unverified` leaves that out, and the C's header says so.

    Raises CompileError where the model is not supported, nothing fits, a name is unknown, or anything differs from
    the framework that docs/numerics.md does not name.
    """
    asked = Options(**options)
    core, timed_on = core_of(target, board)
    return compile_model(_model(model), core, asked, timed_on)


def verify(
    model: Model | Compilation,
    target: str | Target | None = None,
    *,
    board: str | Board | None = None,
    on: Rungs = ("numpy", "host"),
    against: str | None = None,
    inputs: Sequence[Input] = (),
    random: int = 5,
    seed: int = 0,
    **options: Unpack[Given],
) -> Verification:
    """Compares every rung of `on` with the simulated graph, element by element, and that with a framework.

    "numpy" runs the plan in NumPy, "host" the C on this machine under sanitizers, "qemu" the C on the target's
    emulated board; `against` names a reference framework ("tflm", "litert-ref", "ort"), which needs the extra
    `verify`. `inputs` are files (pictures, .npy, .npz) or arrays: codes of height x width x channels, or what the
    model's own framework takes; a mapping by input name where there are several. `random` seeded random
    ones come besides, and four extreme ones before them (the least codes, the greatest, two mixes of both); with
    `random` 0 neither do. For a network that remembers these are calls, one after the other, with a new begin in
    the middle; arrays may have one more axis in front, the calls, or the rows of many. The target is this machine
    unless one is given; it, a board and the options are as for `compile`. A `Compilation` has its own.

    Raises CompileError where a tool is missing, a name is unknown or an input does not fit the model.
    """
    if not isinstance(model, Compilation):
        target = "host" if target is None and board is None else target
        options["unverified"] = True  # what is asked for is compared below
        model = compile(model, target, board=board, **options)
    return model.verify(on, against, inputs, random, seed)


def analyze(
    model: Model,
    target: str | Target | None = None,
    *,
    board: str | Board | None = None,
    ram: int | None = None,
    advise: bool = True,
    prune: bool | None = None,
    **options: Unpack[Reading],
) -> Analysis:
    """Says in a moment what a model needs, whether it fits `ram` bytes, what blocks it and what would make it fit.

    Compiling searches longer and often finds less. Without `advise` no other plans are looked for, which is
    quicker in a search over architectures. `prune`: whether channels that are of no use are removed first, as
    compiling does (default: for files, not for graphs in memory, whose weights may be random). The result is plain
    values; it can be pickled, so that many processes can share the work.
    With a `board`, the result has the time of one inference. The options are as for `compile`; `memory` are the
    RAMs to fit in, the fastest first (default: the target's).

    Raises CompileError where the model is not supported or a name is unknown.
    """
    check_bytes(ram, (None,))
    asked = Options(**options)
    core, timed_on = core_of(target, board)
    given = _model(model)
    graph = pipeline.read(given, asked, isinstance(given, Path) if prune is None else prune)
    timed = (lambda plan: time_of(plan.scheduled, timed_on, order=plan.times.order()).data) if timed_on else None
    return analyze_graph(graph, core, asked.input, ram, advise, asked.memory, timed=timed)


def _model(model: Model) -> Path | Graph:
    return model if isinstance(model, Graph) else Path(model)
