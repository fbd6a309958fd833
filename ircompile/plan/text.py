"""A plan as text."""

from __future__ import annotations

from ircompile.plan.model import Plan


def print_plan(plan: Plan) -> str:
    """Segments with their nodes in order, then where every tensor live."""
    lines = [f"plan {plan.graph.name} input={plan.input_mode} arena={plan.arena_bytes} peak_live={plan.peak_live}"]
    for number, (first, stop) in enumerate(plan.segments):
        lines.append(f"segment {number}")
        for stage in plan.stages[first:stop]:
            node = stage.node
            extras = "".join(
                f" {kind}={blocks[node.name].offset}+{blocks[node.name].bytes}"
                for kind, blocks in (("scratch", plan.scratch), ("sums", plan.states))
                if node.name in blocks
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
    for name, b in plan.buffers.items():
        height = plan.tensor(name).height
        kind = "stored" if b.slots >= height else f"ring of {b.slots}"
        kind += f", on by {b.advance} a call," if b.advance else ""
        lines.append(f"buffer {name} at {b.offset} {b.layout} rows={height} {kind} x {b.pitch} bytes")
    lines.append(f"counters at {plan.counters.offset} {plan.counters.bytes} bytes")
    return "\n".join(lines) + "\n"
