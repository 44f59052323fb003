"""The functions of SQL, `range_bars` of lists and `bars_of` of tables, give the bars of `bars`."""
# ruff: noqa: S608 - our own statements

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from support.duckdb_cache import SYMBOLS, trades
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars._core.borders import NamedBorders
from rangebar_polars.schema import BAR_SCHEMA, INTRA, INTRA_SCHEMA, TRADE_SCHEMA

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

pytest.importorskip("duckdb")

COLUMNS = ", ".join(f"{name}: {name}" for name in TRADE_SCHEMA)
A_LIST = f"list({{{COLUMNS}}} ORDER BY timestamp, agg_trade_id)"


def expected_bars(frame: pl.DataFrame, threshold: int = 30) -> pl.DataFrame:
    """Return the bars that SQL must give."""
    bars = rb.bars(frame, threshold, include_microstructure=True, include_incomplete=True)
    return bars.filter("is_complete")


def test_range_bars_gives_the_bars_of_each_list(connection: "DuckDBPyConnection") -> None:
    query = f"""
        SELECT symbol, unnest(range_bars({A_LIST}, 30), recursive := true)
        FROM ticks GROUP BY symbol
    """
    got = connection.sql(query).pl()

    assert got.columns == ["symbol", *BAR_SCHEMA]
    for symbol in SYMBOLS:
        assert_same(expected_bars(trades(symbol)), got.filter(symbol=symbol).drop("symbol"))


def test_range_bars_takes_a_threshold_for_each_list(connection: "DuckDBPyConnection") -> None:
    query = f"""
        WITH lists AS (SELECT {A_LIST} AS trades FROM ticks WHERE symbol = 'BTC-USD')
        SELECT threshold, unnest(range_bars(trades, threshold), recursive := true)
        FROM lists, (VALUES (10), (30), (300)) AS given(threshold)
    """
    got = connection.sql(query).pl()

    for threshold in (10, 30, 300):
        of_one = got.filter(threshold=threshold).drop("threshold")
        assert_same(expected_bars(trades(), threshold), of_one)


def test_range_bars_takes_more_lists_than_duckdb_hands_over_at_once(
    connection: "DuckDBPyConnection",
) -> None:
    two = "[{timestamp: make_timestamptz(n * 1000000), price: 100, quantity: n},"
    two += "{timestamp: make_timestamptz(n * 1000000 + 1), price: 101, quantity: n}]"
    query = f"""
        SELECT n, range_bars({two}::{STRUCTS}, 250) AS bars
        FROM range(2100) AS numbers(n) WHERE n % 3 <> 0
    """
    got = connection.sql(query).pl().sort("n")

    assert got["n"].to_list() == [n for n in range(2100) if n % 3]
    assert got["bars"].list.len().unique().to_list() == [1]
    volumes = got.explode("bars").unnest("bars").select("n", "volume", "open_time")
    assert volumes["volume"].to_list() == [2.0 * n for n in got["n"]]
    assert volumes["open_time"].dt.epoch("s").to_list() == got["n"].to_list()


STRUCTS = (
    "STRUCT(timestamp TIMESTAMPTZ, price DOUBLE, quantity DOUBLE, is_buyer_maker BOOLEAN, "
    "agg_trade_id BIGINT, first_trade_id BIGINT, last_trade_id BIGINT)[]"
)


def test_a_null_list_is_null_and_an_empty_one_has_no_bars(
    connection: "DuckDBPyConnection",
) -> None:
    lists = f"(VALUES (1, NULL::{STRUCTS}), (2, []), (3, NULL), (4, [])) AS lists(n, trades)"

    got = connection.sql(f"SELECT range_bars(trades, 30) AS bars FROM {lists} ORDER BY n").pl()

    assert got["bars"].to_list() == [None, [], None, []]


def test_bars_of_gives_the_bars_of_a_table(connection: "DuckDBPyConnection") -> None:
    frame = trades()
    connection.register("registered", frame.lazy())
    connection.execute("CREATE TABLE kept AS FROM registered")
    connection.execute("CREATE VIEW seen AS SELECT *, 'more' AS more FROM kept")
    found = {
        table: connection.sql(f"FROM bars_of({table}, 30)").pl()
        for table in ("registered", "kept", "seen", "'main.kept'")
    }
    query = "WITH one AS (FROM ticks WHERE symbol = 'BTC-USD') FROM bars_of(one, 30)"
    found["a common table expression"] = connection.sql(query).pl()

    for got in found.values():
        assert_same(expected_bars(frame), got)


