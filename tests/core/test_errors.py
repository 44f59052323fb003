"""Bad trades: every message whole, the same through every door, and the lowest row wins.

Polars frames what an expression or a plan says in words of its own; `message_of` takes off those
frames and nothing else.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings
from support.assertions import SORT, TWICE
from support.entry_points import DOORS, Asked
from support.subprocesses import run
from support.trades import trades

import rangebar_polars as rb

IN_A_PLAN = "schema callable failed: ComputeError: "
# Polars before 2.0 says so of whatever a source raises.
IN_A_SOURCE = "caught exception during execution of a Python source, exception: ComputeError: "
IN_AN_EXPRESSION = "the plugin failed with message: "


def message_of(act: Callable[[], object], *, door: str = "eager") -> str:
    """Return what a call that must fail says, without the frame that Polars puts around it."""
    with pytest.raises(pl.exceptions.ComputeError) as raised:
        act()
    text = str(raised.value)
    if "expression" in door or door == "grouped":
        assert text.startswith(IN_AN_EXPRESSION), door
        return text.removeprefix(IN_AN_EXPRESSION).partition("\n\n")[0]
    if door.startswith("lazy"):
        return text.removeprefix(IN_A_PLAN).removeprefix(IN_A_SOURCE)
    return text


Values = pl.Series | Sequence[float | None]


def good(**columns: Values) -> pl.DataFrame:
    """Return five good trades, some columns replaced."""
    frame = trades(
        [100, 100.1, 100.2, 100.1, 100],
        sold=[True, False, True, False, None],
        ids=[1, 2, 3, 4, 5],
        counted=[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)],
    )
    return frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def at(row: int, **values: float | None) -> pl.DataFrame:
    """Return five trades of which one has other values."""
    where = pl.int_range(pl.len()) == row
    changed = [
        pl.when(where).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    ]
    return good().with_columns(changed).cast(good().schema)


NULL = "(every trade needs one: drop or fill such rows first)"
ABOVE_0 = "expected a finite number above 0 (drop or repair such rows first)"
NOT_BELOW_0 = "expected a finite number of 0 or more (drop or repair such rows first)"
TOO_LARGE = (
    "expected less than 92233720368.54775808, the limit of 64 bits at 8 decimals (rescale the "
    "column)"
)
SECOND = 1_000

BAD_ROWS: dict[str, tuple[pl.DataFrame, str]] = {
    "null time": (at(2, timestamp=None), f"timestamp is null at row 2 {NULL}"),
    "null price": (at(2, price=None), f"price is null at row 2 {NULL}"),
    "null quantity": (at(2, quantity=None), f"quantity is null at row 2 {NULL}"),
    "price not a number": (at(3, price=float("nan")), f"price is NaN at row 3: {ABOVE_0}"),
    "endless price": (at(3, price=float("inf")), f"price is inf at row 3: {ABOVE_0}"),
    "endless price down": (at(3, price=float("-inf")), f"price is -inf at row 3: {ABOVE_0}"),
    "price 0": (at(0, price=0.0), f"price is 0 at row 0: {ABOVE_0}"),
    "price -0": (at(0, price=-0.0), f"price is -0 at row 0: {ABOVE_0}"),
    "price below 0": (at(4, price=-1.5), f"price is -1.5 at row 4: {ABOVE_0}"),
    "tiny price": (
        at(1, price=4.9e-9),
        "price is 0.0000000049 at row 1: it rounds to 0 at 8 decimals (rescale the prices)",
    ),
    "large price": (at(1, price=1e11), f"price is 100000000000 at row 1: {TOO_LARGE}"),
    "quantity not a number": (
        at(1, quantity=float("nan")),
        f"quantity is NaN at row 1: {NOT_BELOW_0}",
    ),
    "endless quantity": (at(1, quantity=float("inf")), f"quantity is inf at row 1: {NOT_BELOW_0}"),
    "quantity below 0": (
        at(1, quantity=-1e-9),
        f"quantity is -0.000000001 at row 1: {NOT_BELOW_0}",
    ),
    "large quantity": (
        at(4, quantity=92233720368.54776),
        f"quantity is 92233720368.54776 at row 4: {TOO_LARGE}",
    ),
    "time going back": (
        good(timestamp=pl.Series([0, 1, 2, 1, 3]) * SECOND).cast({"timestamp": pl.Datetime("ms")}),
        (
            "trades are not sorted by time at row 3: 1970-01-01 00:00:01.000 after 1970-01-01 "
            f"00:00:02.000 {SORT}"
        ),
    ),
    "time going back by a nanosecond before 1970": (
        good(timestamp=pl.Series([-5, -5, -6, 0, 0])).cast({"timestamp": pl.Datetime("ns", "UTC")}),
        (
            "trades are not sorted by time at row 2: 1969-12-31 23:59:59.999999994 after "
            f"1969-12-31 23:59:59.999999995 {SORT}"
        ),
    ),
    "time going back in microseconds": (
        good(timestamp=pl.Series([5, 4, 6, 7, 8])).cast({"timestamp": pl.Datetime("us")}),
        (
            "trades are not sorted by time at row 1: 1970-01-01 00:00:00.000004 after 1970-01-01 "
            f"00:00:00.000005 {SORT}"
        ),
    ),
    "a record twice": (
        good(timestamp=pl.Series([0, 1, 1, 2, 3]) * SECOND, agg_trade_id=[1, 2, 2, 3, 4]).cast(
            {"timestamp": pl.Datetime("ms")}
        ),
        f"agg_trade_id does not rise at row 2: 2 after 2, both at 1970-01-01 00:00:01.000 {TWICE}",
    ),
    "an id that falls behind a null": (
        good(
            timestamp=pl.Series([0, 0, 0, 0, 0]), agg_trade_id=pl.Series([None, 7, None, None, 6])
        ).cast({"timestamp": pl.Datetime("ms")}),
        f"agg_trade_id does not rise at row 4: 6 after 7, both at 1970-01-01 00:00:00.000 {TWICE}",
    ),
    "an id beyond 64 bits": (
        good(agg_trade_id=pl.Series([1, 2, 3, 2**63, 5], dtype=pl.UInt64)),
        "agg_trade_id is 9223372036854775808 at row 3: expected an id that fits Int64",
    ),
    "a trade id beyond 64 bits": (
        good(last_trade_id=pl.Series([1, 2, 3, 2**64 - 1, 5], dtype=pl.UInt64)),
        "last_trade_id is 18446744073709551615 at row 3: expected an id that fits Int64",
    ),
    "exchanged trade ids": (
        at(2, last_trade_id=1),
        "last_trade_id 1 is below first_trade_id 3 at row 2 (are the two columns exchanged?)",
    ),
    "a turnover beyond 128 bits": (
        good(price=[9.2e10] * 5, quantity=[9.2e10] * 5),
        (
            "turnover of the bar overflows at row 2: the limit is 17014118346046923173168.73 (128 "
            "bits at 16 decimals) (rescale the columns)"
        ),
    ),
    "a count beyond 64 bits": (
        good(first_trade_id=[0] * 5, last_trade_id=[1, 2**62, 2**62, 2**62, 2**62]),
        (
            "individual_trade_count of the bar overflows at row 2: the limit is "
            "9223372036854775807 (64 bits) (rescale the columns)"
        ),
    ),
    "a count of one row beyond 64 bits": (
        at(1, first_trade_id=-2, last_trade_id=2**63 - 1),
        (
            "individual_trade_count of the bar overflows at row 1: the limit is "
            "9223372036854775807 (64 bits) (rescale the columns)"
        ),
    ),
    "a duration beyond 64 bits": (
        good(timestamp=pl.Series([0, 1, 2**53, 2**62, 2**62])).cast(
            {"timestamp": pl.Datetime("ms")}
        ),
        (
            "duration_us of the bar overflows at row 3: the limit is 9223372036854775807 "
            "microseconds (64 bits) (rescale the columns)"
        ),
    ),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_told_in_the_same_words_through_every_door(name: str) -> None:
    frame, expected = BAD_ROWS[name]

    messages = {
        door: message_of(lambda door=door: Asked().through(door, frame), door=door)  # type: ignore[misc]
        for door in DOORS
    }

    assert dict.fromkeys(DOORS, expected) == messages


HAVE = (
    "timestamp: datetime[ms], price: f64, quantity: f64, is_buyer_maker: bool, agg_trade_id: i64, "
    "first_trade_id: i64, last_trade_id: i64"
)


def missing(column: str) -> tuple[pl.DataFrame, str]:
    have = HAVE.replace(f"{column}: f64, ", "").replace(f"{column}: datetime[ms], ", "")
    return good().drop(column), (
        f'no column "{column}" among the trades: they have [{have}] (say which it is: '
        f'columns=TradeColumns({column}="..."))'
    )


def cast(column: str, dtype: pl.DataType, shown: str, *wanted: str) -> tuple[pl.DataFrame, str]:
    """Return trades with a column of another dtype, and the message."""
    frame = good().with_columns(pl.lit(None, dtype).alias(column))
    have = ", ".join(
        f"{column}: {shown}" if pair.startswith(f"{column}:") else pair for pair in HAVE.split(", ")
    )
    return frame, (
        f'column "{column}" is {shown}: expected {wanted[0]} among the trades [{have}] '
        f"({wanted[1]})"
    )


FROM_EPOCH = (
    'cast it from its own unit: pl.from_epoch("timestamp", time_unit="s") where today is a number '
    'of 10 digits, "ms" of 13, "us" of 16, "ns" of 19'
)
FROM_FLOAT = (
    'cast it; where it counts seconds: pl.from_epoch((pl.col("timestamp") * '
    '1_000_000).round().cast(pl.Int64), time_unit="us")'
)
TO_BOOLEAN = (
    'true is where the aggressor sold: pl.col("is_buyer_maker") == -1, with the number that the '
    "column has for a seller"
)
BAD_SCHEMAS: dict[str, tuple[pl.DataFrame, str]] = {
    "no time": missing("timestamp"),
    "no price": missing("price"),
    "no quantity": missing("quantity"),
    "integer time": cast("timestamp", pl.Int64(), "i64", "Datetime", FROM_EPOCH),
    "date": cast(
        "timestamp",
        pl.Date(),
        "date",
        "Datetime",
        'cast it: pl.col("timestamp").cast(pl.Datetime("us"))',
    ),
    "text for time": cast(
        "timestamp",
        pl.String(),
        "str",
        "Datetime",
        'cast it: pl.col("timestamp").str.to_datetime()',
    ),
    "text for price": cast(
        "price", pl.String(), "str", "a number", 'cast it: pl.col("price").cast(pl.Float64)'
    ),
    "truth for quantity": cast(
        "quantity", pl.Boolean(), "bool", "a number", 'cast it: pl.col("quantity").cast(pl.Float64)'
    ),
    "null for price": cast(
        "price",
        pl.Null(),
        "null",
        "a number",
        'name another column: columns=TradeColumns(price="...")',
    ),
    "number for side": cast("is_buyer_maker", pl.Int8(), "i8", "Boolean", TO_BOOLEAN),
    "float for time": cast("timestamp", pl.Float64(), "f64", "Datetime", FROM_FLOAT),
    "text for side": cast(
        "is_buyer_maker",
        pl.String(),
        "str",
        "Boolean",
        'true is where the aggressor sold: pl.col("is_buyer_maker") == "sell", with the text that '
        "the column has for a seller",
    ),
    "float id": cast(
        "agg_trade_id",
        pl.Float64(),
        "f64",
        "an integer",
        'cast it: pl.col("agg_trade_id").cast(pl.Int64)',
    ),
    "text trade id": cast(
        "first_trade_id",
        pl.String(),
        "str",
        "an integer",
        'cast it: pl.col("first_trade_id").cast(pl.Int64)',
    ),
    "float trade id": cast(
        "last_trade_id",
        pl.Float32(),
        "f32",
        "an integer",
        'cast it: pl.col("last_trade_id").cast(pl.Int64)',
    ),
}
some_schemas = pytest.mark.parametrize("name", BAD_SCHEMAS)


@some_schemas
def test_a_bad_schema_is_told_in_the_same_words_through_every_door(name: str) -> None:
    frame, expected = BAD_SCHEMAS[name]
    doors = [door for door in DOORS if door != "price expression"]

    messages = {
        door: message_of(lambda door=door: Asked().through(door, frame), door=door)  # type: ignore[misc]
        for door in doors
    }

    assert dict.fromkeys(doors, expected) == messages


def test_a_price_expression_tells_the_price_first() -> None:
    def of(prices: pl.Expr) -> object:
        return good().select(prices.rangebar.bars(include_microstructure=True))  # type: ignore[attr-defined]

    have = HAVE.replace("price: f64, ", "")
    assert (
        f'column "price" is str: expected a number among the trades [price: str, {have}] (cast it: '
        'pl.col("price").cast(pl.Float64))'
    ) == message_of(lambda: of(pl.col("price").cast(pl.String)), door="expression")


@some_schemas
def test_a_plan_refuses_a_bad_schema_when_it_is_asked_for_its_own(name: str) -> None:
    frame, expected = BAD_SCHEMAS[name]
    plan = rb.bars(frame.lazy(), include_microstructure=True)

    assert expected == message_of(plan.collect_schema, door="lazy")


@some_schemas
def test_an_expression_refuses_a_bad_schema_before_any_row_is_read(name: str) -> None:
    frame, expected = BAD_SCHEMAS[name]
    plan = frame.lazy().select(rb.bars_expr(include_microstructure=True))

    assert expected == message_of(plan.collect_schema, door="expression")


def test_messages_call_columns_what_the_user_calls_them() -> None:
    columns = rb.TradeColumns(price="px", first_trade_id="from", last_trade_id="to")
    frame = good().rename({"price": "px", "first_trade_id": "from", "last_trade_id": "to"})

    def of(frame: pl.DataFrame) -> str:
        return message_of(lambda: rb.bars(frame, include_microstructure=True, columns=columns))

    assert [
        f"px is null at row 0 {NULL}",
        "to 0 is below from 1 at row 0 (are the two columns exchanged?)",
    ] == [
        of(frame.with_columns(px=pl.lit(None, pl.Float64))),
        of(frame.with_columns(to=pl.lit(0, pl.Int64))),
    ]


@pytest.mark.parametrize("column", ["is_buyer_maker", "agg_trade_id", "first_trade_id"])
def test_an_optional_column_that_is_named_must_be_there(column: str) -> None:
    options = {"include_microstructure": True, "columns": rb.TradeColumns(**{column: "mine"})}

    messages = {
        door: message_of(lambda door=door: DOORS[door](good(), **options), door=door)  # type: ignore[misc]
        for door in DOORS
    }

    # An expression sees no more of the frame than the columns that it takes.
    seen = HAVE.replace(f"{column}: bool, ", "").replace(f"{column}: i64, ", "")
    for door, message in messages.items():
        have = seen if "expression" in door or door == "grouped" else HAVE
        if door == "price expression":
            have = "price: f64, " + seen.replace("price: f64, ", "")
        assert message == (
            f'no column "mine" among the trades: they have [{have}] (say which it is: '
            f'columns=TradeColumns({column}="..."))'
        ), door


def test_the_row_is_counted_within_the_group() -> None:
    frame = trades([100, 100, 100, 100, -1]).with_columns(key=pl.Series(list("ABABB")))

    def grouped() -> object:
        return frame.group_by("key").agg(rb.bars_expr())

    assert message_of(grouped, door="grouped") == f"price is -1 at row 2: {ABOVE_0}"


FAULTS = {
    "price": (-1.0, f"price is -1 at row {{row}}: {ABOVE_0}"),
    "quantity": (-2.0, f"quantity is -2 at row {{row}}: {NOT_BELOW_0}"),
    "timestamp": (None, f"timestamp is null at row {{row}} {NULL}"),
    "last_trade_id": (
        -9,
        "last_trade_id -9 is below first_trade_id 1 at row {row} (are the two columns exchanged?)",
    ),
}
IN_ORDER = ("timestamp", "price", "quantity", "last_trade_id")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 29), st.sampled_from(IN_ORDER)), min_size=1, max_size=3))
def test_of_several_faults_the_first_of_the_lowest_row_is_told(
    faults: list[tuple[int, str]],
) -> None:
    frame = trades([100 + row % 3 for row in range(30)], counted=[(1, 2)] * 30)
    for row, column in faults:
        where, value = pl.int_range(pl.len()) == row, pl.lit(FAULTS[column][0])
        frame = frame.with_columns(pl.when(where).then(value).otherwise(column).alias(column))
    row, column = min(faults, key=lambda fault: (fault[0], IN_ORDER.index(fault[1])))

    messages = {
        door: message_of(lambda door=door: Asked().through(door, frame), door=door)  # type: ignore[misc]
        for door in DOORS
    }

    assert dict.fromkeys(DOORS, FAULTS[column][1].format(row=row)) == messages


def test_a_record_that_is_wrong_in_every_way_is_told_by_its_value_first() -> None:
    frame = good(
        timestamp=pl.Series([5, 5, 4, 6, 7]),
        price=[100.0, 100.0, -1.0, 100.0, 100.0],
        agg_trade_id=[1, 2, 2, 3, 4],
        last_trade_id=[1, 2, 0, 4, 5],
    ).cast({"timestamp": pl.Datetime("ms")})
    worse = [frame]
    worse.append(worse[-1].with_columns(price=pl.lit(100.0)))
    worse.append(worse[-1].with_columns(timestamp=pl.lit(5).cast(pl.Datetime("ms"))))
    worse.append(worse[-1].with_columns(agg_trade_id=pl.Series([1, 2, 3, 4, 5])))

    messages = [message_of(lambda frame=frame: Asked().through("eager", frame)) for frame in worse]  # type: ignore[misc]

    assert messages == [
        f"price is -1 at row 2: {ABOVE_0}",
        (
            "trades are not sorted by time at row 2: 1970-01-01 00:00:00.004 after 1970-01-01 "
            f"00:00:00.005 {SORT}"
        ),
        f"agg_trade_id does not rise at row 2: 2 after 2, both at 1970-01-01 00:00:00.005 {TWICE}",
        "last_trade_id 0 is below first_trade_id 3 at row 2 (are the two columns exchanged?)",
    ]


def test_an_id_beyond_64_bits_comes_after_all_else_that_is_wrong_up_to_its_row() -> None:
    ids = pl.Series([1, 2, 3, 2**63, 5], dtype=pl.UInt64)
    frames = {
        f"price is -1 at row 1: {ABOVE_0}": at(1, price=-1.0),
        f"price is -1 at row 3: {ABOVE_0}": at(3, price=-1.0),
        "agg_trade_id is 9223372036854775808 at row 3: expected an id that fits Int64": at(
            4, price=-1.0
        ),
    }
    for expected, frame in frames.items():
        bad = frame.with_columns(agg_trade_id=ids)

        messages = {
            door: message_of(lambda door=door: Asked().through(door, bad), door=door)  # type: ignore[misc]  # noqa: B023
            for door in DOORS
        }
        assert dict.fromkeys(DOORS, expected) == messages


@pytest.mark.parametrize("quantity", [0.0, -0.0, 4.9e-9])
def test_a_quantity_of_nothing_is_accepted(quantity: float) -> None:
    frame = trades([100, 101], quantity=quantity)

    assert rb.bars(frame)["volume"].to_list() == [0.0]


def test_equal_times_with_a_null_id_between_are_accepted() -> None:
    frame = trades([100, 100, 101], [0, 0, 1], ids=[1, None, 2])

    assert rb.bars(frame).height == 1


def test_an_id_may_fall_when_the_time_moves_on() -> None:
    frame = trades([100, 101], ids=[9, 1])

    assert rb.bars(frame).height == 1


def test_sides_and_trade_ids_are_not_checked_where_no_output_needs_them() -> None:
    frame = at(2, last_trade_id=1).with_columns(is_buyer_maker=pl.lit("buy"))

    assert rb.bars(frame).height == rb.bars(good()).height


def test_a_projection_to_the_prices_does_not_check_trade_ids() -> None:
    plan = rb.bars(at(2, last_trade_id=1).lazy(), include_microstructure=True)

    assert plan.select("open", "close").collect().height == rb.bars(good()).height


DTYPES_OF_PRICES = """
import datetime, sys
import polars as pl
import rangebar_polars as rb

