"""Measure bars of each rule in memory, to range bars of about as many records each.

``python benches/rules.py [--rows N] [--rounds N]`` prints a table. Each rule has a limit that makes
about as many bars as the range rule at 250, and its volumes are summed against the trades before it
is timed.
"""

import argparse
from time import process_time

import polars as pl
from table import Row, machine, table
from walks import Walk

import rangebar_polars as rb

RANGE = rb.RangeRule(250)
SIMPLE, SIDED = 1.5, 4.0
"""The most that a rule may take, to range bars."""


def rules_for(trades: pl.DataFrame, records: int) -> dict[rb.Rule, float]:
    """Return rules whose bars have about so many records, each with the most that it may take."""
    volume = float(trades["quantity"].mean()) * records  # type: ignore[arg-type] # there are some
    price = float(trades["price"].mean())  # type: ignore[arg-type] # there are some
    expected = {"ticks_span": 10_000, "min_ticks": records // 10, "max_ticks": 10 * records}
    return {
        rb.PriceRangeRule(price / 400): SIMPLE,
        rb.HighLowRule(price / 300): SIMPLE,
        rb.CusumRule(250): SIMPLE,
        rb.TickRule(records): SIMPLE,
        rb.TickRule(2 * records, individual=True): SIMPLE,
        rb.VolumeRule(volume): SIMPLE,
        rb.DollarRule(volume * price): SIMPLE,
        rb.ImbalanceRule(max(1, round(records**0.5))): SIDED,
        rb.RunRule(records // 2): SIDED,
        rb.RunLengthRule(10): SIDED,
        rb.EwmaImbalanceRule(records, **expected): SIDED,  # type: ignore[arg-type] # integers
        rb.EwmaRunRule(records, **expected): SIDED,  # type: ignore[arg-type] # integers
        rb.WhenRule(pl.int_range(pl.len()) % records == records - 1): SIDED,
        rb.SumRule(pl.col("quantity"), volume): SIDED,
    }


def seconds(trades: pl.DataFrame, rule: rb.Rule) -> float:
    """Return the processor time of the bars of a rule."""
    begin = process_time()
    rb.bars(trades, rule=rule)
    return process_time() - begin


def check(trades: pl.DataFrame, rule: rb.Rule) -> int:
    """Return the number of bars, which hold every trade once."""
    bars = rb.bars(trades, rule=rule, include_incomplete=True)
    traded, in_bars = float(trades["quantity"].sum()), float(bars["volume"].sum())
    assert abs(in_bars - traded) < 1e-6 * traded
    return bars.height


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    trades = pl.concat(Walk(asked.rows).pieces(), rechunk=True)
    records = asked.rows // check(trades, RANGE)
    rows = []
    for rule, most in rules_for(trades, records).items():
        count = check(trades, rule)
        pairs = [(seconds(trades, RANGE), seconds(trades, rule)) for _ in range(asked.rounds)]
        figures = [own for _, own in pairs]
        ratios = [own / of_range for of_range, own in pairs]
        what = f"{rule}, {count} bars, to {RANGE}"
        rows.append(Row(what=what, figures=figures, unit="s", ratios=ratios, at_most=most))
    print(f"{asked.rows:,} trades in memory; {machine()}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
