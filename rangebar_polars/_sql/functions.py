"""The functions of SQL that compute bars: one in Python, and macros that call it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rangebar_polars._core.bars import bars
from rangebar_polars._core.borders import parse_borders
from rangebar_polars._core.feature_names import refuse_lookback
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.rules.text import parse_rule
from rangebar_polars.schema import (
    BAR_SCHEMA,
    INTRA,
    INTRA_SCHEMA,
    IS_COMPLETE,
    SERIES_SCHEMA,
    TRADE_SCHEMA,
    ArrowStream,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FOLD: Final = "rangebar_polars_bars"
_FOLD_STATISTICS: Final = "rangebar_polars_bars_and_statistics"
"""The names of the functions in Python, which all connections to a database share."""

_WITH_STATISTICS: Final = pl.Schema(
    {
        **{name: dtype for name, dtype in BAR_SCHEMA.items() if name != IS_COMPLETE},
        **INTRA_SCHEMA,
        IS_COMPLETE: BAR_SCHEMA[IS_COMPLETE],
    }
)

_SQL_TYPES: Final[dict[pl.DataType, str]] = {
    TRADE_SCHEMA["timestamp"]: "TIMESTAMPTZ",
    pl.Float64(): "DOUBLE",
    pl.Int64(): "BIGINT",
    pl.Boolean(): "BOOLEAN",
}
_OPTIONAL: Final = ("is_buyer_maker", "agg_trade_id", "first_trade_id", "last_trade_id")
_OPTIONS: Final = "rule, reset := NULL, max_gap := NULL, include_incomplete := false"
_OF_TABLES: Final = f"{_OPTIONS}, features := []::VARCHAR[]"
_NUMBERS: Final = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
)
_EXPECTED: Final = {
    "timestamp": "the time of each trade, as a date has no time of day",
    "is_buyer_maker": "BOOLEAN (true is where the aggressor sold: of -1 and 1 it is side < 0)",
}
_SEVERAL: Final = (
    "bars_of was given trades of more than one symbol, market or source (give it those of one, or "
    "call bars_by_symbol)"
)

MACROS: Final = {
    "range_bars": "The bars of a list of trades, as a list of structs.",
    "bars_of": "The bars of the trades of one symbol in a table, in order.",
    "bars_by_symbol": "The bars of each source, market and symbol of the trades in a table.",
}
"""The macros and what they return."""


def create_fold(connection: "DuckDBPyConnection") -> None:
    """Create the functions in Python, if the database has none yet.

    Parameters
    ----------
    connection
        A connection to the database.
    """
    from duckdb.func import ARROW, SPECIAL  # noqa: PLC0415 - an extra

    found = connection.execute(
        "SELECT count(*) FROM duckdb_functions() WHERE function_name = ?", [_FOLD]
    ).fetchall()
    if found == [(0,)]:
        given = [f"{_struct(TRADE_SCHEMA)}[]", "VARCHAR", "VARCHAR", "VARCHAR", "BOOLEAN"]
        for name, function, more, made in (
            (_FOLD, _fold, [], BAR_SCHEMA),
            (_FOLD_STATISTICS, _fold_statistics, ["VARCHAR[]"], _WITH_STATISTICS),
        ):
            connection.create_function(
                name,
                function,
                [*given, *more],
                f"{_struct(made)}[]",
                type=ARROW,
                null_handling=SPECIAL,
            )


def macros(at: str) -> list[str]:
    """Return the statements that create the macros.

    Parameters
    ----------
    at
        What goes before their names: a schema and a point, or nothing.
    """
    # A cast would read times without a zone in that of the connection; they are UTC.
    read = {
        "timestamp": _checked("timestamp", ["DATE"], "make_timestamptz(epoch_us(timestamp))"),
        "is_buyer_maker": _checked("is_buyer_maker", _NUMBERS, "is_buyer_maker"),
    }
    trade = ", ".join(f"{name}: {read.get(name, name)}" for name in TRADE_SCHEMA)
    listed = f"""list(
        {{{trade}}}::{_struct(TRADE_SCHEMA)}
        ORDER BY timestamp, agg_trade_id, first_trade_id, place
    )"""
    several = " OR ".join(f"min({name}) IS DISTINCT FROM max({name})" for name in SERIES_SCHEMA)
    absent = [f"NULL::{_SQL_TYPES[TRADE_SCHEMA[name]]} AS {name}" for name in _OPTIONAL]
    absent += [f"NULL::VARCHAR AS {name}" for name in SERIES_SCHEMA]
    series = ", ".join(SERIES_SCHEMA)
    table = f"""
        FROM (
            SELECT {series}, {", ".join(TRADE_SCHEMA)}, row_number() OVER () AS place
            FROM (FROM query_table(tbl) UNION ALL BY NAME SELECT {", ".join(absent)} WHERE false)
        )
    """  # noqa: S608 - our own names
    given = "rule::VARCHAR, reset::VARCHAR, max_gap::VARCHAR, include_incomplete"
    of_one = f"CASE WHEN {several} THEN error('{_SEVERAL}') ELSE {listed} END"
    statistics = ", ".join(f"'{output.name}'" for output in INTRA)
    # A function has one type, so statistics that are not asked for are null columns until here.
    shown = f"""SELECT COLUMNS(
        lambda name: name NOT IN ({statistics}) OR list_contains(coalesce(features, []), name)
    )"""
    given_all = f"{given}, coalesce(features, [])"
    return [
        f"CREATE OR REPLACE MACRO {at}range_bars(trades, {_OPTIONS}) AS {_FOLD}(trades, {given})",
        f"""CREATE OR REPLACE MACRO {at}bars_of(tbl, {_OF_TABLES}) AS TABLE {shown} FROM (
        SELECT unnest({_FOLD_STATISTICS}({of_one}, {given_all}), recursive := true) {table})""",
        f"""CREATE OR REPLACE MACRO {at}bars_by_symbol(tbl, {_OF_TABLES}) AS TABLE {shown} FROM (
        SELECT {series}, unnest({_FOLD_STATISTICS}({listed}, {given_all}), recursive := true)
        {table} GROUP BY {series})""",
    ]


# DuckDB evaluates annotations, so types of pyarrow would have to be imported with this module.
def _fold(  # noqa: PLR0917 - DuckDB passes them by position
    trades: ArrowStream,
    rules: ArrowStream,
    resets: ArrowStream,
    max_gaps: ArrowStream,
    incomplete: ArrowStream,
) -> Any:  # noqa: ANN401 - pyarrow's
    """Return a list of bars for each list of trades; null for a null list or rule."""
    return _folded(BAR_SCHEMA, trades, rules, resets, max_gaps, incomplete)


def _fold_statistics(  # noqa: PLR0917 - DuckDB passes them by position
    trades: ArrowStream,
    rules: ArrowStream,
    resets: ArrowStream,
    max_gaps: ArrowStream,
    incomplete: ArrowStream,
    features: ArrowStream,
) -> Any:  # noqa: ANN401 - pyarrow's
    """Return the same with columns of every statistic, null but for those that are asked for."""
    return _folded(_WITH_STATISTICS, trades, rules, resets, max_gaps, incomplete, features)


def _folded(schema: pl.Schema, trades: ArrowStream, *given: ArrowStream) -> Any:  # noqa: ANN401
    import numpy as np  # noqa: PLC0415 - an extra
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

    # Times arrive in the current zone of the connection, which a query may have changed.
    lists = pl.Series(trades).cast(pl.List(pl.Struct(TRADE_SCHEMA)))
    options = (pl.Series(each) for each in given)
    found = [
        None if rows is None or rule is None else _bars_of(rows, rule, *options_of)
        for rows, rule, *options_of in zip(lists, *options, strict=True)
    ]
    ends = np.cumsum([0, *(0 if frame is None else frame.height for frame in found)])
    made = [frame for frame in found if frame is not None]
    rows = pl.concat([schema.to_frame(), *made], how="diagonal").to_struct().to_arrow()
    is_null = pa.array([frame is None for frame in found], pa.bool_())
    return pa.LargeListArray.from_arrays(ends, rows, mask=is_null)


def _bars_of(  # noqa: PLR0917 - in the order of SQL
    rows: pl.Series,
    rule: str,
    reset: str | None,
    max_gap: str | None,
    include_incomplete: bool | None,  # noqa: FBT001
    features: pl.Series | None = None,
) -> pl.DataFrame:
    """Return the bars of one list; whether a bar is complete is a column in any case."""
    names = None if features is None else features.to_list()
    refuse_lookback(names, "bars of SQL")
    of_text, trades = _rule_of(rule), rows.struct.unnest()
    # A column that a table lacks has come as nulls, of which a rule would make other bars.
    lacked = [
        role
        for role in Options.check(None, rule=of_text, columns=None).rule_roles
        if role in _OPTIONAL and trades.height and trades[role].null_count() == trades.height
    ]
    made = bars(
        trades.drop(lacked),
        rule=of_text,
        reset=None if reset is None else parse_borders(reset),
        max_gap=max_gap,
        include_microstructure=True,
        include_incomplete=True,
        features=names or None,
    )
    return made if include_incomplete else made.filter(IS_COMPLETE)


def _rule_of(text: str) -> Rule:
    """Return the rule of a text, or of a threshold."""
    is_threshold = text.removeprefix("-").isdecimal()
    return RangeRule(int(text)) if is_threshold else parse_rule(text)


def _checked(name: str, refused: Sequence[str], expression: str) -> str:
    """Return an expression that is an error where a column has a type of which a cast would lie."""
    types = ", ".join(f"'{each}'" for each in refused)
    error = f"error('{name} is ' || typeof({name}) || ': expected {_EXPECTED[name]}')"
    return f"CASE WHEN typeof({name}) IN ({types}) THEN {error} ELSE {expression} END"


def _struct(schema: pl.Schema) -> str:
    fields = (f"{name} {_SQL_TYPES[dtype]}" for name, dtype in schema.items())
    return f"STRUCT({', '.join(fields)})"
