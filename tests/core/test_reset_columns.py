"""Chains that begin where a column of the trades changes."""

import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from support.assertions import says
from support.border_reference import SESSION
from support.checkpoint_bytes import State
from support.trades import trades

import rangebar_polars as rb

pytestmark = pytest.mark.filterwarnings("ignore::rangebar_polars.RangeBarWarning")

COLUMN = pl.col(SESSION)
OF_THREE: dict[str, Any] = {
    "rule": rb.TickRule(3),
    "include_microstructure": True,
    "include_incomplete": True,
}


def with_column(values: list[Any], dtype: pl.DataType) -> pl.DataFrame:
    """Return trades with these values in a column."""
    frame = trades([100.0] * len(values), unit="ms", zone="UTC")
    return frame.with_columns(pl.Series(SESSION, values, dtype))


def counts(bars: pl.DataFrame) -> str:
    """Return the form of the tables of the specification."""
    ended = bars.select("agg_record_count", "is_complete").rows()
    return " ".join(f"{count}{'' if complete else '…'}" for count, complete in ended)


VALUES: dict[str, tuple[pl.DataType, Any, Any]] = {
    "Boolean": (pl.Boolean(), True, False),
    "Int8": (pl.Int8(), -1, 127),
    "UInt32": (pl.UInt32(), 0, 2**32 - 1),
    "Int64": (pl.Int64(), -(2**63), 2**63 - 1),
    "UInt64": (pl.UInt64(), 2**64 - 1, 2**63 - 1),
    "Date": (pl.Date(), date(1969, 12, 31), date(2024, 1, 1)),
    "Datetime": (pl.Datetime("us"), datetime(2024, 1, 1), datetime(2024, 1, 2)),  # noqa: DTZ001
    "Datetime of a zone": (
        pl.Datetime("ns", "Asia/Tokyo"),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 2, tzinfo=UTC),
    ),
    "String": (pl.String(), "a session of a long name", "a session of a longer name"),
    "Categorical": (pl.Categorical(), "regular", "late"),
    "Enum": (pl.Enum(["late", "regular"]), "regular", "late"),
}


