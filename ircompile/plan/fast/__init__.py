"""What makes planning faster and changes no plan. The core in `ircompile.plan` works without any of it.

`IRCOMPILE_PLAIN=1` in the environment switches all of it off. Without any of it, planning takes 54 % more time, on
the nine plans of `plan/settings.py`; without incremental placement 30 % more, without remembering shared rings
22 %, forbidden distances 13 %, peaks of segments 12 %, rows of steps 7 %. The rows of steps count most where
tensors have many rows.
"""

import os

from ircompile.plan.fast.cache import PlanCache
from ircompile.plan.shortcuts import Shortcuts


def shortcuts() -> Shortcuts:
    """New shortcuts for the plans of one graph and of its variants."""
    return Shortcuts() if os.environ.get("IRCOMPILE_PLAIN") == "1" else PlanCache()
