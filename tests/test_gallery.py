"""The gallery's decoders of detector heads, and that what they find is where the portrait's face is."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import gallery  # noqa: E402
from gallery_heads import best, blazeface, overlap, ssd_boxes, ssd_priors  # noqa: E402

MODELS = Path(os.environ.get("IRCOMPILE_MODELS") or ROOT.parent / "shared" / "models")
FACE = np.array([0.28, 0.25, 0.72, 0.78])  # where portrait() draws it


@pytest.mark.parametrize(("height", "width", "count"), [(240, 320, 4420), (120, 160, 1118)])
def test_every_cell_has_its_priors(height: int, width: int, count: int) -> None:
    priors = ssd_priors(height, width, gallery.STRIDES, gallery.SIZES)
    assert priors.shape == (count, 4)
    boxes = ssd_boxes(np.zeros((count, 4)), priors)
    np.testing.assert_allclose((boxes[:, :2] + boxes[:, 2:]) / 2, priors[:, :2])
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], priors[:, 2:])


def test_deltas_move_and_scale_a_prior() -> None:
    (box,) = ssd_boxes(np.array([[1.0, -2.0, 5 * np.log(2), 0.0]]), np.array([[0.5, 0.5, 0.2, 0.1]]))
    np.testing.assert_allclose(box, [0.52 - 0.2, 0.48 - 0.05, 0.52 + 0.2, 0.48 + 0.05])


def test_of_boxes_that_overlap_the_best_remains() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.9, 1], [2, 2, 3, 3], [4, 4, 5, 5.0]])
    found = best(boxes, np.array([0.8, 0.9, 0.7, 0.1]))
    assert [one.score for one in found] == [0.9, 0.7]
    assert overlap(boxes[0], boxes[1]) == pytest.approx(0.9)
    assert overlap(boxes[0], boxes[2]) == 0


def test_a_face_at_a_known_anchor() -> None:
    near, logits = np.zeros((512, 16)), np.full((512, 1), -9.0)
    near[2 * (16 * 3 + 5)] = [8, 0, 32, 16] + [4, -4] * 6
    logits[2 * (16 * 3 + 5)] = 2
    (face,) = blazeface([near, np.zeros((384, 16))], [logits, np.full((384, 1), -9.0)], 128)
    x, y = 5.5 / 16 + 8 / 128, 3.5 / 16
    np.testing.assert_allclose(face.box, [x - 0.125, y - 0.0625, x + 0.125, y + 0.0625])
    np.testing.assert_allclose(face.points, [[5.5 / 16 + 4 / 128, 3.5 / 16 - 4 / 128]] * 6)


def test_the_page_shows_every_picture() -> None:
    page = (ROOT / "docs" / "gallery" / "README.md").read_text()
    shown = set(re.findall(r"\]\(([\w-]+\.jpg)\)", page))
    assert shown == {path.name for path in (ROOT / "docs" / "gallery").glob("*.jpg")}
    assert len(shown) == len(gallery.PICTURES)


@pytest.mark.slow
@pytest.mark.toolchain
@pytest.mark.skipif(not MODELS.is_dir(), reason="the folder of real models is not here (IRCOMPILE_MODELS)")
def test_the_compiled_detector_finds_the_portraits_face() -> None:
    seen, (face,) = gallery.ultraface_sees()
    assert seen.differing == 0
    assert overlap(face.box, FACE) > 0.7
    assert face.score > 0.9
