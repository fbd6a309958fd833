"""What only the kernels of cores with packed 16-bit multiplies have (the DSP extension: Cortex-M4, M7, M33)."""
