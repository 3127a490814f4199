"""`python -m xaimed` is the command `xaimed`."""

from __future__ import annotations

import sys

from xaimed.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
