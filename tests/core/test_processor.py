"""Batches of trades give the bars of one pass, and a bad batch changes nothing."""

import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from support.assertions import SORT, says
from support.batches import DAY, processor
from support.entry_points import assert_same
from support.oracle_chains import across_periods, few
from support.processors import batched, hushed, options, pieces, without_open
from support.trades import trades, walk

import rangebar_polars as rb

MICRO: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}


@few
@given(batched(), options())
def test_batches_give_the_bars_of_one_pass(
    trades: tuple[pl.DataFrame, list[pl.DataFrame]], asked: dict[str, Any]
) -> None:
    frame, batches = trades
    one = processor(**asked)

    bars = [hushed(lambda batch=batch: one.process_trades(batch)) for batch in batches]  # type: ignore[misc]

    assert_same(without_open(frame, **asked), pl.concat(bars))


@few
@given(batched(), options())
def test_the_open_bar_is_that_of_one_pass(
    trades: tuple[pl.DataFrame, list[pl.DataFrame]], asked: dict[str, Any]
) -> None:
    frame, batches = trades
    one = processor(**asked)
    for batch in batches:
        hushed(lambda batch=batch: one.process_trades(batch))  # type: ignore[misc]

    bars = rb.bars(frame, **asked | MICRO)
    expected = bars.tail(1).filter(~pl.col("is_complete")).drop("is_complete")
    found = one.get_incomplete_bar()
    if expected.height:
        assert found is not None
        assert_same(expected, found)
    else:
        assert found is None


@few
@given(batched(), options())
def test_a_chunked_pass_gives_a_frame_a_batch_and_together_the_bars_of_one(
    trades: tuple[pl.DataFrame, list[pl.DataFrame]], asked: dict[str, Any]
) -> None:
    frame, batches = trades

    frames = list(rb.process_trades_chunked(batches, **asked))

    assert len(frames) - len(batches) in {0, 1}
    assert_same(rb.bars(frame, **asked), pl.concat(frames))


@few
@given(across_periods(), options())
def test_process_trades_polars_is_bars_collected(
    frame: pl.DataFrame, asked: dict[str, Any]
) -> None:
    expected = rb.bars(frame, **asked)

    assert_same(expected, rb.process_trades_polars(frame, **asked))
    assert_same(expected, rb.process_trades_polars(frame.lazy(), **asked))
    assert_same(expected, rb.process_trades_polars(frame.to_arrow(), **asked))


def test_process_trades_chunked_gives_the_open_bar_in_a_last_frame() -> None:
    frames = list(rb.process_trades_chunked([trades([100, 101, 102])], include_incomplete=True))

    assert [frame["is_complete"].to_list() for frame in frames] == [[True], [False]]


def test_process_trades_chunked_reads_a_batch_when_its_bars_are_asked_for() -> None:
    read = []

    def batches() -> Iterator[pl.DataFrame]:
        for batch in walk(30).iter_slices(10):
            read.append(batch)
            yield batch

    frames = rb.process_trades_chunked(batches(), 20)

    assert read == []
    next(frames)
    assert len(read) == 1


def test_process_trades_chunked_keeps_what_it_gave_before_a_bad_batch() -> None:
    frames = rb.process_trades_chunked([trades([100, 101]), trades([-1], [9_000])])

    assert next(frames)["close"].to_list() == [101]
    with says(
        pl.exceptions.ComputeError,
        "price is -1 at row 2: expected a finite number above 0 (drop or repair such rows first)",
    ):
        next(frames)


