"""Writes docs/commands.md from the tree of parsers: what `--help` says. `--check` compares instead."""

from __future__ import annotations

import sys
from pathlib import Path

from ircompile.cli.completion import SHELLS
from ircompile.cli.tree import COMMANDS, tree

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
HEAD = f"""# Commands

What `ircompile --help` and `ircompile COMMAND --help` say, written by `scripts/commands.py`.

`ircompile completion SHELL` prints what a shell ({" or ".join(SHELLS)}) completes: commands, options, cores,
rungs, and files where the argument is one; after a model without a command, what `compile` takes. For bash, put
`eval "$(ircompile completion bash)"` into `~/.bashrc`.
"""


def page() -> str:
    """The page."""
    root = tree()
    (commands,) = root._get_positional_actions()
    texts = {"ircompile": root.format_help()}
    for command in COMMANDS:
        texts[f"ircompile {command.name}"] = commands.choices[command.name].format_help()  # type: ignore[call-overload,index]
    return HEAD + "".join(f"\n## {name}\n\n```text\n{text}```\n" for name, text in texts.items())


def main() -> int:
    """Writes or checks the page."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print(f"{PAGE.name} is out of date: run scripts/commands.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
