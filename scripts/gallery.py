"""Draws docs/gallery: what real models, compiled to C, see in a drawn portrait and in a photograph.

usage: gallery.py [FOLDER]

The models and the photograph are in the folder of real models (IRCOMPILE_MODELS); neither is part of this project,
but for the photograph's overlay, with its credit.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from gallery_face import portrait
from gallery_heads import Found, best, blazeface, ssd_boxes, ssd_priors
from gallery_pixels import GREEN, coloured, pixels, real, signed, with_boxes, with_mask
from PIL import Image, ImageDraw

from ircompile.ir.bindings import from_graph, to_graph
from ircompile.ir.tensor import Array
from ircompile.pipeline import build, read
from ircompile.target import load_target
from ircompile.verification.confirm import against
from ircompile.verification.runners.host import run_host

ROOT = Path(__file__).resolve().parents[1]
MODELS = Path(os.environ.get("IRCOMPILE_MODELS") or ROOT.parent / "shared" / "models")
WIDTH = 480  # pixels of a picture on the page
STRIDES = (8, 16, 32, 64)
SIZES = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))  # priors of the SSD face detectors, in pixels
MARGIN = 1.5  # the landmark model wants this much around the face
INTRO = """\
# Gallery

Real models, compiled to C and run, and what they say of a picture, drawn over it. `scripts/gallery.py` makes this
page; the accuracies on data sets are in `tests/test_real_data.py`. The portrait is drawn by the script; the
photograph is *china.jpg* of scikit-learn's sample images, by danielbuechele, CC BY 2.0, here with an overlay.
"""


@dataclass(frozen=True)
class Seen:
    """A model's outputs for one picture, as real numbers, and how many differ from its framework's."""

    outputs: list[Array]
    compared: int
    differing: int
    against: str


@dataclass(frozen=True)
class Picture:
    """One entry of the page: what a model says, and the drawing of it."""

    name: str
    model: str
    title: str
    says: str
    seen: Seen
    image: Image.Image


def see(model: str, array: Array, reference: str | None = None) -> Seen:
    """What the model's C, built for the host, makes of one input in the model's own shape and dtype.

    It is compared with `reference`, or with the framework whose rounding it has.
    """
    graph = read(MODELS / model)
    external = graph.inputs[0]
    codes = to_graph(external, graph.tensors[external.tensor], array)
    compiled = build(graph, load_target("host"), "model")
    with tempfile.TemporaryDirectory() as folder:
        compiled.write(Path(folder))
        ran = run_host(Path(folder), compiled.interface, [[codes]], sanitize=False).outputs[0]
    outputs = []
    for port, found in zip(graph.outputs, ran, strict=True):
        tensor = graph.tensors[port.tensor]
        values = from_graph(port, tensor, found)
        real = values if values.dtype == np.float32 else (values - float(tensor.zero_point)) * tensor.scale
        outputs.append(real[0])
    framework = reference or graph.numerics
    rung = against(graph, MODELS / model, framework, [{external.tensor: codes}])
    return Seen(outputs, rung.compared, rung.differing, framework)


@cache
def face() -> Image.Image:
    """The portrait."""
    return portrait(WIDTH)


@cache
def photograph() -> Image.Image:
    """The photograph."""
    image = Image.open(MODELS / "inputs" / "sklearn" / "china.jpg").convert("RGB")
    return image.resize((WIDTH, WIDTH * image.height // image.width))


@cache
def ultraface_sees() -> tuple[Seen, list[Found]]:
    """The portrait through UltraFace."""
    seen = see("ultraface_rfb_320_qdq_s8s8_pc.onnx", real(pixels(face(), 320, 240), 127, 128).transpose(0, 3, 1, 2))
    scores, deltas = seen.outputs
    return seen, best(ssd_boxes(deltas, ssd_priors(240, 320, STRIDES, SIZES)), scores[:, 1])


def ultraface() -> Picture:
    """A box around the face."""
    seen, found = ultraface_sees()
    model = "ultraface_rfb_320_qdq_s8s8_pc.onnx"
    return Picture("ultraface", model, "Faces, UltraFace", told(found), seen, with_boxes(face(), found))


def ssd_slim() -> Picture:
    """A box around the face, from grey pixels."""
    model = "emza_ssd_slim_120x160.tflite"
    seen = see(model, signed(pixels(face(), 160, 120, "L")))
    deltas, scores = seen.outputs
    found = best(ssd_boxes(deltas, ssd_priors(120, 160, STRIDES, SIZES)), scores[:, 1])
    return Picture("ssd-slim", model, "Faces, SSD-slim", told(found), seen, with_boxes(face().convert("L"), found))


def blazeface_front() -> Picture:
    """A box and six points."""
    model = "openmv_blazeface_front_128.tflite"
    seen = see(model, real(pixels(face(), 128, 128), 0, 255))
    near, near_logits, far_logits, far = seen.outputs
    found = blazeface([near, far], [near_logits, far_logits], 128)
    return Picture(
        "blazeface", model, "Faces and six points, BlazeFace", told(found), seen, with_boxes(face(), found)
    )


def fomo() -> Picture:
    """The cells of a face."""
    model = "openmv_fomo_face.tflite"
    seen = see(model, signed(pixels(face(), 96, 96)))
    heat = seen.outputs[0][..., 1]
    y, x = np.argwhere(heat > 0.5).mean(0)
    says = (
        f"{(heat > 0.5).sum()} of {heat.size} cells above 0.5, around ({x:.1f}, {y:.1f}); the best {heat.max():.2f}"
    )
    return Picture("fomo", model, "Cells of a face, FOMO", says, seen, with_mask(face(), 0.25 + 0.75 * heat))


def landmarks() -> Picture:
    """468 points on the face that UltraFace found."""
    model = "openmv_face_landmarks_192.tflite"
    box = ultraface_sees()[1][0].box.reshape(2, 2) * WIDTH
    middle, half = box.mean(0), np.ptp(box, axis=0).max() * MARGIN / 2
    corner = middle - half
    crop = face().crop((*np.rint(corner).astype(int), *np.rint(middle + half).astype(int)))
    seen = see(model, real(pixels(crop, 192, 192), 127.5, 127.5))
    points, logit = seen.outputs
    drawn = face().copy()
    pen = ImageDraw.Draw(drawn)
    for x, y in points.reshape(-1, 3)[:, :2] / 192 * 2 * half + corner:
        pen.ellipse([x - 1.6, y - 1.6, x + 1.6, y + 1.6], fill=GREEN)
    says = f"a face with {1 / (1 + np.exp(-float(logit.reshape(-1)[0]))):.3f}; 468 points"
    return Picture("landmarks", model, "Face mesh", says, seen, drawn)


def depth() -> Picture:
    """How far everything is."""
    model = "openmv_fast_depth_224.tflite"
    seen = see(model, pixels(photograph(), 224, 224))
    far = seen.outputs[0][..., 0]
    drawn = Image.new("RGB", (WIDTH, photograph().height * 2))
    drawn.paste(photograph(), (0, 0))
    drawn.paste(Image.fromarray(coloured(far)).resize(photograph().size), (0, photograph().height))
    top, bottom = far[: len(far) // 4].mean(), far[-len(far) // 4 :].mean()
    says = f"the upper quarter {top:.2f} m on average, the lower {bottom:.2f} m; dark is near"
    return Picture("depth", model, "Depth, FastDepth", says, seen, drawn)


def person_mask() -> Picture:
    """Which pixels are a person's."""
    model = "infineon_deeplabv3_mnv3.tflite"
    graph = read(MODELS / model)
    quantized = graph.tensors[graph.input_names[0]]
    mean, deviation = np.array([0.485, 0.456, 0.406]) * 255, np.array([0.229, 0.224, 0.225]) * 255
    codes = np.rint(real(pixels(face(), 256, 256), mean, deviation) / quantized.scale + quantized.zero_point)
    seen = see(model, codes.clip(-128, 127).astype(np.int8))
    mask = seen.outputs[0][..., 0]
    says = f"{(mask > 0.5).mean():.0%} of the pixels are a person's"
    return Picture(
        "person", model, "A person's pixels, DeepLabV3 with MobileNetV3", says, seen, with_mask(face(), mask)
    )


