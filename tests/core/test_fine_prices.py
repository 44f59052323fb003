"""Prices finer than 8 decimals, and quantities that count as 0, are warned of once a call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.entry_points import one_chunk_a_row
from support.trades import trades

import rangebar_polars as rb

CHEAP = trades([1.20e-7, 1.2045e-7, 1.2049e-7, 1.20e-7])
PRICE = (
    "a price is 0.00000012049, which counts as 0.00000012: prices count to 8 decimals (multiply "
    "the prices by a power of ten, or round them to 8 decimals)"
)
DUST = trades([100, 101, 100, 101], quantity=[1.0, 1.0, 4e-9, 2e-9])
QUANTITY = (
    "the quantity at row 2 is 0.000000004, which counts as 0: quantities count to 8 decimals "
    "(multiply the quantities by a power of ten)"
)
MEAN = pl.col("price").mean().alias("mean")


def through_the_cache(frame: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Return the bars of trades that were imported."""
    own: dict[str, Any] = {"source": "mine", "cache_dir": folder}
    rb.import_trades(frame, symbol="S", **own)
    return rb.get_range_bars("S", "1970-01-01", "1970-01-01", 250, **own)


ENTRY_POINTS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "eager": lambda frame, _: rb.bars(frame),
    "chunks": lambda frame, _: rb.bars(one_chunk_a_row(frame)),
    "arrow": lambda frame, _: rb.bars(frame.to_arrow()),
    "namespace": lambda frame, _: frame.rangebar.bars(),  # type: ignore[attr-defined]
    "lazy": lambda frame, _: rb.bars(frame.lazy()).collect(),
    "lazy, one column": lambda frame, _: rb.bars(frame.lazy()).select("close_time").collect(),
    "streaming": lambda frame, _: rb.bars(frame.lazy()).collect(engine="streaming"),
    "several thresholds": lambda frame, _: rb.bars(frame, [250, 500]),
    "by": lambda frame, _: rb.bars(frame.with_columns(key=pl.lit("A")), by="key"),
    "aggs": lambda frame, _: rb.bars(frame, aggs=MEAN),
    "lazy aggs": lambda frame, _: rb.bars(frame.lazy(), aggs=MEAN).collect(),
    "processor": lambda frame, _: rb.RangeBarProcessor(250).process_trades(frame),
    "chunked": lambda frame, _: [*rb.process_trades_chunked([frame])],
    "with state": lambda frame, _: rb.bars_with_state(frame),
    "process_trades_polars": lambda frame, _: rb.process_trades_polars(frame),
    "the cache": through_the_cache,
}


@pytest.mark.parametrize("name", ENTRY_POINTS)
@pytest.mark.parametrize(
    ("frame", "text"), [(CHEAP, PRICE), (DUST, QUANTITY)], ids=["price", "quantity"]
)
def test_one_warning_a_call_says_what_was_rounded(
    name: str, frame: pl.DataFrame, text: str, tmp_path: Path
) -> None:
    with pytest.warns(rb.RangeBarWarning) as caught:
        ENTRY_POINTS[name](frame, tmp_path)

    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 1
    # Which of two fine prices is named depends on how the trades are cut into batches.
    assert texts[0] in {text, text.replace("12049", "12045")}


@pytest.mark.parametrize("name", ["eager", "namespace", "processor", "with state", "the cache"])
def test_the_warning_names_the_line_of_the_caller(name: str, tmp_path: Path) -> None:
    with pytest.warns(rb.RangeBarWarning) as caught:
        ENTRY_POINTS[name](DUST, tmp_path)

    assert [warning.filename for warning in caught] == [__file__]


def test_a_processor_warns_once(recwarn: pytest.WarningsRecorder) -> None:
    processor = rb.RangeBarProcessor(250)
    for start in range(4):
        processor.process_trades(DUST[start : start + 1])

    assert len(recwarn) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_prices_of_8_decimals_and_what_computing_adds_are_no_reason_to_warn(
    name: str, tmp_path: Path
) -> None:
    frame = trades(
        [0.00000972, 0.1 + 0.2, 100.1 * 3, 33_554_431.99999999], quantity=[0.0, 1e-8, 5e-9, 1.0]
    )

    ENTRY_POINTS[name](frame, tmp_path)


def test_the_remedy_gives_the_bars_that_the_prices_have() -> None:
    bars = rb.bars(CHEAP.with_columns(pl.col("price") * 10**6))

    assert bars["close"].round(6).to_list() == [0.12045, 0.12]
    assert bars["open"].round(6).to_list() == [0.12, 0.12049]
