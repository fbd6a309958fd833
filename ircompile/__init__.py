"""ircompile: quantized int8 convolutional networks to plain C for Cortex-M.

    import ircompile
    ircompile.analyze("person.tflite", "cortex-m4", ram=20_000).verdict
    ircompile.compile("person.tflite", "cortex-m4").write("src/person")
    ircompile.verify("person.tflite", "cortex-m4", on=["numpy", "host", "qemu"]).equal

Importing it loads nothing else; each name below is loaded when first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ircompile.api import analyze, compile, verify
    from ircompile.compilation import Compilation, Verification
    from ircompile.errors import CompileError
    from ircompile.ir.graph import Graph
    from ircompile.variants.estimate import Analysis

__version__ = "0.1.0"
__all__ = ["Analysis", "Compilation", "CompileError", "Graph", "Verification", "analyze", "compile", "verify"]

_HOMES = {
    "Analysis": "variants.estimate",
    "Compilation": "compilation",
    "CompileError": "errors",
    "Graph": "ir.graph",
    "Verification": "compilation",
}


def __getattr__(name: str) -> object:
    """Loads a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'ircompile' has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"ircompile.{_HOMES.get(name, 'api')}"), name)
    globals()[name] = found
    return found
