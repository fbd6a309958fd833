"""Short names for nodes: the end of the path that a framework gives them, as much of it as makes them unique.

'/4/body/body.3/Conv' -> 'conv_4_body_3', 'model/conv2d_1/BiasAdd' -> 'conv2d_1', '' -> 'conv_17'
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ircompile.importers.onnx.model import Raw
from ircompile.ir.names import GENERIC, sanitize

NOISE = re.compile(r"(_output_\d+|_quantized|_quant|_QuantizeLinear|_DequantizeLinear)(_Output|_Input)?$")
# Names that tools make up where there was none.
MADE_UP = re.compile(r"(PPQ_\w+_|generated_name_|MatMulAddFusion|node_)\w*", re.IGNORECASE)
QUANTIZERS = ("QuantizeLinear", "DequantizeLinear", "Constant")


def labels(nodes: Sequence[Raw]) -> dict[int, str]:
    """A name for every node that computes, by its index."""
    found: dict[int, str] = {}
    waiting = {raw.index: (raw, _parts(raw)) for raw in nodes if raw.kind not in QUANTIZERS}
    for length in range(1, 1 + max((len(parts) for _, parts in waiting.values()), default=0)):
        names = {index: _joined(raw, parts[-length:]) for index, (raw, parts) in waiting.items()}
        count = Counter(names.values())
        for index, name in names.items():
            if count[name] == 1 and name not in found.values():
                found[index] = name
                del waiting[index]
    for index, (raw, _) in waiting.items():
        found[index] = f"{_kind(raw)}_{index}"
    return found


def _kind(raw: Raw) -> str:
    return sanitize(raw.kind.removeprefix("QLinear").lower(), "node")


def _parts(raw: Raw) -> list[str]:
    """The path of a node without an end that only says what operator it is; empty where there is nothing else."""
    for text in (raw.name, raw.outputs[0]):
        parts = [p for p in NOISE.sub("", text.split(";")[0].split(":")[0]).split("/") if p]
        if parts and _says_little(raw, parts[-1]):
            parts = parts[:-1]
        if parts:
            return parts[:8]
    return []


def _says_little(raw: Raw, part: str) -> bool:
    return bool(GENERIC.fullmatch(part) or MADE_UP.fullmatch(part)) or part.lower().split("_")[0] == _kind(raw)


def _joined(raw: Raw, parts: Sequence[str]) -> str:
    kept: list[str] = []
    for part in parts:
        if kept and part.startswith(kept[-1]):  # 'body', 'body.3': say it once
            kept.pop()
        kept.append(part)
    return sanitize("_".join(kept), _kind(raw)) if kept else f"{_kind(raw)}_{raw.index}"
