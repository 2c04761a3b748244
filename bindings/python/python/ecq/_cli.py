"""The ``ecq`` command, which is the same program as the native one."""

import signal
import sys

from ecq import _ecq


def main() -> int:
    """Runs the command with the arguments of this process and returns its exit code."""
    # The handler of Python would only set a flag, which no Python code looks at while the command runs.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _ecq.main(["ecq", *sys.argv[1:]])
