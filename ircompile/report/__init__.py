"""What people and programs are told of a compilation."""

from ircompile.report.data import report_data
from ircompile.report.html import front_picture, html_report
from ircompile.report.memory import memory_map
from ircompile.report.notebook import notebook_html

__all__ = ["front_picture", "html_report", "memory_map", "notebook_html", "report_data"]
