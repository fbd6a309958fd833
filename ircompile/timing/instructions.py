"""What one instruction of a disassembly is: its class, the registers that it reads and writes, its bytes."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal[
    "load", "store", "load_double", "multiple", "multiply", "multiply_accumulate", "multiply_long",
    "multiply_accumulate_long", "divide", "float_multiply_accumulate", "float_divide", "branch",
    "vector_load", "vector_gather", "vector_multiply", "vector", "other",
]  # fmt: skip

_REGISTER = r"r\d+|sl|fp|ip|sp|lr|pc|[sdq]\d+"
_PATTERNS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"v?(ldm|stm|push|pop)"), "multiple"),
    (re.compile(r"(ldrd|strd)"), "load_double"),
    (re.compile(r"v?ldr"), "load"),
    (re.compile(r"v?str"), "store"),
    (re.compile(r"(sdiv|udiv)"), "divide"),
    (re.compile(r"(vdiv|vsqrt)"), "float_divide"),
    (re.compile(r"v(n?mla|n?mls|fn?ma|fn?ms)"), "float_multiply_accumulate"),
    (re.compile(r"(smlal|umlal|umaal|smlsl)"), "multiply_accumulate_long"),
    (re.compile(r"(smull|umull)"), "multiply_long"),
    (re.compile(r"(mla|mls|smla|smls|smmla|smmls)"), "multiply_accumulate"),
    (re.compile(r"(mul|smul|smmul|smu)"), "multiply"),
    (re.compile(r"(b|bl|bx|blx|le|letp|cbn?z|tb[bh]|b(eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le))(\.[nw])?$"),
     "branch"),
)  # fmt: skip
_VECTOR = re.compile(r"v(ml[as]l?dav|rml[as]ldavh|addv|minv|maxv|mlav|minav|maxav|addlv)|vpt|vpst|vctp")
_VECTOR_MULTIPLY = re.compile(r"v(r?ml|q?r?dml|q?r?d?mul|r?mulh|fma|fms)")
_NO_RESULT = ("cmp", "cmn", "tst", "teq", "nop", "it", "pld", "dls", "wls")


@dataclass(frozen=True)
class Instruction:
    """One line of a disassembly; `next_address` is that of the instruction behind it in memory."""

    address: int
    mnemonic: str
    operands: str
    next_address: int

    @cached_property
    def kind(self) -> Kind:
        """Its class, by which its cycles are told."""
        if self.is_vector:
            if self.mnemonic.startswith(("vldr", "vstr", "vld", "vst")):
                return "vector_gather" if re.search(r"\[[^\]]*q\d", self.operands) else "vector_load"
            return "vector_multiply" if _VECTOR_MULTIPLY.match(self.mnemonic) else "vector"
        for pattern, kind in _PATTERNS:
            if pattern.match(self.mnemonic):
                return kind
        return "other"

    @property
    def is_vector(self) -> bool:
        """Whether it works on Helium's registers."""
        return bool(re.search(r"\bq\d", self.operands)) or bool(_VECTOR.match(self.mnemonic))

    @property
    def moves_two(self) -> bool:
        """Whether it moves two words between the core's registers and the FPU's."""
        return self.mnemonic == "vmov" and self.operands.count(",") == 3

    @property
    def narrow(self) -> bool:
        """Whether it takes two bytes."""
        return self.next_address - self.address == 2

    @cached_property
    def listed(self) -> int:
        """The registers of its list, such as {r4-r7, lr}; 0 where it has none."""
        if "{" not in self.operands:
            return 0
        count = 0
        for part in self.operands[self.operands.find("{") + 1 : self.operands.find("}")].split(","):
            ends = [int(n) for n in re.findall(r"[rsd](\d+)", part)]
            count += ends[1] - ends[0] + 1 if len(ends) == 2 else 1
        return count

    @cached_property
    def writes(self) -> frozenset[str]:
        """The registers that it writes, as far as pairing and waiting need to know."""
        names = re.findall(rf"\b({_REGISTER})\b", self.operands)
        if self.kind in ("store", "branch") or self.mnemonic.startswith(_NO_RESULT) or not names:
            return frozenset()
        if self.kind in ("multiply_long", "multiply_accumulate_long", "load_double"):
            return frozenset(() if self.mnemonic.startswith("strd") else names[:2])
        if self.kind == "multiple":
            return frozenset()
        return frozenset(names[:1])

    @cached_property
    def reads(self) -> frozenset[str]:
        """The registers that it reads."""
        names = re.findall(rf"\b({_REGISTER})\b", self.operands)
        if self.kind in ("multiply_accumulate_long",) or not self.writes:
            return frozenset(names)
        rest = names[2:] if self.kind in ("multiply_long", "load_double") else names[1:]
        accumulates = self.is_vector and self.mnemonic.startswith(("vmla", "vmls", "vfma", "vrmla"))
        return frozenset(names if accumulates or len(names) == 1 else rest)


def parse(listing: str) -> dict[int, Instruction]:
    """The instructions of `objdump -d -z --no-show-raw-insn`, by address."""
    rows = []
    for line in listing.splitlines():
        found = re.match(r" *([0-9a-f]+):\s+(\S+)\s*(.*)", line)  # without a mnemonic where objdump knows none
        if found:
            rows.append((int(found[1], 16), found[2], found[3]))
    ends = [address for address, _, _ in rows[1:]] + [rows[-1][0] + 2]
    return {row[0]: Instruction(*row, end) for row, end in zip(rows, ends, strict=True)}
