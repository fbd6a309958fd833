"""What Python programs call: `ircompile.compile`, `ircompile.verify`, `ircompile.analyze`.

    result = ircompile.compile("person.tflite", "cortex-m4")
    result.arena_bytes, result.write("src/person")
    assert result.verify(on=["numpy", "host"]).equal

A model is a file (TFLite, ONNX or .ir) or a `Graph` in memory. What is wrong with a model, a target or a budget is
told by a `CompileError`, whose `where`, `problem`, `supported` and `hint` say it in parts.
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from ircompile import pipeline
from ircompile.compilation import Compilation, Input, Rungs, Verification
from ircompile.errors import CompileError
from ircompile.importers import load
from ircompile.interface import InputMode, c_name
from ircompile.ir.graph import Graph
from ircompile.kernels.model import Prefer
from ircompile.passes import normalize
from ircompile.passes.stream_in_time import stream_in_time
from ircompile.passes.tie_states import tie_states
from ircompile.target import MemoryRegion, Target, load_target
from ircompile.variants.choose import Ram
from ircompile.variants.estimate import Analysis, analyze_graph
from ircompile.verification.confirm import Comparison, Confirmation
from ircompile.verification.original import original

Model = str | os.PathLike[str] | Graph


def compile(
    model: Model,
    target: str | Target,
    *,
    name: str | None = None,
    input: InputMode = "resident",
    ram: Ram = "auto",
    weights: Literal["source", "blob"] = "source",
    numerics: str | None = None,
    memory: Sequence[MemoryRegion] = (),
    flash: Sequence[MemoryRegion] = (),
    prefer: Prefer = "speed",
    unverified: bool = False,
    outputs: Sequence[str] = (),
    stream: int = 0,
    state: Sequence[tuple[str, str]] = (),
) -> Compilation:
    """Compiles a model for a target, such as "cortex-m4".

    `name` prefixes all C names (default: from the file's name). `input` "rows": the input, height x width x
    channels, is pushed row by row and never stored whole. `ram`: "auto" (the fastest of the small plans), "min"
    (the least bytes without computing anything twice) or bytes to fit in. `weights` "blob": constants in a file of
    their own. `numerics`: whose rounding to reproduce, "tflm", "litert-ref" or "ort" (default: the file's own).
    `memory` are the RAMs to plan for and `flash` the memories for constants, the fastest first. `prefer` "size":
    constants as small as they can be, at a cost in instructions.

    With `outputs`, names of tensors in the file, the model is cut there: they become its outputs. With `stream` the
    input is a window of time, of which a call takes so many new rows. `state` are pairs (input, output) of names:
    the output is that input of the next call (docs/streaming.md).

    A model's file is compared with its own framework, where that is installed: a few seeded inputs, once for the
    same graph, in a process of its own. `unverified` leaves that out, and the C's header says so.

    Raises CompileError where the model is not supported, nothing fits, a name is unknown, or anything differs from
    the framework that docs/numerics.md does not name.
    """
    _check_one_of("input", input, get_args(InputMode))
    _check_one_of("weights", weights, ("source", "blob"))
    _check_one_of("prefer", prefer, get_args(Prefer))
    _check_bytes(ram, ("auto", "min"))
    _check_regions("memory", memory)
    _check_regions("flash", flash)
    graph, path = _read(model, numerics, outputs, stream, state)
    prefix = c_name(name, path.stem if path else graph.name)
    source = path.name if path else graph.name
    core = target if isinstance(target, Target) else load_target(target)
    blob, asked = weights == "blob", (tuple(outputs), stream, tuple(state), numerics)
    build = partial(
        pipeline.build, graph, core, prefix, input, source, blob, ram, memory, flash, either_way=path is not None,
        prefer=prefer,
    )  # fmt: skip
    if path is None:
        return Compilation(build())
    if unverified:
        return Compilation(build(unverified=True), path, Comparison(why="not compared: unverified"), *asked)
    own = original(path, numerics, None, outputs, stream, state)
    with Confirmation(graph, path, own, outputs) as confirmation:
        return Compilation(build(), path, confirmation.result(), *asked)


def verify(
    model: Model | Compilation,
    target: str | Target = "host",
    *,
    on: Rungs = ("numpy", "host"),
    against: str | None = None,
    inputs: Sequence[Input] = (),
    random: int = 5,
    seed: int = 0,
    input: InputMode = "resident",
    ram: Ram = "auto",
    numerics: str | None = None,
    outputs: Sequence[str] = (),
    stream: int = 0,
    state: Sequence[tuple[str, str]] = (),
) -> Verification:
    """Compares every rung of `on` with the simulated graph, element by element, and that with a framework.

    "numpy" runs the plan in NumPy, "host" the C on this machine under sanitizers, "qemu" the C on the target's
    emulated board; `against` names a reference framework ("tflm", "litert-ref", "ort"), which needs the extra
    `verify`. `inputs` are files (pictures, .npy, .npz) or arrays: codes of height x width x channels, or what the
    model's own framework takes; a mapping by input name where there are several. `random` seeded random
    ones come besides, and four extreme ones before them (the least codes, the greatest, two mixes of both); with
    `random` 0 neither do. For a network that remembers these are calls, one after the other, with a new begin in
    the middle; arrays may have one more axis in front, the calls, or the rows of many. `outputs`, `stream` and
    `state` are as for `compile`. For a `Compilation`, all but `on`, `against` and inputs are its own.

    Raises CompileError where a tool is missing, a name is unknown or an input does not fit the model.
    """
    if not isinstance(model, Compilation):
        how: dict[str, Any] = {"outputs": outputs, "stream": stream, "state": state}
        model = compile(model, target, input=input, ram=ram, numerics=numerics, unverified=True, **how)
    return model.verify(on, against, inputs, random, seed)


def analyze(
    model: Model,
    target: str | Target,
    *,
    ram: int | None = None,
    input: InputMode = "resident",
    numerics: str | None = None,
    advise: bool = True,
    prune: bool | None = None,
    memory: Sequence[MemoryRegion] = (),
    outputs: Sequence[str] = (),
    stream: int = 0,
    state: Sequence[tuple[str, str]] = (),
) -> Analysis:
    """Says in a moment what a model needs, whether it fits `ram` bytes, what blocks it and what would make it fit.

    Compiling searches longer and often finds less. Without `advise` no other plans are looked for, which is
    quicker in a search over architectures. `prune`: whether channels that are of no use are removed first, as
    compiling does (default: for files, not for graphs in memory, whose weights may be random). The result is plain
    values; it can be pickled, so that many processes can share the work.
    `memory` are the RAMs to fit in, the fastest first (default: the target's). `outputs`, `stream`, `state`: as
    for `compile`.

    Raises CompileError where the model is not supported or a name is unknown.
    """
    _check_one_of("input", input, get_args(InputMode))
    _check_bytes(ram, (None,))
    _check_regions("memory", memory)
    core = target if isinstance(target, Target) else load_target(target)
    in_memory = isinstance(model, Graph)
    graph = model if isinstance(model, Graph) else load(Path(model), numerics, outputs=outputs)
    graph = normalize(tie_states(graph, state), prune=bool(prune) if in_memory else prune is not False)
    graph = stream_in_time(graph, stream) if stream else graph
    return analyze_graph(graph, core, input, ram, advise, memory)


def _check_one_of(option: str, given: object, allowed: Sequence[str]) -> None:
    """Raises CompileError for a word that is not one of the allowed."""
    if given not in allowed:
        raise CompileError(option, f"{given!r} is unknown", ", ".join(map(repr, allowed)))


def _check_bytes(ram: object, words: Sequence[str | None]) -> None:
    """Raises CompileError for a budget that is neither a whole number of bytes nor one of the words."""
    if ram not in words and not isinstance(ram, int):
        allowed = ", ".join(map(repr, words))
        raise CompileError("ram", f"{ram!r} is no budget", f"{allowed} or bytes as an int, such as 18 * 1024")


def _check_regions(option: str, regions: object) -> None:
    """Raises CompileError for what is no sequence of memories."""
    if isinstance(regions, Sequence) and all(isinstance(region, MemoryRegion) for region in regions):
        return
    supported = 'a list such as [MemoryRegion("dtcm", 64 * 1024)], of ircompile.target'
    raise CompileError(option, f"{regions!r} is no list of memories", supported)


def _read(
    model: Model, numerics: str | None, outputs: Sequence[str], stream: int, state: Sequence[tuple[str, str]]
) -> tuple[Graph, Path | None]:
    if isinstance(model, Graph):
        graph = normalize(tie_states(model, state))
        return stream_in_time(graph, stream) if stream else graph, None
    path = Path(model)
    return pipeline.read(path, numerics, outputs=outputs, stream=stream, states=state), path
