"""The functions of rangebar-py take its inputs: whole milliseconds, dicts, chunks of a size."""

from collections.abc import Callable
from typing import Any, Final, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.entry_points import assert_same
from support.trades import trades, walk

import rangebar_polars as rb
from rangebar_polars._core.arguments import TimeUnit

START: Final = 1_704_067_200
PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
WALK = walk(400)


def whole(unit: str = "ms", frame: pl.DataFrame = WALK) -> pl.DataFrame:
    """Return trades whose times are whole numbers of a unit, a second after another."""
    seconds = pl.int_range(START, START + frame.height, eager=True)
    return frame.with_columns((seconds * PER_SECOND[unit]).alias("timestamp"))


def expected(unit: str = "ms", **options: Any) -> pl.DataFrame:  # noqa: ANN401 - of bars
    """Return the bars of the same trades, whose times are datetimes."""
    column: Any = "ms" if unit == "s" else unit
    times = pl.from_epoch(pl.col("timestamp"), time_unit="ms").dt.cast_time_unit(column)
    return rb.bars(whole().with_columns(times.dt.replace_time_zone("UTC")), **options)


INPUTS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "a frame": lambda frame: frame,
    "a plan": lambda frame: frame.lazy(),
    "a pyarrow table": lambda frame: frame.to_arrow(),
    "a pandas frame": lambda frame: frame.to_pandas(),
    "a list of dicts": lambda frame: frame.to_dicts(),
    "an iterator of dicts": lambda frame: frame.iter_rows(named=True),
    "a generator of dicts": lambda frame: (dict(row) for row in frame.to_dicts()),
}
BATCHES: dict[str, Callable[[pl.DataFrame], Any]] = INPUTS | {
    "frames": lambda frame: frame.iter_slices(7),
    "lists of dicts": lambda frame: [part.to_dicts() for part in frame.iter_slices(7)],
    "tables": lambda frame: (part.to_arrow() for part in frame.iter_slices(7)),
}


@pytest.mark.parametrize("given_as", INPUTS)
@pytest.mark.parametrize("unit", get_args(TimeUnit))
def test_whole_numbers_are_times_of_the_unit(given_as: str, unit: TimeUnit) -> None:
    source = INPUTS[given_as](whole(unit))

    bars = rb.process_trades_polars(source, 20, time_unit=unit, include_incomplete=True)

    assert_same(expected(unit, threshold_decimal_bps=20, include_incomplete=True), bars)


@pytest.mark.parametrize("given_as", INPUTS)
def test_the_unit_is_that_of_rangebar_py_by_default(given_as: str) -> None:
    assert_same(expected(), rb.process_trades_polars(INPUTS[given_as](whole())))


@pytest.mark.parametrize("given_as", BATCHES)
@given(size=st.integers(1, 500))
def test_chunks_of_any_size_are_together_the_bars_of_one_pass(given_as: str, size: int) -> None:
    frames = rb.process_trades_chunked(BATCHES[given_as](whole()), 20, size)

    assert_same(expected(threshold_decimal_bps=20), pl.concat(frames))


@pytest.mark.parametrize("given_as", sorted(INPUTS.keys() - {"a plan"}))
def test_there_is_a_frame_for_each_chunk(given_as: str) -> None:
    frames = rb.process_trades_chunked(INPUTS[given_as](whole()), 20, chunk_size=150)

    assert len([*frames]) == 3


@pytest.mark.parametrize("given_as", BATCHES)
def test_one_column_may_be_both_trade_ids(given_as: str) -> None:
    frame = whole().select("timestamp", "price", "quantity", id=pl.int_range(pl.len()))
    options: dict[str, Any] = {
        "columns": rb.TradeColumns(first_trade_id="id", last_trade_id="id"),
        "include_microstructure": True,
    }

    frames = [*rb.process_trades_chunked(BATCHES[given_as](frame), 20, 90, **options)]

    assert_same(rb.process_trades_polars(frame, 20, **options), pl.concat(frames))


def test_dicts_are_read_a_chunk_at_a_time() -> None:
    read = list[int]()

    def dicts() -> Any:  # noqa: ANN401
        for row in whole().iter_rows(named=True):
            read.append(row["timestamp"])
            yield row

    frames = rb.process_trades_chunked(dicts(), 20, 10)

    assert read == []
    next(frames)
    assert len(read) == 10


OTHER = 'as ms that is not a time from 1990 to 2100 (it is one in us: give time_unit="us")'


@pytest.mark.parametrize("given_as", ["a frame", "a plan", "a pandas frame", "a pyarrow table"])
def test_a_number_of_another_unit_is_refused_with_its_row_and_unit(given_as: str) -> None:
    frame = pl.concat([whole(), whole("us")])
    text = f"timestamp is {START * 1_000_000} at row 400: {OTHER}"

    with says(pl.exceptions.ComputeError, text):
        rb.process_trades_polars(INPUTS[given_as](frame))
    with says(pl.exceptions.ComputeError, text):
        list(rb.process_trades_chunked(INPUTS[given_as](frame), 20, 90))


