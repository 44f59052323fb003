"""Trades as dicts: what their keys are called, and in which forms they come."""

import collections
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.assertions import says
from support.dicts import GOOD, ID, NULL, SEVERAL, T, open_bar, processor
from support.entry_points import assert_same
from support.oracle_chains import across_periods, few
from support.processors import hushed

import rangebar_polars as rb

# Keys.


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


MISSING: dict[str, tuple[dict[Any, Any], str]] = {
    "no quantity": (
        without("quantity"),
        (
            'trade at row 0 has no "quantity" (or "volume"): its keys are [timestamp, price] (say '
            'which it is: columns=TradeColumns(quantity="..."))'
        ),
    ),
    "a quantity by another name": (
        {"price": 1, "qty": 2, "timestamp": T},
        (
            'trade at row 0 has no "quantity" (or "volume"): its keys are [price, qty, timestamp] '
            '(say which it is: columns=TradeColumns(quantity="qty"))'
        ),
    ),
    "no price": (
        without("price"),
        (
            'trade at row 0 has no "price": its keys are [timestamp, quantity] (say which it is: '
            'columns=TradeColumns(price="..."))'
        ),
    ),
    "names of Binance": (
        {"e": "trade", "E": T, "s": "BTCUSDT", "t": 1, "p": "1.0", "q": "2", "T": T, "m": True},
        (
            'trade at row 0 has no "timestamp": its keys are [e, E, s, t, p, q, T, m] (say which '
            'it is: columns=TradeColumns(timestamp="T"))'
        ),
    ),
    "nothing": (
        {},
        (
            'trade at row 0 has no "timestamp": its keys are [] (say which it is: '
            'columns=TradeColumns(timestamp="..."))'
        ),
    ),
    "keys that are no text": (
        {0: T, (1, 2): 100.0},
        (
            'trade at row 0 has no "timestamp": its keys are [0, (1, 2)] (say which it is: '
            'columns=TradeColumns(timestamp="..."))'
        ),
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_key_that_is_missing_is_named_with_those_that_are_there(name: str) -> None:
    trade, expected = MISSING[name]

    with says(rb.RangeBarError, expected):
        processor().process_trades([trade])


def test_a_key_that_is_missing_in_a_later_dict_is_named_with_its_row() -> None:
    one = processor()
    one.process_trades([GOOD, GOOD])

    with says(
        rb.RangeBarError,
        'trade at row 3 has no "price": its keys are [timestamp, quantity] (say which it is: '
        'columns=TradeColumns(price="..."))',
    ):
        one.process_trades([GOOD, without("price")])


def test_the_remedies_of_missing_keys_followed_one_by_one_give_the_bars() -> None:
    names: dict[str, Any] = {}
    trade = {"T": T, "p": "100.0", "q": "2", "a": 5, "m": True}
    for role, name in {"timestamp": "T", "price": "p", "quantity": "q"}.items():
        columns = rb.TradeColumns(**names)
        with pytest.raises(rb.RangeBarError, match=rf'columns=TradeColumns\({role}="{name}"\)'):
            processor(columns=columns).process_trades(trade)
        names[role] = name

    bar = open_bar(trade, columns=rb.TradeColumns(**names))

    assert (bar["open"], bar["volume"]) == (100.0, 2.0)


BINANCE = rb.TradeColumns(
    timestamp="T",
    price="p",
    quantity="q",
    is_buyer_maker="m",
    agg_trade_id="a",
    first_trade_id="f",
    last_trade_id="l",
)
SENT = {"T": T, "p": "100.10", "q": "2", "m": True, "a": 9, "f": 20, "l": 22, "timestamp": 1}


def test_dicts_are_read_by_the_names_of_the_user() -> None:
    bar = open_bar(SENT, columns=BINANCE)

    names = ["open", "volume", "sell_volume", "last_agg_trade_id", "individual_trade_count"]
    assert [bar[name] for name in names] == [100.1, 2.0, 2.0, 9, 3]


def test_messages_call_keys_what_the_user_calls_them() -> None:
    with says(rb.RangeBarError, f"p is null at row 0 {NULL}"):
        processor(columns=BINANCE).process_trades(SENT | {"p": None})
    with says(rb.RangeBarError, f"a is 1.5 at row 0: {ID}"):
        processor(columns=BINANCE).process_trades(SENT | {"a": 1.5})
    with says(
        rb.RangeBarError,
        "l 1 is below f 20 at row 0 (are the two columns exchanged?)",
    ):
        processor(columns=BINANCE).process_trades(SENT | {"l": 1})


@pytest.mark.parametrize("before", [[], [SENT]], ids=["the first", "a later one"])
def test_a_key_that_the_user_names_must_be_in_every_dict(before: list[dict[str, Any]]) -> None:
    one = processor(columns=BINANCE)
    one.process_trades(before)
    trade = {key: value for key, value in SENT.items() if key != "m"}

    with says(
        rb.RangeBarError,
        f'trade at row {len(before)} has no "m": its keys are [T, p, q, a, f, l, timestamp] (say '
        'which it is: columns=TradeColumns(is_buyer_maker="..."))',
    ):
        one.process_trades(trade)


def test_a_key_that_is_not_to_be_read_is_not() -> None:
    columns = rb.TradeColumns(agg_trade_id=None, is_buyer_maker=None)
    bar = open_bar(GOOD | {"agg_trade_id": "?", "is_buyer_maker": "?"}, columns=columns)

    assert (bar["last_agg_trade_id"], bar["sell_volume"]) == (None, None)


def test_volume_is_no_quantity_of_a_user_who_names_another() -> None:
    columns = rb.TradeColumns(quantity="size")

    with says(
        rb.RangeBarError,
        'trade at row 0 has no "size": its keys are [timestamp, price, volume] (say which it is: '
        'columns=TradeColumns(quantity="..."))',
    ):
        processor(columns=columns).process_trades(without("quantity") | {"volume": 1})


def test_one_key_may_be_two_ids() -> None:
    columns = rb.TradeColumns(first_trade_id="id", last_trade_id="id")

    assert open_bar(GOOD | {"id": 5}, columns=columns)["individual_trade_count"] == 1


def test_quantity_goes_before_volume_and_none_is_no_quantity() -> None:
    bar = open_bar(
        GOOD | {"volume": 8},
        GOOD | {"quantity": None, "volume": 4},
        without("quantity") | {"volume": 2},
    )

    assert bar["volume"] == 1 + 4 + 2


def test_keys_that_are_none_or_missing_later_are_null() -> None:
    full = GOOD | {
        "is_buyer_maker": True,
        "agg_trade_id": 1,
        "first_trade_id": 1,
        "last_trade_id": 2,
    }
    bar = open_bar(full, GOOD, full | dict.fromkeys(list(full)[3:]))

    names = ["individual_trade_count", "sell_trade_count", "buy_trade_count", "last_agg_trade_id"]
    assert [bar[name] for name in names] == [4, 2, 0, None]


def test_other_keys_of_dicts_are_not_read() -> None:
    assert open_bar(GOOD | {"is_best_match": object()})["open"] == 100.0


def test_columns_that_the_trades_before_had_must_be_read_on() -> None:
    one = processor()
    one.process_trades(GOOD | {"agg_trade_id": 1})
    saved, columns = one.create_checkpoint(), rb.TradeColumns(agg_trade_id=None)
    restored = rb.RangeBarProcessor.from_checkpoint(saved, columns=columns)

    with says(
        rb.RangeBarError,
        "this batch of trades differs from the first: [timestamp, price, quantity] with times in "
        "ms and UTC, the first [timestamp, price, quantity, agg_trade_id] with times in ms and UTC "
        "(give all batches the same columns, time unit and zone)",
    ):
        restored.process_trades(GOOD)


# Forms.


class Lazy(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        return GOOD[key]

    def __iter__(self) -> Iterator[str]:
        return iter(GOOD)

    def __len__(self) -> int:
        return len(GOOD)


FORMS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a dict": lambda trade: trade,
    "an ordered dict": collections.OrderedDict,
    "a view of a dict": types.MappingProxyType,
    "a mapping": lambda _: Lazy(),
    "a tuple": lambda trade: (trade,),
    "a deque": lambda trade: collections.deque([trade]),
    "a generator": lambda trade: (trade for _ in range(1)),
    "a list of mappings": lambda _: [Lazy()],
    "values of a dict": lambda trade: {"a": trade}.values(),
}


@pytest.mark.parametrize("form", FORMS)
def test_one_mapping_or_any_iterable_of_mappings_is_taken(form: str) -> None:
    one = processor()
    one.process_trades(FORMS[form](GOOD))
    bars = one.process_trades(FORMS[form](GOOD | {"timestamp": T + 1, "price": 101}))

    expected = [] if "mapping" in form else [101.0]
    assert bars["close"].to_list() == expected
    assert one.position["timestamp"].len() == 1


class Named(NamedTuple):
    """A trade as a named tuple."""

    timestamp: int = T
    price: float = 100.0
    quantity: float = 1.0


@dataclass
class Data:
    """A trade as a dataclass."""

    timestamp: int = T
    price: float = 100.0
    quantity: float = 1.0


class Model:
    """A trade of pydantic: an iterable of pairs."""

    def model_dump(self) -> dict[str, Any]:
        """Return the dict."""
        return dict(GOOD)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(GOOD.items())


class Row:
    """A row of sqlite3."""

    def keys(self) -> list[str]:
        """Return the names."""
        return list(GOOD)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        return GOOD[key]


OBJECTS: dict[str, tuple[Any, str, Callable[[Any], dict[str, Any]]]] = {
    "a named tuple": (Named(), "a Named: expected a dict (give trade._asdict())", Named._asdict),
    "a dataclass": (
        Data(),
        "a Data: expected a dict (give dataclasses.asdict(trade))",
        asdict,
    ),
    "a model": (
        Model(),
        "a Model: expected a dict (give trade.model_dump())",
        Model.model_dump,
    ),
    "a row": (Row(), "a Row: expected a dict (give dict(trade))", dict),
    "a number": (3, "a int: expected a dict", lambda _: GOOD),
    "nothing": (None, "a NoneType: expected a dict", lambda _: GOOD),
    "a list": ([], "a list: expected a dict", lambda _: GOOD),
    "text": ("ab", "a str: expected a dict", lambda _: GOOD),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_no_dict_is_a_type_error_with_the_way_to_one(name: str) -> None:
    item, expected, remedy = OBJECTS[name]

    with says(TypeError, f"trade 1 is {expected}"):
        processor().process_trades([GOOD, item])
    assert open_bar(GOOD, remedy(item))["volume"] == 2.0


@pytest.mark.parametrize("name", ["a named tuple", "a dataclass", "a model"])
def test_a_single_trade_of_a_class_is_a_type_error_too(name: str) -> None:
    item, expected, _ = OBJECTS[name]

    with says(TypeError, f"trade 0 is {expected}"):
        processor().process_trades(item)


@pytest.mark.parametrize("batch", [3, None, "x", b"x", bytearray(b"x"), object], ids=repr)
def test_what_is_no_batch_is_a_type_error(batch: Any) -> None:  # noqa: ANN401
    with says(
        TypeError,
        f"trades is a {type(batch).__name__}: expected a DataFrame, a LazyFrame, an object with "
        "__arrow_c_stream__, a dict or an iterable of dicts",
    ):
        processor().process_trades(batch)


def test_a_dict_of_whole_columns_is_refused_and_its_remedy_leads_to_bars() -> None:
    columns = {"timestamp": [T, T + 1], "price": [100.0, 101.0], "quantity": [1.0, 1.0]}

    with says(rb.RangeBarError, f"timestamp is [{T}, {T + 1}] at row 0: {SEVERAL}"):
        processor().process_trades(columns)

    frame = pl.DataFrame(columns).with_columns(pl.from_epoch("timestamp", time_unit="ms"))
    assert processor().process_trades(frame)["close"].to_list() == [101.0]


def test_a_generator_that_raises_leaves_the_state_as_before() -> None:
    one = processor()
    one.process_trades(GOOD)
    before = one.create_checkpoint()

    def broken() -> Iterator[dict[str, Any]]:
        yield GOOD | {"price": 101}
        raise OSError("the socket is closed")

    with says(OSError, "the socket is closed"):
        one.process_trades(broken())

    assert before == one.create_checkpoint()


@few
@given(across_periods(), st.integers(1, 5))
def test_dicts_give_the_bars_of_the_frame(frame: pl.DataFrame, size: int) -> None:
    dtype = frame.schema["timestamp"]
    assert isinstance(dtype, pl.Datetime)
    assume(frame.height > 0 and dtype.time_unit != "ns")
    # A column of dtype Null is no column, a key that is None is one.
    frame = frame.cast({"timestamp": pl.Datetime(dtype.time_unit, "UTC")})
    frame = frame.select(~cs.by_dtype(pl.Null))
    dicts = frame.to_dicts()
    one = processor(include_microstructure=True, time_unit=dtype.time_unit)

    bars = [
        hushed(lambda at=at: one.process_trades(dicts[at : at + size]))  # type: ignore[misc]
        for at in range(0, len(dicts), size)
    ]

    assert_same(rb.bars(frame, include_microstructure=True), pl.concat(bars))


def test_an_empty_list_of_dicts_gives_a_frame_that_later_ones_can_be_appended_to() -> None:
    one = processor()
    frames = [one.process_trades([]), one.process_trades(GOOD), one.process_trades([])]

    assert {frame.schema["open_time"] for frame in frames} == {pl.Datetime("ms", "UTC")}
    assert pl.concat(frames).is_empty()
