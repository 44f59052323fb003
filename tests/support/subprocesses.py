"""Python code in a process of its own: for what may end a process, or must not."""

import os
import subprocess
import sys

TIMEOUT = 60
"""Seconds after which a child counts as stuck."""


def run(code: str, **environment: str) -> str:
    """Return what the code prints; a process that ends in any other way than by itself fails."""
    done = subprocess.run(  # noqa: S603 - the tests' own code
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
