"""Train, quantize and write the digits example: digits.onnx and digits_test.npz.

    pip install '.[train]'              # in the repository's root
    python examples/digits/train.py

The network is a MobileNetV2 in miniature: a strided stem, inverted residual blocks (expand, depthwise,
project), a last 1x1 convolution, global average pooling and one linear layer whose logits are the output.
Everything is seeded: the same package versions on the same machine give the same model.
"""

import argparse
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
SEED = 1
SIZE = 32
OPSET = 13
INPUT_NAME = "picture"
TEST_PICTURES = 16
CALIBRATION_PICTURES = 256

Pictures = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


class InvertedResidual(nn.Module):
    """Expand with 1x1, filter depthwise with 3x3, project with 1x1; add the input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        self.body = nn.Sequential(
            *convolution(inputs, hidden, kernel=1),
            nn.ReLU6(),
            *convolution(hidden, hidden, kernel=3, stride=stride, groups=hidden),
            nn.ReLU6(),
            *convolution(hidden, outputs, kernel=1),  # linear bottleneck: no activation
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        y: Tensor = self.body(x)
        return x + y if self.adds else y


def convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> tuple[nn.Module, nn.Module]:
    """Convolve with "same" padding and normalize the batch, which the export folds into the weights."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return conv, nn.BatchNorm2d(outputs)


def build_network() -> nn.Sequential:
    """Make the classifier, 32 x 32 x 1 to ten logits; the comments give the picture's size from there on."""
    return nn.Sequential(
        *convolution(1, 8, kernel=3, stride=2),  # 16 x 16
        nn.ReLU6(),
        InvertedResidual(8, 8, stride=1, expansion=2),
        InvertedResidual(8, 16, stride=2, expansion=4),  # 8 x 8
        InvertedResidual(16, 16, stride=1, expansion=4),
        InvertedResidual(16, 24, stride=2, expansion=4),  # 4 x 4
        InvertedResidual(24, 24, stride=1, expansion=4),
        *convolution(24, 96, kernel=1),
        nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(96, 10),
    )


def load_pictures() -> tuple[Pictures, Pictures, Labels, Labels]:
    """Return training pictures, test pictures (N x 1 x 32 x 32, in 0..1; three to one) and their labels."""
    digits = load_digits()
    small = torch.from_numpy(digits.images.astype(np.float32) / 16).unsqueeze(1)
    large = functional.interpolate(small, size=(SIZE, SIZE), mode="bilinear", align_corners=False).numpy()
    labels = digits.target.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(
        large, labels, test_size=0.25, random_state=SEED, stratify=labels
    )
    return x_train, x_test, y_train, y_test


def augment(batch: Tensor) -> Tensor:
    """Shift, turn, and scale every picture a little, each on its own."""
    count = len(batch)
    angle = (torch.rand(count) - 0.5) * 0.35  # radians, about 10 degrees either way
    scale = 1 + (torch.rand(count) - 0.5) * 0.2
    shift = (torch.rand(count, 2) - 0.5) * 0.3  # the picture spans 2: up to 2.4 pixels
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack([cosine, -sine, shift[:, 0], sine, cosine, shift[:, 1]], dim=1)
    grid = functional.affine_grid(rows.view(count, 2, 3), list(batch.shape), align_corners=False)
    return functional.grid_sample(batch, grid, align_corners=False)


def train(network: nn.Sequential, pictures: Pictures, labels: Labels, epochs: int) -> None:
    """Fit the network to augmented batches: AdamW, one learning-rate cycle, smoothed labels."""
    x, y = torch.from_numpy(pictures), torch.from_numpy(labels)
    batch_size = 64
    steps = -(-len(x) // batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=epochs * steps)
    network.train()
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(augment(x[chosen])), y[chosen], label_smoothing=0.05)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        if (epoch + 1) % 5 == 0 or epoch + 1 == epochs:
            print(f"epoch {epoch + 1:3d} of {epochs}: loss {total / len(x):.4f}", flush=True)
    network.eval()


class CalibrationPictures(CalibrationDataReader):
    """Hands the quantizer one training picture at a time."""

    def __init__(self, pictures: Pictures) -> None:
        self.feeds: Iterator[dict[str, Pictures]] = iter({INPUT_NAME: picture[None]} for picture in pictures)

    def get_next(self) -> dict[str, Pictures] | None:
        """Return the next picture, or None at the end."""
        return next(self.feeds, None)


def export(network: nn.Sequential, path: Path) -> None:
    """Write float ONNX, batch 1; the exporter folds the batch normalization of a network in eval mode."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # the TorchScript exporter folds, the newer one does not
        torch.onnx.export(
            network,
            (torch.zeros(1, 1, SIZE, SIZE),),
            str(path),
            input_names=[INPUT_NAME],
            output_names=["logits"],
            opset_version=OPSET,
            dynamo=False,
        )


def quantize(float_path: Path, path: Path, calibration: Pictures) -> None:
    """Write QDQ ONNX: int8 asymmetric activations, int8 symmetric weights with a scale per output channel."""
    prepared = float_path.with_name("prepared.onnx")
    quant_pre_process(float_path, prepared)
    quantize_static(
        prepared,
        path,
        CalibrationPictures(calibration),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        calibrate_method=CalibrationMethod.MinMax,
    )
    model = onnx.load(path)
    standard = [entry for entry in model.opset_import if not entry.domain]
    del model.opset_import[:]  # the quantizer lists every domain it knows; only ONNX's own is used
    model.opset_import.extend(standard)
    model.doc_string = "digits example of ircompile: scikit-learn digits at 32 x 32, logits of the ten classes"
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def accuracy(path: Path, pictures: Pictures, labels: Labels) -> float:
    """Return the fraction of the pictures that ONNX Runtime classifies as labelled."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    classes = [int(np.argmax(session.run(None, {INPUT_NAME: picture[None]})[0])) for picture in pictures]
    return float(np.mean(np.asarray(classes) == labels))


def first_of_each(labels: Labels) -> npt.NDArray[np.intp]:
    """All indices: the first of every class, as they come, then the rest."""
    firsts = np.sort(np.unique(labels, return_index=True)[1])
    return np.concatenate([firsts, np.setdiff1d(np.arange(len(labels)), firsts)])


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Train, quantize and write digits.onnx and digits_test.npz.")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument(
        "-o", "--output", type=Path, default=HERE, help="folder to write to (default: beside this script)"
    )
    arguments = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)  # the quantizer recommends the pre-processing that was just done

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    x_train, x_test, y_train, y_test = load_pictures()
    network = build_network()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print(f"{len(x_train)} training and {len(x_test)} test pictures, {parameters} parameters")
    train(network, x_train, y_train, arguments.epochs)

    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "digits.onnx"
    with tempfile.TemporaryDirectory() as folder:
        float_path = Path(folder) / "float.onnx"
        export(network, float_path)
        quantize(float_path, path, x_train[:CALIBRATION_PICTURES])
        print(f"float test accuracy:     {accuracy(float_path, x_test, y_test):.2%}")
    print(f"quantized test accuracy: {accuracy(path, x_test, y_test):.2%}")

    chosen = first_of_each(y_test)[:TEST_PICTURES]
    np.savez_compressed(arguments.output / "digits_test.npz", picture=x_test[chosen], labels=y_test[chosen])
    print(f"wrote {path} ({path.stat().st_size} bytes) and digits_test.npz")


if __name__ == "__main__":
    main()
