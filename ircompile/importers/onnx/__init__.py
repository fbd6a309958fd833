"""ONNX models, QDQ and QOperator, from every writer that we know of."""

from ircompile.importers.onnx.walk import read_onnx, trace_onnx

__all__ = ["read_onnx", "trace_onnx"]
