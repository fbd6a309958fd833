"""Which candidates are best: ranked by the proxy among those that fit, and the front of memory and proxy."""

from collections.abc import Sequence
from typing import Any

from ircompile.emit.templating import environment, number
from ircompile.report.pictures import ticks

Result = dict[str, Any]


def ranked(results: Sequence[Result]) -> list[Result]:
    """Those that fit first, then those that may, those that do not, and faults; within each, the best first."""
    order = {True: 0, None: 1, False: 2}
    return sorted(results, key=lambda r: (3, 0) if "error" in r else (order[r["fits"]], -r["proxy"]))


def front(results: Sequence[Result]) -> list[Result]:
    """The results from which no other takes fewer bytes and no lower proxy, least memory first.

    Of those that fit, where any does; else of all.
    """
    sound = [result for result in results if "error" not in result]
    among = [result for result in sound if result["fits"]] or sound
    best: list[Result] = []
    for result in sorted(among, key=lambda r: (r["arena"], -r["proxy"])):
        if not best or result["proxy"] > best[-1]["proxy"]:
            best.append(result)
    return best


def picture(results: Sequence[Result], title: str, proxy: str, ram: int | None) -> str:
    """An SVG of all results: arena bytes to the right, the proxy upward, the front as a line; axes begin at 0."""
    sound = [result for result in results if "error" not in result]
    most_ram = max((r["arena"] for r in sound if r["fits"]), default=0) or max(r["arena"] for r in sound)
    inside = [result for result in sound if result["arena"] <= 1.5 * most_ram]
    most_ram, most_proxy = max(r["arena"] for r in inside), max(r["proxy"] for r in inside) or 1

    def x_of(arena: float) -> float:
        return round(78 + 520 * arena / most_ram, 1)

    def y_of(value: float) -> float:
        return round(330 - 280 * value / most_proxy, 1)

    best = front(results)
    chosen = set(map(id, best))
    points = [
        {**r, "x": x_of(r["arena"]), "y": y_of(r["proxy"]), "fits": bool(r["fits"]), "best": id(r) in chosen}
        for r in inside
    ]
    return (
        environment(escaped=True)
        .get_template("report/sweep.svg.j2")
        .render(
            title=title,
            proxy=proxy,
            points=sorted(points, key=lambda point: bool(point["best"])),
            line=[(x_of(r["arena"]), y_of(r["proxy"])) for r in best if r["arena"] <= most_ram],
            limit=x_of(ram) if ram is not None and ram <= most_ram else None,
            ram_ticks=[{"at": x_of(ram), "text": number(ram)} for ram in ticks(most_ram)],
            proxy_ticks=[
                {"at": y_of(value), "text": _short(value)} for value in (most_proxy * part / 4 for part in range(5))
            ],
        )
    )


def _short(value: float) -> str:
    return f"{value / 1e6:.3g} M" if value >= 1e6 else f"{value:.3g}"
