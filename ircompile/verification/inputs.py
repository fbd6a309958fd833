"""Inputs that people have: pictures, .npy and .npz files, as the graph's codes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ircompile.errors import CompileError, cause_of
from ircompile.ir.bindings import to_graph
from ircompile.ir.graph import Graph, IoBinding
from ircompile.ir.tensor import Array, Shape, Tensor
from ircompile.qtype import FLIP

ARRAYS = (".npz", ".npy")
HWC = 3  # axes of codes
SUFFIXES = (*ARRAYS, ".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".gif", ".webp")


def read_inputs(graph: Graph, path: Path) -> dict[str, Array]:
    """One set of inputs from a file; raises CompileError where it does not fit the model.

    .npz: arrays by the model's input names (or x0, x1 ...), in the model's own shape and dtype or as codes
    (H, W, C). A picture, or a .npy of one input, is for models of one input.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise CompileError(str(path), f"is no {path.suffix} that can be read", ", ".join(SUFFIXES))
    if not path.exists():
        raise CompileError(str(path), "cannot be read: No such file or directory", "a picture, .npy or .npz")
    if path.suffix.lower() != ".npz" and len(graph.inputs) != 1:
        raise CompileError(
            str(path), f"one array for {len(graph.inputs)} inputs", "an .npz with one array an input"
        )
    if path.suffix.lower() in ARRAYS:
        return fit_codes(graph, _read_arrays(graph, path), str(path))
    return {graph.inputs[0].tensor: read_picture(path, graph.tensors[graph.input_names[0]])}


def read_calls(graph: Graph, path: Path) -> list[dict[str, Array]]:
    """The calls in a file, codes (H, W, C) by input name: one, or for a network with memory `calls_of` its arrays.

    Raises CompileError as `read_inputs` does.
    """
    if graph.states and path.suffix.lower() in ARRAYS:
        return calls_of(graph, _read_arrays(graph, path), str(path))
    return [read_inputs(graph, path)]


def calls_of(graph: Graph, arrays: Mapping[str, Array], where: str = "inputs") -> list[dict[str, Array]]:
    """The codes of each call in arrays by input name; without memory, a network is called once.

    Arrays have one more axis in front, the calls; or so many times the rows of a call, one after the other. Raises
    CompileError where arrays are of different numbers of calls, or do not fit the model as in `fit_codes`.
    """
    if not graph.states:
        return [fit_codes(graph, arrays, where)]
    found = _by_input(graph, arrays, where)
    parts = {external.name: _parts(external, found[external.name]) for external in graph.inputs}
    counts = {len(calls) for calls in parts.values()}
    if len(counts) != 1:
        raise CompileError(where, f"has {sorted(counts)} calls of its inputs", "as many calls of each input")
    return [fit_codes(graph, {n: calls[i] for n, calls in parts.items()}, where) for i in range(counts.pop())]


def _parts(external: IoBinding, array: Array) -> list[Array]:
    """One array a call: axes in front of those of a call are calls; or its rows are those of some calls."""
    shape, rows = external.shape, external.axes[0]
    if array.ndim > max(len(shape), HWC) or (array.ndim > len(shape) and array.shape[1:] == shape):
        return list(array)
    if array.ndim == len(shape) - 1 and shape[0] == 1:
        array = array[np.newaxis]
    for axis in (0, rows) if shape[0] == 1 else (rows,):
        others = array.shape[:axis] + array.shape[axis + 1 :] == shape[:axis] + shape[axis + 1 :]
        if axis >= 0 and array.ndim == len(shape) and others and array.shape[axis] % shape[axis] == 0:
            return np.split(array, max(array.shape[axis] // shape[axis], 1), axis)
    return [array]


def _read_arrays(graph: Graph, path: Path) -> dict[str, Array]:
    """The arrays of an .npz by name, or that of an .npy by the name of the only input."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if path.suffix.lower() == ".npy":
            return {graph.inputs[0].name: np.asarray(loaded)}
        with loaded as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise CompileError(
            str(path), f"cannot be read: {cause_of(error)}", "an .npz of arrays, an .npy of one"
        ) from None


def read_picture(path: Path, tensor: Tensor) -> Array:
    """A picture, resized to the input, its 0 .. 255 spread over the codes: code = pixel - 128 for int8."""
    if tensor.itemsize > 1:
        raise CompileError(str(path), f"a picture for {tensor.dtype} codes", "pictures for codes of 8 bits")
    if tensor.channels not in (1, 3):
        raise CompileError(str(path), f"a picture for {tensor.channels} channels", "inputs of 1 or 3 channels")
    pixels = pixels_of(path, tensor.shape, "pip install 'ircompile[verify]'")
    return pixels if tensor.dtype == "uint8" else (pixels ^ np.uint8(FLIP)).view(np.int8)


def pixels_of(path: Path, shape: Shape, install: str) -> Array:
    """A picture's uint8 pixels, grey or RGB, resized to a shape (H, W, C); `install` says how to get Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise CompileError(str(path), "Pillow is not installed", hint=install) from None
    height, width, channels = shape
    try:
        with Image.open(path) as picture:
            mode = "L" if channels == 1 else "RGB"
            resized = picture.convert(mode).resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(resized, np.uint8).reshape(shape)
    except OSError as error:
        raise CompileError(str(path), f"cannot be read: {cause_of(error)}", "a picture file") from None


def reading_rule(graph: Graph, paths: Sequence[Path]) -> str:
    """How files become inputs, in words; of pictures, that and how they are resized."""
    tensor = graph.tensors[graph.input_names[0]]
    pictures = [path for path in paths if path.suffix.lower() not in ARRAYS]
    words = []
    if pictures:
        colours = "grey" if tensor.channels == 1 else "RGB"
        code = "pixel" if tensor.dtype == "uint8" else "pixel - 128"
        size = f"{tensor.height} x {tensor.width}"
        words.append(f"pictures in {colours}, resized to {size} (bilinear, stretched to fit), code = {code}")
    if len(pictures) < len(paths):
        words.append("arrays as they are")
    return "; ".join(words)


def fit_codes(graph: Graph, arrays: Mapping[str, Array], where: str = "inputs") -> dict[str, Array]:
    """The graph's codes of arrays by the model's input names (or x0, x1 ...); one array needs no name.

    Each in the model's own shape and dtype, or as codes (H, W, C). Raises CompileError where that is not so.
    """
    found = _by_input(graph, arrays, where)
    return {external.tensor: _fit(graph, i, found[external.name], where) for i, external in enumerate(graph.inputs)}


def _by_input(graph: Graph, arrays: Mapping[str, Array], where: str) -> dict[str, Array]:
    """The array of each input by the input's name."""
    found = {}
    for i, external in enumerate(graph.inputs):
        array = arrays.get(external.name, arrays.get(external.tensor, arrays.get(f"x{i}")))
        if array is None and len(graph.inputs) == len(arrays) == 1:
            array = next(iter(arrays.values()))
        if array is None:
            raise CompileError(where, f"has {sorted(arrays)}", f"an array {external.name!r} or x{i}")
        found[external.name] = array
    return found


def _fit(graph: Graph, index: int, array: Array, where: str) -> Array:
    external = graph.inputs[index]
    tensor = graph.tensors[external.tensor]
    if array.shape == tensor.shape and array.dtype == tensor.dtype:
        return np.ascontiguousarray(array)
    if array.shape == external.shape[1:] and external.shape[0] == 1:
        array = array[np.newaxis]
    try:
        return to_graph(external, tensor, array)
    except CompileError as error:
        raise error.at(where) from None