values = [100, 101]
prices = {
    "Int8": pl.Series(values, dtype=pl.Int8),
    "UInt64": pl.Series(values, dtype=pl.UInt64),
    "Int128": pl.Series(values, dtype=pl.Int128),
    "Float32": pl.Series(values, dtype=pl.Float32),
    "Decimal": pl.Series(values).cast(pl.Decimal(20, 4)),
    "Categorical": pl.Series(["100", "101"], dtype=pl.Categorical),
    "Enum": pl.Series(["100", "101"], dtype=pl.Enum(["100", "101"])),
    "String": pl.Series(["100", "101"]),
    "List": pl.Series([[100.0], [101.0]]),
    "Array": pl.Series([[100.0], [101.0]], dtype=pl.Array(pl.Float64, 1)),
    "Struct": pl.Series([{"a": 100.0}, {"a": 101.0}]),
    "Struct of nothing": pl.Series([{}, {}], dtype=pl.Struct([])),
    "Object": pl.Series([object(), object()], dtype=pl.Object),
    "Binary": pl.Series([b"100", b"101"]),
    "Date": pl.Series([datetime.date(2020, 1, 1)] * 2),
    "Datetime": pl.Series([datetime.datetime(2020, 1, 1)] * 2),
    "Duration": pl.Series([datetime.timedelta(1)] * 2),
    "Time": pl.Series([datetime.time(1)] * 2),
    "Null": pl.Series([None, None]),
    "Boolean": pl.Series([True, False]),
}
options = {"include_microstructure": True}
doors = {
    "eager": lambda frame: rb.bars(frame, **options),
    "plan": lambda frame: rb.bars(frame.lazy(), **options).collect(),
    "expression": lambda frame: frame.select(rb.bars_expr(**options)).unnest("bars"),
    "groups": lambda frame: (
        frame.group_by(pl.lit(1)).agg(rb.bars_expr(**options)).explode("bars").unnest("bars")
    ),
    "bar_id": lambda frame: frame.select(open=rb.bar_id().cast(float) + 100),
    "feature": lambda frame: frame.select(open=rb.features.vwap_close_deviation() + 99.5),
}
for name, series in prices.items():
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series([0, 1000]).cast(pl.Datetime("ms")),
            "price": series,
            "quantity": [1.0, 1.0],
            "is_buyer_maker": [True, False],
        }
    )
    for door, act in doors.items():
        try:
            outcome = act(frame)["open"].to_list()
        except pl.exceptions.ComputeError as error:
            outcome = str(error).partition("\\n")[0]
        print(name, door, outcome, sep="\\t")
