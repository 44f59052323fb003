"""Statistics that are not those of the trades of their bar are found, in their row."""

import polars as pl
import pytest
from support.trades import walk

import rangebar_polars as rb
from rangebar_polars.schema import INTRA

ROW = 3
RULE = rb.TickRule(100)
NAMES = [output.name for output in INTRA]
TRADES = walk(2_000)
BARS = rb.bars(TRADES, rule=RULE, features=NAMES)


def found(bars: pl.DataFrame, trades: pl.DataFrame = TRADES) -> list[tuple[object, ...]]:
    """Return check, subject and rows of the failures."""
    report = rb.validate_tier1(bars, trades, rule=RULE, include_microstructure=False)
    return report.failures.select("check", "subject", "rows").rows()


@pytest.mark.parametrize("incomplete", [False, True])
def test_statistics_of_the_trades_pass(*, incomplete: bool) -> None:
    bars = rb.bars(TRADES, rule=RULE, features=NAMES, include_incomplete=incomplete)

    assert found(bars) == []


@pytest.mark.parametrize("name", NAMES)
def test_another_value_is_found_in_its_row(name: str) -> None:
    other = pl.col(name).fill_null(0) + 1
    here = pl.int_range(pl.len()) == ROW
    bars = BARS.with_columns(pl.when(here).then(other).otherwise(pl.col(name)).alias(name))

    assert found(bars) == [("conservation", name, [ROW])]


@pytest.mark.parametrize("name", ["intra_garman_klass_vol", "intra_permutation_entropy"])
def test_the_last_bits_of_a_logarithm_may_be_those_of_another_machine(name: str) -> None:
    for factor, passes in ((1 + 2**-50, True), (1 + 2**-30, False)):
        assert (found(BARS.with_columns(pl.col(name) * factor)) == []) is passes


def test_a_statistic_of_another_dtype_is_a_failure() -> None:
    bars = BARS.with_columns(pl.col("intra_uptick_count").cast(pl.String))

    assert found(bars) == [("schema", None, [])]


def test_statistics_of_trades_without_sides_pass() -> None:
    trades = TRADES.drop("is_buyer_maker")
    with pytest.warns(rb.RangeBarWarning, match="no is_buyer_maker"):
        bars = rb.bars(trades, rule=RULE, features=NAMES)

    assert found(bars, trades) == []
