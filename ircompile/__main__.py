"""`python -m ircompile`."""

import sys

from ircompile.cli import main

sys.exit(main())
