"""Damaged .onnx files through check and import: each ends as a graph or in a CompileError, soon and in few bytes.

Many at once, in a checkout; a seed is a case, so a run goes on where the last one ended:

    PYTHONPATH=. .venv/bin/python tests/onnx_mutation.py FIRST COUNT
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx_drawing import draw
from onnx_fuzz import quantized

from ircompile.errors import CompileError
from ircompile.importers.onnx import read_onnx
from ircompile.importers.onnx.check import check_onnx
from ircompile.passes import normalize

SECONDS, MEGABYTES, BATCH = 3.0, 700, 250
NUMBERS = [0, 1, -1, 2, 3, 7, 127, 128, 255, 256, -128, 2**15, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62, -(2**63)]
FLOATS = [0.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e-45, 1e-38, 3e38, 1e30, 0.5]
TEXTS = [
    "",
    "x",
    "x_q",
    "\x1b[31m",
    "a" * 3000,
    "Conv",
    "QuantizeLinear",
    "If",
    "../../etc",
    "\x80",
    "NOTSET",
    "linear",
    "reflect",
]
Mutation = Callable[[Any, np.random.Generator], None]


def chosen(rng: np.random.Generator, items: Any) -> Any:
    """One of a sequence, or None where there is none."""
    return items[int(rng.integers(len(items)))] if len(items) else None


def numbers(graph: Any, rng: np.random.Generator) -> None:
    """Values of an initializer: scales, zero points, shapes, axes, weights."""
    tensor = chosen(rng, graph.initializer)
    if tensor is None:
        return
    array = np.array(numpy_helper.to_array(tensor))
    flat = array.reshape(-1)
    with np.errstate(all="ignore"):
        if flat.size:
            place = int(rng.integers(flat.size))
            pool = FLOATS if array.dtype.kind == "f" else NUMBERS
            flat[place] = np.array(chosen(rng, pool)).astype(array.dtype)
    if rng.integers(4) == 0:
        flat = np.concatenate([flat, flat])[: int(rng.integers(0, 2 * flat.size + 1))]
        array = flat
    if rng.integers(4) == 0:
        array = array.astype(
            chosen(rng, [np.float32, np.int8, np.uint8, np.int32, np.int64, np.float64, np.float16, np.bool_])
        )
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def dims(graph: Any, rng: np.random.Generator) -> None:
    """The declared shape of an initializer, against its data."""
    tensor = chosen(rng, graph.initializer)
    if tensor is not None:
        size = int(np.clip(chosen(rng, NUMBERS), -(2**63), 2**63 - 1))
        if len(tensor.dims) and rng.integers(3):
            tensor.dims[int(rng.integers(len(tensor.dims)))] = size
        else:
            tensor.dims.append(size)


def data_type(graph: Any, rng: np.random.Generator) -> None:
    tensor = chosen(rng, graph.initializer)
    if tensor is not None:
        tensor.data_type = int(rng.integers(0, 28))


def attribute(graph: Any, rng: np.random.Generator) -> None:
    """An attribute changed, taken away, or given a value of another type."""
    node = chosen(rng, [n for n in graph.node if n.attribute])
    if node is None:
        return
    found = chosen(rng, node.attribute)
    match int(rng.integers(7)):
        case 0:
            node.attribute.remove(found)
        case 1 if found.ints:
            found.ints[int(rng.integers(len(found.ints)))] = chosen(rng, NUMBERS)
        case 2 if found.ints:
            del found.ints[int(rng.integers(len(found.ints)))]
        case 3:
            found.ints.extend(NUMBERS[: int(rng.integers(1, 9))])
            found.type = onnx.AttributeProto.INTS
        case 4:
            found.type, found.s = onnx.AttributeProto.STRING, str(chosen(rng, TEXTS)).encode("latin-1")
        case 5:
            found.type, found.f = onnx.AttributeProto.FLOAT, chosen(rng, FLOATS)
        case _:
            found.i = chosen(rng, NUMBERS)
            found.type = int(rng.integers(0, 16)) if rng.integers(3) == 0 else found.type


def edge(graph: Any, rng: np.random.Generator) -> None:
    """An input or output of a node under another name, absent, or twice."""
    node = chosen(rng, graph.node)
    if node is None:
        return
    names = [n for m in graph.node for n in (*m.input, *m.output)] + [i.name for i in graph.initializer] + TEXTS[:4]
    side = node.input if rng.integers(3) else node.output
    if len(side) and rng.integers(4):
        side[int(rng.integers(len(side)))] = chosen(rng, names)
    elif len(side) and rng.integers(2):
        del side[int(rng.integers(len(side)))]
    else:
        side.append(chosen(rng, names))


def kind(graph: Any, rng: np.random.Generator) -> None:
    """Another operator in a node's place."""
    from ircompile.importers.onnx.rules import legality

    node = chosen(rng, graph.node)
    if node is not None:
        node.op_type = chosen(rng, [*sorted(legality()), *TEXTS])


def nodes(graph: Any, rng: np.random.Generator) -> None:
    """A node taken away, twice, or elsewhere."""
    if not len(graph.node):
        return
    at = int(rng.integers(len(graph.node)))
    copy = onnx.NodeProto()
    copy.CopyFrom(graph.node[at])
    if rng.integers(2):
        del graph.node[at]
    if rng.integers(2):
        graph.node.insert(int(rng.integers(len(graph.node) + 1)), copy)


