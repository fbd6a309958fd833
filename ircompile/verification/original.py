"""The model as in its file, where the compiled graph takes other inputs: pixels, new rows, no states."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ircompile.ir.graph import Graph
from ircompile.passes.fold_pixels import codes_of_pixels
from ircompile.passes.orientation import upright
from ircompile.pipeline import Pixels, read
from ircompile.verification.fed_back import fed_back
from ircompile.verification.ladder import Codes
from ircompile.verification.windows import windows_of

Original = tuple[Graph, Callable[[Sequence[Codes]], list[Codes]]]
"""The graph whose inputs are the file's own, and its codes of the compiled graph's."""


def original(
    path: Path,
    numerics: str | None = None,
    pixels: Pixels | None = None,
    outputs: Sequence[str] = (),
    stream: int = 0,
    states: Sequence[tuple[str, str]] = (),
) -> Original | None:
    """What a framework runs for a graph that `pipeline.read` made of the same arguments; None if it is the same."""
    if pixels is None and not stream and not states:
        return None
    graph = read(path, numerics, outputs=outputs)
    graph = upright(graph) if stream else graph
    if states:
        tied = read(path, numerics, pixels, outputs, stream, states)
        return graph, lambda vectors: fed_back(graph, tied, states, vectors)
    whole = upright(read(path, numerics, pixels, outputs)) if pixels else graph
    streamed = read(path, numerics, pixels, outputs, stream) if stream else whole
    name = graph.input_names[0]

    def own(vectors: Sequence[Codes]) -> list[Codes]:
        windows = windows_of(whole, streamed, vectors) if stream else list(vectors)
        return [{name: codes_of_pixels(graph, *pixels, codes[name])} for codes in windows] if pixels else windows

    return graph, own
