"""The exceptions a user of ircompile sees."""

from __future__ import annotations


class CompileError(Exception):
    """Something the user can act on: a bad file, an unsupported operator, a missing tool.

    ``where`` names the place (file, node index, node name, operator), ``problem`` says what is wrong there,
    ``supported`` what would have been accepted, ``hint`` what to do about it. The last two may be empty.
    """

    def __init__(self, where: str, problem: str, supported: str = "", hint: str = "") -> None:
        super().__init__(where, problem, supported, hint)
        self.where = where
        self.problem = problem
        self.supported = supported
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        if self.supported:
            text += f" (supported: {self.supported})"
        if self.hint:
            text += f"\nhint: {self.hint}"
        return text

    def at(self, where: str) -> CompileError:
        """The same error, told of the place `where` that was being looked at."""
        inner = f"{self.where}: {self.problem}" if self.where else self.problem
        return CompileError(where, inner, self.supported, self.hint)


class TooLarge(CompileError):
    """A budget that nothing fits: `given` bytes are there, `least` is what the smallest plan found needs."""

    def __init__(self, where: str, least: int, given: int, why: str, hint: str) -> None:
        problem = f"{given:,} bytes are given, the least found is {least:,}; {why}"
        super().__init__(where, problem, f"{least:,} bytes and more", hint)
        self.args = (where, least, given, why, hint)  # what makes it anew, as pickle does

    def counting(self, more: int) -> TooLarge:
        """The same where `more` bytes are needed, and given, beside the plan's."""
        where, least, given, why, hint = self.args
        return TooLarge(where, least + more, given + more, why, hint)


class InternalError(Exception):
    """A check of the compiler's own work that failed: a fault of ircompile's, never of the user's.

    ``where`` names the layer or tensor and the place in it, ``problem`` says what was found there.
    """

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(where, problem)
        self.where = where
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


def cause_of(error: Exception) -> str:
    """What a system or a library says is wrong with a file, without the file's name."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