@pytest.mark.parametrize("reset", [None, "day", "year", rb.TradingDay("17:00", "America/New_York")])
@pytest.mark.parametrize("include_incomplete", [True, False])
def test_the_functions_take_the_options_of_bars(
    connection: "DuckDBPyConnection", reset: NamedBorders | None, *, include_incomplete: bool
) -> None:
    given = f"reset := {'NULL' if reset is None else repr(str(reset))}, "
    given += f"include_incomplete := {include_incomplete}"
    listed = f"SELECT range_bars({A_LIST}, 30, {given}) AS bars FROM one"
    ticks = "WITH one AS (FROM ticks WHERE symbol = 'BTC-USD')"
    queries = [
        f"{ticks} FROM bars_of(one, 30, {given})",
        f"{ticks} SELECT unnest(bars, recursive := true) FROM ({listed})",
        f"{ticks} SELECT * EXCLUDE (source, market, symbol) FROM bars_by_symbol(one, 30, {given})",
    ]

    every = rb.bars(trades(), 30, reset=reset, include_microstructure=True, include_incomplete=True)
    expected = every if include_incomplete else every.filter("is_complete")
    assert not every["is_complete"].all()
    for query in queries:
        assert_same(expected, connection.sql(query).pl())


@pytest.mark.parametrize(
    "features", [["intra_kaufman_er", "intra_delta"], [output.name for output in INTRA]]
)
def test_the_macros_of_tables_take_statistics(
    connection: "DuckDBPyConnection", features: list[str]
) -> None:
    ticks = "WITH one AS (FROM ticks WHERE symbol = 'BTC-USD')"
    series = "EXCLUDE (source, market, symbol)"
    # In the order of the table of columns, whatever order they are asked for in.
    ordered = sorted(features, key=INTRA_SCHEMA.names().index)

    for incomplete in (True, False):
        given = f"30, features := {features}, include_incomplete := {incomplete}"
        every = rb.bars(
            trades(), 30, features=ordered, include_microstructure=True, include_incomplete=True
        )
        expected = every if incomplete else every.filter("is_complete")
        assert_same(expected, connection.sql(f"{ticks} FROM bars_of(one, {given})").pl())
        query = f"{ticks} SELECT * {series} FROM bars_by_symbol(one, {given})"
        assert_same(expected, connection.sql(query).pl())
    assert_same(
        expected_bars(trades()),
        connection.sql(f"{ticks} FROM bars_of(one, 30, features := NULL)").pl(),
    )


LOOKING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("lookback := 20", {"lookback": 20}),
    ("lookback := '1h'", {"lookback": "1h"}),
    ("vpin := '0.5-3'", {"vpin": rb.Vpin(0.5, 3)}),
    ("footprint := '0.25-80-400'", {"footprint": rb.Footprint(0.25, 80, 400)}),
    (
        (
            "features := ['lookback_ofi', 'intra_kaufman_er'], lookback := '20', vpin := '10-1', "
            "footprint := '1-70-300'"
        ),
        {
            "features": ["intra_kaufman_er", "lookback_ofi"],
            "lookback": 20,
            "vpin": rb.Vpin(10, 1),
            "footprint": rb.Footprint(1),
        },
    ),
    ("lookback := NULL, vpin := NULL, footprint := NULL", {}),
)


@pytest.mark.parametrize(("given", "options"), LOOKING, ids=[given for given, _ in LOOKING])
def test_the_macros_of_tables_look_back_and_have_footprints(
    connection: "DuckDBPyConnection", given: str, options: dict[str, Any]
) -> None:
    full: dict[str, Any] = {"include_microstructure": True, "include_incomplete": True}
    of_one = "WITH one AS (FROM ticks WHERE symbol = 'BTC-USD')"

    got = connection.sql(f"{of_one} FROM bars_of(one, 30, reset := 'day', {given})").pl()
    of_all = connection.sql(f"FROM bars_by_symbol(ticks, 30, {given})").pl()

    of_days = rb.bars(trades(), 30, reset="day", **full, **options)
    assert_same(of_days.filter("is_complete"), got)
    for symbol in SYMBOLS:
        expected = rb.bars(trades(symbol), 30, **full, **options).filter("is_complete")
        of_symbol = of_all.filter(symbol=symbol).drop("source", "market", "symbol")
        assert_same(expected, of_symbol)


def test_a_prepared_query_gives_the_arguments_later(connection: "DuckDBPyConnection") -> None:
    query = "WITH one AS (FROM ticks WHERE symbol = 'BTC-USD') FROM bars_of(one, $1, lookback := $2"

    got = connection.sql(f"{query})", params=[30, "1h"]).pl()
    without = connection.sql(f"{query})", params=[30, None]).pl()

    expected = rb.bars(
        trades(), 30, lookback="1h", include_microstructure=True, include_incomplete=True
    )
    assert_same(expected.filter("is_complete"), got)
    assert_same(expected_bars(trades()), without)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kaufman", r"write 'intra_kaufman_er'"),
        ("ofi", "which include_microstructure adds"),
        ("lookback_ofi", "without lookback: expected how far it looks back"),
    ],
)
def test_a_wrong_name_of_a_statistic_is_an_error_of_the_query(
    connection: "DuckDBPyConnection", name: str, text: str
) -> None:
    import duckdb  # noqa: PLC0415 - an extra

    with pytest.raises(duckdb.Error, match=f"features holds '{name}'.*{text}"):
        connection.sql(f"FROM bars_by_symbol(ticks, 30, features := ['{name}'])").fetchall()