def test_a_dict_of_another_unit_is_refused_with_the_same_words() -> None:
    with says(rb.RangeBarError, f"timestamp is {START * 1_000_000} at row 0: {OTHER}"):
        rb.process_trades_polars(whole("us").to_dicts())


@pytest.mark.parametrize("number", [5, -1, 2**63])
def test_a_number_of_no_unit_is_refused(number: int) -> None:
    frame = trades([100, 101]).with_columns(pl.lit(number).alias("timestamp"))

    with says(
        pl.exceptions.ComputeError,
        f"timestamp is {number} at row 0: as ms that is not a time from 1990 to 2100, nor in "
        "another unit (give such times as a Datetime column)",
    ):
        rb.process_trades_polars(frame)


def test_a_missing_time_is_refused_with_its_row() -> None:
    frame = whole().with_columns(pl.col("timestamp").replace(START * 1_000 + 7_000, None))

    for source in (frame, frame.lazy()):
        with says(
            pl.exceptions.ComputeError,
            "timestamp is null at row 7 (every trade needs one: drop or fill such rows first)",
        ):
            rb.process_trades_polars(source)


@pytest.mark.parametrize(
    "empty", [whole().clear(), whole().clear().lazy(), [], iter(())], ids=lambda e: type(e).__name__
)
def test_no_trades_are_no_bars_with_the_columns_of_bars(empty: Any) -> None:  # noqa: ANN401
    assert_same(expected().clear(), rb.process_trades_polars(empty))


def test_a_plan_without_rows_and_a_column_is_refused_in_chunks_too() -> None:
    plan = whole().clear().drop("price").lazy()

    with pytest.raises(pl.exceptions.ComputeError, match="price"):
        list(rb.process_trades_chunked(plan))


@pytest.mark.parametrize("call", [rb.process_trades_polars, rb.process_trades_chunked])
@pytest.mark.parametrize("wrong", [None, 3, "trades.csv", b"x"])
def test_what_holds_no_trades_is_refused_by_the_call(
    call: Callable[[Any], object], wrong: object
) -> None:
    with says(
        TypeError,
        f"trades is a {type(wrong).__name__}: expected a DataFrame, a LazyFrame, an object with "
        "__arrow_c_stream__, a dict or an iterable of dicts",
    ):
        call(wrong)


@pytest.mark.parametrize(
    ("argument", "kind", "text"),
    [
        ({"chunk_size": 0}, ValueError, "chunk_size is 0: expected 1 or more"),
        ({"chunk_size": 1.5}, TypeError, "chunk_size is 1.5: expected an integer"),
        (
            {"time_unit": "min"},
            ValueError,
            "time_unit is 'min': expected 's', 'ms', 'us' or 'ns'",
        ),
    ],
)
def test_bad_arguments_are_refused_by_the_call(
    argument: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with says(kind, text):
        rb.process_trades_chunked([], **argument)


def test_an_item_that_is_no_trade_is_refused_when_it_is_reached() -> None:
    items: list[Any] = [*whole().to_dicts()[:2], 3]

    frames = rb.process_trades_chunked(items, 20, 2)
    next(frames)

    with says(TypeError, "trade 2 is a int: expected a dict"):
        next(frames)


def test_a_checkpoint_takes_a_symbol_for_a_processor_without_one() -> None:
    processor = rb.RangeBarProcessor(250)

    saved = processor.create_checkpoint(symbol="BTCUSDT")

    assert rb.RangeBarProcessor.from_checkpoint(saved).symbol == "BTCUSDT"
    assert processor.symbol is None


def test_a_checkpoint_does_not_take_another_symbol() -> None:
    processor = rb.RangeBarProcessor(250, "BTCUSDT")

    assert processor.create_checkpoint("BTCUSDT") == processor.create_checkpoint()
    with says(
        ValueError,
        "symbol is 'ETHUSDT': expected 'BTCUSDT', which the processor has (leave it out)",
    ):
        processor.create_checkpoint("ETHUSDT")
    with says(TypeError, "symbol is 5: expected a str or None"):
        rb.RangeBarProcessor(250).create_checkpoint(5)  # type: ignore[arg-type]


def test_a_checkpoint_of_rangebar_py_is_refused() -> None:
    with says(
        TypeError,
        "data is a dict: expected the bytes of a checkpoint (one of rangebar-py has no exact sums: "
        "process its trades again)",
    ):
        rb.RangeBarProcessor.from_checkpoint({"symbol": "BTCUSDT"})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [True, False])
def test_the_processor_shows_whether_bars_may_close_at_once(value: bool) -> None:  # noqa: FBT001
    processor = rb.RangeBarProcessor(250, prevent_same_timestamp_close=value)

    assert processor.prevent_same_timestamp_close is value


def test_a_processor_has_an_incomplete_bar_until_it_closes() -> None:
    processor = rb.RangeBarProcessor(250)
    first, last = whole(frame=trades([100, 101])).to_dicts()

    assert not processor.has_incomplete_bar
    processor.process_trades([first])
    assert processor.has_incomplete_bar
    processor.process_trades([last])
    assert not processor.has_incomplete_bar
