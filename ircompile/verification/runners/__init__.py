"""Run emitted C: on the host, with sanitizers, and on emulated Cortex-M boards."""
