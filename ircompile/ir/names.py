"""Short readable names for nodes and tensors, from the long ones that frameworks write."""

import re

# Last parts of TensorFlow names that say what an operator is, not which.
GENERIC = re.compile(
    r"(relu6?|relu_?n?\d*|conv2d|conv|depthwise|separable_conv2d|biasadd|matmul|add|addv?2?|mul|sub|mean|softmax|reshape|"
    r"quantize|dequantize|fusedbatchnorm(v\d)?|batchnorm|pad|maxpool|avgpool|identity|transpose|"
    r"readvariableop|resource|tfl\.\w+|statefulpartitionedcall|partitionedcall|model|\d+)(_\d+)?",
    re.IGNORECASE,
)
LONGEST = 40


def sanitize(text: str, fallback: str) -> str:
    """A C identifier's tail: letters, digits, single underscores; `fallback` where nothing is left."""
    name = re.sub(r"_+", "_", re.sub(r"[^0-9A-Za-z]", "_", text)).strip("_")[:LONGEST].strip("_")
    if not name:
        return fallback
    return name if not name[0].isdigit() else f"{fallback}_{name}"[:LONGEST]


def short(name: str, fallback: str) -> str:
    """The telling part of a framework's name.

    'MobilenetV1/Conv2d_3_pointwise/Relu6' -> 'Conv2d_3_pointwise'; 'model/add/add' -> `fallback`. Where only the
    network's name is left, a convolution's number tells more: 'MobilenetV1/Conv2d_0/Relu6' -> 'Conv2d_0'.
    """
    parts = [part for part in name.split(";")[0].split(":")[0].split("/") if part]
    numbered = ""
    for part in reversed(parts):
        if not GENERIC.fullmatch(part):
            return sanitize(numbered if numbered and part == parts[0] else part, fallback)
        numbered = numbered or part * bool(re.fullmatch(r"conv2d_\d+", part, re.IGNORECASE))
    return fallback


class Names:
    """Hands out names that are unique within a graph."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """`name`, or `name_2`, `name_3` ... where it is taken."""
        found = name
        while found.lower() in self._taken:
            number = self._numbers[name.lower()] = self._numbers.get(name.lower(), 1) + 1
            found = f"{name}_{number}"
        self._taken.add(found.lower())
        return found
