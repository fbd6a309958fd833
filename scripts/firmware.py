"""Build C files around a compiled model and run them on the target's emulated board.

usage: firmware.py TARGET SOURCE.c ... -- INCLUDE_DIR ...
"""

import sys
from pathlib import Path

from ircompile.errors import CompileError
from ircompile.target import load_target
from ircompile.verification.runners.firmware import run_firmware


def main() -> int:
    words = sys.argv[1:]
    if "--" not in words or words.index("--") < 2:
        print(__doc__, file=sys.stderr)
        return 2
    cut = words.index("--")
    sources, includes = [Path(w) for w in words[1:cut]], [Path(w) for w in words[cut + 1 :]]
    try:
        sys.stdout.write(run_firmware(sources, includes, load_target(words[0])))
    except CompileError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
