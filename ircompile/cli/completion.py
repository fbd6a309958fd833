"""`ircompile completion SHELL`: what shells complete, written from the tree of parsers by shtab."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shtab

from ircompile.cli.command import EXIT, Command
from ircompile.ir.families import FAMILIES
from ircompile.target import list_targets
from ircompile.timing.board import list_boards

SHELLS = ("bash", "zsh", "fish")
MODELS = ("*.tflite", "*.onnx", "*.ir")
FOLDERS = ("output", "accuracy")
RUNGS = ("numpy", "host", "qemu", "numpy,host", "numpy,host,qemu")
Completion = dict[str, Any]

# What is no command is a model: it is completed as behind `compile`, and files beside commands.
SHIMS = {
    "bash": """
_ircompile() {{
  local -a given=("${{COMP_WORDS[@]}}")
  local at=$COMP_CWORD line
  if (( at > 1 )) && [[ " {commands} " != *" ${{given[1]}} "* ]]; then
    local -a COMP_WORDS=("${{given[0]}}" compile "${{given[@]:1}}")
    local COMP_CWORD=$(( at + 1 ))
  fi
  _shtab_ircompile
  if (( at == 1 )); then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <({models} "${{given[1]}}")
  fi
}}
complete -o bashdefault -F _ircompile ircompile
""",
    "zsh": """
_ircompile() {{
  local -a commands=({commands})
  if (( CURRENT == 2 )); then
    _shtab_ircompile
    {models}
    return
  fi
  if (( ! ${{commands[(Ie)${{words[2]}}]}} )); then
    words=("${{words[1]}}" compile "${{(@)words[2,-1]}}")
    (( CURRENT++ ))
  fi
  _shtab_ircompile
}}
""",
    "fish": """
complete -c ircompile -n "__fish_is_nth_token 1" -ka "{models}"
""",
}


def _fill(to: argparse.ArgumentParser) -> None:
    to.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def print_completion(arguments: argparse.Namespace) -> int:
    """Prints the script for a shell."""
    sys.stdout.write(script(arguments.shell))
    return 0


def script(shell: str) -> str:
    """What the shell is to source."""
    from ircompile.cli.tree import COMMANDS, NAMES, tree  # which has this command, too

    root = tree()
    for command in COMMANDS:  # one line of each, where shtab takes the description's first
        _commands(root)[command.name].description = command.line
    for action in _actions(root):
        complete = _complete(action)
        if complete is not None:
            action.complete = complete  # type: ignore[attr-defined]
    if shell == "fish":
        _compile_without_its_name(root)
    shim = SHIMS[shell].format(commands=" ".join(NAMES), models=shtab.glob(*MODELS)[shell])
    if shell != "zsh":
        return str(shtab.complete(root, shell)) + shim
    text = str(shtab.complete(root, shell, preamble=shim))
    # The shim takes shtab's place, be the script a file in $fpath or evaluated.
    text = text.replace("compdef _shtab_ircompile", "compdef _ircompile")
    return text.replace('  _shtab_ircompile "$@"', '  _ircompile "$@"')


def _commands(root: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (commands,) = root._get_positional_actions()
    assert isinstance(commands, argparse._SubParsersAction)
    return dict(commands.choices)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
        else:
            yield action


def _compile_without_its_name(root: argparse.ArgumentParser) -> None:
    """Gives the root the options of `compile`: fish has no place for a shim."""
    for action in _commands(root)["compile"]._get_optional_actions():
        if action.dest != "help":
            action.required = False
            root._add_action(action)


def _complete(action: argparse.Action) -> Completion | None:
    """What stands for the values of an argument; None where its choices, or nothing, do."""
    if action.dest == "model":
        return shtab.glob(*MODELS)
    if action.dest == "models":
        return _words("families", FAMILIES, MODELS)
    if action.dest == "target":
        cores = [name for target in list_targets() for name in (target.name, *target.aliases)]
        return _words("targets", cores, ("*.toml",))
    if action.dest == "board":
        return _words("boards", [board.name for board in list_boards()], ("*.toml",))
    if action.dest in ("on", "verify"):
        return _words("rungs", RUNGS)
    if action.type is Path:
        return shtab.DIRECTORY if action.dest in FOLDERS else shtab.FILE
    return None


def _words(name: str, words: Any, patterns: tuple[str, ...] = ()) -> Completion:
    """Words, or files."""
    text = " ".join(words)
    files: Any = shtab.glob(*patterns)
    function = f"_ircompile_glob_{name}"
    bash = f'{function}() {{\n  compgen -W "{text}" -- $1\n'
    zsh = f"{function}() {{\n  local -a known=({text})\n  compadd -a known\n"
    if not patterns:
        return {"bash": function, "zsh": function, "fish": text, "preamble": {"bash": bash + "}", "zsh": zsh + "}"}}
    return {
        "bash": function,
        "zsh": function,
        "fish": f"{text} {files['fish']}",
        "preamble": {
            "bash": f"{files['preamble']['bash']}\n{bash}  {files['bash']} $1\n}}",
            "zsh": f"{zsh}  {files['zsh']}\n}}",
            "fish": files["preamble"]["fish"],
        },
    }


COMPLETION = Command(
    "completion",
    "print what bash, zsh or fish completes after ircompile",
    "Print a script for a shell that completes commands, options, targets and files.",
    f"""\
examples:
  eval "$(ircompile completion bash)"            in ~/.bashrc
  eval "$(ircompile completion zsh)"             in ~/.zshrc, behind compinit
  ircompile completion fish | source             in config.fish

The script holds all it needs; a file of it loads quicker than eval. bash looks
in ~/.local/share/bash-completion/completions/ircompile, fish in
~/.config/fish/completions/ircompile.fish, zsh for _ircompile in $fpath.

{EXIT}""",
    _fill,
    print_completion,
)
