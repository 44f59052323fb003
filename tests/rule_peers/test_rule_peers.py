"""Bars of other libraries end where ours do, or differ as docs/rules.md says."""

import json
from pathlib import Path

import polars as pl
import pytest
from support.peer_records import loaded

import rangebar_polars as rb

HERE = Path(__file__).parent
RECORD = loaded(HERE / "record_ends.py")
RECORDED = json.loads((HERE / "recorded.json").read_text(encoding="utf-8"))
ENDS: dict[str, list[int]] = RECORDED["ends"]
TRADES: pl.DataFrame = RECORD.sample()
PEERS = loaded(HERE.parents[1] / "benches" / "peers.py")


def ends(rule: rb.Rule, trades: pl.DataFrame = TRADES) -> list[int]:
    """Return the rows at which bars of the rule end."""
    ids = trades.select(rb.bar_id(rule=rule)).to_series()
    last = pl.DataFrame({"bar": ids}).with_row_index().group_by("bar").agg(pl.col("index").last())
    return sorted(last["index"])[: rb.bars(trades, rule=rule).height]


@pytest.mark.parametrize("name", sorted({*PEERS.PEERS} - PEERS.DIFFERENT))
def test_bars_end_at_the_same_records(name: str) -> None:
    rule = rb.parse_rule(name.partition(" ")[2])

    assert ends(rule) == ENDS[name]
    assert len(ENDS[name]) > 10


def test_cusum_of_finmlkit_ends_the_same_bars_where_no_times_are_equal() -> None:
    apart = RECORD.apart(TRADES)

    assert ends(rb.CusumRule(10), apart) == ENDS["finmlkit cusum-10, times apart"]


def test_cusum_of_finmlkit_waits_for_the_last_record_of_a_time() -> None:
    theirs = ENDS["finmlkit cusum-10"]
    next_time = TRADES["timestamp"].shift(-1)
    is_last_of_its_time = (TRADES["timestamp"] != next_time).fill_null(value=True)

    assert is_last_of_its_time.gather(theirs).all()
    assert not is_last_of_its_time.gather(ends(rb.CusumRule(10))).all()


def test_dollar_bars_of_finmlkit_carry_what_is_above_the_limit() -> None:
    turnover = TRADES["price"] * TRADES["quantity"]
    assert turnover.max() < 250_000  # type: ignore[operator] # so no record closes two
    through = (turnover.cum_sum() / 250_000).floor()
    carried = (through > through.shift(1, fill_value=0)).arg_true().to_list()

    assert ENDS["finmlkit dollar-250000"] == carried
    assert ends(rb.DollarRule(250_000)) != carried


def test_volume_bars_of_polars_trading_split_records_by_default() -> None:
    through = TRADES["quantity"].cum_sum() / 5
    crosses = through.floor() > through.floor().shift(1, fill_value=0.0)

    split = ENDS["polars-trading volume-5, split"]

    assert split == crosses.arg_true().to_list()
    assert len(split) > 10


def test_runs_of_wickra_forget_the_side_with_each_bar() -> None:
    theirs = ENDS["wickra runlength-tick-tickrule-10"]
    price = pl.col("price")
    bar = pl.Series("bar", [0, *(int(row in set(theirs)) for row in range(TRADES.height - 1))])
    moves = TRADES.select(bar.cum_sum(), pl.when(price.diff() != 0).then(price.diff().sign()))
    sides = moves.select("bar", pl.col("price").forward_fill().over("bar").alias("side"))
    runs = sides.with_columns(run=pl.struct("bar", "side").rle_id())
    length = pl.when(pl.col("side").is_not_null()).then(pl.int_range(pl.len()).over("run") + 1)

    reached = (runs.select(length).to_series() >= 10).fill_null(value=False)

    assert reached.arg_true().to_list() == theirs
    assert len(ends(rb.RunLengthRule(10, side="tick_rule"))) > len(theirs)


def test_the_filter_of_mlfinpy_has_no_event_at_its_threshold() -> None:
    doubled = RECORD.made_up(RECORD.DOUBLED)

    # 1 to 2 is the threshold; then 1 to 3 and 3 to 7 are beyond it, or 2 to 7.
    assert ENDS["mlfinpy cusum-100000, doubled"] == [2, 3]
    assert ends(rb.CusumRule(100_000), doubled) == [1, 3]


def test_imbalance_bars_of_mlfinpy_end_beyond_what_is_expected_and_not_at_it() -> None:
    rising = RECORD.made_up(RECORD.RISING)
    theirs = pl.Series([-1, *ENDS["mlfinpy imbalance, rising"]]).diff().drop_nulls()
    ours = pl.Series([-1, *ends(rb.EwmaImbalanceRule(5, side="tick_rule"), rising)]).diff()

    # Every record is a buy but the first, and 5 records are expected.
    assert theirs.max() == 6
    assert theirs[2:].min() == 6
    assert {*ours[2:]} == {5}


def test_every_library_is_recorded_with_its_version_and_licence() -> None:
    names = {name.partition(" ")[0] for name in ENDS}

    assert names == {*RECORDED["libraries"]}
    assert {*RECORD.calls(PEERS)} == {*ENDS}
