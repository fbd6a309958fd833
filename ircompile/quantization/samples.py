"""The samples of a folder as real inputs of a float network, and which of them calibrate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ircompile.errors import CompileError, cause_of
from ircompile.ir.tensor import Array, Shape
from ircompile.verification.dataset import LISTS, Sample, read_dataset
from ircompile.verification.inputs import ARRAYS, SUFFIXES, pixels_of

HINT = "pip install 'ircompile[quantize]'"


@dataclass(frozen=True)
class Reading:
    """How a file becomes an input: real value = (pixel - mean) / std, pixels of 0 to 255; arrays as they are.

    `mean` and `std` are one value or one a channel. With `bgr`, the channels of pictures are in reverse order.
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (255.0,)
    bgr: bool = False

    def __post_init__(self) -> None:
        if not all(np.isfinite(self.mean)) or not all(np.isfinite(s) and s > 0 for s in self.std):
            raise CompileError("--mean, --std", "are no finite numbers with deviations above 0")

    def read(self, path: Path) -> Array:
        """The input of a file, float32 in the model's own shape; raises CompileError where it does not fit."""
        if path.suffix.lower() not in ARRAYS:
            return self._picture(path)
        try:
            array = _array(path)
        except (OSError, ValueError) as error:
            raise CompileError(
                str(path), f"cannot be read: {cause_of(error)}", "one array of real numbers"
            ) from None
        if array.shape == self.shape[1:]:
            array = array[np.newaxis]
        if array.shape != self.shape or not np.all(np.isfinite(array)):
            raise CompileError(str(path), f"holds an array of shape {array.shape}", f"finite, {self.shape}")
        return array

    def _picture(self, path: Path) -> Array:
        shape, first = self._map(path)
        pixels = pixels_of(path, shape, HINT).astype(np.float32)
        pixels = pixels[:, :, ::-1] if self.bgr else pixels
        real = (pixels - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(real.transpose(2, 0, 1) if first else real)[np.newaxis]

    def _map(self, path: Path) -> tuple[Shape, bool]:
        """Height, width, channels of the input, and whether the channels come first."""
        if len(self.shape) == 4 and self.shape[3] in (1, 3):
            return (self.shape[1], self.shape[2], self.shape[3]), False
        if len(self.shape) == 4 and self.shape[1] in (1, 3):
            return (self.shape[2], self.shape[3], self.shape[1]), True
        raise CompileError(
            str(path), f"is a picture for an input of shape {self.shape}", "pictures of 1 or 3 channels, or arrays"
        )


@dataclass(frozen=True)
class Samples:
    """The files of a folder: those that calibrate and those that are held out; labels where the folder has them."""

    calibration: tuple[Path, ...]
    held_out: tuple[Sample, ...]
    labelled: bool


def read_samples(folder: Path, classes: int, calibrate: int, labels: Path | None = None) -> Samples:
    """Divides the files of a folder: `calibrate` of them, evenly spread, calibrate; the others are held out.

    A folder with labels is one that `read_dataset` reads for a model of `classes` classes; any other folder gives
    all files below it. Raises CompileError where the folder has too few files.
    """
    if not folder.is_dir():
        raise CompileError(str(folder), "is no folder", "a folder of pictures or arrays")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    by_class = all(path.parent != folder for path in files)
    labelled = bool(labels or by_class or any((folder / name).is_file() for name in LISTS))
    if labelled and files:
        found = read_dataset(folder, classes, labels).samples
    else:
        found = tuple(Sample(path, path.relative_to(folder).as_posix(), -1) for path in files)
    if len(found) < 2 or calibrate < 1:
        raise CompileError(
            str(folder), f"has {len(found)} samples, {calibrate} to calibrate with", "2 samples and more"
        )
    chosen = set(spread(len(found), min(calibrate, max(len(found) // 2, 1))))
    return Samples(
        tuple(sample.path for i, sample in enumerate(found) if i in chosen),
        tuple(sample for i, sample in enumerate(found) if i not in chosen),
        labelled,
    )


def spread(count: int, wanted: int) -> Sequence[int]:
    """`wanted` of `count` positions, evenly spread."""
    return [(2 * i + 1) * count // (2 * wanted) for i in range(wanted)]


def _array(path: Path) -> Array:
    """The only array of a .npy or .npz file; raises ValueError where there are others."""
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return np.asarray(loaded, np.float32)
    with loaded as archive:
        (name,) = archive.files
        return np.asarray(archive[name], np.float32)
