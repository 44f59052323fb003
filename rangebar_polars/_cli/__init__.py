"""The command line ``rangebar-polars``: a thin shell over the functions of the package."""

import importlib
import signal
from typing import Final

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C: 128, and the number of the signal."""


def main() -> None:
    """Run the program with the arguments of the process, and end the process.

    What the verbs need is loaded here, so that Ctrl-C is quiet from the beginning.
    """
    try:
        program = importlib.import_module("rangebar_polars._cli.program").program
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    if hasattr(signal, "siginterrupt"):
        # The handler of Polars has a read or write that waits begin again, for ever perhaps.
        signal.siginterrupt(signal.SIGINT, True)  # noqa: FBT003 - as Python has it
    program()
