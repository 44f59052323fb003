"""Trades as dicts, in rangebar-py's form or that of a socket."""

import warnings
from collections import ChainMap, deque
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import polars as pl
import polars.selectors as cs
import pytest
from chains import across_periods, few
from doors import assert_same
from expectations import SORT, says
from hypothesis import assume, given
from hypothesis import strategies as st

import rangebar_polars as rb


def processor(**options: Any) -> rb.RangeBarProcessor:  # noqa: ANN401
    return rb.RangeBarProcessor(250, **options)


def hushed(call: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """Return what a call returns, without the gaps that random ids have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rb.RangeBarWarning)
        return call()


START = 1_704_067_200_000
GOOD = {"timestamp": START, "price": 100.0, "quantity": 1.0}
NULL = "(every trade needs one: drop or fill such rows first)"
DICTS: dict[str, tuple[dict[str, object], str]] = {
    "no time": ({"timestamp": None}, f"timestamp is null at row 1 {NULL}"),
    "a float for time": (
        {"timestamp": 1.5},
        "timestamp is 1.5 at row 1: expected an integer of milliseconds or a datetime",
    ),
    "text for time": (
        {"timestamp": "0"},
        "timestamp is '0' at row 1: expected an integer of milliseconds or a datetime",
    ),
    "a time beyond 64 bits": (
        {"timestamp": 2**63},
        (
            "timestamp is 9223372036854775808 at row 1: expected a time from 1990 to 2100 in ms "
            "(give a datetime, which is not judged)"
        ),
    ),
    "no price": ({"price": None}, f"price is null at row 1 {NULL}"),
    "text for price": ({"price": "100 USD"}, "price is '100 USD' at row 1: expected a number"),
    "no number as text": ({"price": "nan"}, "price is 'nan' at row 1: expected a number"),
    "digits in groups": ({"price": "1_000"}, "price is '1_000' at row 1: expected a number"),
    "text with blanks": ({"price": " 1"}, "price is ' 1' at row 1: expected a number"),
    "nothing as text": ({"price": ""}, "price is '' at row 1: expected a number"),
    "a price below 0": (
        {"price": -1},
        "price is -1 at row 1: expected a finite number above 0 (drop or repair such rows first)",
    ),
    "no quantity and no volume": ({"quantity": None}, f"quantity is null at row 1 {NULL}"),
    "a list for quantity": ({"quantity": [1]}, "quantity is [1] at row 1: expected a number"),
    "text for volume": (
        {"quantity": None, "volume": "x"},
        "volume is 'x' at row 1: expected a number",
    ),
    "a number for side": (
        {"is_buyer_maker": 1},
        "is_buyer_maker is 1 at row 1: expected True or False",
    ),
    "a float for id": ({"agg_trade_id": 2.0}, "agg_trade_id is 2.0 at row 1: expected an integer"),
    "text for trade id": (
        {"first_trade_id": "1.0"},
        "first_trade_id is '1.0' at row 1: expected an integer",
    ),
    "a trade id beyond 64 bits": (
        {"last_trade_id": 2**63},
        "last_trade_id is 9223372036854775808 at row 1: expected an integer",
    ),
    "a key that the first had not": (
        {"agg_trade_id": 3},
        "agg_trade_id is given at row 1: expected no such key, as in the first trade",
    ),
    "time going back": (
        {"timestamp": START - 1},
        (
            "trades are not sorted by time at row 1: 2023-12-31 23:59:59.999 after 2024-01-01 "
            f"00:00:00.000 {SORT}"
        ),
    ),
}


@pytest.mark.parametrize("in_one_list", [True, False])
@pytest.mark.parametrize("name", DICTS)
def test_a_bad_dict_is_refused_with_its_row(name: str, in_one_list: bool) -> None:  # noqa: FBT001
    changed, expected = DICTS[name]
    one, bad = processor(), [GOOD | changed]
    if not in_one_list:
        one.process_trades([GOOD])

    with says(rb.RangeBarError, expected):
        one.process_trades([GOOD, *bad] if in_one_list else bad)


MISSING = {
    "timestamp": '"timestamp": its keys are [price, quantity]',
    "price": '"price": its keys are [timestamp, quantity]',
    "quantity": '"quantity" or "volume": its keys are [timestamp, price]',
}


@pytest.mark.parametrize("key", MISSING)
def test_a_dict_without_a_key_that_every_trade_has_names_its_keys(key: str) -> None:
    text = f"the trade at row 0 has no {MISSING[key]} (say which it is: columns=TradeColumns(...))"

    with says(rb.RangeBarError, text):
        processor().process_trades([{name: x for name, x in GOOD.items() if name != key}])


def test_keys_are_called_as_columns_are() -> None:
    columns = rb.TradeColumns(
        timestamp="T", price="p", quantity="q", is_buyer_maker="m", agg_trade_id=None
    )
    one = processor(columns=columns, include_microstructure=True)

    bars = one.process_trades(
        [
            {"T": START, "p": "100.0", "q": "1.5", "m": True, "agg_trade_id": "not read"},
            {"T": START + 1, "p": "101.0", "q": "0.5", "m": False},
        ]
    )

    assert bars.select("close", "volume", "sell_volume", "first_agg_trade_id").rows() == [
        (101.0, 2.0, 1.5, None)
    ]
    with says(
        rb.RangeBarError,
        'the trade at row 2 has no "q": its keys are [T, p, quantity] (say which it is: '
        "columns=TradeColumns(...))",
    ):
        one.process_trades([{"T": START + 2, "p": 100.0, "quantity": 1.0}])


@pytest.mark.parametrize("text", ["61800.30", "0.1", "1e-3", "9.2e10", "0.00000972"])
def test_numbers_as_text_are_the_floats_that_python_reads(text: str) -> None:
    one = processor()

    one.process_trades([GOOD | {"price": text, "quantity": text, "agg_trade_id": "17"}])

    bar = one.get_incomplete_bar()
    assert bar is not None
    assert bar.select("open", "first_agg_trade_id").row(0) == (float(text), 17)


TRADES = [GOOD, GOOD | {"timestamp": START + 1, "price": 101.0}]
FORMS: dict[str, Callable[[], Any]] = {
    "a tuple": lambda: tuple(TRADES),
    "a generator": lambda: (trade for trade in TRADES),
    "a deque": lambda: deque(TRADES),
    "mappings": lambda: [ChainMap(trade) for trade in TRADES],
    "read-only mappings": lambda: [MappingProxyType(trade) for trade in TRADES],
}


@pytest.mark.parametrize("name", FORMS)
def test_any_iterable_of_mappings_is_taken(name: str) -> None:
    assert processor().process_trades(FORMS[name]())["close"].to_list() == [101.0]


def test_a_single_mapping_is_a_trade() -> None:
    one = processor()

    assert one.process_trades(TRADES[0]).is_empty()
    assert one.process_trades(MappingProxyType(TRADES[1]))["close"].to_list() == [101.0]


def test_an_iterable_that_fails_leaves_the_state_as_before() -> None:
    one = processor()
    before = one.create_checkpoint()

    def broken() -> Iterator[dict[str, Any]]:
        yield GOOD
        raise ConnectionError

    with pytest.raises(ConnectionError):
        one.process_trades(broken())

    assert one.create_checkpoint() == before


@pytest.mark.parametrize(("item", "kind"), [(3, "int"), (None, "NoneType"), ([], "list")])
def test_what_is_no_dict_is_a_type_error(item: Any, kind: str) -> None:  # noqa: ANN401
    with says(TypeError, f"trade 1 of the list is a {kind}: expected a dict"):
        processor().process_trades([GOOD, item])


@pytest.mark.parametrize("batch", [3, None, "x", b"x"], ids=repr)
def test_what_is_no_batch_is_a_type_error(batch: Any) -> None:  # noqa: ANN401
    with says(
        TypeError,
        f"trades is a {type(batch).__name__}: expected a DataFrame, a LazyFrame, an object with "
        "__arrow_c_stream__ or a list of dicts",
    ):
        processor().process_trades(batch)


def test_times_of_bars_of_dicts_are_milliseconds_in_utc() -> None:
    bars = processor().process_trades([GOOD, GOOD | {"timestamp": START + 1, "price": 101}])

    assert bars.schema["open_time"] == pl.Datetime("ms", "UTC")


def test_quantity_goes_before_volume_and_none_is_no_quantity() -> None:
    one = processor()
    one.process_trades(
        [GOOD | {"volume": 8}, GOOD | {"quantity": None, "volume": 4}, GOOD | {"quantity": 2}]
    )

    bar = one.get_incomplete_bar()
    assert bar is not None
    assert bar["volume"].item() == 1 + 4 + 2


def test_keys_that_are_none_or_missing_later_are_null() -> None:
    full = GOOD | {
        "is_buyer_maker": True,
        "agg_trade_id": 1,
        "first_trade_id": 1,
        "last_trade_id": 2,
    }
    one = processor()
    one.process_trades([full, GOOD, full | dict.fromkeys(list(full)[3:])])

    bar = one.get_incomplete_bar()
    assert bar is not None
    names = ["individual_trade_count", "sell_trade_count", "buy_trade_count", "last_agg_trade_id"]
    assert bar.select(names).row(0) == (4, 2, 0, None)


def test_other_keys_of_dicts_are_not_read() -> None:
    assert processor().process_trades([GOOD | {"is_best_match": object()}]).is_empty()


@few
@given(across_periods(), st.integers(1, 5))
def test_dicts_give_the_bars_of_the_frame(frame: pl.DataFrame, size: int) -> None:
    dtype = frame.schema["timestamp"]
    assert isinstance(dtype, pl.Datetime)
    assume(frame.height > 0 and dtype.time_unit == "ms")
    # A column of dtype Null is no column, a key that is None is one.
    frame = frame.cast({"timestamp": pl.Datetime("ms", "UTC")}).select(~cs.by_dtype(pl.Null))
    # A datetime is taken as it is, of whatever year.
    dicts = frame.to_dicts()
    one = processor(include_microstructure=True)

    bars = [
        hushed(lambda at=at: one.process_trades(dicts[at : at + size]))  # type: ignore[misc]
        for at in range(0, len(dicts), size)
    ]

    assert_same(rb.bars(frame, include_microstructure=True), pl.concat(bars))
