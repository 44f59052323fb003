"""Sides that are text or whole numbers, through every entry point, as venues write them."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import says
from support.entry_points import ENTRY_POINTS, assert_same
from support.trades import trades, walk

import rangebar_polars as rb

WALK = walk(300)
ON: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
EXPECTED = rb.bars(WALK, 20, **ON)
TAKER = rb.TradeColumns(side="side")
MAKER = rb.TradeColumns(side="side", side_of="maker")


def with_side(sold: object, bought: object, unknown: object = None) -> pl.DataFrame:
    """Return the trades with a column of sides instead of is_buyer_maker."""
    of = {True: sold, False: bought, None: unknown}
    side = pl.Series("side", [of[value] for value in WALK["is_buyer_maker"]])
    return WALK.drop("is_buyer_maker").with_columns(side)


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_text_is_read_through_every_entry_point(name: str) -> None:
    frame = with_side("Sell", "Buy")

    assert_same(EXPECTED, ENTRY_POINTS[name](frame, threshold_decimal_bps=20, columns=TAKER, **ON))


CALLS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "aggregations": lambda frame: rb.bars(
        frame, 20, columns=TAKER, aggs=pl.len().alias("n"), **ON
    ).drop("n"),
    "several thresholds": lambda frame: (
        rb.bars(frame, [20, 2_000], columns=TAKER, **ON)
        .filter(threshold_decimal_bps=20)
        .drop("threshold_decimal_bps")
    ),
    "keys": lambda frame: rb.bars(
        frame.with_columns(key=pl.lit("A")), 20, by="key", columns=TAKER, **ON
    ).drop("key"),
    "pyarrow": lambda frame: rb.bars(frame.to_arrow(), 20, columns=TAKER, **ON),
    "a state": lambda frame: rb.bars(
        frame, 20, columns=TAKER, state=rb.RangeBarProcessor(20, **ON).create_checkpoint(), **ON
    ),
    "chunks": lambda frame: pl.concat(
        rb.process_trades_chunked(frame.iter_slices(7), 20, columns=TAKER, **ON)
    ),
    "bar_id": lambda frame: rb.bars(
        frame.filter(rb.bar_id(20, columns=TAKER).ge(0)), 20, columns=TAKER, **ON
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_text_is_read_in_every_call(name: str) -> None:
    assert_same(EXPECTED, CALLS[name](with_side("Sell", "Buy")))


DTYPES = {"Categorical": pl.Categorical(), "Enum": pl.Enum(["buy", "sell", "unknown"])}


@pytest.mark.parametrize("name", DTYPES)
def test_categories_are_read(name: str) -> None:
    frame = with_side("sell", "buy", "unknown").with_columns(pl.col("side").cast(DTYPES[name]))

    assert_same(EXPECTED, rb.bars(frame, 20, columns=TAKER, **ON))
    assert_same(EXPECTED, rb.bars(frame.lazy(), 20, columns=TAKER, **ON).collect())


VENUES: dict[str, tuple[tuple[object, object, object], rb.TradeColumns]] = {
    "Bybit and BitMEX": (("Sell", "Buy", None), TAKER),
    "Kraken": (("s", "b", None), TAKER),
    "OKX, Deribit": (("sell", "buy", None), TAKER),
    "Coinbase Exchange, the resting side": (("BUY", "SELL", None), MAKER),
    "Tardis": (("sell", "buy", "unknown"), TAKER),
    "LOBSTER, the resting side": ((1, -1, None), MAKER),
    "signs": ((-1, 1, None), TAKER),
    "NautilusTrader": (("SELLER", "BUYER", ""), TAKER),
    "Databento": (("A", "B", None), rb.TradeColumns(side="side", sell="A", buy="B")),
    "Nautilus' numbers": ((2, 1, None), rb.TradeColumns(side="side", sell=2)),
    "several": (("Sell", "Buy", None), rb.TradeColumns(side="side", sell=("Sell", "sell", "S"))),
}


@pytest.mark.parametrize("name", VENUES)
def test_sides_are_read_as_venues_write_them(name: str) -> None:
    (sold, bought, unknown), columns = VENUES[name]
    frame = with_side(sold, bought, unknown)

    assert_same(EXPECTED, rb.bars(frame, 20, columns=columns, **ON))
    dicts = [
        {**row, "timestamp": row["timestamp"].replace(tzinfo=dt.UTC)} for row in frame.to_dicts()
    ]
    bars = rb.RangeBarProcessor(20, columns=columns, include_microstructure=True)
    expected = rb.bars(
        WALK.with_columns(pl.col("timestamp").dt.replace_time_zone("UTC")),
        20,
        include_microstructure=True,
    )
    assert_same(expected, bars.process_trades(dicts))
    by_group = frame.select(rb.features.ofi(columns), rb.features.turnover_imbalance(columns))
    assert_same(WALK.select(rb.features.ofi(), rb.features.turnover_imbalance()), by_group)


@given(st.lists(st.sampled_from(["buy", "SELL", "b", "S", "unknown", "", None]), min_size=1))
def test_sides_count_as_the_booleans_that_they_mean(sides: list[str | None]) -> None:
    of = {"buy": False, "b": False, "sell": True, "s": True}
    frame = trades([100.0 + row % 7 for row in range(len(sides))])
    flags = [of.get((side or "").lower()) for side in sides]
    expected = frame.with_columns(pl.Series("is_buyer_maker", flags, pl.Boolean))
    with_text = frame.with_columns(pl.Series("side", sides, pl.String))
    opposite = expected.with_columns(~pl.col("is_buyer_maker"))

    assert_same(rb.bars(expected, 250, **ON), rb.bars(with_text, 250, columns=TAKER, **ON))
    assert_same(rb.bars(opposite, 250, **ON), rb.bars(with_text, 250, columns=MAKER, **ON))


EXPECTED_TEXTS = "expected sell, s, seller, -1 of a seller, or buy, b, buyer, 1 of a buyer"


def strange(value: object, shown: str, row: int) -> tuple[pl.DataFrame, str]:
    frame = with_side(-1, 1) if isinstance(value, int) else with_side("Sell", "Buy")
    dtype = frame.schema["side"]
    at = pl.int_range(pl.len()) == row
    frame = frame.with_columns(
        pl.when(at).then(pl.lit(value, dtype)).otherwise("side").alias("side")
    )
    return frame, (
        f"side is {shown} at row {row}: {EXPECTED_TEXTS} (say how both are written: "
        'columns=TradeColumns(side="side", sell=..., buy=...); where nobody knows the side, make '
        f'it null: pl.col("side").replace({shown}, None))'
    )


@pytest.mark.parametrize("value", ["ask", "N", " sell", 0], ids=repr)
@pytest.mark.parametrize("row", [0, 199])
def test_a_text_of_no_side_is_an_error_with_its_row(value: object, row: int) -> None:
    shown = str(value) if isinstance(value, int) else f'"{value}"'
    frame, message = strange(value, shown, row)

    for plan in (frame, frame.lazy()):
        with says(pl.exceptions.ComputeError, message):
            rb.bars(plan, 20, columns=TAKER, **ON).lazy().collect()
    with says(rb.RangeBarError, message):
        rb.RangeBarProcessor(20, columns=TAKER).process_trades(frame)

    code = message.rpartition("null: ")[2].removesuffix(")")
    mended = frame.with_columns(eval(code, {"pl": pl}))  # noqa: S307 - our own message
    nulls = [None if at == row else side for at, side in enumerate(WALK["is_buyer_maker"])]
    expected = WALK.with_columns(pl.Series("is_buyer_maker", nulls))
    assert_same(rb.bars(expected, 20, **ON), rb.bars(mended, 20, columns=TAKER, **ON))


def test_a_bad_row_before_a_text_of_no_side_is_reported_first() -> None:
    frame = trades([100.0, -1.0, 101.0]).with_columns(side=pl.Series(["buy", "buy", "x"]))

    with pytest.raises(pl.exceptions.ComputeError, match=r"^price is -1 at row 1: "):
        rb.bars(frame, columns=TAKER, **ON)


def test_a_text_of_no_side_names_its_key_and_the_row_of_all_trades() -> None:
    frame = pl.concat([WALK.head(100), WALK.head(100)]).with_columns(
        key=pl.Series(["A"] * 100 + ["B"] * 100),
        side=pl.Series(["buy"] * 150 + ["?"] * 50),
    )

    with pytest.raises(pl.exceptions.ComputeError, match=r'^key "B": side is "\?" at row 50: '):
        rb.bars(frame, 20, by="key", columns=TAKER, **ON)


TRADE = {"timestamp": dt.datetime(2024, 8, 8, tzinfo=dt.UTC), "price": 1.0, "quantity": 1.0}


@pytest.mark.parametrize(
    ("value", "shown"), [("ask", "'ask'"), (0, "0"), (True, "True"), (1.0, "1.0")], ids=repr
)
def test_a_dict_of_no_side_is_an_error_with_its_row(value: object, shown: str) -> None:
    processor = rb.RangeBarProcessor(250, columns=TAKER)
    processor.process_trades(TRADE | {"side": "buy"})

    with says(
        rb.RangeBarError,
        f"side is {shown} at row 1: {EXPECTED_TEXTS} (say how both are written: "
        'columns=TradeColumns(side="...", sell=..., buy=...); where nobody knows the side, give '
        "None)",
    ):
        processor.process_trades(TRADE | {"side": value})


def test_a_missing_key_of_sides_names_the_argument() -> None:
    with says(
        rb.RangeBarError,
        'trade at row 0 has no "side": its keys are [timestamp, price, quantity] (say which it is: '
        'columns=TradeColumns(side="..."))',
    ):
        rb.RangeBarProcessor(250, columns=TAKER).process_trades(TRADE)


def test_a_missing_column_of_sides_names_the_argument() -> None:
    with pytest.raises(
        pl.exceptions.ComputeError, match=r'^no column "side" .*TradeColumns\(side="\.\.\."\)\)$'
    ):
        rb.bars(WALK, columns=TAKER)


DTYPES_OF_NO_SIDE = {
    "bool": (
        True,
        'if true is where the aggressor sold: columns=TradeColumns(is_buyer_maker="side")',
    ),
    "f64": (1.0, 'cast it: pl.col("side").cast(pl.Int64)'),
    "date": (dt.date(2024, 8, 8), 'name another column: columns=TradeColumns(side="...")'),
}


@pytest.mark.parametrize("name", DTYPES_OF_NO_SIDE)
def test_a_column_that_is_no_text_is_refused_with_a_remedy(name: str) -> None:
    value, remedy = DTYPES_OF_NO_SIDE[name]
    frame = WALK.drop("is_buyer_maker").with_columns(side=pl.lit(value))

    with pytest.raises(pl.exceptions.ComputeError) as error:
        rb.bars(frame, columns=TAKER, **ON)

    assert str(error.value).startswith(f'column "side" is {name}: expected text among the trades')
    assert str(error.value).endswith(f" ({remedy})")


ARGUMENTS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "two columns of sides": (
        {"side": "side", "is_buyer_maker": "maker"},
        ValueError,
        (
            "side is 'side' and is_buyer_maker 'maker': expected one column of sides (leave one of "
            "them out)"
        ),
    ),
    "texts without a column": (
        {"sell": "S"},
        ValueError,
        "sell is given without side (name the column of sides: side='...')",
    ),
    "whose side without a column": (
        {"side_of": "maker"},
        ValueError,
        "side_of is given without side (name the column of sides: side='...')",
    ),
    "a text of both": (
        {"side": "side", "sell": ["x", "B"]},
        ValueError,
        "'b' is in sell and in buy: expected texts of one side in each (give both sell and buy)",
    ),
    "no text": (
        {"side": "side", "buy": []},
        ValueError,
        "buy is []: expected one text or several, none of them empty or 'unknown'",
    ),
    "an empty text": (
        {"side": "side", "sell": ("", "s")},
        ValueError,
        "sell is ('', 's'): expected one text or several, none of them empty or 'unknown'",
    ),
    "a flag": (
        {"side": "side", "sell": True},
        TypeError,
        "sell is True: expected a text, a whole number, or several",
    ),
    "a float": (
        {"side": "side", "buy": [1.0]},
        TypeError,
        "buy is [1.0]: expected a text, a whole number, or several",
    ),
    "another owner": (
        {"side": "side", "side_of": "Taker"},
        ValueError,
        "side_of is 'Taker': expected 'taker' or 'maker'",
    ),
    "no owner": (
        {"side": "side", "side_of": None},
        TypeError,
        "side_of is None: expected 'taker' or 'maker'",
    ),
    "no name": ({"side": 3}, TypeError, "side is 3: expected the name of a column or None"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_bad_argument_is_refused_when_it_is_given(name: str) -> None:
    options, kind, message = ARGUMENTS[name]

    with says(kind, message):
        rb.TradeColumns(**options)


def test_bars_of_text_sides_pass_the_validation_with_their_trades() -> None:
    frame = with_side("Sell", "Buy")
    bars = rb.bars(frame, 20, columns=TAKER, include_microstructure=True)

    report = rb.validate_tier1(bars, frame, threshold_decimal_bps=20, columns=TAKER)

    report.raise_if_failed()
    wrong = rb.validate_tier1(bars, frame, threshold_decimal_bps=20, columns=MAKER)
    assert not wrong.passed
