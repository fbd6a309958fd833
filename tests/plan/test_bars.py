"""Arenas of real networks for Cortex-M4, everything inside, beside what they must not exceed."""

from __future__ import annotations

from typing import Literal

import pytest
from layered import layer_by_layer
from nets import mobilenet_v2
from plan.models import real_model
from proved import prove

from ircompile.interface import InputMode
from ircompile.passes import normalize
from ircompile.target import load_target
from ircompile.variants.choose import choose_plan

BUILT = "mobilenet_v2_035_144"
COLUMNS: tuple[tuple[Literal["auto", "min"], InputMode], ...] = (
    ("auto", "resident"),
    ("auto", "rows"),
    ("min", "resident"),
    ("min", "rows"),
)
BARS: dict[str, tuple[int, int | None, int, int | None]] = {
    "mlperf_vww_96_int8": (29_300, 14_000, 28_700, 11_800),
    "tflm_person_detect": (15_000, 13_500, 13_300, 11_200),
    "cfu_mnv2_035_160_person": (84_500, 33_500, 82_000, 27_000),
    "coral_tf2_mobilenet_v2_100_224_ptq": (209_000, 128_000, 190_000, 101_000),
    "mcunet_vww_tinyengine": (23_200, 21_300, 22_300, 18_700),
    "mcunet_320kb_1mb_imagenet": (105_500, 73_000, 102_000, 60_000),
    "mcunet_person_det": (80_300, 31_500, 74_500, 30_000),
    "openmv_fomo_face": (31_700, 19_200, 30_500, 12_800),
    "mlperf_ic_resnet8_int8": (12_700, 11_600, 12_200, 11_200),
    "mlperf_kws_dscnn_int8": (5_500, 5_000, 4_500, 4_300),
    "mlperf_ad01_int8": (1_000, None, 1_000, None),
    BUILT: (69_000, 28_500, 66_500, 22_500),
}
"""Bytes, one for each of COLUMNS; None where pushing rows means nothing."""
QUICK = {"openmv_fomo_face", "mlperf_kws_dscnn_int8", "mlperf_ad01_int8"}

RESIDENT = {
    **{f"mnv3s_035_ppocr_cls_{form}": 45_999 for form in ("qdq_s8s8_pc", "qdq_sym", "qop_u8s8", "qop_u8s8_pc")},
    "openmv_blazeface_front_128": 80_999,
    "emza_ssd_slim_120x160": 61_999,
    "st_yamnet_256_64x96": 35_999,
}
"""Bytes of other networks' arenas, the input and the maps before gates included."""


def bars() -> list[object]:
    cases = []
    for name, row in BARS.items():
        for (ram, mode), bar in zip(COLUMNS, row, strict=True):
            if bar is None:
                continue
            marks = [] if name in QUICK else [pytest.mark.slow]
            cases.append(pytest.param(name, ram, mode, bar, id=f"{name}-{ram}-{mode}", marks=marks))
    return cases


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "ram", "mode", "bar"), bars())
def test_arena(name: str, ram: Literal["auto", "min"], mode: InputMode, bar: int) -> None:
    graph = normalize(mobilenet_v2(0.35, 144)) if name == BUILT else real_model(name)
    fitted = choose_plan(graph, load_target("cortex-m4"), mode, ram)
    prove(fitted.plan)
    assert fitted.macs == graph.macs()
    assert fitted.plan.arena_bytes <= bar


@pytest.mark.parametrize(
    ("name", "bar"),
    [
        pytest.param(name, bar, id=name, marks=[] if name == "st_yamnet_256_64x96" else [pytest.mark.slow])
        for name, bar in RESIDENT.items()
    ],
)
def test_resident_arena(name: str, bar: int) -> None:
    plan = choose_plan(real_model(name), load_target("cortex-m4"), "resident").plan
    prove(plan)
    assert plan.arena_bytes <= bar


@pytest.mark.slow
def test_half_of_layer_by_layer() -> None:
    graph, target = real_model("infineon_deeplabv3_mnv3"), load_target("cortex-m4")
    plan = choose_plan(graph, target, "resident").plan
    prove(plan)
    assert 2 * plan.arena_bytes <= layer_by_layer(graph, target, "net").plan.arena_bytes
