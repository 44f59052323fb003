"""The tables of bars in ClickHouse, and the queries on them.

A change of the tables raises `SCHEMA_VERSION`.
"""

from typing import Final

import polars as pl
from polars._typing import PolarsDataType

from rangebar_polars.schema import (
    CHAIN_STATISTICS,
    FOOTPRINT_SETTINGS,
    IS_COMPLETE,
    LEVEL,
    LEVEL_BY_SIDE,
    RICH_BAR_SCHEMA,
    STORED,
)

SCHEMA_VERSION: Final = 6
"""The version of the tables, which is stored in the database."""


def _kind(dtype: PolarsDataType) -> str:
    """Return the type of a column that is null where a chain does not store it.

    Levels are an empty array there, since an array cannot be null; those of a bar never are.
    """
    if dtype == pl.List(LEVEL):
        fields = ", ".join(f"{field.name} {_kind_in_level(field)}" for field in LEVEL.fields)
        return f"Array(Tuple({fields}))"
    return f"Nullable({dtype})"


def _kind_in_level(field: pl.Field) -> str:
    """Return the type of a field, which array functions take only if it is not nullable."""
    kind = "Bool" if field.dtype == pl.Boolean else str(field.dtype)
    return f"Nullable({kind})" if field.name in LEVEL_BY_SIDE else kind


_BAR_TYPES = {
    column.name: f"Nullable({kind})" if column.null_when else kind
    for column in STORED
    for kind in [str(column.stored).replace("as the input", "DateTime64(6, 'UTC')")]
}
# Null in the bars of chains that do not store the statistic, where it takes no space to speak of.
_BAR_TYPES |= {name: _kind(RICH_BAR_SCHEMA[name]) for name in CHAIN_STATISTICS}
_BAR_TYPES |= {IS_COMPLETE: "Bool"}
_KEY_TYPES: Final = {
    "source": "LowCardinality(String)",
    "market": "LowCardinality(String)",
    "symbol": "LowCardinality(String)",
    "rule": "LowCardinality(String)",
    "threshold_decimal_bps": "Nullable(Int64)",
    "prevent_same_timestamp_close": "Bool",
    "reset": "LowCardinality(Nullable(String))",
    "max_gap": "LowCardinality(Nullable(String))",
    "features": "LowCardinality(Nullable(String))",
    "lookback": "LowCardinality(Nullable(String))",
    "vpin": "LowCardinality(Nullable(String))",
    FOOTPRINT_SETTINGS: "LowCardinality(Nullable(String))",
    "origin": "Nullable(Date32)",
    "rule_version": "UInt32",
}
TABLES: Final = {
    "bars": {
        "symbol": _KEY_TYPES["symbol"],
        "rule": _KEY_TYPES["rule"],
        "key": "LowCardinality(String)",
        "batch": "UInt64",
        "ordinal": "UInt32",
        **_BAR_TYPES,
    },
    "coverage": {
        "key": "LowCardinality(String)",
        "month": "Date32",
        **_KEY_TYPES,
        "first_day": "Date32",
        "last_day": "Date32",
        "batch": "UInt64",
        "rows": "UInt64",
        "links": "String",
        "checksums": "String",
        "previous": "UInt64",
        "version": "UInt64",
    },
    "store_version": {"schema": "UInt32"},
}
EXTRAS: Final = {
    "previous": " EPHEMERAL",
    # The time of the server's clock, but always above the previous version if it is set back.
    "version": " DEFAULT greatest(toUInt64(toUnixTimestamp64Nano(now64(9))), previous + 1)",
}
INDEXES: Final = {
    # A part has the bars of many months: this skips those of other days.
    "bars": ", INDEX of_close_time close_time TYPE minmax GRANULARITY 1",
}
# Acknowledged rows survive a power cut, and an insert that is sent again is stored once.
_KEPT: Final = (
    "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, "
    "non_replicated_deduplication_window = 10000"
)
ENGINES: Final = {
    # The usual filters come first, so that queries read little of a table of many symbols.
    "bars": f"MergeTree ORDER BY (symbol, rule, key, batch, ordinal) {_KEPT}",
    "coverage": f"ReplacingMergeTree(version) ORDER BY (key, month) {_KEPT}",
    "store_version": "ReplacingMergeTree ORDER BY schema",
}
_SHOWN: Final = [
    f"{'bars' if name in TABLES['bars'] else 'named'}.{name} AS {name}"
    for name in [*_KEY_TYPES, *_BAR_TYPES, "ordinal"]
]
VIEW: Final = f"""
CREATE VIEW IF NOT EXISTS current_bars AS SELECT {", ".join(_SHOWN)}
FROM bars INNER JOIN (SELECT * FROM coverage FINAL) AS named
ON bars.key = named.key AND bars.batch = named.batch
"""  # noqa: S608 - names of this module

SIBLINGS: Final = """
SELECT DISTINCT key FROM coverage WHERE startsWith(key, {beginning:String}) ORDER BY key
"""
FIND: Final = """
SELECT month, batch, links, checksums FROM coverage FINAL WHERE key = {key:String}
AND (empty({months:Array(Date32)}) OR has({months:Array(Date32)}, month)) ORDER BY month
"""
READ: Final = """
FROM bars WHERE symbol = {symbol:String} AND rule = {rule:String} AND key = {key:String}
AND batch = {batch:UInt64} ORDER BY ordinal
"""
# The server counts the rows first: if they are gone and the batch is still current, it is damaged.
STATE: Final = """
WITH (
    SELECT count() FROM bars WHERE symbol = {symbol:String} AND rule = {rule:String}
    AND key = {key:String} AND batch = {batch:UInt64}
) AS there
SELECT there, groupArray(version), groupArray(batch) FROM coverage
WHERE key = {key:String} AND month = {month:Date32}
"""
DELETE: Final = """
DELETE FROM {table:Identifier}
WHERE symbol = {symbol:String} AND rule = {rule:String} AND key = {key:String}
AND batch IN {batches:Array(UInt64)}
"""
REMOVE: Final = """
DELETE FROM {table:Identifier}
WHERE symbol = {symbol:String} AND rule = {rule:String} AND key = {key:String}
"""
COLUMNS_OF_TABLES: Final = """
SELECT table, name, type FROM system.columns
WHERE database = {database:String} AND has({tables:Array(String)}, table)
"""
