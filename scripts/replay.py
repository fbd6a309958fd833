"""Compares plans and emitted C with those of another revision, byte for byte: a refactoring changes nothing.

    python scripts/replay.py [--base REV] [--models WORD ...] [--targets CORE ...] [--modes M ...] [--ram R ...]

It compiles the shipped example, the networks of `tests/nets.py` and `tests/golden_nets.py` and, where they are
(IRCOMPILE_MODELS or ../shared/models), all real models: for every target, both input modes, `auto` and `min`. The
other revision (default: the last release, `main` where there is none) is checked out into a temporary folder, and
what it emits is kept in build/replay/REVISION. What differs is printed: lines of C, arena bytes and estimated
instructions. Exit status 1 says that something differs.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MODELS = Path(os.environ.get("IRCOMPILE_MODELS") or ROOT.parent / "shared" / "models")
CHOICES = {
    "targets": ("cortex-m0plus", "cortex-m4", "cortex-m55", "host"),
    "modes": ("resident", "rows"),
    "ram": ("auto", "min"),
}
FIRST_LINES = 6
Emitted = dict[str, Any]
Job = tuple[Path, str, str, str]

# What a revision does with one job; it uses the public functions alone, so that revisions far apart understand it.
COMPILE = """
import hashlib, json, sys
import ircompile
path, target, mode, ram = sys.argv[1:]
try:
    made = ircompile.compile(path, target, input=mode, ram=ram, name="net")
    texts = {name: data if isinstance(data, bytes) else data.encode() for name, data in made.files().items()}
    report = made.report()
    work = sum(demand.instructions for demand in made.compiled.plan.demands.values())
    emitted = {"arena": made.arena_bytes, "instructions": work,
               "plan": {key: report[key] for key in ("arena", "segments", "buffers")},
               "code": {name: data.decode() for name, data in texts.items() if not name.startswith("net_weights")},
               "weights": {name: hashlib.sha256(data).hexdigest() for name, data in texts.items()}}
except Exception as error:
    emitted = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(emitted))
"""


def main() -> int:
    """Compiles with both revisions and prints what differs."""
    asked = arguments()
    base = asked.base or default_base()
    commit = git("rev-parse", f"{base}^{{commit}}")
    with tempfile.TemporaryDirectory() as folder, checkout(commit) as other:
        jobs = list(jobs_of(asked, Path(folder)))
        with ThreadPoolExecutor(asked.jobs) as pool:
            pairs = pool.map(lambda job: (job, remembered(commit, other, job), compiled(ROOT, job)), jobs)
            differing = sum(told(*pair) for pair in pairs)
    print(f"{len(jobs)} compilations, {differing} differ from {base} ({commit[:10]})")
    return int(differing > 0)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="revision to compare with (default: the last release, or main)")
    parser.add_argument("--models", nargs="+", default=[""], help="only models whose names contain one of these")
    for name, choices in CHOICES.items():
        parser.add_argument(f"--{name}", nargs="+", default=choices, choices=choices)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def git(*words: str) -> str:
    """What git answers."""
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def default_base() -> str:
    """The last release's tag; `main` where nothing was released yet."""
    return git("tag", "--list", "v*", "--sort=-version:refname").partition("\n")[0] or "main"


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """The files of a revision in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def jobs_of(asked: argparse.Namespace, folder: Path) -> Iterator[Job]:
    """All compilations asked for; the networks of the tests are written into `folder`."""
    sys.path.insert(0, str(ROOT / "tests"))
    from golden_nets import GOLDEN
    from nets import long_chain, mobilenet_v2

    from ircompile.importers.ir import write_ir

    graphs = [golden.make() for golden in GOLDEN.values()] + [mobilenet_v2(0.25, 64, 100), long_chain(40)]
    for graph in graphs:
        write_ir(graph, folder / f"{graph.name}.ir")
    files = [*sorted((ROOT / "examples").glob("*/*.onnx")), *sorted(folder.glob("*.ir"))]
    files += sorted(path for path in MODELS.glob("*") if path.suffix in (".tflite", ".onnx"))
    chosen = [path for path in files if any(word in path.name for word in asked.models)]
    yield from itertools.product(chosen, asked.targets, asked.modes, asked.ram)


def compiled(tree: Path, job: Job) -> Emitted:
    """What the package in a folder emits."""
    command = [sys.executable, "-c", COMPILE, *map(str, job)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr[-500:]}


def remembered(commit: str, tree: Path, job: Job) -> Emitted:
    """What a revision emits, compiled once."""
    files = sorted(job[0].parent.glob(f"{job[0].stem}.*"))
    inputs = hashlib.sha256(COMPILE.encode() + b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    kept = ROOT / "build" / "replay" / commit / "-".join([job[0].stem, inputs, *job[1:]])
    if not kept.exists():
        emitted = compiled(tree, job)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(emitted))
    return json.loads(kept.read_text())


def told(job: Job, old: Emitted, new: Emitted) -> bool:
    """Prints in what two emissions of one job differ, and says whether they do."""
    if old == new:
        return False
    print(f"{job[0].name} {' '.join(job[1:])}")
    for key in ("error", "arena", "instructions"):
        if old.get(key) != new.get(key):
            print(f"  {key}: {old.get(key)} -> {new.get(key)}")
    if old.get("plan") != new.get("plan"):
        print("  the plan")
    for name in sorted({*old.get("weights", {}), *new.get("weights", {})}):
        before, after = (emitted.get("code", {}).get(name, "").splitlines() for emitted in (old, new))
        lines = [line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[0] in "+-"][2:]
        if old.get("weights", {}).get(name) != new.get("weights", {}).get(name):
            print(f"  {name}: {len(lines) or 'some'} lines")
        for line in lines[:FIRST_LINES]:
            print(f"    {line}")
    return True


if __name__ == "__main__":
    sys.exit(main())