def _of_dicts(frame: pl.DataFrame, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    return rb.RangeBarProcessor(**options).process_trades(frame.to_dicts())


def _saved_after_each(frame: pl.DataFrame, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    processor, ended = rb.RangeBarProcessor(**options), []
    for record in frame.iter_slices(1):
        ended.append(processor.process_trades(record))
        saved = pickle.loads(pickle.dumps(processor)).create_checkpoint()  # noqa: S301 - own
        processor = rb.RangeBarProcessor.from_checkpoint(saved, reset=options["reset"])
    return pl.concat(ended)


BATCHED: dict[str, Callable[..., pl.DataFrame]] = {
    "chunks of a plan": lambda frame, **options: pl.concat(
        rb.process_trades_chunked(frame.lazy(), chunk_size=2, **options)
    ),
    "chunks of a table": lambda frame, **options: pl.concat(
        rb.process_trades_chunked([frame.to_arrow()], **options)
    ),
    "with state": lambda frame, **options: rb.bars_with_state(frame, **options)[0],
    "dicts": _of_dicts,
    "saved after each": _saved_after_each,
}
WHOLE: dict[str, Callable[..., pl.DataFrame]] = {
    "frame": rb.bars,
    "table": lambda frame, **options: rb.bars(frame.to_arrow(), **options),
    "plan": lambda frame, **options: rb.bars(frame.lazy(), **options).collect(engine="streaming"),
    "expression": lambda frame, **options: frame.select(rb.bars_expr(**options)).unnest("bars"),
    "by": lambda frame, **options: rb.bars(
        frame.with_columns(key=pl.lit("A")), by="key", **options
    ).drop("key"),
    "aggs": lambda frame, **options: rb.bars(frame, aggs=pl.len().alias("n"), **options).drop("n"),
}


@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("entry_point", [*WHOLE, *BATCHED])
def test_a_chain_begins_where_the_column_changes(dtype: str, entry_point: str) -> None:
    of, a, b = VALUES[dtype]
    frame = with_column([a, a, b, b, b, a], of)

    bars = {**WHOLE, **BATCHED}[entry_point](frame, reset=COLUMN, **OF_THREE)

    # The bar that is open comes only from a whole frame, and at the end of chunks.
    has_open = entry_point in WHOLE or entry_point.startswith("chunks")
    assert counts(bars) == ("2… 3 1…" if has_open else "2… 3")


@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("entry_point", [*WHOLE, *BATCHED])
def test_null_is_a_value(dtype: str, entry_point: str) -> None:
    of, a, _ = VALUES[dtype]
    frame = with_column([None, None, a, a, a, None, None, None], of)

    bars = {**WHOLE, **BATCHED}[entry_point](frame, reset=COLUMN, **OF_THREE)

    assert counts(bars) == "2… 3 3"


@pytest.mark.parametrize("entry_point", WHOLE)
def test_an_expression_is_computed_over_the_whole_frame(entry_point: str) -> None:
    frame = with_column([1, 1, 2, 2, 2, 1], pl.Int64())
    before = COLUMN.shift(1, fill_value=1)

    assert counts(WHOLE[entry_point](frame, reset=before, **OF_THREE)) == "3 3"
    assert counts(WHOLE[entry_point](frame, reset=pl.lit(1), **OF_THREE)) == "3 3"


def test_each_key_has_its_own_last_value() -> None:
    frame = with_column([1, 1, 2, 1, 2, 2, 2], pl.Int64())
    frame = frame.with_columns(key=pl.Series(["A", "B", "A", "B", "A", "B", "A"]))

    bars = rb.bars(frame, by="key", reset=COLUMN, **OF_THREE)
    processor = rb.RangeBarProcessor(by="key", reset=COLUMN, **OF_THREE)
    ended = [processor.process_trades(frame.head(3))]
    restored = rb.RangeBarProcessor.from_json(processor.to_json(), reset=COLUMN)
    ended.append(restored.process_trades(frame.tail(4).to_dicts()))

    assert bars.select("key", "agg_record_count", "is_complete").rows() == [
        ("A", 1, False),
        ("B", 2, False),
        ("A", 3, True),
        ("B", 1, False),
    ]
    assert pl.concat(ended).equals(bars.head(3))


def test_where_a_gap_and_a_border_meet_it_is_a_reset() -> None:
    frame = with_column([1, 1, 2, 2], pl.Int64())
    tick_rule = rb.RunRule(2, side="tick_rule")
    prices = frame.with_columns(price=pl.Series([100.0, 101.0, 101.0, 101.0]))
    times = pl.Series([0, 1, 9_000, 9_001]).cast(pl.Datetime("ms", "UTC"))
    far = prices.with_columns(timestamp=times)
    options = OF_THREE | {"rule": tick_rule, "max_gap": "1s"}

    # After a gap the records have the side of the one before it; after a reset they have none.
    assert counts(rb.bars(far, **options)) == "2… 2"
    assert counts(rb.bars(far, reset=COLUMN, **options)) == "2… 2…"


def test_a_column_may_be_one_that_bars_read_too() -> None:
    frame = with_column([1, 1, 2], pl.Int64())

    for column in ("timestamp", "agg_trade_id"):
        ids = frame.with_columns(agg_trade_id=pl.Series([1, 2, 3]))
        bars = ids.select(rb.bars_expr(reset=pl.col(column), **OF_THREE)).unnest("bars")
        assert counts(bars) == "1… 1… 1…"
        assert counts(rb.bars(ids.lazy(), reset=pl.col(column), **OF_THREE).collect()) == counts(
            bars
        )


# Errors.


REFUSED: dict[str, tuple[pl.DataType, Any, str]] = {
    "Float64": (pl.Float64(), 1.0, "Int64"),
    "Int128": (pl.Int128(), 1, "Int64"),
    "Decimal": (pl.Decimal(10, 2), 1, "Int64"),
    "Null": (pl.Null(), None, "Int64"),
    "Time": (pl.Time(), None, "String"),
    "Duration": (pl.Duration("us"), None, "String"),
}


@pytest.mark.parametrize("dtype", REFUSED)
def test_another_dtype_is_refused_with_a_cast_that_helps(dtype: str) -> None:
    of, value, cast = REFUSED[dtype]
    frame = with_column([value] * 3, of)
    shown = pl.DataFrame({"x": pl.Series([], dtype=of)}).schema["x"]
    expected = (
        f"expected Boolean, an integer of up to 64 bits, Date, Datetime, String, Categorical or "
        f"Enum (cast it: .cast(pl.{cast}))"
    )

    with pytest.raises(pl.exceptions.ComputeError) as caught:
        rb.bars(frame, reset=COLUMN)
    assert str(caught.value).startswith("the column of reset is ")
    assert str(caught.value).endswith(expected), shown
    with pytest.raises(pl.exceptions.ComputeError):
        frame.lazy().select(rb.bars_expr(reset=COLUMN)).collect_schema()
    helped = COLUMN.cast({"Int64": pl.Int64, "String": pl.String}[cast])
    assert counts(rb.bars(frame, reset=helped, **OF_THREE)) == "3"


def test_an_expression_of_several_columns_is_refused() -> None:
    several = pl.col("session", "price")
    with says(ValueError, f"reset is {several}: expected one column, and it gives several"):
        rb.bars(trades([100.0]), reset=several)


def test_a_missing_column_is_an_error_with_the_schema() -> None:
    frame = trades([100.0]).select("timestamp", "price", "quantity")
    expected = (
        'reset needs a column "session", and the trades have [timestamp: datetime[ms], price: f64, '
        "quantity: f64]"
    )
    frame = frame.with_columns(pl.col("timestamp").dt.cast_time_unit("ms"))
    with says(pl.exceptions.ComputeError, expected):
        rb.bars(frame, reset=COLUMN)


BATCHES: dict[str, Callable[..., object]] = {
    "processor": rb.RangeBarProcessor,
    "chunks": lambda **options: rb.process_trades_chunked([trades([100.0])], **options),
    "with state": lambda **options: rb.bars_with_state(trades([100.0]), **options),
    "state": lambda **options: rb.bars(
        trades([100.0]), state=rb.RangeBarProcessor().create_checkpoint(), **options
    ),
}


@pytest.mark.parametrize("call", BATCHES.values(), ids=BATCHES)
def test_batches_take_a_column_only(call: Callable[..., object]) -> None:
    expected = (
        "the expression of reset would begin anew with each batch: expected a column of the "
        'trades, such as reset=pl.col("session") (compute it beforehand)'
    )
    with says(ValueError, expected):
        call(reset=COLUMN.shift(1))


def test_a_column_of_another_kind_in_a_later_batch_is_refused() -> None:
    processor = rb.RangeBarProcessor(reset=COLUMN)
    processor.process_trades(with_column([None, "a"], pl.String()))
    expected = (
        "the column of reset is an integer: expected text, as in the trades before (cast it, or "
        "use another processor)"
    )
    later = with_column([1], pl.Int64()).with_columns(pl.col("timestamp") + pl.duration(days=1))

    with says(rb.RangeBarError, expected):
        processor.process_trades(later)
    restored = rb.RangeBarProcessor.from_checkpoint(processor.create_checkpoint(), reset=COLUMN)
    with says(rb.RangeBarError, expected):
        restored.process_trades(later)
    assert processor.process_trades(later.with_columns(COLUMN.cast(pl.String))).height == 0


RECORD = {"timestamp": 1_704_067_200_000, "price": 100.0, "quantity": 1.0}


def test_a_dict_without_the_key_is_refused() -> None:
    expected = (
        'trade at row 0 has no "session", which reset needs: its keys are [timestamp, price, '
        'quantity] (give every trade its "session"; None is null)'
    )
    with says(rb.RangeBarError, expected):
        rb.RangeBarProcessor(reset=COLUMN).process_trades([RECORD])


@pytest.mark.parametrize("value", [1.5, 2**64, [1], b"a"])
def test_a_value_of_a_dict_that_is_none_is_refused(value: object) -> None:
    expected = (
        f"session is {value!r} at row 0: expected True or False, an integer of 64 bits, a date, a "
        "datetime, text or None, since its changes begin new chains"
    )
    with says(rb.RangeBarError, expected):
        rb.RangeBarProcessor(reset=COLUMN).process_trades([RECORD | {SESSION: value}])


@pytest.mark.parametrize(
    ("first", "other", "kind"),
    [
        ("a", 1, "text"),
        (1, True, "an integer"),
        (True, 1, "Boolean"),
        (date(2024, 1, 1), "2024-01-01", "Date"),
        (datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 1), "Datetime in us"),
    ],
)
def test_a_value_of_a_dict_must_be_of_the_kind_before(
    first: object, other: object, kind: str
) -> None:
    processor = rb.RangeBarProcessor(reset=COLUMN)
    processor.process_trades([RECORD | {SESSION: None}, RECORD | {SESSION: first}])
    expected = f"session is {other!r} at row 2: expected {kind}, as in the trades before"

    with says(rb.RangeBarError, expected):
        processor.process_trades([RECORD | {SESSION: other}])


def test_rules_of_expressions_read_dicts_too() -> None:
    flags = [False, True, None, True]
    records = [RECORD | {"flag": flag, "n": number} for number, flag in enumerate(flags)]

    for rule, expected in [
        (rb.WhenRule(pl.col("flag")), [2.0, 2.0]),
        (rb.SumRule(pl.col("n"), 3), [3.0, 1.0]),
    ]:
        bars = rb.RangeBarProcessor(rule=rule).process_trades(records)
        assert bars["volume"].to_list() == expected
    expected_text = (
        'trade at row 0 has no "flag", which the rule needs: its keys are [timestamp, price, '
        'quantity] (give every trade its "flag"; None is null)'
    )
    with says(rb.RangeBarError, expected_text):
        rb.RangeBarProcessor(rule=rb.WhenRule(pl.col("flag"))).process_trades([RECORD])


# Checkpoints.


def saved(value: object = "a", **options: Any) -> bytes:  # noqa: ANN401
    """Return the state after a record with this value."""
    processor = rb.RangeBarProcessor(reset=COLUMN, **options)
    processor.process_trades([RECORD | {SESSION: value}])
    return processor.create_checkpoint()


_BEFORE = b"\x00\x09range-250\x01"
_BETWEEN = (
    b"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\x03UTC\x07\x01\x01\x80\xd0\x8f\xa5\x98\x63\x00\x00"
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, b"\1\0"),
        ("a", b"\1\2\1a"),
        (-3, b"\1\1\1\5"),
        (True, b"\1\1\0\2"),
        (date(1970, 1, 2), b"\1\1\3\2"),
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), b"\1\1\5\x80\x89\x7a"),
        (2**64 - 1, b"\1\1\2\1"),
    ],
)
def test_the_bytes_of_a_last_value_never_change_within_a_version(
    value: object, written: bytes
) -> None:
    data = saved(value)

    assert data.startswith(b"RBCP\x06")
    assert data[9:].startswith(_BEFORE + b"\6column" + _BETWEEN + written + b"\1")
    assert State.parse(data).to_bytes() == data
    assert rb.RangeBarProcessor.from_checkpoint(data, reset=COLUMN).create_checkpoint() == data


