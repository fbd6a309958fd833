"""Kernels for Helium, the vectors of Armv8.1-M (Cortex-M55, M85), and the assembly of their loops."""
