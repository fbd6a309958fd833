"""Adapters to the frameworks whose results the compiled C must equal.

`verify` and the tests use them; the compiler itself never imports this package. Each framework is
an optional dependency (`pip install 'ircompile[verify]'`) and is imported only when opened. All of
them can be loaded into one process (checked: no symbol clashes), so no worker process is needed.
"""

from ircompile.verification.references.base import Array, Operator, Reference, open_reference

__all__ = ["Array", "Operator", "Reference", "open_reference"]
