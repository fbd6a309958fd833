"""How long a network takes on a board, and how far that may be off: docs/timing.md."""