FORMS: dict[str, Callable[[pl.DataFrame], Any]] = {
    "a frame": lambda frame: frame,
    "a plan": lambda frame: frame.lazy(),
    "a pyarrow table": lambda frame: frame.to_arrow(),
    "a pyarrow reader": lambda frame: frame.to_arrow().to_reader(max_chunksize=2),
    "a reader of batches": lambda frame: pa.RecordBatchReader.from_batches(
        frame.to_arrow().schema, iter(frame.to_arrow().to_batches(max_chunksize=3))
    ),
    "dicts": lambda frame: frame.to_dicts(),
    "dicts with volume": lambda frame: frame.rename({"quantity": "volume"}).to_dicts(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_may_come_in_any_form(form: str) -> None:
    frame = walk(200).cast({"timestamp": pl.Datetime("ms", "UTC")})
    frame = frame.with_columns(pl.col("timestamp") + pl.duration(milliseconds=DAY))
    one = processor(threshold_decimal_bps=20, include_microstructure=True)

    bars = [one.process_trades(FORMS[form](batch)) for batch in pieces(frame, [1, 7, 100, 150])]

    assert_same(rb.bars(frame, 20, include_microstructure=True), pl.concat(bars))


@pytest.mark.parametrize("form", FORMS)
def test_a_bad_row_raises_the_same_message_whatever_the_form(form: str) -> None:
    frame = trades([100, 100, 100], [5, 5, 4], zone="UTC")
    one = processor()
    one.process_trades(FORMS[form](frame.head(1)))

    with says(
        rb.RangeBarError,
        "trades are not sorted by time at row 2: 1970-01-01 00:00:00.004 after 1970-01-01 "
        f"00:00:00.005 {SORT}",
    ):
        one.process_trades(FORMS[form](frame.tail(2)))


def test_a_scan_is_streamed() -> None:
    frame = walk(5_000)
    file = io.BytesIO()
    frame.write_parquet(file, row_group_size=100)
    one = processor(threshold_decimal_bps=20)

    bars = one.process_trades(pl.scan_parquet(file.getvalue()).with_columns(other=1))

    assert_same(rb.bars(frame, 20), bars)


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_batch_changes_nothing(form: str) -> None:
    frame = trades([100, 100.1], zone="UTC")
    one = processor()
    one.process_trades(FORMS[form](frame))
    before = one.create_checkpoint()

    bars = one.process_trades(FORMS[form](frame.clear()))

    assert_same(rb.bars(frame), bars)
    assert before == one.create_checkpoint()


SEAMS: dict[str, pl.DataFrame] = {
    "time going back": trades([100] * 4, [0, 5, 4, 6]),
    "an id that repeats": trades([100] * 4, [0, 5, 5, 6], ids=[1, 2, 2, 3]),
    "an id that falls": trades([100] * 4, [5, 5, 5, 6], ids=[1, 7, 6, 8]),
    "an id that repeats after nulls": trades([100] * 5, [5] * 5, ids=[1, None, None, 1, 9]),
    "a bad price": trades([100, 100, -1.0, 100]),
    "a null quantity": trades([100] * 3, quantity=[1.0, 1.0, None]),
    "exchanged trade ids": trades([100] * 3, counted=[(1, 1), (2, 2), (4, 3)]),
    "a sum too large": trades([9e10] * 4, quantity=9e10),
    "two faults": trades([100, 100, -1.0, float("nan")], [0, 1, 0, 0]),
}


@pytest.mark.parametrize("name", SEAMS)
def test_no_cutting_changes_what_is_an_error_or_its_text(name: str) -> None:
    frame = SEAMS[name]
    with pytest.raises(rb.RangeBarError) as whole:
        processor().process_trades(frame)
    with pytest.raises(pl.exceptions.ComputeError) as eager:
        rb.bars(frame, include_microstructure=True)

    reported = {}
    for cut in range(1, frame.height):
        one = processor()
        for start, end in ((0, cut), (cut, frame.height)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", rb.RangeBarWarning)
                try:
                    one.process_trades(frame[start:end])
                except rb.RangeBarError as error:
                    reported[cut] = str(error)
                    break
    assert reported == dict.fromkeys(range(1, frame.height), str(whole.value))
    assert str(eager.value) == str(whole.value)


GOOD_SEAMS: dict[str, pl.DataFrame] = {
    "equal times and rising ids": trades([100] * 3, [5] * 3, ids=[1, 2, 3]),
    "a falling id at a later time": trades([100] * 2, [5, 6], ids=[9, 1]),
    "equal times without ids": trades([100] * 3, [5] * 3),
    "equal times and null ids": trades([100] * 3, [5] * 3, ids=[3, None, 4]),
}


@pytest.mark.parametrize("name", GOOD_SEAMS)
def test_no_cutting_makes_an_error(name: str) -> None:
    for cut in range(GOOD_SEAMS[name].height):
        one = processor()
        for batch in pieces(GOOD_SEAMS[name], [cut]):
            one.process_trades(batch)
        assert one.position.height == 1


BAD_BATCHES: dict[str, Any] = {
    "a bad row after good ones": trades([101, 102, 103, -1], [9_000, 9_001, 9_002, 9_003]),
    "a bad row in a later batch of a plan": trades([101, -1], [9_000, 9_001]).lazy(),
    "a missing column": trades([101], [9_000]).drop("price"),
    "another time unit": trades([101], [9_000], unit="us"),
    "another column": trades([101], [9_000], ids=[1]),
    "a dict that is bad": [
        {"timestamp": DAY + 9_000, "price": 101.0, "quantity": 1.0},
        {"timestamp": DAY + 9_001, "price": "x", "quantity": 1.0},
    ],
    "no dict": [{"timestamp": DAY, "price": 101.0, "quantity": 1.0}, 3],
    "no batch": 3,
}


@pytest.mark.parametrize("name", BAD_BATCHES)
def test_a_bad_batch_leaves_the_state_as_before(name: str) -> None:
    one = processor()
    one.process_trades(trades([100, 100.1]))
    before = one.create_checkpoint()

    with pytest.raises((rb.RangeBarError, TypeError)):
        one.process_trades(BAD_BATCHES[name])

    assert before == one.create_checkpoint()
    assert one.process_trades(trades([101], [9_000]))["close"].to_list() == [101]


def test_a_warning_that_is_turned_into_an_error_leaves_the_state_unchanged() -> None:
    one = processor()
    one.process_trades(trades([100], [0], ids=[1]))
    before = one.create_checkpoint()

    with warnings.catch_warnings():
        warnings.simplefilter("error", rb.RangeBarWarning)
        with pytest.raises(rb.RangeBarWarning):
            one.process_trades(trades([101], [1], ids=[5]))

    assert before == one.create_checkpoint()


def test_batches_that_look_different_are_refused_naming_both() -> None:
    one = processor()
    one.process_trades(trades([100], ids=[1]))

    with says(
        rb.RangeBarError,
        "this batch of trades differs from the first: [timestamp, price, quantity] with times in "
        "us and UTC, the first [timestamp, price, quantity, agg_trade_id] with times in ms and no "
        "zone (give all batches the same columns, time unit and zone)",
    ):
        one.process_trades(trades([100], [1], unit="us", zone="UTC"))


def test_columns_of_other_names_are_taken() -> None:
    columns = rb.TradeColumns(timestamp="t", price="px", quantity="size")
    frame = trades([100, 101]).rename({"timestamp": "t", "price": "px", "quantity": "size"})

    assert processor(columns=columns).process_trades(frame)["close"].to_list() == [101]
