"""`python -m pdenet`: the command line without its script."""

import sys

from pdenet.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
