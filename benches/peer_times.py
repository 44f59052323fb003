"""Range bars of a million trades: this package, its peers and the limits, in one interleaved run.

    python benches/peer_times.py [--rows N] [--rounds N] [--only NAME ...]

Each peer is installed into an environment of its own, in `.venv-peers`, and each call runs in a new
process (`peer_call.py`). The bars are compared with ours before any time counts: they are the same,
or differ by what is named here, which is checked too. A peer that cannot be installed has a line
that says why.
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from files import REPOSITORY
from table import Missing, Row, each, machine, table
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


def no_bars(theirs: Closes, ours: Closes) -> None:
    """Demand nothing: it is a limit."""
    del theirs, ours


@dataclass(frozen=True)
class Peer:
    """What is compared.

    Attributes
    ----------
    what
        Its line in the table.
    call
        The name of the function in ``peer_call.py``.
    requirements
        What its environment holds; none: ours.
    check
        How its bars compare with ours.
    python
        The version that it needs, if it is not that of this process.

    """

    what: str
    call: str
    requirements: tuple[str, ...] = ()
    check: Callable[[Closes, Closes], None] = same
    python: str | None = None


OURS = Peer("rangebar-polars", "rangebar_polars")
PEERS = (
    OURS,
    Peer("limit: sum of three columns in memory", "sum_of_columns", check=no_bars),
    Peer("loop by hand, numba", "loop_by_hand", ("numba==0.66.0", "polars==2.1.0")),
    Peer(
        "rangebar 7.1.3 (times lose up to 1 ms)",
        "rangebar_py",
        ("rangebar==7.1.3", "polars==2.1.0"),
        times_cut,
    ),
    Peer(
        "rangebar 9.1.0 (loses bars between chunks)",
        "rangebar_py",
        ("rangebar==9.1.0", "polars==2.1.0"),
        bars_lost,
    ),
    Peer(
        "opendeviationbar 12.39.0 (with Polars 1)",
        "opendeviationbar",
        ("opendeviationbar==12.39.0", "polars<2", "pandas<3"),
        python="3.13",
    ),
)


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


def environment(peer: Peer) -> Path | str:
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
    if peer.python is None:
        venv.create(folder, with_pip=True, clear=True)
    else:
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


def measured(python: Path, peer: Peer, trades: Path, closes: Path) -> tuple[float, Closes]:
    """Call a peer in a new process; return its seconds and closes."""
    command = [str(python), str(CALLS), peer.call, str(trades), str(closes)]
    done = subprocess.run(  # noqa: S603 - our own
        command, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    with np.load(closes) as made:
        return float(done.stdout), (made["times"].astype(np.int64), made["prices"])


def main() -> None:
    """Set up, check, measure in turn, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="of the trades (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each call (%(default)s)")
    parser.add_argument("--only", nargs="*", default=[], help="calls of peer_call.py, besides ours")
    given = parser.parse_args()
    wanted = [peer for peer in PEERS if peer is OURS or peer.call in (given.only or [peer.call])]
    pythons = {peer: environment(peer) for peer in wanted}
    print(f"bars(250) of {given.rows:,} trades in memory; {machine()}\n")
    seconds: dict[Peer, list[float]] = {peer: [] for peer in wanted}
    with tempfile.TemporaryDirectory() as folder:
        trades, closes = Path(folder, "trades.parquet"), Path(folder, "closes.npz")
        milliseconds = pl.col("timestamp").dt.cast_time_unit("ms")
        pl.concat(Walk(given.rows).pieces()).with_columns(milliseconds).write_parquet(trades)
        ours: Closes | None = None
        for _ in range(given.rounds):
            for peer, python in pythons.items():
                if isinstance(python, str):
                    continue
                took, theirs = measured(python, peer, trades, closes)
                ours = theirs if ours is None else ours
                peer.check(theirs, ours)
                seconds[peer].append(took)
    rows: list[Row | Missing] = []
    for peer, python in pythons.items():
        if isinstance(python, str):
            rows.append(Missing(peer.what, python))
        else:
            ratios = each(seconds[peer], seconds[OURS])
            rows.append(Row(what=peer.what, figures=seconds[peer], unit="s", ratios=ratios))
    print(table(rows))


if __name__ == "__main__":
    main()
