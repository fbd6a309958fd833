"""What people and programs are told of a compilation."""

from ircompile.report.data import checked_text, compared_text, layer_count, report_data
from ircompile.report.html import html_report
from ircompile.report.memory import memory_map
from ircompile.report.pictures import front_picture, memory_picture

__all__ = [
    "checked_text",
    "compared_text",
    "front_picture",
    "html_report",
    "layer_count",
    "memory_map",
    "memory_picture",
    "report_data",
]
