"""The geometry of layers: a struct type for each kernel that reads one, and a constant of it for each geometry.

Layers of equal geometry share the constant, so that the C compiler sees what is the same in all calls of a kernel.
"""

import re
from collections.abc import Mapping, Sequence

MEANINGS = {
    "apart": "pixels, or bytes, from a tap of a row to the next",
    "back": "channels of padding behind those of a pixel",
    "block": "rows and columns of a block",
    "bytes": "of a run that is copied in one piece",
    "channel_step": "bytes from a channel of a pixel to the next",
    "channels": "of a pixel",
    "channels_in": "of an input pixel",
    "channels_out": "of an output pixel",
    "codes": "that a row's pixels share places of",
    "count": "of codes or pixels",
    "depth": "codes of a dot product",
    "end": "the first row behind those of this input",
    "factor": "how often a pixel is written",
    "first": "bytes before the part",
    "front": "channels of padding before those of a pixel",
    "height": "rows of the input, or of a window",
    "height_in": "rows of the input",
    "height_out": "rows of the output",
    "high": "the greatest code",
    "last": "the number of the last step, which writes the output",
    "left": "columns of padding before a row",
    "low": "the least code",
    "middle": "half of the last bit that stays",
    "multiplier": "a factor, fixed-point",
    "multiplier_a": "of the first input, fixed-point",
    "multiplier_b": "of the second input, fixed-point",
    "offset": "added to the sum of products",
    "patch_at": "words of scratch before the patch",
    "pixel_step": "bytes from a pixel to the next",
    "pixels": "of a row",
    "right": "columns of padding behind a row",
    "row": "bytes of an output row",
    "row_bytes": "of an input row",
    "row_step": "bytes from an output row to the next",
    "run": "codes of a row",
    "runs": "runs of codes that the patch has room for",
    "shift": "how far products are shifted",
    "source_row": "bytes of an input row",
    "span": "bytes of an input row that the loop over pairs of outputs walks along",
    "stride": "pixels from a window to the next",
    "strip_bytes": "of a strip of rows with their padding",
    "tap_width": "pixels that lie side by side in a tap",
    "taps": "of a window's row",
    "together": "windows that are gathered at once",
    "top": "rows of padding above",
    "value": "the code of padding",
    "width": "pixels of a row",
    "width_in": "pixels of an input row",
    "width_out": "pixels of an output row",
    "width_padded": "columns of a window's rows in the scratch, with their padding",
    "words": "of the patch: pairs of codes of two pixels",
    "zero_alpha": "the code of a slope of zero",
    "zero_in": "the code of zero in the input",
    "zero_out": "the code of zero in the output",
}
"""What a field says, where its name does not say it all."""


class Geometry:
    """Collects struct types while calls are written."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._types: dict[tuple[str, tuple[str, ...]], str] = {}
        self._texts: dict[str, str] = {}
        self.constants: dict[str, str] = {}

    def type_of(self, template: str, fields: Sequence[str]) -> str:
        """The struct that a kernel reads these fields from: one for each template and list of fields."""
        key = (template, tuple(fields))
        if key not in self._types:
            stem = f"{self.prefix}_{template}"
            others = [known for other, known in self._types if other == template]
            added = [field for field in fields if others and field not in others[0]]
            name = "_".join([f"struct {stem}_layer", *(added if len(added) < 3 else ())])
            if name in self._types.values():
                name += f"_v{len(others) + 1}"
            self._types[key] = name
            lines = [f"    int32_t {field};{comment(field)}" for field in fields]
            head = f"/* A layer as {stem} reads it. */"
            self._texts[name] = "\n".join([head, f"{name} {{", *lines, "};", ""])
        return self._types[key]

    def text(self, struct: str) -> str:
        """The C of a struct type, for the first time only."""
        return self._texts.pop(struct, "")

    def shared(self, struct: str, sizes: Mapping[str, int], layers: Sequence[int]) -> str:
        """The name of the constant that these layers share, which `constants` then has."""
        name = f"{self.prefix}_geometry_{layers[0]}"
        told = f"/* Layers {', '.join(map(str, layers[:-1]))} and {layers[-1]} read this. */"
        self.constants[name] = f"{told}\n{constant(struct, sizes, name)}\n"
        return name


def constant(struct: str, sizes: Mapping[str, int], name: str = "layer") -> str:
    """The statement that says the geometry of a layer, where it is alone within the function that computes it."""
    fields = ", ".join(f".{field} = {value}" for field, value in sizes.items())
    return f"static const {struct} {name} = {{{fields}}};"


def declarations(fields: Sequence[str]) -> str:
    """The local variables of a kernel that reads its layer."""
    return "\n".join(f"const int32_t {field} = layer->{field};" for field in fields)


def comment(field: str) -> str:
    """A field's meaning as a comment of C."""
    meaning = MEANINGS.get(field) or MEANINGS.get(re.sub(r"_(\d+|a|b|up|down|out)$", "", field))
    return f" /* {meaning} */" if meaning else ""