def test_bars_by_symbol_gives_the_bars_of_each_series(connection: "DuckDBPyConnection") -> None:
    got = connection.sql("FROM bars_by_symbol(ticks, 30)").pl()

    assert got.columns == ["source", "market", "symbol", *BAR_SCHEMA]
    for symbol, market in SYMBOLS.items():
        of_one = got.filter(source="mine", market=market, symbol=symbol)
        assert_same(expected_bars(trades(symbol)), of_one.drop("source", "market", "symbol"))
    assert got.height == sum(expected_bars(trades(symbol)).height for symbol in SYMBOLS)


def test_bars_by_symbol_takes_tables_without_names_and_null_symbols(
    connection: "DuckDBPyConnection",
) -> None:
    frame = trades()
    half = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("even")).alias("symbol")
    connection.register("plain", frame)
    connection.register("halves", frame.with_columns(half))

    plain = connection.sql("FROM bars_by_symbol(plain, 30)").pl()
    halves = connection.sql("FROM bars_by_symbol(halves, 30)").pl()

    assert_same(expected_bars(frame), plain.drop("source", "market", "symbol"))
    assert plain["symbol"].is_null().all()
    odd = halves.filter(pl.col("symbol").is_null()).drop("source", "market", "symbol")
    assert_same(expected_bars(frame.gather_every(2, offset=1)), odd)


def test_bars_of_puts_trades_in_order(connection: "DuckDBPyConnection") -> None:
    # Ids may fall when the time moves on.
    frame = trades().with_columns(pl.col("agg_trade_id") % 2)
    connection.register("shuffled", frame.sample(fraction=1, shuffle=True, seed=1))

    assert_same(expected_bars(frame), connection.sql("FROM bars_of(shuffled, 30)").pl())


@pytest.mark.parametrize("lazy", [False, True])
def test_without_ids_trades_of_one_time_keep_the_order_of_the_table(
    connection: "DuckDBPyConnection", *, lazy: bool
) -> None:
    frame = trades(per_day=20_000).drop("agg_trade_id", "first_trade_id", "last_trade_id")
    connection.register("plain", frame.lazy() if lazy else frame)

    assert_same(expected_bars(frame), connection.sql("FROM bars_of(plain, 30)").pl())


def test_a_column_that_a_table_lacks_counts_as_nulls(connection: "DuckDBPyConnection") -> None:
    frame = trades().select("timestamp", "price", "quantity")
    connection.register("three", frame)

    got = connection.sql("FROM bars_of(three, 30)").pl()

    with_nulls = pl.concat([frame, pl.DataFrame(schema=TRADE_SCHEMA)], how="diagonal")
    assert_same(expected_bars(with_nulls), got)


@pytest.mark.parametrize(
    "time",
    [
        pl.col("timestamp").dt.replace_time_zone(None),
        pl.col("timestamp").dt.convert_time_zone("America/New_York"),
        pl.col("timestamp").dt.replace_time_zone(None).dt.cast_time_unit("ns"),
    ],
    ids=["naive", "of another zone", "nanoseconds"],
)
def test_times_of_other_types_become_moments_in_microseconds(
    connection: "DuckDBPyConnection", time: pl.Expr
) -> None:
    frame = trades().with_columns(time, pl.col("price").cast(pl.Decimal(18, 8)))
    connection.register("other", frame)

    assert_same(expected_bars(trades()), connection.sql("FROM bars_of(other, 30)").pl())


def test_the_zone_of_the_connection_moves_no_bar(connection: "DuckDBPyConnection") -> None:
    frame = trades()
    connection.execute("SET TimeZone = 'America/New_York'")
    connection.register("registered", frame)

    got = connection.sql("FROM bars_of(registered, 30)").pl()

    utc = pl.col("open_time", "close_time").dt.convert_time_zone("UTC")
    assert_same(expected_bars(frame), got.with_columns(utc))


def test_a_cursor_has_the_functions(connection: "DuckDBPyConnection") -> None:
    cursor = connection.cursor()
    cursor.register("registered", trades())

    assert_same(expected_bars(trades()), cursor.sql("FROM bars_of(registered, 30)").pl())


def test_a_lazy_frame_of_bars_is_joined_in_sql(connection: "DuckDBPyConnection") -> None:
    plan = trades().lazy().rangebar.bars(60, include_microstructure=True)  # type: ignore[attr-defined]
    connection.register("mine", plan)
    query = """
        SELECT mine.close_time, mine.close, bars.ofi
        FROM mine JOIN bars USING (open_time, close_time)
        WHERE bars.symbol = 'BTC-USD' AND threshold_decimal_bps = 60 AND mine.volume > 1
        ORDER BY mine.close_time
    """

    got = connection.sql(query).pl()

    expected = expected_bars(trades(), 60).filter(pl.col("volume") > 1)
    assert_same(expected.select("close_time", "close", "ofi"), got)
