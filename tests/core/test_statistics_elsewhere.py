"""Statistics of bars are those that other libraries computed of the same trades."""

import json
from pathlib import Path

import polars as pl
import pytest

import rangebar_polars as rb

ROOT = Path(__file__).parents[2]
RECORDED = json.loads(
    (ROOT / "tests" / "statistics_elsewhere" / "recorded.json").read_text(encoding="utf-8")
)
NAMES = sorted({name for bar in RECORDED["bars"] for name in bar})


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """Return the bars of the sample that have more than 3 trades, with the statistics."""
    trades = pl.read_parquet(ROOT / "examples" / "btcusdt-trades.parquet")
    asked = [*(f"intra_{name}" for name in NAMES), "agg_record_count"]
    made = rb.bars(trades, 25, features=asked, include_incomplete=True)
    return made.filter(pl.col("agg_record_count") > 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_statistic_is_that_of_another_library(name: str, bars: pl.DataFrame) -> None:
    got = bars[f"intra_{name}"].to_list()
    expected = [bar.get(name) for bar in RECORDED["bars"]]

    assert len(got) > 90
    assert [x is None for x in got] == [x is None for x in expected]
    known = [x for x in expected if x is not None]
    # Floats lose what differences of large sums cancel.
    assert [x for x in got if x is not None] == pytest.approx(known, rel=1e-7)
