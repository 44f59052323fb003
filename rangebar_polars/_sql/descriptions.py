"""What the views of SQL and their columns are, in words: the comments of a database."""

from typing import Final

from rangebar_polars.schema import FOOTPRINT_SETTINGS, IS_COMPLETE, OUTPUTS, RULE, THRESHOLD

VIEWS: Final = {
    "bars": "Stored bars of all chains (rangebar-polars)",
    "ticks": "Cached trades of all series (rangebar-polars)",
    "quality": "A report on each cached day of trades (rangebar-polars)",
}
"""What each view has."""

_SERIES: Final = {
    "source": "The archive of the trades, or the name that was given when they were imported",
    "market": "The market at the source, such as spot, um or cm",
    "symbol": "The symbol, as the source spells it",
}
_CHAIN: Final = {
    RULE: "The text of the rule that says when a bar ends, such as range-250",
    THRESHOLD: "How far the price moves from a bar's open until it closes, where the rule says so: "
    "250 is 0.25 %",
    "prevent_same_timestamp_close": "Whether no trade of a bar's opening time closes it",
    "reset": "Where bars begin anew: each UTC day, week, month or year, or 17:00@America/New_York",
    "max_gap": "The longest time between two trades of a bar, such as 30m",
    "features": "The statistics that need the trades and are stored, with commas between them",
    "lookback": "How far is looked back before each bar: a number of trades, or a time such as 5m",
    "vpin": "The volume of a bucket and the number of buckets of lookback_vpin",
    FOOTPRINT_SETTINGS: "The tick of footprints, the percent of the volume in the value area, and "
    "the percent of an imbalance",
    "origin": "The UTC day at which the chain begins",
}
_TICKS: Final = {
    "day": "The UTC day of the file that holds the trade",
    "timestamp": "The time of the trade",
    "price": "The price",
    "quantity": "The quantity in the base asset",
    "is_buyer_maker": "Whether the buyer was the resting side, so that the aggressor sold",
    "agg_trade_id": "The id of the record",
    "first_trade_id": "The id of the first individual trade of the record",
    "last_trade_id": "The id of the last individual trade of the record",
}
_QUALITY: Final = {
    "day": "The UTC day",
    "status": "ok, hole (the archive has no file), not published, not cached, refused (the trades "
    "cannot be put in order), unreadable (the archive's file is invalid) or damaged (the cache "
    "file was changed)",
    "archive": "The file of the archive; null for imported trades",
    "sha256": "The checksum of that file",
    "verified": "Whether the checksum equals the published one; false if none is published",
    "unit": "The unit of the times in that file",
    "header": "Whether the first line of that file named the columns",
    "rows_before": "Rows before cleaning",
    "rows_after": "Rows after cleaning",
    "out_of_order": "Rows with an id below that of the row before, which were sorted",
    "interleaved": "Whether the file interleaved two sorted halves",
    "duplicates": "Dropped rows: exact repetitions",
    "tombstones": "Dropped rows: deleted records",
    "nonpositive_prices": "Dropped rows: other prices of zero or less",
    "repeated_trades": "Dropped rows: records whose trades were part of an earlier record",
    "repeated_headers": "Dropped rows: header lines after the first",
    "zero_quantities": "Unchanged rows: a quantity of zero",
    "off_market": "Unchanged rows: a price more than 1 % above, or below, both neighbours",
    "outside_day": "Unchanged rows: a time outside the day by at most an hour",
    "times_cut": "Unchanged rows: a time whose nanoseconds were cut",
    "missing_ids": "Ids missing between neighbouring records, since the last earlier day",
    "gaps": "Where they are missing",
    "overlaps_previous": "Whether the day begins before the end of the previous day",
    "first_agg_trade_id": "The id of the first record",
    "last_agg_trade_id": "The id of the last record",
    "first_time": "The time of the first record",
    "last_time": "The time of the last record",
    "message": "The text of the error of a day without trades",
}
_OUTPUTS: Final = {
    output.name: output.formula + (f"; null if {output.null_when}" if output.null_when else "")
    for output in OUTPUTS
}
COLUMNS_OF: Final = {
    "bars": _SERIES
    | _CHAIN
    | _OUTPUTS
    | {IS_COMPLETE: "False for a bar that a reset or a gap cut off, or that is still open"},
    "ticks": _SERIES | _TICKS,
    "quality": _SERIES | _QUALITY,
}
"""What each column of each view is."""


def comments(view: str, at: str) -> list[str]:
    """Return the statements that put the descriptions of a view and its columns into a database.

    Parameters
    ----------
    view
        Its name.
    at
        What goes before the name: a schema and a point, or nothing.
    """
    of_columns = [
        f"COMMENT ON COLUMN {at}{view}.{column} IS {_quoted(text)}"
        for column, text in COLUMNS_OF[view].items()
    ]
    return [f"COMMENT ON VIEW {at}{view} IS {_quoted(VIEWS[view])}", *of_columns]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
