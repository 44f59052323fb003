"""Seconds and peak memory of work in a new process.

A script calls itself: `run` starts it with arguments, and in that process `report` does the work
and prints the figures. What was imported before counts in the peak, not in the seconds.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")


class Run(NamedTuple):
    """The figures of one process."""

    seconds: float
    peak_mb: float


def run(script: str, *arguments: str | Path) -> Run:
    """Run a script in a new process; return the figures that it reports."""
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return Run(*json.loads(done.stdout))


def report(work: Callable[[], Result]) -> Result:
    """Do the work, print its figures, and return its result."""
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    print(json.dumps(Run(seconds, _peak_mb())))
    return result


def _peak_mb() -> float:
    """Return this process's own peak; getrusage also counts its parent's from before exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
