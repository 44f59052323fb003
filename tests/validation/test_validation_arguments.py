"""Bad arguments of a validation fail when the call is made."""

from typing import Any

import pytest
from support.assertions import says
from support.trades import walk

import rangebar_polars as rb

BARS = rb.bars(walk(300), 20, include_microstructure=True)
REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a threshold of text": (
        {"threshold_decimal_bps": "250"},
        TypeError,
        (
            "threshold_decimal_bps is '250': expected an integer of decimal basis points (250 is "
            "0.25 %, 250 basis points are 2500)"
        ),
    ),
    "a threshold of 0": (
        {"threshold_decimal_bps": 0},
        ValueError,
        "threshold_decimal_bps is 0: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)",
    ),
    "another reset": (
        {"reset": "hour"},
        ValueError,
        "reset is 'hour': expected 'day', 'week', 'month', 'year', a TradingDay or None",
    ),
    "no switch": (
        {"include_microstructure": "yes"},
        TypeError,
        "include_microstructure is 'yes': expected True or False",
    ),
    "ids that may be": (
        {"consecutive_ids": None},
        TypeError,
        "consecutive_ids is None: expected True or False",
    ),
    "no column of trades": (
        {"without": ["price"]},
        ValueError,
        (
            "without is ['price']: expected some of is_buyer_maker, agg_trade_id, first_trade_id, "
            "last_trade_id, which the trades did not have"
        ),
    ),
    "one name": (
        {"without": "is_buyer_maker"},
        ValueError,
        (
            "without is 'is_buyer_maker': expected some of is_buyer_maker, agg_trade_id, "
            "first_trade_id, last_trade_id, which the trades did not have"
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("validate", [rb.validate_tier1, rb.validate_continuity])
def test_a_bad_argument_is_refused(validate: Any, name: str) -> None:  # noqa: ANN401
    options, kind, text = REFUSED[name]

    with says(kind, text):
        validate(BARS, **options)


@pytest.mark.parametrize("validate", [rb.validate_tier1, rb.validate_continuity, rb.validate_tier2])
def test_what_is_no_frame_is_refused(validate: Any) -> None:  # noqa: ANN401
    text = (
        "bars is a dict: expected a polars DataFrame or LazyFrame (for another table: "
        "pl.DataFrame(table))"
    )

    with says(TypeError, text):
        validate({})


def test_trades_that_are_no_frame_are_refused() -> None:
    text = (
        "trades is a list: expected a polars DataFrame or LazyFrame (for another table: "
        "pl.DataFrame(table))"
    )

    with says(TypeError, text):
        rb.validate_tier1(BARS, [])  # type: ignore[arg-type]


def test_columns_that_are_no_trade_columns_are_refused() -> None:
    with says(TypeError, "columns is 'px': expected a TradeColumns (TradeColumns(price=\"px\"))"):
        rb.validate_tier1(BARS, columns="px")  # type: ignore[arg-type]
