"""Inputs that people have: pictures, .npy and .npz files, as the graph's codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ircompile.errors import CompileError
from ircompile.ir.bindings import to_graph
from ircompile.ir.graph import Graph
from ircompile.ir.tensor import Array, Tensor
from ircompile.qtype import FLIP

ARRAYS = (".npz", ".npy")
SUFFIXES = (*ARRAYS, ".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".gif", ".webp")


def read_inputs(graph: Graph, path: Path) -> dict[str, Array]:
    """One set of inputs from a file; raises CompileError where it does not fit the model.

    .npz: arrays by the model's input names (or x0, x1 ...), in the model's own shape and dtype or as codes
    (H, W, C). A picture, or a .npy of one input, is for models of one input.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise CompileError(str(path), f"is no {path.suffix} that can be read", ", ".join(SUFFIXES))
    if path.suffix.lower() == ".npz":
        return _read_npz(graph, path)
    if len(graph.inputs) != 1:
        raise CompileError(
            str(path), f"one array for {len(graph.inputs)} inputs", "an .npz with one array an input"
        )
    external, tensor = graph.inputs[0], graph.tensors[graph.input_names[0]]
    if path.suffix.lower() == ".npy":
        try:
            array = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CompileError(str(path), f"cannot be read: {error}") from None
        return {tensor.name: _fit(graph, 0, array, str(path))}
    return {external.tensor: read_picture(path, tensor)}


def read_picture(path: Path, tensor: Tensor) -> Array:
    """A picture, resized to the input, its 0 .. 255 spread over the codes: code = pixel - 128 for int8."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise CompileError(str(path), "Pillow is not installed", hint="pip install 'ircompile[verify]'") from None
    if tensor.itemsize > 1:
        raise CompileError(str(path), f"a picture for {tensor.dtype} codes", "pictures for codes of 8 bits")
    if tensor.channels not in (1, 3):
        raise CompileError(str(path), f"a picture for {tensor.channels} channels", "inputs of 1 or 3 channels")
    try:
        with Image.open(path) as picture:
            mode = "L" if tensor.channels == 1 else "RGB"
            resized = picture.convert(mode).resize((tensor.width, tensor.height), Image.Resampling.BILINEAR)
            pixels = np.asarray(resized, np.uint8).reshape(tensor.shape)
    except (OSError, UnidentifiedImageError) as error:
        raise CompileError(str(path), f"cannot be read: {error}", "a picture file") from None
    return pixels if tensor.dtype == "uint8" else (pixels ^ np.uint8(FLIP)).view(np.int8)


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


def _read_npz(graph: Graph, path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise CompileError(str(path), f"cannot be read: {error}", "an .npz of arrays") from None
    return fit_codes(graph, arrays, str(path))


def fit_codes(graph: Graph, arrays: Mapping[str, Array], where: str = "inputs") -> dict[str, Array]:
    """The graph's codes of arrays by the model's input names (or x0, x1 ...); one array needs no name.

    Each in the model's own shape and dtype, or as codes (H, W, C). Raises CompileError where that is not so.
    """
    found = {}
    for i, external in enumerate(graph.inputs):
        array = arrays.get(external.name, arrays.get(external.tensor, arrays.get(f"x{i}")))
        if array is None and len(graph.inputs) == len(arrays) == 1:
            array = next(iter(arrays.values()))
        if array is None:
            raise CompileError(where, f"has {sorted(arrays)}", f"an array {external.name!r} or x{i}")
        found[external.tensor] = _fit(graph, i, array, where)
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
