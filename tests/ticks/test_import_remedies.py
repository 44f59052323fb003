"""The remedies in the messages of `import_trades` are followed, and give the right bars."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.entry_points import assert_same
from support.trades import trades, walk

import rangebar_polars as rb
from rangebar_polars.errors import QualityError

FRAME = (
    walk(500)
    .drop("first_trade_id", "last_trade_id")
    .cast({"timestamp": pl.Datetime("us")})
    .with_columns(
        (pl.col("timestamp") + pl.duration(seconds=1_723_075_200)).dt.replace_time_zone("UTC"),
        pl.col("is_buyer_maker").fill_null(value=False),
    )
)
OPTIONS: dict[str, Any] = {"include_microstructure": True}
BARS = rb.bars(FRAME, 20, **OPTIONS)
DAY = date(2024, 8, 8)


def imported(frame: Any, folder: Path, symbol: str = "S", **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Import trades and return their bars."""
    rb.import_trades(frame, symbol=symbol, source="mine", cache_dir=folder, **options)
    return rb.get_range_bars(symbol, DAY, DAY, 20, source="mine", cache_dir=folder, **OPTIONS)


def remedy_of(frame: Any, folder: Path, kind: type[Exception], **options: Any) -> str:  # noqa: ANN401
    """Return the remedy with which trades are refused."""
    with pytest.raises(kind) as caught:
        imported(frame, folder, **options)
    found = re.search(
        r"\((?!they have|agg_trade_id|\d)((?:[^()]|\([^()]*\))+|.*pl\..*)\)$", str(caught.value)
    )
    assert found is not None, str(caught.value)
    return found[1]


def code_of(remedy: str) -> pl.Expr:
    """Return the expression of a remedy, as a user would copy it."""
    found = re.search(r"\(*pl\.col\(.*?(?=, and time_unit|$)", remedy)
    assert found is not None, remedy
    expression = eval(found[0], {"pl": pl})  # noqa: S307 - our own message
    assert isinstance(expression, pl.Expr)
    return expression


def with_sides(sold: object, bought: object) -> pl.DataFrame:
    side = pl.when("is_buyer_maker").then(pl.lit(sold)).otherwise(pl.lit(bought))
    return FRAME.with_columns(side=side).drop("is_buyer_maker")


SIDES: dict[str, tuple[object, object, str]] = {
    "Sell": ("Sell", "Buy", 'pl.col("side") == "Sell"'),
    "SELL": ("SELL", "BUY", 'pl.col("side") == "SELL"'),
    "s": ("s", "b", 'pl.col("side") == "s"'),
    "minus one": (-1, 1, 'pl.col("side") == -1'),
}
NAMED = rb.TradeColumns(is_buyer_maker="side")


@pytest.mark.parametrize("name", SIDES)
def test_a_side_is_compared_with_what_the_column_has_for_a_seller(
    name: str, tmp_path: Path
) -> None:
    sold, bought, code = SIDES[name]
    frame = with_sides(sold, bought)

    with says(
        TypeError,
        f"column 'side' is {frame.schema['side']}, expected Boolean (true is where the aggressor "
        f"sold: {code})",
    ):
        imported(frame, tmp_path, columns=NAMED)

    mended = frame.with_columns(eval(code, {"pl": pl}).alias("side"))  # noqa: S307 - our own message
    assert_same(BARS, imported(mended, tmp_path, columns=NAMED))


@pytest.mark.parametrize(
    ("sold", "bought", "code"),
    [
        (1, 0, 'pl.col("is_buyer_maker") == 1'),
        ("True", "False", 'pl.col("is_buyer_maker") == "True"'),
        ("true", "false", 'pl.col("is_buyer_maker") == "true"'),
    ],
)
def test_a_flag_of_the_maker_is_compared_with_what_is_true(
    sold: object, bought: object, code: str, tmp_path: Path
) -> None:
    frame = with_sides(sold, bought).rename({"side": "is_buyer_maker"})

    with says(
        TypeError,
        f"column 'is_buyer_maker' is {frame.schema['is_buyer_maker']}, expected Boolean (true is "
        f"where the aggressor sold: {code})",
    ):
        imported(frame, tmp_path)

    mended = frame.with_columns(eval(code, {"pl": pl}))  # noqa: S307 - our own message
    assert_same(BARS, imported(mended, tmp_path))


