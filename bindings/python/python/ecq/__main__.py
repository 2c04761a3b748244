"""``python -m ecq`` is the ``ecq`` command."""

import sys

from ecq._cli import main

if __name__ == "__main__":
    sys.exit(main())