"""


@pytest.fixture(scope="module")
def outcomes_of_price_dtypes() -> dict[str, dict[str, str]]:
    """Return what came of a price column of each dtype, by dtype and door, from another process."""
    lines = run(DTYPES_OF_PRICES).splitlines()
    outcomes: dict[str, dict[str, str]] = {}
    for line in filter(lambda line: line.count("\t") == 2, lines):
        name, door, outcome = line.split("\t")
        outcomes.setdefault(name, {})[door] = outcome
    return outcomes


NUMBERS = ("Int8", "UInt64", "Int128", "Float32", "Decimal")
OTHER_COLUMN = 'name another column: columns=TradeColumns(price="...")'
REMEDIES = {
    "Categorical": 'cast it: pl.col("price").cast(pl.String).cast(pl.Float64)',
    "Enum": 'cast it: pl.col("price").cast(pl.String).cast(pl.Float64)',
    "String": 'cast it: pl.col("price").cast(pl.Float64)',
    "Boolean": 'cast it: pl.col("price").cast(pl.Float64)',
}
SHOWN = {
    "Categorical": "cat",
    "Enum": "enum",
    "String": "str",
    "List": "list[f64]",
    "Array": "array[f64, 1]",
    "Struct": "struct[1]",
    "Struct of nothing": "struct[0]",
    "Binary": "binary",
    "Date": "date",
    "Datetime": "datetime[μs]",
    "Duration": "duration[μs]",
    "Time": "time",
    "Null": "null",
    "Boolean": "bool",
}


@pytest.mark.parametrize("dtype", NUMBERS)
def test_prices_of_any_number_work_through_every_door(
    dtype: str, outcomes_of_price_dtypes: dict[str, dict[str, str]]
) -> None:
    doors = ("eager", "plan", "expression", "groups", "feature")

    outcomes = outcomes_of_price_dtypes[dtype]

    assert outcomes == {"bar_id": "[100.0, 100.0]"} | dict.fromkeys(doors, "[100.0]")


@pytest.mark.parametrize("dtype", [*SHOWN, "Object"])
def test_prices_of_another_dtype_are_our_error_and_end_no_process(
    dtype: str, outcomes_of_price_dtypes: dict[str, dict[str, str]]
) -> None:
    # Polars shows a plugin the addresses of Python objects as binary.
    shown = SHOWN.get(dtype, "binary")

    outcomes = outcomes_of_price_dtypes[dtype]

    assert outcomes.keys() == {"eager", "plan", "expression", "groups", "bar_id", "feature"}
    for door, outcome in outcomes.items():
        assert f'column "price" is {shown}: expected a number among the trades [' in outcome, door
        assert outcome.endswith(f"] ({REMEDIES.get(dtype, OTHER_COLUMN)})"), door


FORMERLY = (
    "caught exception during execution of a Python source, exception: UpstreamError: the source is "
    "gone"
)


class UpstreamError(Exception):
    """What only an upstream function of a test raises."""


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_an_exception_of_an_upstream_function_arrives_as_itself(
    engine: Literal["in-memory", "streaming"],
) -> None:
    def fail(_: pl.DataFrame) -> pl.DataFrame:
        raise UpstreamError("the source is gone")

    plan = rb.bars(good().lazy().map_batches(fail, schema=good().schema))

    # Polars before 2.0 makes a ComputeError of it, which names it.
    with pytest.raises((UpstreamError, pl.exceptions.ComputeError)) as raised:
        plan.collect(engine=engine)

    assert str(raised.value) in {"the source is gone", FORMERLY}
    assert isinstance(raised.value, UpstreamError) or pl.__version__ < "2"


def test_an_exception_of_an_upstream_function_leaves_the_process_able_to_work() -> None:
    frame = trades([100, 101])

    def fail(_: float) -> float:
        raise UpstreamError

    bad = frame.lazy().with_columns(pl.col("price").map_elements(fail, return_dtype=pl.Float64))
    with pytest.raises((UpstreamError, pl.exceptions.ComputeError)):
        rb.bars(bad).collect()

    assert rb.bars(frame.lazy()).collect().height == 1