UNKNOWN: dict[str, tuple[list[object], str]] = {
    "other words": (["long", "short"], '"long", "short"'),
    "a third value": (["Buy", "Sell", "Unknown"], '"Buy", "Sell", "Unknown"'),
    "two spellings": (["Buy", "Sell", "sell"], '"Buy", "Sell", "sell"'),
    "a flag of no maker": ([1, 0], "0, 1"),
    "text of no maker": (["true", "false"], '"false", "true"'),
    "buyers alone": (["Buy", "Buy"], '"Buy"'),
    "more than fit": ([f"{n}" for n in range(7)], '"0", "1", "2", "3", "4" and 2 more'),
    "many numbers": ([*range(7)], "0, 1, 2, 3, 4 and 2 more"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_sides_that_leave_a_doubt_are_listed(name: str, tmp_path: Path) -> None:
    values, shown = UNKNOWN[name]
    frame = FRAME.head(len(values)).with_columns(pl.Series("side", values))

    with says(
        TypeError,
        f"column 'side' is {frame.schema['side']}, expected Boolean (true is where the aggressor "
        'sold, null where no one knows: compare pl.col("side") with what it has for a seller; it '
        f"has {shown})",
    ):
        imported(frame, tmp_path, columns=NAMED)


def test_a_file_has_sides_as_true_and_false_in_any_case(tmp_path: Path) -> None:
    for number, (true, false) in enumerate(
        [("true", "false"), ("True", "False"), ("TRUE", "FALSE")]
    ):
        path = tmp_path / f"{number}.csv"
        frame = with_sides(true, false).rename({"side": "is_buyer_maker"})
        frame.write_csv(path)
        assert_same(BARS, imported(path, tmp_path / f"{number}"))


def test_a_file_with_other_sides_says_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    frame = with_sides("Sell", "Buy")
    frame.write_csv(path)

    with says(
        TypeError,
        f"column 'side' of {path} is {frame['side'][0]!r} at line 2, expected true or false (true "
        'is where the aggressor sold: pl.col("side") == "Sell")',
    ):
        imported(path, tmp_path / "cache", columns=NAMED)

    read = pl.scan_csv(path, try_parse_dates=True).with_columns(pl.col("side") == "Sell")
    assert_same(BARS, imported(read, tmp_path / "cache", columns=NAMED))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_float_times_become_whole_microseconds_of_the_unit_that_they_count(
    unit: str, tmp_path: Path
) -> None:
    in_seconds = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    times = pl.col("timestamp").dt.epoch("us") / 1_000_000 * in_seconds
    frame = FRAME.with_columns(times)

    remedy = remedy_of(frame, tmp_path, TypeError)

    counts = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    assert remedy.startswith(f"it counts {counts[unit]}: give whole microseconds, ")
    assert remedy.endswith(", and time_unit='us'")
    mended = frame.with_columns(code_of(remedy))
    assert_same(BARS, imported(mended, tmp_path, time_unit="us"))


def test_whole_seconds_of_a_file_that_become_fractions_are_read_as_such(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    times = [f"{1_723_075_200 + row}" + (".25" if row > 200 else "") for row in range(500)]
    FRAME.with_columns(pl.Series("timestamp", times)).write_csv(path)

    remedy = remedy_of(path, tmp_path / "cache", QualityError, time_unit="s")

    assert remedy.startswith(
        "it counts seconds: read the file with pl.scan_csv(..., schema_overrides={'timestamp': "
        "pl.Float64}), and give whole microseconds, "
    )
    read = pl.scan_csv(path, schema_overrides={"timestamp": pl.Float64})
    mended = read.with_columns(code_of(remedy))
    got = imported(mended, tmp_path / "cache", time_unit="us")
    micros = [1_723_075_200_000_000 + 10**6 * row + 250_000 * (row > 200) for row in range(500)]
    right = pl.Series("timestamp", micros).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    assert_same(rb.bars(FRAME.with_columns(right), 20, **OPTIONS), got)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_numbers_as_text_become_numbers_of_the_unit_that_fits(unit: Any, tmp_path: Path) -> None:  # noqa: ANN401
    frame = FRAME.with_columns(pl.col("timestamp").dt.epoch(unit).cast(pl.String))

    remedy = remedy_of(frame, tmp_path, TypeError)

    assert remedy == (
        f'give whole numbers, pl.col("timestamp").cast(pl.Int64), and time_unit={unit!r}'
    )
    mended = frame.with_columns(code_of(remedy))
    assert_same(BARS, imported(mended, tmp_path, time_unit=unit))


def test_text_of_times_is_parsed_with_its_nanoseconds(tmp_path: Path) -> None:
    text = FRAME.with_columns(pl.col("timestamp").dt.to_string("%FT%T%.9f"))

    remedy = remedy_of(text, tmp_path, TypeError)

    assert remedy == (
        'parse it first: pl.col("timestamp").str.to_datetime(time_unit="ns", time_zone="UTC")'
    )
    assert_same(BARS, imported(text.with_columns(code_of(remedy)), tmp_path))


def test_text_that_looks_like_no_time_shows_what_it_looks_like(tmp_path: Path) -> None:
    text = FRAME.with_columns(timestamp=pl.lit("08/07/2024 00:00:00"))

    assert remedy_of(text, tmp_path, TypeError) == (
        'parse it first: pl.col("timestamp").str.to_datetime(...), with the format of '
        "'08/07/2024 00:00:00'"
    )


def test_dates_have_no_time_of_day_and_are_taken_as_midnights(tmp_path: Path) -> None:
    dates = FRAME.with_columns(pl.col("timestamp").dt.date())

    remedy = remedy_of(dates, tmp_path, TypeError)

    assert remedy == (
        'it has no time of day: give the column that has one, or pl.col("timestamp").cast'
        "(pl.Datetime), with which all trades of a day share a time"
    )
    midnights = dates.with_columns(pl.col("timestamp").cast(pl.Datetime))
    right = rb.bars(
        midnights.with_columns(pl.col("timestamp").dt.replace_time_zone("UTC")), 20, **OPTIONS
    )
    assert_same(right, imported(midnights, tmp_path))


def without_ids(frame: pl.DataFrame) -> pl.DataFrame:
    """Return trades as the cache has them where nothing is known of their ids."""
    names = ("agg_trade_id", "first_trade_id", "last_trade_id")
    return frame.with_columns(pl.lit(None, pl.Int64).alias(name) for name in names)


def tied() -> pl.DataFrame:
    """Return trades without ids of which several have one time."""
    frame = trades([100, 100.2, 101, 101.3, 100], [0, 1_000, 1_000, 2_000, 2_000])
    start = pl.duration(seconds=1_723_075_200)
    return without_ids(frame).with_columns(
        (pl.col("timestamp").dt.cast_time_unit("us") + start).dt.replace_time_zone("UTC"),
        pl.lit(None, pl.Boolean).alias("is_buyer_maker"),
    )


def test_newest_first_without_ids_is_reversed(tmp_path: Path) -> None:
    with says(
        QualityError,
        "the trades come newest first, from 2024-08-08 00:00:02.000000 at row 0 to 2024-08-08 "
        "00:00:00.000000 at row 4 (trades without ids stay in the order given: give the frame "
        "with .reverse())",
    ):
        imported(tied().reverse(), tmp_path)

    assert_same(rb.bars(tied(), 20, **OPTIONS), imported(tied().reverse().reverse(), tmp_path))


def test_newest_first_with_ids_is_sorted_by_them(tmp_path: Path) -> None:
    assert_same(BARS, imported(FRAME.reverse(), tmp_path))


def test_a_few_late_rows_without_ids_are_sorted_in_the_order_of_their_time(tmp_path: Path) -> None:
    late = tied()[[0, 3, 1, 2, 4]]

    with says(
        QualityError,
        "time goes back in the trades at row 2: 2024-08-08 00:00:01.000000 after 2024-08-08 "
        "00:00:02.000000 (trades without ids stay in the order given: give the frame with "
        ".sort('timestamp', maintain_order=True), if trades of one time are in the order in which "
        "they were made)",
    ):
        imported(late, tmp_path)

    mended = late.sort("timestamp", maintain_order=True)
    assert_same(rb.bars(tied(), 20, **OPTIONS), imported(mended, tmp_path))


def test_two_venues_with_the_same_ids_are_imported_each_under_its_symbol(tmp_path: Path) -> None:
    other = FRAME.with_columns(pl.col("price") + 1)
    both = pl.concat([FRAME.with_columns(at=0), other.with_columns(at=1)]).sort(
        "timestamp", "agg_trade_id", "at"
    )

    remedy = remedy_of(both, tmp_path, QualityError)

    assert remedy == (
        "import each of several venues under its own symbol; leave out an id that is not the "
        "record's alone, columns=TradeColumns(agg_trade_id=None)"
    )
    assert_same(BARS, imported(both.filter(at=0), tmp_path, "A"))
    assert_same(rb.bars(other, 20, **OPTIONS), imported(both.filter(at=1), tmp_path, "B"))
    # Together, as one market, in the order given.
    columns = rb.TradeColumns(agg_trade_id=None)
    without = without_ids(both)
    assert_same(rb.bars(without, 20, **OPTIONS), imported(both, tmp_path, columns=columns))


def test_ids_that_do_not_rise_with_time_are_left_out(tmp_path: Path) -> None:
    falling = FRAME.with_columns(pl.col("agg_trade_id").reverse())

    with pytest.raises(QualityError) as caught:
        imported(falling, tmp_path)

    assert str(caught.value).endswith(
        " and 496 more (import each of several venues under its own symbol; leave out an id that "
        "does not rise with time, columns=TradeColumns(agg_trade_id=None), and give the trades in "
        "order)"
    )
    columns = rb.TradeColumns(agg_trade_id=None)
    assert_same(
        rb.bars(without_ids(falling), 20, **OPTIONS), imported(falling, tmp_path, columns=columns)
    )
