"""The MobileNets, versions 1 to 4."""

from ircompile.ir.families.blocks import Layers, repeated, rounded
from ircompile.ir.graph import Graph

V1_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
V2_BLOCKS = (  # expansion, channels, repeats, stride
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
RE, HS = False, True
V3_SMALL = (  # kernel, channels inside, channels, squeeze and excite, hard swish, stride
    (3, 16, 16, True, RE, 2),
    *((3, 72, 24, False, RE, 2), (3, 88, 24, False, RE, 1)),
    *((5, 96, 40, True, HS, 2), (5, 240, 40, True, HS, 1), (5, 240, 40, True, HS, 1)),
    *((5, 120, 48, True, HS, 1), (5, 144, 48, True, HS, 1)),
    *((5, 288, 96, True, HS, 2), (5, 576, 96, True, HS, 1), (5, 576, 96, True, HS, 1)),
)
V3_LARGE = (
    (3, 16, 16, False, RE, 1),
    *((3, 64, 24, False, RE, 2), (3, 72, 24, False, RE, 1)),
    *((5, 72, 40, True, RE, 2), (5, 120, 40, True, RE, 1), (5, 120, 40, True, RE, 1)),
    *(
        (3, 240, 80, False, HS, 2),
        (3, 200, 80, False, HS, 1),
        (3, 184, 80, False, HS, 1),
        (3, 184, 80, False, HS, 1),
    ),
    *((3, 480, 112, True, HS, 1), (3, 672, 112, True, HS, 1)),
    *((5, 672, 160, True, HS, 2), (5, 960, 160, True, HS, 1), (5, 960, 160, True, HS, 1)),
)
V4_SMALL = (  # expansion, channels, depthwise kernel before it and behind it (0: none), stride
    *((3, 96, 5, 5, 2), *((2, 96, 0, 3, 1),) * 4, (4, 96, 3, 0, 1)),
    *((6, 128, 3, 3, 2), (4, 128, 5, 5, 1), (4, 128, 0, 5, 1), (3, 128, 0, 5, 1), *((4, 128, 0, 3, 1),) * 2),
)


def mobilenet_v1(width: float, size: int, classes: int = 2, channels: int = 3, last: int = 1024) -> Graph:
    """MobileNetV1 for pictures of size x size x channels, `width` times its channels, of the last layers `last`."""
    net = Layers(f"mobilenet_v1_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(32 * width), 3, 2)
    for count, stride in V1_BLOCKS:
        x = net.conv(net.depthwise(x, stride), rounded(min(count, last) * width))
    return net.graph(net.conv(net.mean(x), classes))


def mobilenet_v2(
    width: float,
    size: int,
    classes: int = 2,
    channels: int = 3,
    expand: int = 6,
    depth: float = 1,
    last: int = 1280,
) -> Graph:
    """MobileNetV2 for pictures of size x size x channels, `width` times its channels.

    `expand`: how many times wider blocks are inside; `depth` times as many of them; `last`: channels at the end.
    """
    net = Layers(f"mobilenet_v2_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(32 * width), 3, 2)
    for wider, count, repeat, stride in V2_BLOCKS:
        for i in range(repeated(repeat, depth)):
            x = net.inverted_residual(x, min(wider, expand), rounded(count * width), stride if i == 0 else 1)
    x = net.conv(x, max(last, rounded(last * width)))
    return net.graph(net.conv(net.mean(x), classes))


def mobilenet_v3_small(
    width: float, size: int, classes: int = 2, channels: int = 3, excite: bool = True, last: int = 1024
) -> Graph:
    """MobileNetV3-Small, `width` times its channels; without `excite` it has no squeeze and excitation."""
    return _v3(f"mobilenet_v3_small_{width:g}_{size}", V3_SMALL, width, size, classes, channels, excite, last)


def mobilenet_v3_large(
    width: float, size: int, classes: int = 2, channels: int = 3, excite: bool = True, last: int = 1280
) -> Graph:
    """MobileNetV3-Large, `width` times its channels; without `excite` it has no squeeze and excitation."""
    return _v3(f"mobilenet_v3_large_{width:g}_{size}", V3_LARGE, width, size, classes, channels, excite, last)


def _v3(
    name: str,
    blocks: tuple[tuple[int, int, int, bool, bool, int], ...],
    width: float,
    size: int,
    classes: int,
    channels: int,
    excite: bool,
    last: int,
) -> Graph:
    net = Layers(name, size, channels)
    x = net.hard_swish(net.conv(net.input, rounded(16 * width), 3, 2))
    for kernel, inside, count, squeeze, swish, stride in blocks:
        wide = rounded(inside * width)
        y = x if wide == net.tensors[x].channels else net.conv(x, wide)
        y = net.hard_swish(y) if swish and y != x else y
        y = net.depthwise(y, stride, kernel)
        y = net.hard_swish(y) if swish else y
        y = net.squeeze_excite(y) if squeeze and excite else y
        x = net.residual(x, net.conv(y, rounded(count * width)))
    x = net.hard_swish(net.conv(x, rounded(6 * net.tensors[x].channels)))
    x = net.hard_swish(net.conv(net.mean(x), rounded(last * max(width, 1))))
    return net.graph(net.conv(x, classes))


def mobilenet_v4_small(width: float, size: int, classes: int = 2, channels: int = 3, last: int = 1280) -> Graph:
    """MobileNetV4-Conv-Small, `width` times its channels: universal inverted bottlenecks."""
    net = Layers(f"mobilenet_v4_small_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(32 * width), 3, 2)
    x = net.conv(net.conv(x, rounded(32 * width), 3, 2), rounded(32 * width))
    x = net.conv(net.conv(x, rounded(96 * width), 3, 2), rounded(64 * width))
    for expand, count, before, behind, stride in V4_SMALL:
        y = net.depthwise(x, 1 if behind else stride, before) if before else x
        y = net.conv(y, expand * net.tensors[x].channels)
        y = net.depthwise(y, stride, behind) if behind else y
        x = net.residual(x, net.conv(y, rounded(count * width)))
    x = net.mean(net.conv(x, rounded(960 * width)))
    return net.graph(net.conv(net.conv(x, last), classes))
