"""The tree of parsers: what its help says, and which command a line is."""

from __future__ import annotations

import re
import shlex

import pytest

from ircompile.cli import main
from ircompile.cli.tree import COMMANDS, NAMES, parse, tree


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        parse([*words, "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", ["40", "80", "300"])
@pytest.mark.parametrize("words", [[], *([name] for name in NAMES)], ids=lambda words: "".join(words) or "root")
def test_help_fits_eighty_columns_and_has_all_parts(
    words: list[str], columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = help_of(words, capsys)
    assert max(map(len, text.splitlines())) <= 80
    assert "\nexamples:\n" in text
    assert "\nexit status:\n  0    done\n" in text
    assert not re.search(r" +$", text, flags=re.MULTILINE)


def test_every_example_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    found = 0
    for words in ([], *([name] for name in NAMES)):
        part = help_of(words, capsys).split("\nexamples:\n")[1].split("\nexit status:")[0]
        for line in re.findall(r"^  ircompile (.*?)(?:   .*| \|.*| >.*)?$", part, flags=re.MULTILINE):
            parse(shlex.split(line))  # exits where it is none
            found += 1
    assert found > 25


def test_the_root_s_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([], capsys)
    for command in COMMANDS:
        assert re.search(rf"^    {command.name} +{re.escape(command.line)}$", text, flags=re.MULTILINE)


def test_a_model_without_a_command_is_compiled() -> None:
    given = ["net.tflite", "--target", "m4"]
    assert parse(given).command == parse(["compile", *given]).command == "compile"
    assert parse(given).words == given
    assert parse(["--target", "m4", "net.tflite"]).model.name == "net.tflite"
    assert parse(["check", "net.tflite"]).command == "check"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("verfy net.tflite --target m4", "'verfy' is neither a command nor a file\nhint: did you mean verify?"),
        (
            "report net.tflite",
            "'report' is neither a command nor a file\nhint: every compile writes a report, NAME.html",
        ),
        ("net.tflite --taget m4", "there is no option --taget\nhint: did you mean --target?"),
        ("net.tflite --target m4 --inputt rows", "there is no option --inputt\nhint: did you mean --input?"),
        ("net.tflite --target=m4 --rma=3K", "there is no option --rma\nhint: did you mean --ram?"),
        ("check net.tflite -q", "there is no option -q\nhint: 'ircompile check --help' says what there is"),
        ("--versoin", "there is no option --versoin\nhint: did you mean --version?"),
        ("net.tflite", "missing: --target; --target is the core to compile for (supported: cortex-m0plus, "),
        ("net.tflite", "hint: for instance --target m4; 'ircompile targets' describes them"),
        ("export net.tflite --target m4", "missing: --format\nhint: 'ircompile export --help' says"),
        ("net.tflite --target m4 other.tflite", "too many words: other.tflite\nhint: 'ircompile compile --help'"),
        ("net.tflite --target m4 --ram lots", "argument --ram: 'lots' is neither auto, min nor bytes"),
        ("net.tflite --target m4 --ram 0", "argument --ram: '0' is neither auto, min nor bytes"),
        ("boards", "'boards' is neither a command nor a file\nhint: 'ircompile targets --boards' lists them"),
        ("net.tflite --target m4 --stream 0", "argument --stream: '0' is no number of new rows, 1 and more"),
        ("analyze net.tflite --target m4 --stream -1", "argument --stream: '-1' is no number of new rows"),
        ("net.tflite --target m4 --target m7", "argument --target: is given twice, m4 and m7"),
        (
            "foo",
            "'foo' is neither a command nor a file\nsupported:\n    a model's file, or a command: compile, check, ",
        ),
        ("foo net.tflite --target m4", "'foo' is neither a command nor a file"),
        (
            "net.tflite --target m4 --labels x",
            "--labels: lists files of a data set, and none is named\nhint: --acc",
        ),
        ("verify net.tflite --target m4 --labels x", "--labels: lists files of a data set, and none is named"),
        ("check nowhere.tflite", "nowhere.tflite: cannot be read: No such file or directory"),
        ("", "missing: a model to compile, or a command\nhint: 'ircompile --help' says what there is"),
    ],
)
def test_what_is_wrong_with_a_line_is_told(line: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert says in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("line", ["net.tflite --tar m4 -oout", "--target m4 -- --odd--", "--targ=m4 net.tflite"])
def test_what_is_right_with_a_line_is_not_refused(line: str) -> None:
    assert parse(line.split()).target == "m4"


def test_what_is_asked_of_the_tree_has_help() -> None:
    for command in COMMANDS:
        parser = tree()._subparsers._group_actions[0].choices[command.name]  # type: ignore[union-attr,index,call-overload]
        assert all(action.help for action in parser._actions)
