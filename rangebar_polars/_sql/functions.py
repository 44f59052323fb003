"""The functions of SQL that compute bars: one in Python, and macros that call it."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rangebar_polars._core.bar_schema import bar_schema
from rangebar_polars._core.bars import bars
from rangebar_polars._core.borders import parse_borders
from rangebar_polars._core.footprint import Footprint, parse_footprint
from rangebar_polars._core.lookback import given_lookback
from rangebar_polars._core.options import Options
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.rules.text import parse_rule
from rangebar_polars._core.vpin import Vpin, parse_vpin
from rangebar_polars._series import SERIES_SCHEMA
from rangebar_polars.schema import (
    BAR_SCHEMA,
    FOOTPRINT,
    INTRA,
    IS_COMPLETE,
    LOOKBACK,
    TRADE_SCHEMA,
    VPIN,
    ArrowStream,
    Output,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FOLD: Final = "rangebar_polars_bars"
_FOLD_STATISTICS: Final = "rangebar_polars_bars_and_statistics"
"""The names of the functions in Python, which all connections to a database share."""

_SQL_TYPES: Final[dict[pl.DataType, str]] = {
    TRADE_SCHEMA["timestamp"]: "TIMESTAMPTZ",
    pl.Float64(): "DOUBLE",
    pl.Int64(): "BIGINT",
    pl.Boolean(): "BOOLEAN",
}
_OPTIONAL: Final = ("is_buyer_maker", "agg_trade_id", "first_trade_id", "last_trade_id")
_OPTIONS: Final = "rule, reset := NULL, max_gap := NULL, include_incomplete := false"
_ASKED: Final = {
    "features": "[]::VARCHAR[]",
    "lookback": "NULL",
    "vpin": "NULL",
    "footprint": "NULL",
}
"""The arguments that add columns, and what they are if they are not given."""

_OF_TABLES: Final = ", ".join(
    [_OPTIONS, *(f"{name} := {default}" for name, default in _ASKED.items())]
)
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
            (
                _FOLD_STATISTICS,
                _fold_statistics,
                ["VARCHAR[]", "VARCHAR", "VARCHAR", "VARCHAR"],
                _every_column(),
            ),
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
    # A null name beside another is a series of its own.
    several = " OR ".join(
        f"min({name}) <> max({name}) OR count({name}) BETWEEN 1 AND count(*) - 1"
        for name in SERIES_SCHEMA
    )
    absent = [f"NULL::{_sql_type(TRADE_SCHEMA[name])} AS {name}" for name in _OPTIONAL]
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
    # A function has one type, so columns that are not asked for are null until here.
    asked_by_name = "list_contains(coalesce(features, []), name)"
    shown = f"""SELECT COLUMNS(lambda name: CASE
        WHEN name IN ({_names(INTRA)}) THEN {asked_by_name}
        WHEN name IN ({_names(LOOKBACK)}) THEN {asked_by_name}
            OR (lookback IS NOT NULL AND len(coalesce(features, [])) = 0)
        WHEN name = '{VPIN.name}' THEN vpin IS NOT NULL
        WHEN name IN ({_names(FOOTPRINT)}) THEN footprint IS NOT NULL
        ELSE true
    END)"""
    before = ", ".join(f"{name}::VARCHAR" for name in ("lookback", "vpin", "footprint"))
    given_all = f"{given}, coalesce(features, []), {before}"
    # To the structs of bars and no further: the levels of a footprint stay a list.
    rows = "max_depth := 2"
    return [
        f"CREATE OR REPLACE MACRO {at}range_bars(trades, {_OPTIONS}) AS {_FOLD}(trades, {given})",
        f"""CREATE OR REPLACE MACRO {at}bars_of(tbl, {_OF_TABLES}) AS TABLE {shown} FROM (
        SELECT unnest({_FOLD_STATISTICS}({of_one}, {given_all}), {rows}) {table})""",
        f"""CREATE OR REPLACE MACRO {at}bars_by_symbol(tbl, {_OF_TABLES}) AS TABLE {shown} FROM (
        SELECT {series}, unnest({_FOLD_STATISTICS}({listed}, {given_all}), {rows})
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
    """Return a list of bars for each list of trades; null for a null list."""
    return _folded(BAR_SCHEMA, trades, rules, resets, max_gaps, incomplete)


def _fold_statistics(  # noqa: PLR0917 - DuckDB passes them by position
    trades: ArrowStream,
    rules: ArrowStream,
    resets: ArrowStream,
    max_gaps: ArrowStream,
    incomplete: ArrowStream,
    features: ArrowStream,
    lookbacks: ArrowStream,
    vpins: ArrowStream,
    footprints: ArrowStream,
) -> Any:  # noqa: ANN401 - pyarrow's
    """Return the same with every column of bars, null but for those that are asked for."""
    asked = (features, lookbacks, vpins, footprints)
    return _folded(_every_column(), trades, rules, resets, max_gaps, incomplete, *asked)


def _folded(schema: pl.Schema, trades: ArrowStream, *given: ArrowStream) -> Any:  # noqa: ANN401
    import numpy as np  # noqa: PLC0415 - an extra
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

    # Times arrive in the current zone of the connection, which a query may have changed.
    lists = pl.Series(trades).cast(pl.List(pl.Struct(TRADE_SCHEMA)))
    options = (pl.Series(each) for each in given)
    found = [_bars_of(*row) for row in zip(lists, *options, strict=True)]
    ends = np.cumsum([0, *(0 if frame is None else frame.height for frame in found)])
    made = [frame for frame in found if frame is not None]
    rows = pl.concat([schema.to_frame(), *made], how="diagonal").to_struct().to_arrow()
    is_null = pa.array([frame is None for frame in found], pa.bool_())
    return pa.LargeListArray.from_arrays(ends, rows, mask=is_null)


def _bars_of(  # noqa: PLR0917 - in the order of SQL
    rows: pl.Series | None,
    rule: str | None,
    reset: str | None,
    max_gap: str | None,
    include_incomplete: bool | None,  # noqa: FBT001
    features: pl.Series | None = None,
    lookback: str | None = None,
    vpin: str | None = None,
    footprint: str | None = None,
) -> pl.DataFrame | None:
    """Return the bars of one list; whether a bar is complete is a column in any case."""
    of_text = _rule_of(rule)
    if include_incomplete is None:
        raise ValueError("include_incomplete is NULL: expected true or false")
    if rows is None:
        return None
    trades = rows.struct.unnest()
    # A column that a table lacks has come as nulls, of which a rule would make other bars.
    lacked = [
        role
        for role in Options.check(None, rule=of_text, columns=None).rule_roles
        if role in _OPTIONAL and trades.height and trades[role].null_count() == trades.height
    ]
    names = None if features is None else features.to_list()
    made = bars(
        trades.drop(lacked),
        rule=of_text,
        reset=None if reset is None else parse_borders(reset),
        max_gap=max_gap,
        include_microstructure=True,
        include_incomplete=True,
        features=names or None,
        lookback=None if lookback is None else given_lookback(lookback),
        vpin=None if vpin is None else parse_vpin(vpin),
        footprint=None if footprint is None else parse_footprint(footprint),
    )
    return made if include_incomplete else made.filter(IS_COMPLETE)


def _rule_of(text: str | None) -> Rule:
    """Return the rule of a text, or of a threshold."""
    if text is None:
        raise ValueError(
            "rule is NULL: expected a threshold, such as 250, or the text of a rule, such as "
            "'dollar-1000000'"
        )
    is_threshold = text.removeprefix("-").isdecimal()
    return RangeRule(int(text)) if is_threshold else parse_rule(text)


@cache
def _every_column() -> pl.Schema:
    """Return the columns of bars that were asked for everything."""
    return bar_schema(
        TRADE_SCHEMA,
        include_microstructure=True,
        include_incomplete=True,
        features=[output.name for output in (*INTRA, *LOOKBACK)],
        lookback=1,
        vpin=Vpin(1, 1),
        footprint=Footprint(1),
    )


def _names(outputs: Sequence[Output]) -> str:
    """Return the names of columns as texts of SQL."""
    return ", ".join(f"'{output.name}'" for output in outputs)


def _checked(name: str, refused: Sequence[str], expression: str) -> str:
    """Return an expression that is an error where a column has a type of which a cast would lie."""
    types = ", ".join(f"'{each}'" for each in refused)
    error = f"error('{name} is ' || typeof({name}) || ': expected {_EXPECTED[name]}')"
    return f"CASE WHEN typeof({name}) IN ({types}) THEN {error} ELSE {expression} END"


def _struct(schema: pl.Schema) -> str:
    fields = (f"{name} {_sql_type(dtype)}" for name, dtype in schema.items())
    return f"STRUCT({', '.join(fields)})"


def _sql_type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        (inner,) = pl.Schema({"": dtype.inner}).dtypes()
        return f"{_sql_type(inner)}[]"
    if isinstance(dtype, pl.Struct):
        return _struct(pl.Schema(dtype.to_schema()))
    return _SQL_TYPES[dtype]
