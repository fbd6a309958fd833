"""Planning: which nodes stream together, and where every row lives in one arena. See `docs/planning.md`."""

from ircompile.plan.layout import check_input_mode, lay_out
from ircompile.plan.model import Block, Buffer, Demand, Layout, Plan

__all__ = ["Block", "Buffer", "Demand", "Layout", "Plan", "check_input_mode", "lay_out"]
