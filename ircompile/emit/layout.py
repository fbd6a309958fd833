"""The layout of emitted C: indentation, blank lines and the width of lines, set after a template is filled in.

Templates are written as Jinja reads best; what a block or a macro leaves behind would stand at any column. Here
every line is indented anew by the brackets and control statements that it stands in. Only white space changes.
"""

import re
from dataclasses import dataclass, field, replace

INDENT = 4
WIDTH = 120
CONTROL = re.compile(r"(if|for|while|switch)\b|(else|do)\b")
OPERATOR = re.compile(r" (?=(\?|:|&&|\|\||\+|-) )")
QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/|/\*.*$|//.*$')


@dataclass(frozen=True)
class Bracket:
    """An open bracket: the column of what stands inside, that of its closing line, and the controls around it."""

    kind: str
    inner: int
    outer: int
    controls: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class State:
    """Where a line stands in the text.

    brackets   open ones, the innermost last,
    controls   statements such as `if (x)` that wait for theirs, which has no braces: keyword and column,
    closed     the same, of the statement that has just ended: an `else` belongs to one of them,
    complete   whether a statement begins here, else the line continues one.
    """

    brackets: tuple[Bracket, ...] = ()
    controls: tuple[tuple[str, int], ...] = ()
    closed: tuple[tuple[str, int], ...] = ()
    complete: bool = True
    pending: str = ""

    @property
    def column(self) -> int:
        """The column of a statement that begins here."""
        if self.controls:
            return self.controls[-1][1] + INDENT
        return self.brackets[-1].inner if self.brackets else 0


@dataclass
class Layout:
    """Lays out C line by line."""

    state: State = field(default_factory=State)
    conditionals: list[State] = field(default_factory=list)
    comment: int | None = None
    carried: str = ""
    directive: bool = False
    lines: list[str] = field(default_factory=list)

    def line(self, raw: str) -> None:
        """Adds one line."""
        text = raw.strip()
        if self.comment is not None:
            self._comment(text, self.comment)
            self.comment = None if "*/" in text else self.comment
        elif self.directive or text.startswith("#"):
            self._directive(raw.rstrip())
        elif not text:
            if not self.state.brackets:  # functions are dense
                self.lines.append("")
        elif text.startswith("/*") and self.state.complete and text.find("*/") in (-1, len(text) - 2):
            self.comment = self._column(text) if "*/" not in text else None
            self._comment(text, self._column(text))
        else:
            self._code(text)

    def _directive(self, text: str) -> None:
        """A line of the preprocessor is at the margin, one of a macro's body as it is; branches begin alike."""
        if not self.directive:
            text = text.lstrip()
            word = text.lstrip("# ").split(" ")[0]
            if word in ("if", "ifdef", "ifndef"):
                self.conditionals.append(self.state)
            elif word in ("else", "elif"):
                self.state = self.conditionals[-1]
            elif word == "endif":
                self.conditionals.pop()
        self.directive = text.endswith("\\")
        self.lines.append(text)

    def _comment(self, text: str, column: int) -> None:
        """A line of a comment. What has no room begins the next line of its paragraph, or one of its own."""
        if self.carried:
            goes_on = re.match(r"\* (?=\S)(?!- )", text)
            first = f"* {self.carried} {text[2:]}" if goes_on else f"* {self.carried}"
            self.carried = ""
            self._comment(first, column)
            if goes_on:
                return
            if self.carried:
                self._comment("* " + self.carried, column)
                self.carried = ""
        pad = " " * column + ("" if text.startswith("/*") else " ")
        at = text.rfind(" ", 3, WIDTH + 1 - len(pad)) if len(pad + text) > WIDTH else -1
        if at > 0 and text[at:] == " */":
            at = text.rfind(" ", 3, at)
        if at > 0:
            text, self.carried = text[:at].rstrip(), text[at + 1 :]
        self.lines.append((pad + text).rstrip())
        if self.carried.endswith("*/"):
            self.carried, rest = "", self.carried
            self._comment("* " + rest, column)

    def _code(self, text: str) -> None:
        column = first = self._column(text)
        code = QUOTED.sub(blank, text)
        for part in wrapped(text, column):
            self.lines.append(" " * column + part)
            column = first + INDENT
        self._read(code, first)

    def _column(self, text: str) -> int:
        state = self.state
        if text[0] in "})" and state.brackets:
            return state.brackets[-1].outer
        if re.match(r"(case\b.*|default):", text) and state.brackets:
            return state.brackets[-1].outer
        if not state.complete:
            inside = state.brackets[-1].inner if state.brackets else 0
            own = state.column
            return inside if state.brackets and state.brackets[-1].kind == "(" else own + (INDENT if own else 0)
        if re.match(r"else\b", text):
            return next((at for word, at in reversed(state.closed) if word == "if"), state.column)
        return state.column

    def _read(self, code: str, column: int) -> None:
        """Follows brackets and statements through a line that stands at `column`."""
        state, at = self.state, 0
        for token in re.finditer(r"[(){}\[\];]|\w+|:|,|\S", code):
            at = token.start()
            state = step(state, token[0], column, code, at)
        self.state = state


