"""ircompile: quantized int8 convolutional networks to plain C for Cortex-M."""

from __future__ import annotations

__version__ = "0.1.0"
