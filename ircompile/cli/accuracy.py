"""What `--accuracy` does: a data set through the C and the model's framework, as lines and as plain values."""

import argparse
from dataclasses import asdict
from typing import Any

from ircompile.cli.console import OUT, doing, number, print_table
from ircompile.compilation import Compilation
from ircompile.verification.accuracy import Accuracy


def measure(
    arguments: argparse.Namespace, compilation: Compilation, reference: str | None = None
) -> dict[str, Any]:
    """The accuracies on the folder that a command names: `accuracy` in docs/schema/verify.json."""
    with doing(f"classifying what is in {arguments.accuracy}"):
        return accuracy_data(compilation.accuracy(arguments.accuracy, arguments.labels, reference))


def accuracy_data(found: Accuracy) -> dict[str, Any]:
    """Accuracies as plain values: with the share that is right, and the names of classes that are unlike."""
    unlike = [
        {
            **asdict(each),
            "label_name": found.name(each.label),
            "our_name": found.name(each.ours),
            "their_name": found.name(each.theirs),
        }
        for each in found.disagreements
    ]
    return {
        **asdict(found),
        "accuracy": found.right / found.samples,
        "reference_accuracy": found.reference_right / found.samples,
        "classes": list(found.classes),
        "disagreements": unlike,
    }


def show(data: dict[str, Any]) -> None:
    """Both accuracies, how they came about, and every disagreement."""
    for key, value in rows(data):
        OUT.print(f"{key:<9} {value}", markup=False)
    if data["disagreements"]:
        table = [
            (d["file"], d["label_name"], d["our_name"], f"{d['our_score']:.4g}", d["their_name"],
             f"{d['their_score']:.4g}")
            for d in data["disagreements"]
        ]  # fmt: skip
        titles = ("file", "label", "C says", "score", f"{data['reference']} says", "score")
        print_table(titles, table, numeric=(3, 5))


def rows(data: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of a summary."""
    samples, unlike = number(data["samples"]), len(data["disagreements"])
    ours, theirs = f"{data['accuracy']:.2%}", f"{data['reference_accuracy']:.2%}"
    differing = number(data["differing"]) if data["differing"] else "none"
    return [
        ("accuracy", f"{ours} by the C ({number(data['right'])} of {samples})"),
        ("", f"{theirs} by {data['reference']} ({number(data['reference_right'])})"),
        ("", f"classes differ on {number(unlike) if unlike else 'none'} of the files, scores on {differing}"),
        ("classes", class_text(data)),
        ("inputs", f"{data['reading']}; {data['decision']}"),
    ]


def class_text(data: dict[str, Any]) -> str:
    """The first classes by number, and how they were numbered."""
    named = [f"{index} {name}" for index, name in enumerate(data["classes"])]
    shown = [*named[:10], *(["..."] if len(named) > 10 else [])]
    return f"{', '.join(shown)} ({data['rule']})" if shown else data["rule"]
