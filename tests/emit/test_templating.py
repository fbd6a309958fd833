"""Templates are compiled once in a process."""

from __future__ import annotations

from ircompile.emit.templating import environment


def test_the_code_of_a_template_is_kept() -> None:
    first, second = (environment().get_template("kernels/requant.j2") for _ in range(2))
    assert first is not second
    assert first.root_render_func.__code__ is second.root_render_func.__code__


def test_escaping_is_part_of_the_code() -> None:
    templates = [environment(escaped=escaped).get_template("kernels/requant.j2") for escaped in (False, True)]
    assert templates[0].root_render_func.__code__ is not templates[1].root_render_func.__code__
