"""What makes planning faster and changes no plan. The core in `ircompile.plan` works without any of it.

`IRCOMPILE_PLAIN=1` in the environment switches all of it off.
"""

from __future__ import annotations

import os

from ircompile.plan.fast.cache import PlanCache
from ircompile.plan.shortcuts import Shortcuts


def shortcuts() -> Shortcuts:
    """New shortcuts for the plans of one graph and of its variants."""
    return Shortcuts() if os.environ.get("IRCOMPILE_PLAIN") == "1" else PlanCache()
