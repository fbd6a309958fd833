"""The graph: tensors, operators, their meaning in NumPy, and how the user's tensors map on it."""
