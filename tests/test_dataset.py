"""Data sets in folders: how files get their classes, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ircompile.errors import CompileError
from ircompile.verification.dataset import read_dataset


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / name, np.zeros(1, np.int8))
    return folder


def labels_of(folder: Path, count: int, labels: Path | None = None) -> dict[str, int]:
    return {sample.name: sample.label for sample in read_dataset(folder, count, labels).samples}


def test_class_folders_are_numbered_as_they_sort(tmp_path: Path) -> None:
    files(tmp_path, "dog/a.npy", "cat/b.npy", "cat/deep/c.npy", ".hidden/d.npy")
    (tmp_path / "cat" / "notes.md").write_text("no sample")
    data = read_dataset(tmp_path, 2)
    assert [(s.name, s.label) for s in data.samples] == [("cat/b.npy", 0), ("cat/deep/c.npy", 0), ("dog/a.npy", 1)]
    assert data.classes == ("cat", "dog")
    assert data.rule == "folder names, numbered as they sort"


def test_folders_that_are_numbers_are_class_numbers(tmp_path: Path) -> None:
    files(tmp_path, "10/a.npy", "2/b.npy", "003/c.npy")
    assert labels_of(tmp_path, 11) == {"10/a.npy": 10, "2/b.npy": 2, "003/c.npy": 3}
    assert read_dataset(tmp_path, 11).classes == ()


def test_a_list_of_names_of_all_classes_gives_the_order(tmp_path: Path) -> None:
    files(tmp_path, "dog/a.npy", "cat/b.npy")
    (tmp_path / "classes.txt").write_text("dog\nbird\ncat\n")
    data = read_dataset(tmp_path, 3)
    assert [s.label for s in data.samples] == [2, 0]
    assert data.classes == ("dog", "bird", "cat")
    assert data.rule == "numbered as in classes.txt"


@pytest.mark.parametrize("name", ["labels.csv", "labels.txt"])
def test_a_list_of_labels_by_number(tmp_path: Path, name: str) -> None:
    files(tmp_path, "a.npy", "sub/b.npy")
    (tmp_path / name).write_text('file,label\n# ours\na.npy,1\n\n"sub/b.npy", 2, 0\n')
    data = read_dataset(tmp_path, 2)
    assert [(s.name, s.label) for s in data.samples] == [("a.npy", 1), ("sub/b.npy", 0)]
    assert data.rule == "labels are class numbers"


def test_a_list_of_labels_by_name_and_elsewhere(tmp_path: Path) -> None:
    files(tmp_path / "data", "a.npy", "b.npy")
    listed = tmp_path / "mine.csv"
    listed.write_text("\ufeffa.npy,yes\nb.npy,no\n", encoding="utf-8")
    assert labels_of(tmp_path / "data", 2, listed) == {"a.npy": 1, "b.npy": 0}


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        ("a.npy,5\n", "line 1: unknown label '5' (supported: 0 to 1)"),
        ("file,label\na.npy\n", "line 2: has one field, 'a.npy'"),
        ("a.npy,0\ngone.npy,1\n", "line 2: there is no file"),
        ("", "has no samples"),
        ("a.npy,cat\n", "has 1 names of classes, the model has 2 classes"),
        ("a.npy,-1\nb.npy,0\nb.npy,1\n", "has 3 names of classes"),
    ],
)
def test_what_is_wrong_with_a_list_is_told(tmp_path: Path, listed: str, says: str) -> None:
    files(tmp_path, "a.npy", "b.npy")
    (tmp_path / "labels.csv").write_text(listed)
    with pytest.raises(CompileError) as error:
        read_dataset(tmp_path, 2)
    assert says in str(error.value)


def test_what_is_wrong_with_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="is no folder"):
        read_dataset(tmp_path / "gone", 2)
    with pytest.raises(CompileError, match="has no samples"):
        read_dataset(tmp_path, 2)
    files(tmp_path, "cat/a.npy", "dog/b.npy", "emu/c.npy")
    with pytest.raises(CompileError, match=r"has 3 names of classes, the model has 2 classes(?s:.*)classes\.txt"):
        read_dataset(tmp_path, 2)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(CompileError, match="unknown label 'emu'"):
        read_dataset(tmp_path, 2)
