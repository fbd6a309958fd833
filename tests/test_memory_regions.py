"""Several memories: buffers by heat, a struct of pointers in C, constants in sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ladder import codes_for
from nets import Net
from plan.random_nets import random_net
from proved import prove

from ircompile.errors import CompileError, InternalError
from ircompile.interface import InputMode
from ircompile.ir.graph import Graph
from ircompile.ir.simulate import run_graph
from ircompile.pipeline import Compiled, build
from ircompile.plan import Plan
from ircompile.plan.memories import access_counts
from ircompile.plan.model import Region
from ircompile.plan.simulate import run_plan
from ircompile.target import MemoryRegion, load_target
from ircompile.variants.choose import choose_plan
from ircompile.verification.runners.host import run_host
from ircompile.verification.runners.qemu import run_qemu

HOST, M4 = load_target("host"), load_target("cortex-m4")


def small_net() -> Graph:
    net = Net((12, 10, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    x = net.inverted_residual(x, 4, 8)
    return net.graph(net.inverted_residual(x, 4, 12, stride=2))


def larger_net() -> Graph:
    net = Net((40, 40, 3))
    x = net.conv("x", 8, (3, 3), (2, 2), relu=True)
    for stride, channels in ((1, 8), (2, 12), (1, 12), (2, 16)):
        x = net.inverted_residual(x, 4, channels, stride)
    return net.graph(x)


def halves(graph: Graph, mode: InputMode, share: float = 0.5) -> list[MemoryRegion]:
    """A first memory that holds a share of the plan, and one that holds it all."""
    size = choose_plan(graph, M4, mode).ram
    return [MemoryRegion("dtcm", max(int(size * share), 64)), MemoryRegion("sram", 2 * size)]


def region_of(plan: Plan, offset: int) -> str:
    return next(r.name for r in reversed(plan.regions) if r.offset <= offset and r.bytes)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["resident", "rows"])
@pytest.mark.parametrize("share", [0.4, 0.7])
def test_the_hottest_buffers_go_to_the_first_memory(mode: InputMode, share: float) -> None:
    graph = larger_net()
    memory = halves(graph, mode, share)
    fitted = choose_plan(graph, M4, mode, memory=memory)
    plan, heat = fitted.plan, access_counts(fitted.candidate)
    assert [r.name for r in plan.regions] == ["dtcm", "sram"]
    assert all(r.bytes <= m.bytes for r, m in zip(plan.regions, memory, strict=True))
    assert fitted.memory_map
    prove(plan)
    sums: dict[str, list[int]] = {"dtcm": [0, 0], "sram": [0, 0]}
    for item in fitted.candidate.allocations:
        at = sums[region_of(plan, fitted.memory_map.bases[item.name])]
        at[0] += heat[item.name]
        at[1] += item.bytes
    assert sums["dtcm"][0] * sums["sram"][1] > sums["sram"][0] * sums["dtcm"][1]


def test_all_goes_to_the_first_memory_where_it_fits() -> None:
    graph = small_net()
    size = choose_plan(graph, M4, "resident").ram
    plan = choose_plan(graph, M4, "resident", memory=[MemoryRegion("a", size), MemoryRegion("b", 10)]).plan
    assert plan.regions == (Region("a", 0, size), Region("b", size, 0))


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_random_networks_in_two_memories(mode: InputMode, seed: int) -> None:
    graph = random_net(seed)
    plan = choose_plan(graph, M4, mode, memory=halves(graph, mode)).plan
    prove(plan)
    for codes in codes_for(graph, 2, seed):
        wanted, got = run_graph(graph, codes), run_plan(plan, codes)
        assert all(np.array_equal(got[name], wanted[name]) for name in wanted)


def test_the_proof_sees_a_buffer_across_two_memories() -> None:
    plan = choose_plan(small_net(), M4, "resident").plan
    name = next(iter(plan.buffers))
    middle = plan.buffers[name].offset + plan.buffers[name].pitch // 2
    regions = (Region("a", 0, middle), Region("b", middle, plan.arena_bytes - middle))
    with pytest.raises(InternalError, match="across two memories"):
        prove(replace(plan, regions=regions))


@pytest.mark.thorough
def test_memories_that_are_too_small_are_refused() -> None:
    with pytest.raises(CompileError, match="do not hold a plan of"):
        choose_plan(small_net(), M4, "resident", memory=[MemoryRegion("a", 64), MemoryRegion("b", 64)])
    with pytest.raises(CompileError, match="'only' of 64 bytes does not hold a plan of"):
        choose_plan(small_net(), M4, "resident", memory=[MemoryRegion("only", 64)])
    with pytest.raises(CompileError, match=r"^--memory: 'a' of 72 bytes, 'b' of 64 bytes do not hold") as refused:
        build(small_net(), M4, "net", blob=True, memory=[MemoryRegion("a", 72), MemoryRegion("b", 64)])
    assert "--input rows" in refused.value.hint
    with pytest.raises(CompileError, match="'only' of 64 bytes does not hold") as refused:
        choose_plan(small_net(), M4, "rows", memory=[MemoryRegion("only", 64)])
    assert "--input rows" not in refused.value.hint
    with pytest.raises(CompileError, match="two memories of one name"):
        build(small_net(), M4, "net", memory=[MemoryRegion("a", 1 << 20), MemoryRegion("a", 64)])
    for bad in (("Int", 4), ("int", 4), ("a b", 4), ("a", 0)):
        with pytest.raises(CompileError):
            MemoryRegion(*bad)


def built(mode: InputMode, target: str, blob: bool, memory: Sequence[MemoryRegion]) -> Compiled:
    return build(small_net(), load_target(target), "net", mode, blob=blob, memory=memory)


@pytest.mark.toolchain
@pytest.mark.parametrize("blob", [False, True])
@pytest.mark.parametrize("mode", ["resident", "rows"])
def test_the_c_takes_a_pointer_to_each_memory(mode: InputMode, blob: bool, tmp_path: Path) -> None:
    graph = small_net()
    memory = halves(graph, mode)
    for target in ("host", "cortex-m4"):
        compiled, folder = built(mode, target, blob, memory), tmp_path / target
        compiled.write(folder)
        assert "const net_arenas *arenas" in (folder / "net.h").read_text()
        codes = codes_for(graph, 3)
        vectors = [[c["x"]] for c in codes]
        if target == "host":
            result = run_host(folder, compiled.interface, vectors)
        else:
            result = run_qemu(folder, compiled.interface, vectors, compiled.target)
        for vector, outputs in zip(codes, result.outputs, strict=True):
            assert np.array_equal(outputs[0], run_graph(graph, vector)[graph.output_names[0]])
        assert result.arena_touched <= compiled.interface.arena_bytes


def test_constants_that_are_read_most_go_to_the_first_flash() -> None:
    graph = small_net()
    one = build(graph, HOST, "net").files()["net_weights.c"]
    assert isinstance(one, str)
    assert one.count("NET_WEIGHTS const") == one.count("extern const")
    flash = [MemoryRegion("internal", 300), MemoryRegion("qspi", 1 << 20)]
    two = build(graph, HOST, "net", flash=flash).files()["net_weights.c"]
    assert isinstance(two, str)
    assert "\nNET_WEIGHTS_INTERNAL const int32_t net_conv0_requant" in two
    assert "\nNET_WEIGHTS_QSPI const int8_t net_conv7_weights" in two
    with pytest.raises(CompileError, match="no room for its"):
        build(graph, HOST, "net", flash=flash[:1]).files()
