"""A plan as text."""

from collections.abc import Mapping

from ircompile.plan.model import Plan


def print_plan(plan: Plan) -> str:
    """What the arena's bytes are, segments with their nodes in order, then where every tensor lives."""
    parts = f"{plan.peak_live} alive at the peak + {plan.lost} lost in placing + {plan.counters.bytes} counters"
    lines = [f"plan {plan.graph.name} input={plan.input_mode} arena={plan.arena_bytes} = {parts}"]
    for number, (first, stop) in enumerate(plan.segments):
        lines.append(f"segment {number}")
        for stage in plan.stages[first:stop]:
            node = stage.node
            extras = "".join(
                f" {kind}={blocks[each.name].offset}+{blocks[each.name].bytes}"
                for each in stage.nodes
                for kind, blocks in (("scratch", plan.scratch), ("sums", plan.sums))
                if each.name in blocks
            )
            if stage.line_buffer:
                kept = plan.line_buffers[node.name]
                extras += f" lines={kept.offset}+{kept.bytes}"
            again = f" again {stage.recomputed_producer.name}" if stage.recomputed_producer else ""
            lines.append(
                f"  {node.name}: {', '.join(stage.inputs)} -> {node.output} steps={stage.steps}{extras}{again}"
            )
    if plan.state_bytes:
        lines.append(f"state of {plan.state_bytes} bytes")
    under = rows_shared_with(plan)
    for name, b in plan.buffers.items():
        height = plan.tensor(name).height
        kind = "stored" if b.slots >= height else f"ring of {b.slots}"
        kind += f", on by {b.advance} a call," if b.advance else ""
        shared = f", row 0 in slot {b.slot_offset}" if b.slot_offset else ""
        shared += f", in the rows of {under[name]}" if name in under else ""
        shared += f", shared with {' and '.join(others)}" if (others := sharers(plan, name, under)) else ""
        lines.append(f"buffer {name} at {b.offset} {b.layout} rows={height} {kind} x {b.pitch} bytes{shared}")
    lines.append(f"counters at {plan.counters.offset} {plan.counters.bytes} bytes")
    return "\n".join(lines) + "\n"


def sharers(plan: Plan, name: str, under: Mapping[str, str]) -> list[str]:
    """The other tensors in the slots of this one's ring while it is used, without those in the same rows."""
    own, root = plan.buffers[name], _root(under, name)
    used = _segments_of(plan, name)
    return [
        other
        for other, b in plan.buffers.items()
        if other != name
        and (b.offset, b.pitch, b.slots) == (own.offset, own.pitch, own.slots)
        and used & _segments_of(plan, other)
        and (b.slots < plan.tensor(other).height or b.slot_offset != own.slot_offset)
        and _root(under, other) != root
    ]


def rows_shared_with(plan: Plan) -> dict[str, str]:
    """The tensor in whose rows another one is written, by its bytes of a row: an operand, or a concatenation.

    Tensors that have rows of their own are left out.
    """
    found: dict[str, str] = {}
    for node in plan.graph.nodes:
        if node.name in plan.placed:
            found |= dict.fromkeys(node.inputs, node.output)
            continue
        place = _place(plan, node.output)
        if under := next((operand for operand in node.inputs if _place(plan, operand) == place), ""):
            found.setdefault(node.output, under)
    return found


def _place(plan: Plan, name: str) -> tuple[int, int, int, int]:
    b = plan.buffers[name]
    return b.offset, b.pitch, b.slots, b.slot_offset


def _root(under: Mapping[str, str], name: str) -> str:
    """The tensor that has the rows in which this one lies, itself where these are its own."""
    while name in under:
        name = under[name]
    return name


def _segments_of(plan: Plan, name: str) -> set[int]:
    """The segments in which a tensor is written or read."""
    return {
        number
        for number, (first, stop) in enumerate(plan.segments)
        for stage in plan.stages[first:stop]
        if name in (stage.node.output, *stage.inputs)
    }
