"""Values in dicts of trades: numbers of any kind, also as text, and what is none."""

import decimal
import fractions
import random
from typing import Any

import numpy as np
import pytest
from support.assertions import SORT, says
from support.dicts import GOOD, ID, NULL, SEVERAL, T, open_bar, processor

import rangebar_polars as rb

NUMBER = "expected a number, or its digits as text"


class Raises:
    """A number that is none today."""

    def __float__(self) -> float:
        raise ValueError("no number today")

    def __repr__(self) -> str:
        return "Raises()"


BAD: dict[str, tuple[dict[str, object], str]] = {
    "no time": ({"timestamp": None}, f"timestamp is null at row 1 {NULL}"),
    "no price": ({"price": None}, f"price is null at row 1 {NULL}"),
    "no quantity": ({"quantity": None}, f"quantity is null at row 1 {NULL}"),
    "no quantity and no volume": (
        {"quantity": None, "volume": None},
        f"quantity is null at row 1 {NULL}",
    ),
    "a flag for price": ({"price": True}, f"price is True at row 1: {NUMBER}"),
    "a flag of numpy for price": (
        {"price": np.bool_(True)},  # noqa: FBT003 - what is tested
        f"price is np.True_ at row 1: {NUMBER}",
    ),
    "a complex number of numpy": (
        {"price": np.complex64(1 + 2j)},
        f"price is np.complex64(1+2j) at row 1: {NUMBER}",
    ),
    "a number that raises": ({"price": Raises()}, f"price is Raises() at row 1: {NUMBER}"),
    "bytes for price": ({"price": b"100"}, f"price is b'100' at row 1: {NUMBER}"),
    "an integer beyond f64": (
        {"price": 10**400},
        f"price is {str(10**400)[:100]}... at row 1: {NUMBER}",
    ),
    "a price below 0": (
        {"price": -1},
        "price is -1 at row 1: expected a finite number above 0 (drop or repair such rows first)",
    ),
    "a list for quantity": ({"quantity": [1]}, f"quantity is [1] at row 1: {SEVERAL}"),
    "a column for price": (
        {"price": np.array([1.5])},
        f"price is array([1.5]) at row 1: {SEVERAL}",
    ),
    "words for volume": (
        {"quantity": None, "volume": "two"},
        f"volume is 'two' at row 1: {NUMBER}",
    ),
    "a number for side": (
        {"is_buyer_maker": 1},
        "is_buyer_maker is 1 at row 1: expected True or False",
    ),
    "text for side": (
        {"is_buyer_maker": "true"},
        (
            "is_buyer_maker is 'true' at row 1: expected True or False (of a text say that it is "
            'one: columns=TradeColumns(side="..."))'
        ),
    ),
    "a list for side": (
        {"is_buyer_maker": [True]},
        f"is_buyer_maker is [True] at row 1: {SEVERAL}",
    ),
    "a float for id": ({"agg_trade_id": 2.0}, f"agg_trade_id is 2.0 at row 1: {ID}"),
    "a flag for id": ({"agg_trade_id": True}, f"agg_trade_id is True at row 1: {ID}"),
    "a list for id": ({"agg_trade_id": [2]}, f"agg_trade_id is [2] at row 1: {SEVERAL}"),
    "words for trade id": ({"first_trade_id": "a1"}, f"first_trade_id is 'a1' at row 1: {ID}"),
    "a trade id beyond 64 bits": (
        {"last_trade_id": 2**63},
        f"last_trade_id is 9223372036854775808 at row 1: {ID}",
    ),
    "a trade id beyond 64 bits as text": (
        {"last_trade_id": str(2**63)},
        f"last_trade_id is '9223372036854775808' at row 1: {ID}",
    ),
    "a key that the first had not": (
        {"agg_trade_id": 3},
        (
            "agg_trade_id is 3 at row 1: expected no such key, as in the first trade (give it from "
            "the first trade on, or leave it out: columns=TradeColumns(agg_trade_id=None))"
        ),
    ),
    "time going back": (
        {"timestamp": T - 1},
        (
            "trades are not sorted by time at row 1: 2023-12-31 23:59:59.999 after 2024-01-01 "
            f"00:00:00.000 {SORT}"
        ),
    ),
}


