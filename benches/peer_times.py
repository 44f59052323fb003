"""Bars of a million trades: this package, its peers and the limits, in one interleaved run.

    python benches/peer_times.py [--rows N] [--rounds N] [--only PACKAGE ...] [--save]

Each peer is installed into an environment of its own, in `.venv-peers`, and each call runs in a new
process (`peer_call.py`). The bars are compared with ours before any time counts: they are the same,
or differ by what is named here, which is checked too. A peer that cannot be installed has a line
that says why. ``--save`` keeps the seconds in `peers.json`, from which the tables of `RESULTS.md`
and their picture are made (`peer_tables.py`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from files import REPOSITORY
from peer_tables import OURS, SAVED, Call, tables
from peers import DIFFERENT, PEERS
from table import machine
from walks import Walk

ROWS = 1_000_000
ROUNDS = 5
ENVIRONMENTS = REPOSITORY / ".venv-peers"
CALLS = Path(__file__).with_name("peer_call.py")
Closes = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


def same(theirs: Closes, ours: Closes) -> None:
    """Demand the same times and prices."""
    assert np.array_equal(theirs[0], ours[0]), "other times"
    assert np.array_equal(theirs[1], ours[1]), "other prices"


def times_cut(theirs: Closes, ours: Closes) -> None:
    """Demand the same prices, and times of which a float lost up to a millisecond."""
    assert np.array_equal(theirs[1], ours[1]), "other prices"
    late = ours[0] - theirs[0]
    assert late.min() >= 0, "times that are too late"
    assert late.max() == 1, "times are no longer cut: compare them as the same"


def bars_lost(theirs: Closes, ours: Closes) -> None:
    """Demand that bars are those of ours until the first chunk ends, and fewer in all."""
    assert theirs[1][0] == ours[1][0], "another first bar"
    assert len(theirs[0]) < len(ours[0]), "no bar is lost any more: compare them as the same"


def other_bars(theirs: Closes, ours: Closes) -> None:
    """Demand about as many bars; where they end differs, as docs/rules.md says."""
    assert 2 * len(theirs[0]) > len(ours[0]), "far fewer bars"
    assert len(theirs[0]) < 2 * len(ours[0]), "far more bars"


def no_bars(theirs: Closes, ours: Closes) -> None:
    """Demand nothing: it is a limit."""
    del theirs, ours


@dataclass(frozen=True)
class Package:
    """What is compared.

    Attributes
    ----------
    name
        The distribution and its version, or what the limit is.
    call
        The name of the function in ``peer_call.py``.
    requirements
        What its environment holds; none: ours.
    check
        How its bars compare with ours.
    note
        What differs, for the table.
    python
        The version that it needs, if it is not that of this process.
    rule
        The text of the rule of ours that is nearest.

    """

    name: str
    call: str
    requirements: tuple[str, ...] = ()
    check: Callable[[Closes, Closes], None] = same
    note: str = ""
    python: str | None = None
    rule: str = "range-250"


PACKAGES = (
    Package(OURS, "range-250"),
    Package("the sum of three columns, in Polars", "sum_of_columns", check=no_bars),
    Package(
        "a loop by hand, compiled by numba, one thread",
        "loop_by_hand",
        ("numba==0.66.0", "numpy", "polars==2.1.0"),
    ),
    Package(
        "opendeviationbar 12.39.0",
        "opendeviationbar",
        ("opendeviationbar==12.39.0", "polars<2", "pandas<3"),
        note="on Polars 1",
        python="3.13",
    ),
    Package(
        "rangebar 9.1.0",
        "rangebar_py",
        ("rangebar==9.1.0", "numpy", "polars==2.1.0"),
        bars_lost,
        note="loses bars between chunks",
    ),
    Package(
        "rangebar 7.1.3",
        "rangebar_py",
        ("rangebar==7.1.3", "numpy", "polars==2.1.0"),
        times_cut,
        note="its times lose up to a millisecond",
    ),
)


LIBRARIES = {
    "mlfinpy": ("mlfinpy==0.1.2", "scikit-learn", "numpy", "polars==2.1.0"),
    "finmlkit": ("finmlkit==0.1.11", "numpy", "polars==2.1.0"),
    "tickbar": ("tickbar==0.2.0", "numpy", "polars==2.1.0"),
    "wickra": ("wickra==2.0.0", "numpy", "polars==2.1.0"),
    "polars-trading": ("polars-trading==0.2.0", "numpy", "polars==2.1.0"),
}
"""What holds the libraries of `peers.py`."""


def of_rules() -> tuple[Package, ...]:
    """Return our bars of each rule of the libraries, and after them theirs."""
    found = []
    for rule in sorted({peer.rule for peer in PEERS.values()}):
        found.append(Package(OURS, rule, rule=rule))
        for name, peer in PEERS.items():
            if peer.rule == rule:
                wanted = LIBRARIES[peer.library]
                check, note = (other_bars, "other bars") if name in DIFFERENT else (same, "")
                library = wanted[0].replace("==", " ")
                found.append(Package(library, name, wanted, check, note, rule=rule))
    return tuple(found)


def interpreter(version: str | None) -> Path | None:
    """Return the Python of a version, if there is one."""
    if version is None:
        return Path(sys.executable)
    homes = [Path.home() / ".pyenv" / "versions", Path("/usr/bin"), Path("/usr/local/bin")]
    found = [
        path
        for home in homes
        for path in [*home.glob(f"{version}.*/bin/python"), home / f"python{version}"]
        if path.is_file()
    ]
    return found[0] if found else None


def environment(peer: Package) -> Path | str:
    """Return the Python with the peer, installed if it was not; or why there is none."""
    if not peer.requirements:
        return Path(sys.executable)
    folder = ENVIRONMENTS / peer.requirements[0].replace("==", "-")
    python = folder / "bin" / "python"
    if (folder / "installed").exists():
        return python
    base = interpreter(peer.python)
    if base is None:
        return f"needs Python {peer.python}, which was not found"
    started(base, "-m", "venv", "--clear", folder)
    problem = started(python, "-m", "pip", "install", "--quiet", *peer.requirements)
    if problem is not None:
        return f"was not installed: {problem}"
    (folder / "installed").touch()
    return python


def started(*command: str | Path) -> str | None:
    """Run a command; return the last line of its errors if it failed."""
    done = subprocess.run(  # noqa: S603 - the commands of this file
        [str(part) for part in command], check=False, capture_output=True, text=True
    )
    return (done.stderr.strip().splitlines() or ["no message"])[-1] if done.returncode else None


def measured(python: Path | str, peer: Package, trades: Path, closes: Path) -> tuple[float, Closes]:
    """Call a peer in a new process; return its seconds and closes."""
    command = [str(python), str(CALLS), peer.call, str(trades), str(closes)]
    done = subprocess.run(  # noqa: S603 - our own
        command, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    with np.load(closes) as made:
        # Some libraries print what they do.
        seconds = float(done.stdout.splitlines()[-1])
        return seconds, (made["times"].astype(np.int64), made["prices"])


def main() -> None:
    """Set up, check, measure in turn, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="of the trades (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each call (%(default)s)")
    parser.add_argument("--only", nargs="*", default=[], help="names of packages, besides ours")
    parser.add_argument("--save", action="store_true", help=f"keep the seconds in {SAVED.name}")
    given = parser.parse_args()
    every = (*PACKAGES, *of_rules())
    others = [each for each in every if each.name != OURS]
    others = [each for each in others if not given.only or each.name.split()[0] in given.only]
    rules = {each.rule for each in others}
    wanted = [
        each for each in every if each in others or (each.name == OURS and each.rule in rules)
    ]
    pythons = {each: environment(each) for each in wanted}
    calls = {
        each: Call(name=each.name, rule=each.rule, note=each.note)
        for each, python in pythons.items()
        if isinstance(python, Path)
    }
    run = f"{given.rows:,} trades in memory; {machine()}"
    ours: dict[str, Closes] = {}
    with tempfile.TemporaryDirectory() as folder:
        trades, closes = Path(folder, "trades.parquet"), Path(folder, "closes.npz")
        milliseconds = pl.col("timestamp").dt.cast_time_unit("ms")
        pl.concat(Walk(given.rows).pieces()).with_columns(milliseconds).write_parquet(trades)
        for _ in range(given.rounds):
            for package, call in calls.items():
                took, theirs = measured(pythons[package], package, trades, closes)
                package.check(theirs, ours.setdefault(package.rule, theirs))
                call.seconds.append(took)
    print(f"{run}\n\n{tables(list(calls.values()))}")
    for package, python in pythons.items():
        if isinstance(python, str):
            print(f"{package.name} {python}")
    if given.save:
        saved = {"run": run, "calls": [asdict(call) for call in calls.values()]}
        SAVED.write_text(json.dumps(saved, indent=1) + "\n")


if __name__ == "__main__":
    main()