def port(graph: Any, rng: np.random.Generator) -> None:
    """The shape, type or name of an input or output."""
    value = chosen(rng, [*graph.input, *graph.output])
    if value is None:
        return
    kind_, shape = value.type.tensor_type, value.type.tensor_type.shape
    match int(rng.integers(6)):
        case 0:
            kind_.elem_type = int(rng.integers(0, 24))
        case 1:
            shape.dim.add().dim_value = chosen(rng, NUMBERS)
        case 2 if len(shape.dim):
            del shape.dim[int(rng.integers(len(shape.dim)))]
        case 3 if len(shape.dim):
            shape.dim[int(rng.integers(len(shape.dim)))].dim_param = "N"
        case 4:
            value.name = chosen(rng, TEXTS[:4])
        case _ if len(shape.dim):
            shape.dim[int(rng.integers(len(shape.dim)))].dim_value = chosen(rng, NUMBERS)


def outside(graph: Any, rng: np.random.Generator) -> None:
    """An initializer whose data lie elsewhere, in text or nowhere."""
    tensor = chosen(rng, graph.initializer)
    if tensor is None:
        return
    tensor.ClearField("raw_data")
    if rng.integers(2):
        tensor.data_location = TensorProto.EXTERNAL
        for key, pool in (("location", TEXTS), ("offset", NUMBERS), ("length", NUMBERS)):
            if rng.integers(3):
                value = str(chosen(rng, pool)).replace("\x80", "")
                tensor.external_data.append(onnx.StringStringEntryProto(key=key, value=value))
    elif rng.integers(2):
        tensor.float_data.extend([1.0] * int(rng.integers(0, 40)))


MUTATIONS: list[Mutation] = [
    numbers,
    numbers,
    dims,
    data_type,
    attribute,
    attribute,
    edge,
    kind,
    nodes,
    port,
    outside,
]


@lru_cache(maxsize=64)
def origin(seed: int) -> bytes:
    """A sound file: a random network, quantized."""
    with tempfile.TemporaryDirectory() as folder:
        while True:
            path = quantized(draw(seed), Path(folder))
            if path is not None:
                return path.read_bytes()
            seed += 1_000_003


def mutated(seed: int) -> bytes:
    """The file of a seed: a few changes of its structure, at times of its bytes, too."""
    rng = np.random.default_rng([seed, 5])
    model = onnx.ModelProto.FromString(origin(int(rng.integers(48))))
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 6]))):
        with contextlib.suppress(Exception), np.errstate(all="ignore"):  # what protobuf or onnx does not take
            chosen(rng, MUTATIONS)(model.graph, rng)
    data = bytearray(model.SerializeToString())
    if rng.integers(6) == 0:
        for place in rng.integers(0, len(data), int(rng.integers(1, 5))):
            data[place] = int(rng.integers(256))
    return bytes(data[: int(rng.integers(len(data)))] if rng.integers(40) == 0 else data)


def judge(seed: int, folder: Path) -> str | None:
    """What is wrong with the end of a case; None where nothing is."""
    path = folder / f"case_{seed}.onnx"
    path.write_bytes(mutated(seed))
    began = time.process_time()
    for stage in (check_onnx, lambda given: normalize(read_onnx(given))):
        try:
            with alarm():
                stage(path)
        except CompileError as error:
            if "is damaged" in error.problem or "does not make sense" in error.problem:
                cause = error.__cause__
                if isinstance(cause, MemoryError | AssertionError | RecursionError):
                    return f"{type(cause).__name__} {cause}"
        except TimeoutError:
            return f"more than {SECONDS:.0f} s: " + place()
        except BaseException as error:  # every kind is a find
            return f"{type(error).__name__} {error}: " + place()
    path.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if peak > MEGABYTES:
        return f"{peak} MB"
    return f"{time.process_time() - began:.1f} s" if time.process_time() - began > SECONDS else None


def place() -> str:
    """Where the error that is handled was raised."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    ours = [frame for frame in frames if "ircompile" in frame.filename] or frames
    return f"{ours[-1].filename}:{ours[-1].lineno}"


@contextlib.contextmanager
def alarm() -> Iterator[None]:
    """A TimeoutError where the body takes longer than the limit."""

    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of this process: others may be busy
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def batch(first: int, count: int) -> int:
    """Judges cases in this process; returns the finds."""
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            problem = judge(seed, Path(folder))
            if problem:
                found += 1
                print(f"seed {seed}: {' '.join(problem.split())[:300]}", flush=True)
                if problem.endswith("MB"):  # the peak stays: the next cases cannot be told
                    return found + batch_apart(seed + 1, first + count - seed - 1)
    return found


def batch_apart(first: int, count: int) -> int:
    """The same in a process of its own; one that dies is a find."""
    child = os.fork()
    if not child:
        code = 100
        try:
            resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
            code = min(batch(first, count), 100)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        print(f"seeds {first} to {first + count - 1}: killed by signal {os.WTERMSIG(status)}", flush=True)
        return 1
    return os.WEXITSTATUS(status)


def main(first: int, count: int) -> int:
    """Judges cases in batches; 1 where there are finds."""
    logging.disable(logging.WARNING)
    for number in range(48):
        origin(number)
    found = sum(
        batch_apart(start, min(BATCH, first + count - start)) for start in range(first, first + count, BATCH)
    )
    print(f"{count} files, {found} finds; the next seed is {first + count}")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
