"""Tests of what is optional are skipped where it is not installed."""

from collections.abc import Generator

import pytest

OPTIONAL = ("hypothesis", "jsonschema", "kconfiglib", "yaml")
"""Tools of the extra `dev` that test files import by name; frameworks are asked for by `importorskip`."""


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file whose import ends at an optional package is skipped."""
    report = yield
    error = report.call.excinfo.value.__cause__ if report.call and report.call.excinfo else None
    if isinstance(error, ModuleNotFoundError) and error.name in OPTIONAL:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: {error.name} is not installed")
    return report
