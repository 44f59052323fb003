"""SQL takes the text of any rule where it takes a threshold, and shows the rules of stored bars."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.duckdb_cache import DAYS, error_of, trades
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars.duckdb import connect
from rangebar_polars.schema import BAR_SCHEMA

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

pytest.importorskip("duckdb")

OF_BTC = "WITH btc AS (FROM ticks WHERE symbol = 'BTC-USD')"
FULL: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ("30", "range-30"),
        ("30::BIGINT", "range-30"),
        ("'30'", "range-30"),
        ("'range-30-nogate'", "range-30-nogate"),
        ("'dollar-3000'", "dollar-3000"),
        ("'imbalance-volume-tickrule-1.5'", "imbalance-volume-tickrule-1.5"),
    ],
)
def test_bars_of_takes_a_threshold_or_the_text_of_a_rule(
    connection: "DuckDBPyConnection", given: str, rule: str
) -> None:
    want = rb.bars(trades(), rule=rb.parse_rule(rule), **FULL)

    got = connection.sql(f"{OF_BTC} FROM bars_of(btc, {given}, include_incomplete := true)").pl()

    assert_same(want.select(*BAR_SCHEMA), got)


def test_a_gap_cuts_a_bar_off(connection: "DuckDBPyConnection") -> None:
    query = "bars_of(btc, 'tick-7', max_gap := '5m', include_incomplete := true)"

    got = connection.sql(f"{OF_BTC} FROM {query}").pl()

    want = rb.bars(trades(), rule=rb.TickRule(7), max_gap="5m", **FULL)
    assert_same(want.select(*BAR_SCHEMA), got)
    assert not got["is_complete"].any()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            "'dollar'",
            (
                'ValueError: "dollar" is the text of no rule: expected one such as "range-250" or '
                '"dollar-1000000"'
            ),
        ),
        (
            "0.5",
            (
                'ValueError: "0.5" is the text of no rule: expected one such as "range-250" or '
                '"dollar-1000000"'
            ),
        ),
        (
            "'when'",
            (
                "ValueError: 'when' is the text of a rule with an expression, which the text does "
                "not hold (make the rule in Python: WhenRule or SumRule)"
            ),
        ),
        (
            "-5",
            (
                "ValueError: threshold_decimal_bps is -5: expected 1 to 100000 (1 is 0.001 %, 250 "
                "is 0.25 %)"
            ),
        ),
        (
            "30, max_gap := INTERVAL '1 hour'",
            (
                "ValueError: max_gap is '01:00:00': expected a fixed length above 0, such as "
                "'30m', '1h30m' or timedelta(minutes=30)"
            ),
        ),
        (
            "30, reset := 17",
            (
                "ValueError: reset is '17': expected 'day', 'week', 'month', 'year', or a time of "
                "day in a zone, such as '17:00@America/New_York'"
            ),
        ),
        (
            "30, max_gap := '1mo'",
            (
                "ValueError: max_gap is '1mo': expected a fixed length above 0, such as '30m', "
                "'1h30m' or timedelta(minutes=30)"
            ),
        ),
    ],
)
def test_a_wrong_rule_is_reported_in_our_words(
    connection: "DuckDBPyConnection", given: str, text: str
) -> None:
    assert error_of(connection, f"SELECT range_bars([], {given})").endswith(text)


def test_stored_bars_are_found_by_their_rule(tmp_path: Path) -> None:
    rb.import_trades(trades(), symbol="BTC-USD", source="mine", cache_dir=tmp_path)
    want = rb.get_range_bars(
        "BTC-USD", DAYS[0], DAYS[-1], source="mine", cache_dir=tmp_path,
        rule=[rb.DollarRule(3000), rb.RangeRule(30)], max_gap="90m", include_microstructure=True,
    )  # fmt: skip

    with connect(cache_dir=tmp_path) as connection:
        query = "FROM bars WHERE rule = 'dollar-3000' AND max_gap = '1h30m' ORDER BY close_time"
        got = connection.sql(query).pl()
        found = connection.sql(
            "SELECT DISTINCT rule, threshold_decimal_bps, prevent_same_timestamp_close FROM bars"
        ).pl()

    assert_same(want.filter(rule="dollar-3000").drop("rule"), got.select(want.columns[1:]))
    assert sorted(found.rows()) == [("dollar-3000", None, False), ("range-30", 30, True)]


@pytest.mark.parametrize(
    ("rule", "column"),
    [("imbalance-tick-maker-3", "is_buyer_maker"), ("trade-9", "first_trade_id")],
)
def test_a_rule_never_takes_a_column_that_a_table_lacks_for_nulls(
    connection: "DuckDBPyConnection", rule: str, column: str
) -> None:
    connection.register("three", trades().select("timestamp", "price", "quantity"))

    for function in ("bars_of", "bars_by_symbol"):
        text = error_of(connection, f"FROM {function}(three, '{rule}')")
        assert f'the rule needs a column "{column}", and the trades have' in text

    empty = f"WITH none AS (FROM three LIMIT 0) FROM bars_of(none, '{rule}')"
    assert connection.sql(empty).pl().is_empty()


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (
            "1 AS is_buyer_maker",
            (
                "is_buyer_maker is INTEGER: expected BOOLEAN (true is where the aggressor sold: of "
                "-1 and 1 it is side < 0)"
            ),
        ),
        (
            "timestamp::DATE AS timestamp",
            "timestamp is DATE: expected the time of each trade, as a date has no time of day",
        ),
    ],
)
def test_a_type_that_a_cast_would_read_wrongly_is_refused(
    connection: "DuckDBPyConnection", column: str, text: str
) -> None:
    connection.register("all_trades", trades())
    made = "CREATE TABLE made AS SELECT * REPLACE ({}) FROM all_trades"
    connection.sql(made.format(column))

    assert error_of(connection, "FROM bars_of(made, 30)").endswith(text)
