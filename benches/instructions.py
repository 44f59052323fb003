"""Counts of the kernel's instructions, which do not depend on how busy the machine is.

Each case of `instructions.rs` runs under callgrind, which counts what happens inside `measured`.
The counts are compared with those in `instructions.json`: one that is more than 3 % higher or lower
is an error, so that a change of the cost is seen and written down (`--write`).

The counts belong to one version of Rust on x86-64, which is named in the file.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_suffix(".json")
TOLERANCE: Final = 0.03
NEEDS: Final = "valgrind is needed for the counts (apt-get install valgrind)"


def run(*command: str) -> str:
    """Return what a command printed, on both of its outputs."""
    env = {**os.environ, "CARGO_PROFILE_BENCH_STRIP": "false"}
    done = subprocess.run(  # noqa: S603 - our own commands
        command, env=env, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return done.stdout


def built() -> str:
    """Build the cases, and return the path of the program."""
    command = ("cargo", "bench", "--no-default-features", "--bench", "instructions", "--no-run")
    return str(re.findall(r"\((\S*instructions-\S+)\)", run(*command))[-1])


def count(program: str, case: str) -> int:
    """Return how many instructions a case takes."""
    printed = run(
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        "--toggle-collect=*measured*",
        program,
        case,
    )
    counts = [int(found) for found in re.findall(r"Collected : (\d+)", printed)]
    assert sum(counts) > 0, f"callgrind counted nothing: {printed}"
    return sum(counts)


def main() -> None:
    """Count every case, and compare the counts or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the counts to the file")
    arguments = parser.parse_args()
    try:
        run("valgrind", "--version")
    except FileNotFoundError:
        sys.exit(NEEDS)
    program, rust = built(), run("rustc", "--version").strip()
    counts = {case: count(program, case) for case in run(program).split()}
    if arguments.write:
        FILE.write_text(json.dumps({"rust": rust, "counts": counts}, indent=2) + "\n")
        return
    known = json.loads(FILE.read_text())
    if known["rust"] != rust:
        print(f"the counts in {FILE.name} are of {known['rust']}, this is {rust}")
    wrong = 0
    for case, got in counts.items():
        expected = known["counts"].get(case, 0)
        change = got / expected - 1 if expected else float("inf")
        wrong += abs(change) > TOLERANCE
        mark = "  <- differs" if abs(change) > TOLERANCE else ""
        print(f"{case:20} {got:12,} {change:+8.2%}{mark}")
    if wrong:
        sys.exit(f"{wrong} counts differ by more than {TOLERANCE:.0%} (if that is meant: --write)")


if __name__ == "__main__":
    main()
