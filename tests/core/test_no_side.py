"""Columns that need a side, asked of trades without one, are warned of once a call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.trades import trades, walk

import rangebar_polars as rb

FRAME = trades([100, 101, 100, 101])
COLUMNS = (
    "buy_volume, sell_volume, buy_turnover, sell_turnover, buy_trade_count, sell_trade_count, ofi, "
    "kyle_lambda_proxy, aggression_ratio, turnover_imbalance"
)
TEXT = (
    "the trades have no is_buyer_maker, so that {} are null in every bar (say which column it is: "
    'columns=TradeColumns(is_buyer_maker="..."))'
)
ON: dict[str, Any] = {"include_microstructure": True}
MEAN = pl.col("price").mean().alias("mean")
ENTRY_POINTS: dict[str, Callable[[pl.DataFrame], object]] = {
    "eager": lambda frame: rb.bars(frame, **ON),
    "arrow": lambda frame: rb.bars(frame.to_arrow(), **ON),
    "namespace": lambda frame: frame.rangebar.bars(**ON),  # type: ignore[attr-defined]
    "lazy": lambda frame: rb.bars(frame.lazy(), **ON).collect(),
    "streaming": lambda frame: rb.bars(frame.lazy(), **ON).collect(engine="streaming"),
    "aggs": lambda frame: rb.bars(frame, aggs=MEAN, **ON),
    "by": lambda frame: rb.bars(frame.with_columns(key=pl.lit("A")), by="key", **ON),
    "processor": lambda frame: rb.RangeBarProcessor(250, **ON).process_trades(frame),
    "dicts": lambda frame: rb.RangeBarProcessor(250, **ON).process_trades(frame.to_dicts()),
    "chunked": lambda frame: [*rb.process_trades_chunked(frame.iter_slices(1), **ON)],
    "with state": lambda frame: rb.bars_with_state(frame, **ON),
    "process_trades_polars": lambda frame: rb.process_trades_polars(frame, **ON),
}
entry_points = pytest.mark.parametrize("name", ENTRY_POINTS)


@entry_points
@pytest.mark.parametrize("null", [False, True], ids=["absent", "of dtype Null"])
def test_one_warning_a_call_names_the_columns_that_are_null(name: str, null: Any) -> None:  # noqa: ANN401
    frame = FRAME.with_columns(is_buyer_maker=pl.lit(None)) if null else FRAME
    if null and name == "dicts":
        pytest.skip("a key that is None is a column")

    with pytest.warns(rb.RangeBarWarning) as caught:
        ENTRY_POINTS[name](frame)

    assert [str(warning.message) for warning in caught] == [TEXT.format(COLUMNS)]
    if "lazy" not in name and name != "streaming":
        assert caught[0].filename == __file__


@pytest.mark.filterwarnings("error")
@entry_points
def test_trades_with_a_side_are_no_reason_to_warn(name: str) -> None:
    ENTRY_POINTS[name](walk(50))


@pytest.mark.filterwarnings("error")
def test_what_needs_no_side_is_no_reason_to_warn() -> None:
    rb.bars(FRAME)
    rb.bars(FRAME.lazy(), **ON).select("vwap", "duration_us").collect()
    rb.RangeBarProcessor(250).process_trades(FRAME)


def test_a_plan_names_the_columns_that_it_asks_for() -> None:
    with pytest.warns(rb.RangeBarWarning) as caught:
        rb.bars(FRAME.lazy(), **ON).select("ofi", "close").collect()

    assert [str(warning.message) for warning in caught] == [TEXT.format("ofi")]


def test_a_processor_warns_once(recwarn: pytest.WarningsRecorder) -> None:
    one = rb.RangeBarProcessor(250, **ON)
    for row in FRAME.iter_slices(1):
        one.process_trades(row)

    assert len(recwarn) == 1


def test_the_remedy_gives_the_sides() -> None:
    frame = FRAME.with_columns(sold=pl.Series([True, False, True, False]))
    columns = rb.TradeColumns(is_buyer_maker="sold")

    assert rb.bars(frame, columns=columns, **ON)["ofi"].null_count() == 0


NULL_TEXT = (
    "is_buyer_maker is null in every trade of a bar, so that {} are 0 or null there (give the "
    "sides, or ask for none of these columns)"
)
NULLS = FRAME.with_columns(is_buyer_maker=pl.lit(None, pl.Boolean))


@entry_points
def test_one_warning_a_call_says_that_every_side_of_a_bar_is_null(name: str) -> None:
    with pytest.warns(rb.RangeBarWarning) as caught:
        ENTRY_POINTS[name](pl.concat([walk(50).select(NULLS.columns), after(NULLS)]))

    assert [str(warning.message) for warning in caught] == [NULL_TEXT.format(COLUMNS)]


def after(frame: pl.DataFrame) -> pl.DataFrame:
    """Return trades that come after those of `walk`."""
    return frame.with_columns(pl.col("timestamp") + pl.duration(days=1))


@pytest.mark.filterwarnings("error")
@entry_points
def test_some_sides_are_no_reason_to_warn(name: str) -> None:
    some = FRAME.with_columns(is_buyer_maker=pl.Series([None, False, None, True]))

    ENTRY_POINTS[name](some)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_bar_that_is_still_open_is_warned_of_where_it_is_shown(lazy: Any) -> None:  # noqa: ANN401
    frame = NULLS.lazy() if lazy else NULLS

    with pytest.warns(rb.RangeBarWarning) as caught:
        bars = rb.bars(frame, 5_000, include_incomplete=True, **ON).lazy().collect()

    assert (bars.height, len(caught)) == (1, 1)


def test_bars_of_days_without_sides_are_warned_of_once_a_call(tmp_path: Path) -> None:
    mine: dict[str, Any] = {"source": "mine", "cache_dir": tmp_path}
    rb.import_trades(FRAME, symbol="S", **mine)
    day = "1970-01-01"

    def warnings_of(call: Callable[[], object]) -> list[str]:
        with pytest.warns(rb.RangeBarWarning) as caught:
            call()
        return [str(warning.message) for warning in caught]

    for _ in range(2):  # computed, and then read from the store
        assert warnings_of(lambda: rb.get_range_bars("S", day, day, **ON, **mine)) == [
            NULL_TEXT.format(COLUMNS)
        ]
    assert warnings_of(lambda: rb.get_n_range_bars("S", 1, **ON, **mine)) == [
        NULL_TEXT.format(COLUMNS)
    ]
    plan = rb.scan_range_bars("S", day, day, **ON, **mine)
    assert warnings_of(lambda: plan.select("ofi", "close").collect()) == [NULL_TEXT.format("ofi")]


@pytest.mark.filterwarnings("error")
def test_bars_of_days_that_need_no_side_are_no_reason_to_warn(tmp_path: Path) -> None:
    mine: dict[str, Any] = {"source": "mine", "cache_dir": tmp_path}
    rb.import_trades(FRAME, symbol="S", **mine)
    day = "1970-01-01"

    rb.get_range_bars("S", day, day, **mine)
    rb.scan_range_bars("S", day, day, **ON, **mine).select("vwap").collect()
    rb.populate("S", day, day, **mine)
