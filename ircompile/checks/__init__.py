"""Independent checks of what the compiler made: the plan, each requantization, removed channels."""
