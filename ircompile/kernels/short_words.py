"""Which layers have short words of requantization: two bytes a channel less, one instruction a code pair more."""

from ircompile.ir import ops
from ircompile.ir.tensor import Site
from ircompile.kernels.model import Context

FEW_PAIRS, MORE_PAIRS, LONG_SUM = 18, 72, 32  # of pixels; codes of a sum
HALF_BYTES, CODE_BYTES = 2, 1536  # what a channel's short words save; about what code of its own takes
PRODUCTS_A_STORE = 50  # beside so many, one instruction more is next to nothing: about 1 % of a network


def has_short_words(op: ops.Conv, site: Site, context: Context) -> bool:
    """Whether a layer's words are short, for one instruction more each time that two pixels' codes are stored.

    All layers that share its code have short words where that is next to nothing beside their products; else those
    whose codes are seldom stored, if they save the bytes of code of their own.
    """
    graph, template = context.plan.graph, context.kernel.template
    layers = [
        (node.op, graph.site(node))
        for node in graph.nodes
        if context.kernels[node.name].template == template and isinstance(node.op, ops.Conv)
    ]
    stored = [pairs_of(where) * where.output.channels for _, where in layers]
    products = [where.output.height * where.output.width * where.consts[of.weights].size for of, where in layers]
    if sum(stored) * PRODUCTS_A_STORE <= sum(products):
        return True
    saved = sum(HALF_BYTES * where.output.channels for of, where in layers if is_seldom_stored(of, where))
    return is_seldom_stored(op, site) and saved >= CODE_BYTES


def is_seldom_stored(op: ops.Conv, site: Site) -> bool:
    """Whether one instruction more for each channel of two pixels is next to nothing: few pixels, or long sums."""
    long = site.consts[op.weights][0].size >= LONG_SUM
    return pairs_of(site) <= (MORE_PAIRS if long else FEW_PAIRS)


def pairs_of(site: Site) -> int:
    """Pairs of pixels in which codes are computed; one left over by itself is one, too."""
    rows, width, _ = site.output.shape
    return rows * -(-width // 2)
