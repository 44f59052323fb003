"""The command line in a process of its own: in pipes, as in a script, or on a pseudo-terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from support.subprocesses import TIMEOUT

PROGRAM = [sys.executable, "-m", "rangebar_polars"]
COLUMNS = 100
CTRL_C = b"\x03"

# The process becomes the one that the terminal's Ctrl-C is for.
_ON_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def environment(**more: str) -> dict[str, str]:
    """Return the variables of this process, without what a terminal would be taken for."""
    hidden = {"COLUMNS", "LINES"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | {"no_proxy": "*", "TERM": "xterm", "PYTHONIOENCODING": "utf-8"} | more


def in_pipes(
    *arguments: object, given: bytes = b"", **variables: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run the program with pipes at all three ends."""
    return subprocess.run(  # noqa: S603 - this very Python
        [*PROGRAM, *map(str, arguments)],
        input=given,
        capture_output=True,
        check=False,
        env=environment(**variables),
        timeout=TIMEOUT,
    )


@dataclass
class Terminal:
    """A program that runs on a pseudo-terminal, whose standard error may be elsewhere."""

    process: "subprocess.Popen[bytes]"
    master: int
    seen: bytes = field(default=b"")

    def read_until(self, pattern: bytes) -> bytes:
        """Return what was printed up to the first match of a pattern."""
        while re.search(pattern, self.seen) is None:
            assert self._read(), f"{pattern!r} is not in {self.seen!r}"
        return self.seen

    def press(self, keys: bytes) -> None:
        """Type at the terminal."""
        os.write(self.master, keys)

    def end(self) -> int:
        """Read to the end; return the exit code."""
        while self._read():
            pass
        return self.process.wait(TIMEOUT)

    @property
    def text(self) -> str:
        """What was printed, with lines as they were written."""
        return self.seen.decode().replace("\r\n", "\n")

    def _read(self) -> bool:
        try:
            part = os.read(self.master, 1 << 16)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.seen += part
        return bool(part)


@contextmanager
def terminal(
    *arguments: object,
    columns: int = COLUMNS,
    stdin: IO[bytes] | int | None = None,
    stdout: IO[bytes] | int | None = None,
    stderr: IO[bytes] | int | None = None,
    **variables: str,
) -> Iterator[Terminal]:
    """Run the program on a pseudo-terminal; ends that are given are not the terminal's."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    ends = [slave if end is None else end for end in (stdin, stdout, stderr)]
    launcher = ["-c", _ON_TERMINAL] if stdin is None else []
    process = subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, *launcher, *PROGRAM[1:], *map(str, arguments)],
        stdin=ends[0],
        stdout=ends[1],
        stderr=ends[2],
        env=environment(**variables),
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait(TIMEOUT)
        os.close(master)
