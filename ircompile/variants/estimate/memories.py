"""Several memories: whether they hold a plan that was found in a moment."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ircompile.plan.memories import in_memories
from ircompile.plan.settings import PLACING_LOSS
from ircompile.target import MemoryRegion
from ircompile.variants.estimate.advice import Option
from ircompile.variants.estimate.estimate import Estimate


def budget_of(ram: int | None, memory: Sequence[MemoryRegion]) -> int | None:
    """Bytes to fit in: those asked about, and no more than all memories have; None where nothing was asked."""
    total = sum(region.bytes for region in memory) if memory else None
    return min((size for size in (ram, total) if size is not None), default=None)


def shares(found: Estimate, memory: Sequence[MemoryRegion]) -> tuple[tuple[str, int], ...]:
    """Bytes in each of several memories; nothing where they do not hold the plan, or that is not known."""
    if len(memory) < 2:
        return ()
    if found.surely <= memory[0].bytes:
        return ((memory[0].name, found.bytes), *((region.name, 0) for region in memory[1:]))
    places = in_memories(found.candidate, memory) if found.placed else None
    return tuple((region.name, region.bytes) for region in places.regions) if places else ()


def only_if_sure(options: Iterable[Option], memory: Sequence[MemoryRegion]) -> Iterator[Option]:
    """Options, with those open that were only compared with all memories together."""
    for option in options:
        split = len(memory) > 1 and PLACING_LOSS * option.arena > memory[0].bytes
        yield replace(option, fits=None) if option.fits and split else option
