"""Measure bars of other libraries on the same trades, to ours of the nearest rule.

``python benches/rule_peers.py [--rows N] [--rounds N]`` prints a table. Libraries that are not
installed are left out, with their names. Where bars of both should end at the same records, that is
checked before they are timed; ours have every column of a bar, the others whatever their function
returns. Both are timed from a frame of trades in memory, conversions included.
"""

import argparse
from importlib.util import find_spec
from time import perf_counter

import polars as pl
from peers import DIFFERENT, MODULES, PEERS, Peer
from table import Missing, Row, machine, table
from walks import Walk

import rangebar_polars as rb


def ends_of(trades: pl.DataFrame, rule: rb.Rule) -> list[int]:
    """Return the rows at which our bars end."""
    ids = trades.select(rb.bar_id(rule=rule)).to_series()
    last = pl.DataFrame({"bar": ids}).with_row_index().group_by("bar").agg(pl.col("index").last())
    return sorted(last["index"])[: rb.bars(trades, rule=rule).height]


def measured(name: str, peer: Peer, trades: pl.DataFrame, rounds: int) -> Row:
    """Return the row of a library's function."""
    rule = rb.parse_rule(peer.rule)
    # The first call compiles what some of them compile.
    theirs = peer.ends(trades)
    if name not in DIFFERENT:
        assert theirs == ends_of(trades, rule), name
    timed = peer.bars or peer.ends
    assert len(timed(trades)) == len(theirs), name
    seconds, ratios = [], []
    for _ in range(rounds):
        begin = perf_counter()
        rb.bars(trades, rule=rule)
        between = perf_counter()
        timed(trades)
        end = perf_counter()
        seconds.append(end - between)
        ratios.append((end - between) / (between - begin))
    what = f"{name}, {len(theirs)} bars, to ours"
    return Row(what=what, figures=seconds, unit="s", ratios=ratios)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    trades = pl.concat(Walk(asked.rows).pieces(), rechunk=True)
    rows = [
        measured(name, peer, trades, asked.rounds)
        if find_spec(MODULES[peer.library])
        else Missing(what=name, why="not installed")
        for name, peer in PEERS.items()
    ]
    print(f"{asked.rows:,} trades in memory; {machine()}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
