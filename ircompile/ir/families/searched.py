"""Networks that were found by search, and heads: EfficientNet-Lite, ProxylessNAS, blocks as MCUNet's, FOMO."""

from ircompile.ir.families.blocks import Layers, repeated, rounded
from ircompile.ir.families.mobilenets import V2_BLOCKS
from ircompile.ir.graph import Graph

LITE_BLOCKS = (  # expansion, kernel, channels, repeats, stride
    *((1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2)),
    *((6, 5, 112, 3, 1), (6, 5, 192, 4, 2), (6, 3, 320, 1, 1)),
)
PROXYLESS_BLOCKS = (  # expansion, kernel, channels, stride
    (1, 3, 16, 1),
    *((3, 5, 32, 2), (3, 3, 32, 1)),
    *((3, 7, 40, 2), (3, 3, 40, 1), (3, 5, 40, 1), (3, 5, 40, 1)),
    *((6, 7, 80, 2), *((3, 5, 80, 1),) * 3),
    *((6, 5, 96, 1), *((3, 5, 96, 1),) * 3),
    *((6, 7, 192, 2), (6, 7, 192, 1), (3, 7, 192, 1), (3, 7, 192, 1)),
    (6, 7, 320, 1),
)
MCUNET_STAGES = ((24, 2), (40, 2), (80, 2), (96, 1), (160, 2))  # channels, stride
FOMO_BLOCKS = 3  # of MobileNetV2's stages, up to an eighth of the input's size


def efficientnet_lite(width: float, size: int, classes: int = 2, channels: int = 3, depth: float = 1) -> Graph:
    """EfficientNet-Lite0 for pictures of size x size x channels, `width` times its channels, `depth` its blocks.

    Lite has ReLU6 and no squeeze and excitation; its first layer and its last have their own width in any size.
    """
    net = Layers(f"efficientnet_lite_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(32 * min(width, 1)), 3, 2)
    for expand, kernel, count, repeat, stride in LITE_BLOCKS:
        for i in range(repeated(repeat, depth)):
            x = net.inverted_residual(x, expand, rounded(count * width), stride if i == 0 else 1, kernel)
    return net.graph(net.conv(net.mean(net.conv(x, rounded(1280 * min(width, 1)))), classes))


def proxyless(width: float, size: int, classes: int = 2, channels: int = 3) -> Graph:
    """ProxylessNAS-Mobile, windows of 3, 5 and 7, as MCUNet's: for pictures of size x size x channels."""
    net = Layers(f"proxyless_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(32 * width), 3, 2)
    for expand, kernel, count, stride in PROXYLESS_BLOCKS:
        x = net.inverted_residual(x, expand, rounded(count * width), stride, kernel)
    x = net.conv(x, max(1280, rounded(1280 * width)))
    return net.graph(net.conv(net.mean(x), classes))


def mcunet(
    width: float, size: int, classes: int = 2, channels: int = 3, kernels: str = "33333", expands: str = "44444",
    depths: str = "22222",
) -> Graph:  # fmt: skip
    """Inverted residuals as MCUNet's space has them: of each of five stages the kernel, the expansion, the blocks.

    `kernels` "35735": windows of 3, 5, 7 ...; `expands` and `depths` likewise, a digit a stage.
    """
    net = Layers(f"mcunet_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(16 * width), 3, 2)
    x = net.conv(net.depthwise(x, 1), rounded(8 * width))
    for (count, stride), kernel, expand, depth in zip(MCUNET_STAGES, kernels, expands, depths, strict=True):
        for i in range(int(depth)):
            inside, step = rounded(count * width), stride if i == 0 else 1
            x = net.inverted_residual(x, int(expand), inside, step, int(kernel))
    return net.graph(net.conv(net.mean(x), classes))


def fomo(width: float, size: int, classes: int = 2, channels: int = 3, head: int = 32) -> Graph:
    """FOMO: MobileNetV2 down to an eighth of the size, and a small head that scores each of its pixels."""
    net = Layers(f"fomo_{width:g}_{size}", size, channels)
    x = net.conv(net.input, rounded(32 * width), 3, 2)
    for expand, count, repeat, stride in V2_BLOCKS[:FOMO_BLOCKS]:
        for i in range(repeat):
            x = net.inverted_residual(x, expand, rounded(count * width), stride if i == 0 else 1)
    return net.graph(net.conv(net.conv(x, head), classes))
