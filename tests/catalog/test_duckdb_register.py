"""Views and functions in a DuckDB connection of your own, of which nothing is changed."""
# ruff: noqa: S608 - our own statements

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from support.assertions import says
from support.duckdb_cache import START, fill, trades
from support.entry_points import assert_same

import rangebar_polars as rb
from rangebar_polars._sql.descriptions import COLUMNS_OF
from rangebar_polars.duckdb import connect, register
from rangebar_polars.store import ParquetStore

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

duckdb: Any = pytest.importorskip("duckdb")

VIEWS = ("bars", "ticks", "quality")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a DuckDB file that has names of ours already."""
    path = tmp_path / "mine.duckdb"
    with duckdb.connect(path) as mine:
        mine.execute("CREATE TABLE bars AS SELECT 1 AS mine")
        mine.execute("CREATE MACRO bars_of(x) AS x + 1")
    return path


def contents(connection: "DuckDBPyConnection") -> list[tuple[Any, ...]]:
    """Return what a user has in a file and set in a connection."""
    return [
        *connection.execute("FROM bars").fetchall(),
        *connection.execute("SELECT bars_of(1), current_database(), current_schema()").fetchall(),
        *connection.execute("SELECT current_setting('TimeZone')").fetchall(),
    ]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_of_your_own_keeps_its_names_and_gets_the_views(
    file: Path, sql_cache: Path, *, read_only: bool
) -> None:
    with (
        duckdb.connect(file, read_only=read_only) as mine,
        connect(cache_dir=sql_cache) as ours,
    ):
        before = contents(mine)
        register(mine, cache_dir=sql_cache)
        register(mine, cache_dir=sql_cache)
        mine.execute("SET TimeZone = 'UTC'")
        for view in VIEWS:
            expected = ours.sql(f"FROM {view}").pl()
            assert_same(expected, mine.sql(f"FROM rangebar.{view}").pl())
        mine.execute("RESET TimeZone")

        assert contents(mine) == before


def test_nothing_is_written_to_the_file(file: Path, sql_cache: Path) -> None:
    before = file.read_bytes()

    with duckdb.connect(file) as mine:
        register(mine, cache_dir=sql_cache)
        mine.sql("FROM rangebar.bars_by_symbol('rangebar.ticks', 30)").pl()

    assert file.read_bytes() == before
    with duckdb.connect(file) as again, pytest.raises(duckdb.CatalogException):
        again.sql("FROM rangebar.bars")


def test_the_functions_compute_bars_of_tables_of_the_file(file: Path, sql_cache: Path) -> None:
    frame = trades()
    with duckdb.connect(file) as mine:
        mine.execute("SET TimeZone = 'UTC'")
        mine.register("of_python", frame)
        mine.execute("CREATE TABLE kept AS FROM of_python")
        register(mine, "rb", cache_dir=sql_cache)
        got = mine.sql("FROM rb.bars_of(kept, 30, include_incomplete := true)").pl()
        same = mine.sql("FROM rb.bars_by_symbol('mine.main.kept', 30)").pl()

    expected = rb.bars(frame, 30, include_microstructure=True, include_incomplete=True)
    assert_same(expected, got)
    assert_same(expected.filter("is_complete"), same.drop("source", "market", "symbol"))


@pytest.mark.parametrize("dtype", ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS", "TIMESTAMP_MS"])
def test_the_zone_of_your_connection_moves_no_trade(sql_cache: Path, dtype: str) -> None:
    # Whole milliseconds, a minute apart: days of another zone would cut bars elsewhere.
    end = START + dt.timedelta(minutes=trades().height - 1)
    apart = pl.datetime_range(START, end, "1m", time_unit="us")
    frame = trades().with_columns(timestamp=apart)
    utc = pl.col("open_time", "close_time").dt.convert_time_zone("UTC")
    with duckdb.connect() as mine:
        register(mine, cache_dir=sql_cache)
        mine.execute("SET TimeZone = 'UTC'")
        mine.register("of_python", frame)
        times = f"SELECT * REPLACE (timestamp::{dtype} AS timestamp)"
        mine.execute(f"CREATE TABLE kept AS {times} FROM of_python")
        mine.execute("SET TimeZone = 'America/New_York'")
        got = mine.sql("FROM rangebar.bars_of(kept, 30, reset := 'day')").pl()

    every = rb.bars(frame, 30, reset="day", include_microstructure=True, include_incomplete=True)
    assert_same(every.filter("is_complete"), got.with_columns(utc))


def test_a_view_of_yours_over_ours_works_again_after_the_file_is_registered_again(
    file: Path, sql_cache: Path
) -> None:
    with duckdb.connect(file) as mine:
        register(mine, cache_dir=sql_cache)
        mine.execute("CREATE VIEW of_btc AS FROM rangebar.bars WHERE symbol = 'BTC-USD'")
        expected = mine.sql("FROM of_btc").pl()

    with duckdb.connect(file) as again:
        register(again, cache_dir=sql_cache)
        assert_same(expected, again.sql("FROM of_btc").pl())
    assert expected.height > 0


def test_two_names_stand_for_two_stores_and_the_same_one_for_the_last(
    sql_cache: Path, tmp_path: Path
) -> None:
    with duckdb.connect() as mine:
        register(register(mine, cache_dir=sql_cache), "empty", cache_dir=tmp_path)

        def counted() -> tuple[Any, ...]:
            query = (
                "SELECT (SELECT count(*) FROM rangebar.ticks), (SELECT count(*) FROM empty.ticks)"
            )
            return tuple(mine.sql(query).pl().row(0))

        assert counted() == (2 * trades().height, 0)
        register(mine, cache_dir=tmp_path)
        assert counted() == (0, 0)


def test_a_view_shows_what_is_stored_when_it_is_asked(tmp_path: Path) -> None:
    with duckdb.connect() as mine:
        register(mine, cache_dir=tmp_path)
        fill(tmp_path)

        assert mine.sql("SELECT count(*) FROM rangebar.ticks").pl().item() == 2 * trades().height


def test_a_cursor_and_a_second_connection_are_registered_themselves(
    file: Path, sql_cache: Path
) -> None:
    bars = ParquetStore(sql_cache).scan_bars().collect().height
    with duckdb.connect(file) as mine, duckdb.connect(file) as second:
        register(mine, cache_dir=sql_cache)
        for other in (mine.cursor(), second):
            with pytest.raises(duckdb.CatalogException, match=r"rangebar\.bars does not exist"):
                other.sql("FROM rangebar.bars")
            register(other, cache_dir=sql_cache)
            assert other.sql("SELECT count(*) FROM rangebar.bars").pl().item() == bars
        assert mine.sql("SELECT count(*) FROM rangebar.bars").pl().item() == bars


def test_conditions_on_our_views_still_skip_files(sql_cache: Path) -> None:
    with duckdb.connect() as mine:
        register(mine, cache_dir=sql_cache)
        plan = mine.sql("EXPLAIN FROM rangebar.ticks WHERE symbol = 'BTC-USD'").pl().item(0, 1)

    assert "Filters" in plan
    assert "symbol" in plan.split("Filters")[1]


@pytest.mark.parametrize("own", [True, False])
def test_every_view_column_and_function_is_described(sql_cache: Path, *, own: bool) -> None:
    opened = (
        register(duckdb.connect(), cache_dir=sql_cache) if own else connect(cache_dir=sql_cache)
    )
    where = f"WHERE database_name = '{'rangebar' if own else 'temp'}'"
    with opened:
        columns = opened.sql(
            f"SELECT table_name, column_name, comment FROM duckdb_columns() {where}"
        ).pl()
        views = opened.sql(f"SELECT view_name, comment FROM duckdb_views() {where}").pl()
        functions = opened.sql(
            "SELECT function_name, comment FROM duckdb_functions() "
            "WHERE function_name IN ('range_bars', 'bars_of', 'bars_by_symbol')"
        ).pl()
        schemas = {
            view: opened.sql(f"FROM {'rangebar.' if own else ''}{view}").columns for view in VIEWS
        }

    assert schemas == {view: list(of_view) for view, of_view in COLUMNS_OF.items()}
    for view in VIEWS:
        of_view = columns.filter(table_name=view).drop_nulls()
        assert dict(of_view.select("column_name", "comment").iter_rows()) == COLUMNS_OF[view]
    assert views.drop_nulls().filter(pl.col("view_name").is_in(VIEWS)).height == 3
    assert functions.drop_nulls().height == 3


def test_the_description_of_a_feature_is_its_formula(sql_cache: Path) -> None:
    query = (
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'bars' AND column_name = 'vwap'"
    )

    with connect(cache_dir=sql_cache) as connection:
        assert connection.sql(query).pl().item() == "turnover / volume; null if volume is 0"


@pytest.mark.parametrize("name", ["main", "MINE", "temp", "system", "information_schema", "taken"])
def test_a_name_that_the_connection_has_is_refused(file: Path, sql_cache: Path, name: str) -> None:
    with duckdb.connect(file) as mine:
        mine.execute("CREATE SCHEMA taken; ATTACH ':memory:' AS other")
        with pytest.raises(ValueError, match=f"^schema is '{name}': the connection has .* already"):
            register(mine, name, cache_dir=sql_cache)
        with pytest.raises(
            ValueError, match=r"^schema is 'other': the connection has other\.main "
        ):
            register(mine, "other", cache_dir=sql_cache)

        # Nothing of the refused call is left, and the remedy works.
        assert mine.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall() == [
            (0,)
        ]
        register(mine, 'a "name" of its own.', cache_dir=sql_cache)
        assert mine.sql('SELECT count(*) FROM "a ""name"" of its own.".ticks').pl().item() > 0


REFUSED: dict[str, tuple[Callable[["DuckDBPyConnection"], object], type[Exception], str]] = {
    "a path": (
        lambda _: register("mine.duckdb"),  # type: ignore[arg-type]
        TypeError,
        'connection is a str: expected a connection of DuckDB (duckdb.connect("my.duckdb"))',
    ),
    "a name that is none": (
        lambda mine: register(mine, 5),  # type: ignore[arg-type]
        TypeError,
        "schema is 5: expected a name",
    ),
    "an empty name": (
        lambda mine: register(mine, ""),
        ValueError,
        "schema is empty (give a name)",
    ),
    "a transaction": (
        lambda mine: register(mine.begin()),
        ValueError,
        (
            "the connection is in a transaction, which cannot change another database (commit it "
            "or roll it back first)"
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_arguments_are_refused(name: str) -> None:
    call, kind, text = REFUSED[name]

    with duckdb.connect() as mine, says(kind, text):
        call(mine)
