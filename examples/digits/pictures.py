"""Write pictures.h: the first pictures of digits_test.npz, quantized as the model quantizes its input.

python examples/digits/pictures.py [--count N] [-o FILE]
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent

HEADER = """\
/* Test pictures for main.c, quantized for digits.onnx. Written by pictures.py: do not edit. */
#ifndef PICTURES_H
#define PICTURES_H

#include <stdint.h>

#define PICTURES_COUNT {count}
#define PICTURES_HEIGHT {height}
#define PICTURES_WIDTH {width}
#define PICTURES_ZERO_POINT ({zero_point})

static const uint8_t picture_labels[PICTURES_COUNT] = {{{labels}}};

static const int8_t pictures[PICTURES_COUNT][PICTURES_HEIGHT * PICTURES_WIDTH] = {{
{pictures}
}};

#endif
"""


def input_quantization(model: onnx.ModelProto) -> tuple[np.float32, int]:
    """Scale and zero point of the QuantizeLinear that reads the model's input."""
    name = model.graph.input[0].name
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] == name:
            scale, zero_point = (numpy_helper.to_array(constants[constant]) for constant in node.input[1:3])
            return np.float32(scale.item()), int(zero_point.item())
    raise SystemExit(f"input '{name}': no QuantizeLinear reads it (supported: a QDQ model such as train.py writes)")


def quantize(pictures: npt.NDArray[np.float32], scale: np.float32, zero_point: int) -> npt.NDArray[np.int8]:
    """Compute QuantizeLinear: round half to even, saturate."""
    return np.clip(np.rint(pictures / scale) + zero_point, -128, 127).astype(np.int8)


def picture_text(picture: npt.NDArray[np.int8]) -> str:
    """One picture as a C initializer, one line a row."""
    rows = (", ".join(str(value) for value in row) for row in picture.tolist())
    return "    {\n" + ",\n".join(f"        {row}" for row in rows) + "\n    },"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Write test pictures as a C header.")
    parser.add_argument("--count", type=int, default=5, help="how many pictures (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "pictures.h")
    arguments = parser.parse_args()

    scale, zero_point = input_quantization(onnx.load(HERE / "digits.onnx"))
    with np.load(HERE / "digits_test.npz") as test:
        available = len(test["labels"])
        if not 1 <= arguments.count <= available:
            parser.error(f"--count {arguments.count}: digits_test.npz holds {available} pictures")
        labels = test["labels"][: arguments.count]
        pictures = quantize(test["picture"][: arguments.count, 0], scale, zero_point)
    text = HEADER.format(
        count=len(pictures),
        height=pictures.shape[1],
        width=pictures.shape[2],
        zero_point=zero_point,
        labels=", ".join(str(label) for label in labels),
        pictures="\n".join(picture_text(picture) for picture in pictures),
    )
    arguments.output.write_text(text)


if __name__ == "__main__":
    main()
