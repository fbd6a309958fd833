"""What people and programs are told of a compilation."""

from ircompile.report.data import report_data

__all__ = ["report_data"]