def test_a_text_of_128_bytes_is_held_and_a_longer_one_is_refused() -> None:
    assert len(saved("é" * 64, symbol="x" * 128)) < 1_000
    expected = (
        "the last value of the column of reset has 129 bytes: expected at most 128 in a checkpoint "
        "(give each session a shorter name, its date or a number)"
    )
    with says(rb.CheckpointError, expected):
        saved("x" * 129)


def test_a_state_of_another_reset_is_refused() -> None:
    with says(rb.CheckpointError, "the checkpoint is of reset column: expected day"):
        rb.RangeBarProcessor.from_checkpoint(saved(), reset="day")
    with says(rb.CheckpointError, "the checkpoint is of reset column: expected day"):
        rb.bars(trades([100.0]), reset="day", state=saved())
    with says(rb.CheckpointError, "the checkpoint is of reset none: expected column"):
        state = rb.RangeBarProcessor().create_checkpoint()
        rb.bars(with_column(["a"], pl.String()), reset=COLUMN, state=state)
    expected = (
        "the checkpoint is of a reset by a column, whose name it does not hold (give it: "
        'reset=pl.col("..."))'
    )
    with says(rb.CheckpointError, expected):
        rb.RangeBarProcessor.from_checkpoint(saved())
    with says(rb.CheckpointError, expected):
        rb.RangeBarProcessor.from_json(
            rb.RangeBarProcessor.from_checkpoint(saved(), reset=COLUMN).to_json()
        )
