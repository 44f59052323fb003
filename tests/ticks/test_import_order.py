"""Trades without ids stay as they are given: their order is checked from the first to the last."""

import datetime as dt
import random
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given
from support.assertions import says
from support.entry_points import assert_same
from support.trades import trades

import rangebar_polars as rb
from rangebar_polars._ticks.import_order import TimeOrder
from rangebar_polars._ticks.import_times import NUMBER
from rangebar_polars._ticks.spill import ROW
from rangebar_polars.errors import QualityError, RangeBarWarning
from rangebar_polars.schema import TRADE_SCHEMA

DAY = dt.datetime(2024, 8, 8, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def at(times: list[dt.datetime], prices: list[float] | None = None, **columns: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return trades of these times."""
    frame = trades(prices or [100.0 + n % 3 for n in range(len(times))])
    frame = frame.with_columns(pl.Series("timestamp", times, pl.Datetime("us", "UTC")))
    return frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def imported(frame: Any, folder: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    return rb.import_trades(frame, symbol="S", source="mine", cache_dir=folder, **options)


def bars_of(folder: Path, first: str, last: str) -> pl.DataFrame:
    return rb.get_range_bars("S", first, last, 250, source="mine", cache_dir=folder)


NEWEST_FIRST = "come newest first, from {} to {} (trades without ids stay in the order given: "


def test_newest_first_is_reversed(tmp_path: Path) -> None:
    tied = at(
        [DAY, DAY + SECOND, DAY + SECOND, DAY + 2 * SECOND, DAY + 2 * SECOND],
        [100, 100.2, 101, 101.3, 100],
    )
    expected = rb.bars(tied)

    with says(
        QualityError,
        "the trades come newest first, from 2024-08-08 00:00:02.000000 at row 0 to 2024-08-08 "
        "00:00:00.000000 at row 4 (trades without ids stay in the order given: give the frame with "
        ".reverse())",
    ):
        imported(tied.reverse(), tmp_path)

    assert not [*tmp_path.rglob("*.parquet")]
    imported(tied.reverse().reverse(), tmp_path)
    assert_same(expected, bars_of(tmp_path, "2024-08-08", "2024-08-08"))
    # What sorting would have given.
    assert not rb.bars(tied.reverse().sort("timestamp", maintain_order=True)).equals(expected)


def test_a_file_with_the_newest_trade_first_is_read_and_reversed(tmp_path: Path) -> None:
    tied = at([DAY, DAY + SECOND, DAY + SECOND, DAY + 2 * SECOND], [100, 100.2, 101, 101.3])
    path = tmp_path / "trades.parquet"
    tied.reverse().write_parquet(path)

    with says(
        QualityError,
        f"{path} come newest first, from 2024-08-08 00:00:02.000000 at row 0 to 2024-08-08 "
        "00:00:00.000000 at row 3 (trades without ids stay in the order given: give the file's "
        "frame with .reverse())",
    ):
        imported(path, tmp_path / "cache")

    imported(pl.read_parquet(path).reverse(), tmp_path / "cache")
    assert_same(rb.bars(tied), bars_of(tmp_path / "cache", "2024-08-08", "2024-08-08"))


def test_newest_first_shows_where_each_day_has_one_time(tmp_path: Path) -> None:
    later = DAY + dt.timedelta(days=1)
    tied = at([DAY, DAY, DAY, later, later, later], [100, 101, 100.1, 102, 101, 103])

    with pytest.raises(QualityError, match=r"^the trades come newest first, from 2024-08-09 "):
        imported(tied.reverse(), tmp_path)

    imported(tied, tmp_path)
    assert_same(rb.bars(tied), bars_of(tmp_path, "2024-08-08", "2024-08-09"))


def test_time_that_goes_back_names_row_and_times(tmp_path: Path) -> None:
    times = [DAY + n * SECOND for n in (0, 1, 5, 6, 6, 3, 4, 4)]
    frame = at(times, [100, 100.3, 100.1, 101, 100, 100.2, 100.9, 100])

    with says(
        QualityError,
        "time goes back in the trades at row 5: 2024-08-08 00:00:03.000000 after 2024-08-08 "
        "00:00:06.000000 (trades without ids stay in the order given: give the frame with "
        ".sort('timestamp', maintain_order=True), if trades of one time are in the order in which "
        "they were made)",
    ):
        imported(frame, tmp_path)

    mended = frame.sort("timestamp", maintain_order=True)
    imported(mended, tmp_path)
    in_order = frame[[0, 1, 5, 6, 7, 2, 3, 4]]
    assert_same(rb.bars(in_order), bars_of(tmp_path, "2024-08-08", "2024-08-08"))


@pytest.mark.parametrize("wrong", [1970, 2262])
def test_one_absurd_time_in_a_day_is_seen_without_ids(wrong: int, tmp_path: Path) -> None:
    frame = at([DAY, DAY + SECOND, dt.datetime(wrong, 1, 1, tzinfo=dt.UTC), DAY + 2 * SECOND])

    with pytest.raises(QualityError, match=r"^time goes back in the trades at row [23]: "):
        imported(frame, tmp_path)

    assert not [*tmp_path.rglob("*.parquet")]


LEAPS = {
    "the first": ([dt.datetime(1970, 1, 1, tzinfo=dt.UTC), DAY], "1970-01-01 to 2024-08-08"),
    "the last": ([DAY, dt.datetime(2262, 1, 1, tzinfo=dt.UTC)], "2024-08-08 to 2262-01-01"),
}


@pytest.mark.parametrize("ids", [None, [1, 2]])
@pytest.mark.parametrize("name", LEAPS)
def test_a_leap_of_years_between_days_is_a_warning(
    name: str, ids: list[int] | None, tmp_path: Path
) -> None:
    times, leap = LEAPS[name]
    frame = at(times) if ids is None else at(times, agg_trade_id=ids)

    with pytest.warns(RangeBarWarning) as caught:
        imported(frame, tmp_path)

    assert [str(warning.message) for warning in caught] == [
        (
            f"trades of mine spot S leap from {leap}, with none in between (is a time wrong? bars "
            "over the leap are one chain)"
        )
    ]
    assert [warning.filename for warning in caught] == [__file__]


def test_a_year_without_trades_is_no_leap(tmp_path: Path) -> None:
    assert imported(at([DAY, DAY + dt.timedelta(days=366)]), tmp_path).height == 2


def numbered(part: pl.DataFrame, first: int) -> pl.DataFrame:
    """Return trades with what an import adds to them."""
    absent = [name for name in TRADE_SCHEMA if name not in part.columns]
    return part.select(
        pl.int_range(first, first + pl.len()).alias(ROW),
        pl.col("timestamp").to_physical().alias(NUMBER),
        pl.all(),
        *(pl.lit(None, TRADE_SCHEMA[name]).alias(name) for name in absent),
    )


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_order_is_checked_over_batches(rows: int) -> None:
    frame = at([DAY + n * SECOND for n in (3, 2, 2, 1)])
    order = TimeOrder("the trades", "timestamp")
    for start in range(0, 4, rows):
        part = frame[start : start + rows]
        order.check(numbered(part, start))

    with pytest.raises(QualityError, match=r"00:00:03.000000 at row 0 to .* at row 3 "):
        order.end()


@given(times=st.lists(st.integers(0, 5), min_size=1, max_size=12), rows=st.integers(1, 12))
def test_trades_without_ids_are_refused_where_bars_refuse_them(times: list[int], rows: int) -> None:
    frame = at([DAY + n * SECOND for n in times])
    order, refused = TimeOrder("the trades", "timestamp"), False
    try:
        for start in range(0, len(times), rows):
            part = frame[start : start + rows]
            order.check(numbered(part, start))
        order.end()
    except QualityError:
        refused = True

    assert refused == (times != sorted(times))


def test_trades_with_ids_come_in_any_order(tmp_path: Path) -> None:
    frame = at([DAY + n * SECOND for n in range(50)], agg_trade_id=[*range(50)])
    order = [*range(50)]
    random.Random(1).shuffle(order)  # noqa: S311 - not a secret

    imported(frame[order], tmp_path)

    assert_same(rb.bars(frame), bars_of(tmp_path, "2024-08-08", "2024-08-08"))


def test_nanoseconds_that_go_back_within_a_microsecond_are_seen(tmp_path: Path) -> None:
    frame = trades([100, 101, 100], [1_000, 1_200, 1_100], unit="ns")

    with pytest.raises(QualityError, match=r"^time goes back in the trades at row 2: "):
        imported(frame, tmp_path)


def test_a_price_of_nothing_has_no_place_in_the_order(tmp_path: Path) -> None:
    frame = at([DAY, DAY + 2 * SECOND, DAY + SECOND, DAY + 3 * SECOND], [100, 101, 0, 100])

    report = imported(frame, tmp_path)

    assert report.select("rows_after", "nonpositive_prices").row(0) == (3, 1)


IDS = ["first_trade_id", "last_trade_id"]


def test_ids_of_trades_for_some_of_the_records_are_refused(tmp_path: Path) -> None:
    frame = at([DAY] * 3, first_trade_id=[7, None, 6], last_trade_id=[7, None, 6])

    with says(
        QualityError,
        "first_trade_id is null in 1 of 3 records of mine spot S 2024-08-08, the first at row 1 "
        "(give it for all of them, or leave it out: columns=TradeColumns(first_trade_id=None))",
    ):
        imported(frame, tmp_path)

    columns = rb.TradeColumns(first_trade_id=None)
    imported(frame, tmp_path, columns=columns)
    assert_same(rb.bars(frame, columns=columns), bars_of(tmp_path, "2024-08-08", "2024-08-08"))


def test_a_row_of_a_message_is_a_row_of_what_was_given(tmp_path: Path) -> None:
    days = [DAY + dt.timedelta(days=n, seconds=s) for n in range(2) for s in range(3)]
    frame = at(days, agg_trade_id=[0, 1, 2, 3, 4, 4], quantity=[1.0, 1, 1, 1, 2, 3])

    with pytest.raises(QualityError, match=r"have one id: row 5 \(agg_trade_id 4, "):
        imported(frame, tmp_path)
    with pytest.raises(QualityError, match=r"have one id: row 4 \(agg_trade_id 4, "):
        imported(frame[[5, 0, 3, 1, 4, 2]], tmp_path)


def test_half_of_a_day_does_not_replace_the_other_half(tmp_path: Path) -> None:
    frame = at([DAY + n * SECOND for n in range(40)])
    imported(frame[:20], tmp_path)

    with pytest.raises(rb.errors.CacheError, match="give all trades of the day together"):
        imported(frame[20:], tmp_path)

    imported(frame, tmp_path, replace=True)
    assert_same(rb.bars(frame), bars_of(tmp_path, "2024-08-08", "2024-08-08"))