def segments() -> Picture:
    """The pixels of the class that most of the portrait is."""
    model = "coral_deeplabv3_mnv2_dm05.tflite"
    names = (MODELS / "inputs" / "coral" / "pascal_voc_segmentation_labels.txt").read_text().split()
    seen = see(model, pixels(face(), 513, 513), "litert-ref")  # TFLite Micro refuses uint8 weights
    classes = seen.outputs[0].astype(int)
    share = np.bincount(classes.reshape(-1), minlength=len(names)) / classes.size
    main_class = int(share[1:].argmax()) + 1
    says = ", ".join(f"{names[i]} {share[i]:.0%}" for i in np.argsort(-share) if share[i] >= 0.005)
    says += "; trained on photographs, it takes only part of a drawing for a person"
    drawn = with_mask(face(), (classes == main_class).astype(float))
    return Picture(
        "segments", model, f"Segments, DeepLabV3 with MobileNetV2: {names[main_class]}", says, seen, drawn
    )


PICTURES: Sequence[Callable[[], Picture]] = (
    blazeface_front,
    ultraface,
    ssd_slim,
    fomo,
    landmarks,
    person_mask,
    segments,
    depth,
)


def told(found: Sequence[Found]) -> str:
    """What was found, in words."""
    boxes = "; ".join(f"({', '.join(f'{side:.2f}' for side in one.box)}) with {one.score:.2f}" for one in found)
    return f"{len(found)} face{'s' * (len(found) != 1)}: {boxes}" if found else "no face"


def entry(picture: Picture) -> str:
    """Its part of the page."""
    seen = picture.seen
    return f"""
## {picture.title}

![{picture.title}: {picture.says}]({picture.name}.jpg)

`{picture.model}`: {picture.says}. Of {seen.compared:,} output codes, {seen.differing} differ from `{seen.against}`.
"""


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    page = INTRO
    for make in PICTURES:
        picture = make()
        picture.image.save(folder / f"{picture.name}.jpg", quality=85)
        page += entry(picture)
        print(entry(picture))
    (folder / "README.md").write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
