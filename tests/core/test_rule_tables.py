"""The tables of the specification of rules: how many records each bar has, … if it is not complete.

Each holds for the package and for the oracle of rules.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from support.rule_reference import State, bars_of
from support.trades import rows

import rangebar_polars as rb

BUY, SELL, NEITHER = False, True, None
SIDES = {"B": BUY, "S": SELL, "U": NEITHER}


def trades(
    prices: Sequence[float],
    *,
    ms: Sequence[int] | None = None,
    quantities: Sequence[float] | None = None,
    sides: str | None = None,
    ids: Sequence[tuple[int, int]] | None = None,
) -> pl.DataFrame:
    """Return trades that are a second apart if no times are given."""
    size = len(prices)
    times = [1_000 * row for row in range(size)] if ms is None else list(ms)
    columns = {
        "timestamp": pl.Series(times, dtype=pl.Int64).cast(pl.Datetime("ms")),
        "price": pl.Series(prices, dtype=pl.Float64),
        "quantity": pl.Series(quantities or [1.0] * size, dtype=pl.Float64),
    }
    if sides is not None:
        columns["is_buyer_maker"] = pl.Series([SIDES[side] for side in sides], dtype=pl.Boolean)
    if ids is not None:
        columns["first_trade_id"] = pl.Series([first for first, _ in ids])
        columns["last_trade_id"] = pl.Series([last for _, last in ids])
    return pl.DataFrame(columns)


def with_quantities(text: str) -> pl.DataFrame:
    """Return trades such as "B3 S1"."""
    sides, quantities = zip(*((part[0], float(part[1:])) for part in text.split()), strict=True)
    return trades([1.0] * len(sides), quantities=quantities, sides="".join(sides))


def counted(bars: Sequence[tuple[int, bool]]) -> str:
    """Return the form of the tables."""
    return " ".join(f"{count}{'' if complete else '…'}" for count, complete in bars)


ONE = [1.0] * 20

TABLES: dict[str, tuple[rb.Rule, pl.DataFrame, str]] = {
    "price range": (rb.PriceRangeRule(5), trades([100, 104.99, 105, 106]), "3 1…"),
    "price range, no lower border": (rb.PriceRangeRule(5), trades([3, 1, 8]), "3"),
    "high less low": (rb.HighLowRule(5), trades([100, 97, 102, 102]), "3 1…"),
    "high less low, a jump": (rb.HighLowRule(5), trades([100, 120, 120, 115]), "2 2"),
    "high less low, gate": (
        rb.HighLowRule(5),
        trades([100, 105, 102], ms=[0, 0, 1000]),
        "3",
    ),
    "high less low, no gate": (
        rb.HighLowRule(5, prevent_same_timestamp_close=False),
        trades([100, 105, 102], ms=[0, 0, 1000]),
        "2 1…",
    ),
    "price range, gate": (
        rb.PriceRangeRule(5),
        trades([100, 105, 102], ms=[0, 0, 1000]),
        "3…",
    ),
    "price range, no gate": (
        rb.PriceRangeRule(5, prevent_same_timestamp_close=False),
        trades([100, 105, 102], ms=[0, 0, 1000]),
        "2 1…",
    ),
    "cusum": (rb.CusumRule(1000), trades([100, 101, 101, 102.01, 102]), "2 2 1…"),
    "cusum, from the lowest": (rb.CusumRule(1000), trades([100, 99.5, 100.495, 99.5]), "3 1"),
    "cusum, over the close": (rb.CusumRule(1000), trades([100, 102, 104.04, 104]), "2 1 1…"),
    "cusum, gate": (
        rb.CusumRule(1000, prevent_same_timestamp_close=True),
        trades([100, 102, 104.04, 104]),
        "2 2",
    ),
    "tick": (rb.TickRule(3), trades(ONE[:7]), "3 3 1…"),
    "tick, one": (rb.TickRule(1), trades(ONE[:3]), "1 1 1"),
    "tick, gate": (
        rb.TickRule(3, prevent_same_timestamp_close=True),
        trades(ONE[:6], ms=[0, 0, 0, 0, 1, 1]),
        "5 1…",
    ),
    "individual trades": (
        rb.TickRule(3, individual=True),
        trades(ONE[:4], ids=[(1, 2), (3, 3), (4, 9), (10, 10)]),
        "2 1 1…",
    ),
    "volume": (
        rb.VolumeRule(10),
        trades(ONE[:6], quantities=[4, 6, 10, 25, 9.99999999, 0.00000001]),
        "2 1 1 2",
    ),
    "volume in tenths": (rb.VolumeRule(0.3), trades(ONE[:4], quantities=[0.1] * 4), "3 1…"),
    "volume and zeros": (rb.VolumeRule(1), trades(ONE[:4], quantities=[0, 1, 0, 1]), "2 2"),
    "dollar": (rb.DollarRule(1000), trades([100] * 4, quantities=[4, 6, 30, 1]), "2 1 1…"),
    "imbalance": (rb.ImbalanceRule(2), trades(ONE[:6], sides="BSBBSS"), "4 2"),
    "imbalance, no side": (rb.ImbalanceRule(2), trades(ONE[:3], sides="BUB"), "3"),
    "imbalance of volume": (
        rb.ImbalanceRule(5, "volume"),
        with_quantities("B3 S1 B3 S9"),
        "3 1",
    ),
    "imbalance, tick rule": (
        rb.ImbalanceRule(2, side="tick_rule"),
        trades([100, 101, 101, 101, 100]),
        "3 2…",
    ),
    "run": (rb.RunRule(3), trades(ONE[:8], sides="BSBUBSSS"), "5 3"),
    "run length": (rb.RunLengthRule(3), trades(ONE[:6], sides="BSBUBB"), "6"),
    "run length, after another": (rb.RunLengthRule(2), trades(ONE[:5], sides="BSSSS"), "3 2"),
}

EXPECTED: dict[str, Any] = {
    "expected_ticks": 4,
    "ticks_span": 7,
    "min_ticks": 1,
    "max_ticks": 8,
    "warm_up": 4,
}
TWENTY = trades(ONE, sides="BBBSBBBBBBSBSBSBSBSB")
EXPECTATIONS: dict[str, tuple[rb.Rule, str]] = {
    "imbalance, bars_span 3": (rb.EwmaImbalanceRule(bars_span=3, **EXPECTED), "4 2 2 8 4…"),
    "run, bars_span 3": (rb.EwmaRunRule(bars_span=3, **EXPECTED), "4 3 5 7 1…"),
    "imbalance": (rb.EwmaImbalanceRule(**EXPECTED), "4 2 3 8 1 1 1"),
    "run": (rb.EwmaRunRule(**EXPECTED), "4 3 5 7 1…"),
}
TABLES |= {f"ewma {name}": (rule, TWENTY, bars) for name, (rule, bars) in EXPECTATIONS.items()}
TABLES["ewma of volume"] = (
    rb.EwmaImbalanceRule(
        3, "volume", bars_span=3, ticks_span=5, min_ticks=1, max_ticks=9, warm_up=3
    ),
    with_quantities("B1.5 S0.1 B2 U0.3 S0.7 S5 B0.2 B0.2 B4"),
    "9",
)

LIMITS = {
    "imbalance, bars_span 3": [
        (4, 4.0, 1.0742857142857143),
        (6, 3.0, 1.9735669735669734),
        (8, 2.5, 2.0604917337855024),
        (16, 5.25, 1.429461180080957),
    ],
    "run, bars_span 3": [
        (4, 4.0, 2.537142857142857),
        (7, 3.5, 3.0739945058815246),
        (12, 4.25, 3.317207566274924),
        (19, 5.625, 3.0650301691669126),
    ],
}


def bars_with_ends(frame: pl.DataFrame, rule: rb.Rule, **options: Any) -> str:  # noqa: ANN401
    """Return the bars of the package, in the form of the tables."""
    bars = rb.bars(
        frame, rule=rule, include_incomplete=True, include_microstructure=True, **options
    )
    return counted(bars.select("agg_record_count", "is_complete").rows())


@pytest.mark.filterwarnings("ignore::rangebar_polars.RangeBarWarning")
@pytest.mark.parametrize("name", TABLES)
def test_the_bars_of_the_table(name: str) -> None:
    rule, frame, expected = TABLES[name]

    assert bars_with_ends(frame, rule) == expected
    oracle = [(len(bar.rows), bar.complete) for bar in bars_of(rows(frame), str(rule))]
    assert counted(oracle) == expected


@pytest.mark.parametrize("name", LIMITS)
def test_expectations_after_each_close_are_those_of_the_table(name: str) -> None:
    state, found = State(str(EXPECTATIONS[name][0])), []

    for number, trade in enumerate(rows(TWENTY), 1):
        if state.add(trade):
            found.append((number, state.expected, state.limit))

    assert found == LIMITS[name]


CONDITION = pl.Series("flag", [False, True, True, None, True, False])
NUMBERS = pl.Series("x", [0.5, 0.5, 2.0, None, -1.0, 1.5, 0.5])


@pytest.mark.filterwarnings("ignore::rangebar_polars.RangeBarWarning")
@pytest.mark.parametrize(
    ("rule", "column", "expected"),
    [
        (rb.WhenRule(pl.col("flag")), CONDITION, "2 1 2 1…"),
        (rb.SumRule(pl.col("x"), 1.0), NUMBERS, "2 1 4"),
        (rb.SumRule(pl.col("x"), 0.3), pl.Series("x", [0.1] * 4), "3 1…"),
    ],
    ids=["when", "sum", "sum of tenths"],
)
def test_the_bars_of_the_table_of_expressions(
    rule: rb.Rule, column: pl.Series, expected: str
) -> None:
    frame = trades(ONE[: len(column)]).with_columns(column)

    assert bars_with_ends(frame, rule) == expected


@pytest.mark.filterwarnings("ignore::rangebar_polars.RangeBarWarning")
@pytest.mark.parametrize(
    ("rule", "frame", "expected"),
    [
        (rb.TickRule(4), trades(ONE[:4], ms=[0, 1000, 6000, 11_001]), "3… 1…"),
        (rb.CusumRule(1000), trades([100, 110, 111], ms=[0, 9000, 10_000]), "1… 2…"),
    ],
    ids=["tick", "cusum"],
)
def test_a_gap_cuts_the_bar_off(rule: rb.Rule, frame: pl.DataFrame, expected: str) -> None:
    assert bars_with_ends(frame, rule, max_gap="5s") == expected