@pytest.mark.parametrize("in_one_list", [True, False])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_dict_is_an_error_with_its_row(name: str, in_one_list: bool) -> None:  # noqa: FBT001
    changed, expected = BAD[name]
    one, bad = processor(), [GOOD | changed]
    if not in_one_list:
        one.process_trades([GOOD])

    with says(rb.RangeBarError, expected):
        one.process_trades([GOOD, *bad] if in_one_list else bad)


def test_a_value_that_cannot_be_shown_is_named_by_its_type() -> None:
    with says(rb.RangeBarError, f"price is a int that cannot be shown at row 0: {NUMBER}"):
        processor().process_trades(GOOD | {"price": 10**5_000})


@pytest.mark.parametrize("key", ["quantity", "price"])
@pytest.mark.parametrize(
    "text",
    ["nan", "inf", "-Infinity", "1_000", " 100", "100\n", "0x64", "", "1,5", "1e999", "\uff11"],
)
def test_text_that_is_no_plain_number_is_refused(key: str, text: str) -> None:
    with says(rb.RangeBarError, f"{key} is {text!r} at row 0: {NUMBER}"):
        processor().process_trades(GOOD | {key: text})


def test_text_that_is_no_unicode_is_refused() -> None:
    with says(rb.RangeBarError, f"price is '\\ud800' at row 0: {NUMBER}"):
        processor().process_trades(GOOD | {"price": "\ud800"})


@pytest.mark.parametrize(
    "text",
    [
        "61800.30",
        "0.1",
        ".5",
        "5.",
        "+7",
        "1e5",
        "1E-3",
        "0.30000000000000004",
        "90071992547.40993",
    ],
)
def test_text_is_the_number_that_python_makes_of_it(text: str) -> None:
    assert open_bar(GOOD | {"price": text})["open"] == float(text)


def test_random_decimals_as_text_are_the_floats_of_python() -> None:
    chance = random.Random(1)  # noqa: S311 - not a secret
    texts = [f"{10 ** chance.uniform(-7, 9):.{chance.randrange(18)}f}" for _ in range(2_000)]
    texts = [text for text in texts if float(text) >= 1e-8]

    for text in texts:
        assert open_bar(GOOD | {"price": text})["close"] == float(text)


NUMBERS: dict[str, Any] = {
    "an int": 100,
    "text": "100",
    "a decimal": decimal.Decimal("100.00"),
    "a fraction": fractions.Fraction(200, 2),
    "a float of numpy": np.float64(100),
    "a short float of numpy": np.float32(100),
    "an int of numpy": np.int64(100),
    "an array without a dimension": np.array(100.0),
    "text of numpy": np.str_("100"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_whatever_is_a_number_is_a_price_and_a_quantity(name: str) -> None:
    bar = open_bar(GOOD | {"price": NUMBERS[name], "quantity": NUMBERS[name]})

    assert (bar["open"], bar["volume"]) == (100.0, 100.0)


@pytest.mark.parametrize("value", [7, "7", np.int32(7)], ids=repr)
def test_whatever_is_an_integer_is_an_id(value: object) -> None:
    ids = dict.fromkeys(["agg_trade_id", "first_trade_id", "last_trade_id"], value)
    bar = open_bar(GOOD | ids)

    assert (bar["last_agg_trade_id"], bar["individual_trade_count"]) == (7, 1)


@pytest.mark.parametrize("side", [True, np.True_], ids=repr)
def test_a_side_is_true_or_false_of_python_or_numpy(side: object) -> None:
    assert open_bar(GOOD | {"is_buyer_maker": side})["sell_volume"] == 1.0


def test_an_interrupt_inside_of_a_value_is_not_taken_for_a_bad_value() -> None:
    class Interrupted:
        def __float__(self) -> float:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        processor().process_trades(GOOD | {"price": Interrupted()})


def test_of_several_faults_the_lowest_row_is_reported() -> None:
    with says(
        rb.RangeBarError,
        "price is -1 at row 1: expected a finite number above 0 (drop or repair such rows first)",
    ):
        processor().process_trades([GOOD, GOOD | {"price": -1}, GOOD | {"price": "x"}])