def step(state: State, token: str, column: int, code: str, at: int) -> State:
    """The state behind one token of a line that stands at `column`."""
    if token in "([":
        return replace(state, brackets=(*state.brackets, Bracket("(", column + INDENT, column)), complete=False)
    if token == "{":
        extern = code.lstrip().startswith("extern")
        inner = column if extern else column + INDENT
        bracket = Bracket("{", inner, column, state.controls)
        return State((*state.brackets, bracket), pending="")
    if token in ")]":
        return finished(replace(state, brackets=state.brackets[:-1]), code, at)
    if token == "}":
        bracket = state.brackets[-1]
        opened = State(state.brackets[:-1], bracket.controls)
        return ended(opened)
    if state.brackets and state.brackets[-1].kind == "(":
        return state
    if token == ";":
        return ended(state)
    if token == ":" and re.match(r"\s*(case\b.*|default\s*):\s*$", code[: at + 1]):
        return State(state.brackets)
    if state.complete and (match := CONTROL.fullmatch(token)):
        return begun(state, match[0], column)
    return replace(state, complete=token == "," and in_list(state))


def in_list(state: State) -> bool:
    """Whether commas end what stands here: within the braces of an initializer or an enum."""
    return bool(state.brackets) and state.brackets[-1].kind == "{" and not state.controls


def begun(state: State, word: str, column: int) -> State:
    """Behind the keyword of a control statement."""
    if word == "else":
        kept = state.closed
        while kept and kept[-1][0] != "if":
            kept = kept[:-1]
        controls = (*kept[:-1], ("else", column)) if kept else (*state.controls, ("else", column))
        return replace(state, controls=controls, closed=(), complete=True)
    if state.controls and state.controls[-1] == ("else", column):  # else if
        return replace(state, controls=(*state.controls[:-1], ("if", column)), complete=False, pending=word)
    opened = (*state.controls, (word, column))
    return replace(state, controls=opened, complete=word == "do", pending="" if word == "do" else word)


def finished(state: State, code: str, at: int) -> State:
    """Behind a closing parenthesis: a control statement's own makes its statement begin."""
    depth = sum(bracket.kind == "(" for bracket in state.brackets)
    if state.pending and not depth:
        return replace(state, complete=True, pending="")
    return state


def ended(state: State) -> State:
    """Behind the end of a statement, which ends those that waited for it."""
    return State(state.brackets, closed=state.controls)


def blank(match: re.Match[str]) -> str:
    """Strings as a word, comments as space, of equal length."""
    return ("" if match[0][0] == "/" else "s").ljust(len(match[0]), "s" if match[0][0] != "/" else " ")


def wrapped(text: str, column: int) -> list[str]:
    """A line in parts of at most WIDTH columns: at commas between arguments, else before operators."""
    parts: list[str] = []
    depth, operands = 0, text.startswith((":", "[")) and '"' in text
    while column + len(text) > WIDTH and not text.startswith("/*") and (operands or '"' not in text):
        best, lowest, deep = 0, 99, depth
        for i, char in enumerate(text[: WIDTH - column]):
            deep += (char in "({") - (char in ")}")
            if char == "," and text[i + 1 : i + 2] == " " and (operands or deep > 0) and deep <= lowest:
                best, lowest = i + 1, deep
        if not best:
            best = max((match.start() for match in OPERATOR.finditer(text[: WIDTH - column])), default=0)
            lowest = (
                depth
                + sum(text[:best].count(char) for char in "({")
                - sum(text[:best].count(char) for char in ")}")
            )
        if not best and (match := re.search(r"= \{(?=\.)", text[: WIDTH - column])):
            best, lowest = match.end(), depth + 1
            parts.append(text[:best])
            text, depth = text[best:], lowest
            column += 0 if len(parts) > 1 else INDENT
            continue
        if not best and not parts and (match := re.match(r"\w[\w *]*\(", text[: WIDTH - column])):
            parts.append(match[0])
            text, depth = text[match.end() :], 1
            column += INDENT
            continue
        if not best or (operands and '"' in text and text[best - 1] != ","):
            break
        depth = lowest
        parts.append(text[:best])
        text = text[best + 1 :]
        column += 0 if len(parts) > 1 else INDENT
    return [*parts, text]


def lay_out(text: str) -> str:
    """C with every line at its column, one empty line between functions, none at the ends of blocks."""
    layout = Layout()
    for line in text.split("\n"):
        layout.line(line)
    laid = "\n".join(layout.lines)
    laid = re.sub(r"(?<=\{)\n\n+", "\n", laid)
    laid = re.sub(r"\n\n+(?= *\}[;,]?\n)", "\n", laid)
    laid = re.sub(r"(?<=\n\}\n)(?=[^\n#}])", "\n", laid)
    laid = re.sub(r"(?<=\n\};\n)(?=/\*)", "\n", laid)
    laid = re.sub(r"(?<=\n#endif\n)(?=/\*|static|[a-z_]+ [^\n]*\)$)", "\n", laid)
    return re.sub(r"\n{3,}", "\n\n", laid)
