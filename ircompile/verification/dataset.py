"""A labelled data set in a folder: a folder for each class, or a list of names and labels."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ircompile.errors import CompileError, cause_of
from ircompile.verification.inputs import SUFFIXES

LISTS = ("labels.csv", "labels.txt")
NAMES = "classes.txt"
HEADERS = ("label", "class")
LAYOUT = f"a folder for each class, or {LISTS[0]} with a line 'name,label' for each file"


@dataclass(frozen=True)
class Sample:
    """A file, its name within the data set, and its class by number."""

    path: Path
    name: str
    label: int


@dataclass(frozen=True)
class DataSet:
    """What is in a folder. `classes`: their names by number, or () where labels are numbers; `rule` says how."""

    samples: tuple[Sample, ...]
    classes: tuple[str, ...]
    rule: str


@dataclass(frozen=True)
class _Found:
    """A file with its label as it is written, and where that is."""

    path: Path
    name: str
    label: str
    where: str


def read_dataset(folder: Path, count: int, labels: Path | None = None) -> DataSet:
    """The data set of a folder, for a model of `count` classes; `labels` is its list of names and labels.

    Classes are numbered by `classes.txt` of the folder (a name a line, in the order of the model's outputs) if it
    is there; else labels that are all numbers are class numbers; else names are numbered as they sort. Raises
    CompileError for an empty folder, a file that is not there, and a label that is no class of the model's.
    """
    if not folder.is_dir():
        raise CompileError(str(folder), "is no folder", LAYOUT)
    listed = labels or next((folder / name for name in LISTS if (folder / name).is_file()), None)
    found = _listed(folder, listed) if listed else _sorted_by_folder(folder)
    if not found:
        raise CompileError(str(listed or folder), "has no samples", f"{LAYOUT}; files: {', '.join(SUFFIXES)}")
    what = "labels" if listed else "folder names"
    classes, rule = _classes(folder, what, sorted({each.label for each in found}), count)
    number = {name: index for index, name in enumerate(classes)} or {str(i): i for i in range(count)}
    samples = []
    for each in found:
        label = each.label if classes else str(int(each.label))
        if label not in number:
            raise CompileError(each.where, f"unknown label {each.label!r}", _known(classes, count))
        samples.append(Sample(each.path, each.name, number[label]))
    return DataSet(tuple(samples), classes, rule)


def _sorted_by_folder(folder: Path) -> list[_Found]:
    found = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        files = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
        found += [_Found(path, path.relative_to(folder).as_posix(), place.name, str(place)) for path in files]
    return found


def _listed(folder: Path, path: Path) -> list[_Found]:
    """The rows of a list: the first field is the name, the last the label."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CompileError(str(path), f"cannot be read: {cause_of(error)}", "lines 'name,label'") from None
    found = []
    for line, row in enumerate(rows, 1):
        fields = [field.strip() for field in row]
        where = f"{path} line {line}"
        if not any(fields) or fields[0].startswith("#") or (line == 1 and fields[-1].lower() in HEADERS):
            continue
        if len(fields) < 2:
            raise CompileError(where, f"has one field, {fields[0]!r}", "'name,label'")
        file = folder / fields[0]
        if not file.is_file():
            raise CompileError(where, f"there is no file {file}", "names of files, from the folder on")
        found.append(_Found(file, fields[0], fields[-1], where))
    return found


def _classes(folder: Path, what: str, labels: Sequence[str], count: int) -> tuple[tuple[str, ...], str]:
    """The names of the classes by number, and how they came to it."""
    listed = folder / NAMES
    if listed.is_file():
        names = tuple(line.strip() for line in listed.read_text(encoding="utf-8-sig").splitlines() if line.strip())
        rule = f"numbered as in {NAMES}"
        where = str(listed)
    elif all(label.isdecimal() for label in labels):
        return (), f"{what} are class numbers"
    else:
        names, rule, where = tuple(labels), f"{what}, numbered as they sort", str(folder)
    if len(names) != count or len(set(names)) != count:
        raise CompileError(
            where,
            f"has {len(set(names))} names of classes, the model has {count} classes",
            f"a name for each class, or {what} that are class numbers",
            f"{NAMES} in the folder names all classes, one a line, in the order of the model's outputs",
        )
    return names, rule


def _known(classes: Sequence[str], count: int) -> str:
    return ", ".join(classes) if classes else f"0 to {count - 1}"
