#!/usr/bin/env bash
# The whole story on the shipped example: compile, verify on every rung, run as firmware on an emulated Cortex-M4.
set -euo pipefail
cd "$(dirname "$0")/.."
model=examples/digits/digits.onnx
out=build/digits

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say "ircompile $model --target cortex-m4 -o $out"
.venv/bin/ircompile "$model" --target cortex-m4 -o "$out" --name digits

say "ircompile verify $model --target cortex-m4 --on numpy,host,qemu --against ort"
.venv/bin/ircompile verify "$model" --target cortex-m4 --on numpy,host,qemu --against ort

say "The firmware of examples/digits/main.c on an emulated Cortex-M4"
.venv/bin/python scripts/firmware.py cortex-m4 examples/digits/main.c "$out/digits.c" "$out/digits_weights.c" \
    -- "$out" examples/digits
