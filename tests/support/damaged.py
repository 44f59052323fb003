"""Three days of a cache, every way to compute bars of them, and ways to spoil a file of theirs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

import rangebar_polars as rb
from rangebar_polars._catalog.chains import check_options
from rangebar_polars._catalog.fill import FillRequest, fill
from rangebar_polars.errors import CacheError
from support.cached_trades import DAYS, SOURCE, SYMBOL, settings_of

THREE = DAYS[4:7]
"""The last two days of a month, the first of the next."""
FIRST, MIDDLE, LAST = THREE
REMEDY = "give all trades of the day to import_trades, with replace=True"
THRESHOLD = 30


def get(root: Path, **options: Any) -> pl.DataFrame:  # noqa: ANN401
    """Return the bars of the three days."""
    return rb.get_range_bars(
        SYMBOL, FIRST, LAST, THRESHOLD, source=SOURCE, cache_dir=root, **options
    )


def scan(root: Path) -> pl.DataFrame:
    """Return the bars of the three days, by way of a plan."""
    return rb.scan_range_bars(
        SYMBOL, FIRST, LAST, THRESHOLD, source=SOURCE, cache_dir=root
    ).collect()


def get_n(root: Path) -> pl.DataFrame:
    """Return the last bars of the three days, of chains that are stored."""
    return rb.get_n_range_bars(
        SYMBOL,
        60,
        THRESHOLD,
        end_date=LAST,
        reset="day",
        source=SOURCE,
        max_lookback_days=3,
        cache_dir=root,
    )


def filled(root: Path) -> pl.DataFrame:
    """Have the bars of the three days stored as a process of `populate` does; return them."""
    settings = settings_of(SOURCE, root)
    options = check_options(THRESHOLD)
    series = settings.series(SYMBOL)
    request = FillRequest(settings, series, tuple(THREE), options, str(root))
    fill(request, lambda _: None)
    return get(root)


ENTRY_POINTS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "get": get,
    "scan": scan,
    "get_n": get_n,
    "fill": filled,
}


def outcome(bars: Callable[[Path], pl.DataFrame], root: Path) -> pl.DataFrame | str:
    """Return bars, or what a CacheError says."""
    try:
        return bars(root)
    except CacheError as error:
        return str(error)
    except pl.exceptions.ComputeError as error:
        # Older versions of Polars put words before an error in a plan, and change its class.
        _, _, text = str(error).partition("exception: CacheError: ")
        return text or str(error)


def rewrite(path: Path, rows: pl.DataFrame) -> None:
    """Put other rows into a file and keep its metadata."""
    metadata = pl.read_parquet_metadata(path)
    own = {name: text for name, text in metadata.items() if name.startswith("rangebar.")}
    rows.write_parquet(path, metadata=own)


def at(row: int) -> pl.Expr:
    """Say that it is this row."""
    return pl.int_range(pl.len()) == row


EDITS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "a price": lambda rows: rows.with_columns(pl.col("price") + at(7) * 0.001),
    "a price that cannot be paid": lambda rows: rows.with_columns(pl.col("price") - at(7) * 1e3),
    "a quantity": lambda rows: rows.with_columns(pl.col("quantity") + at(7) * 0.125),
    "an unknown side": lambda rows: rows.with_columns(
        is_buyer_maker=pl.when(~at(rows["is_buyer_maker"].arg_max() or 0)).then("is_buyer_maker")
    ),
    "an id": lambda rows: rows.with_columns(pl.col("last_trade_id") + at(rows.height - 1)),
    "a time that goes back": lambda rows: rows.with_columns(
        pl.col("timestamp") - pl.duration(hours=pl.when(at(100)).then(1).otherwise(0))
    ),
    "a row less": lambda rows: rows[:-1],
    "a row more": lambda rows: pl.concat([rows, rows[-1]]),
    "no row": lambda rows: rows[:0],
    "two rows of one time in another order": lambda rows: rows[[1, 0, *range(2, rows.height)]],
    "another time unit": lambda rows: rows.with_columns(
        pl.col("timestamp").dt.cast_time_unit("ms")
    ),
    "a column less": lambda rows: rows.drop("is_buyer_maker"),
    "a column more": lambda rows: rows.with_columns(more=pl.lit(1)),
    "columns in another order": lambda rows: rows.select(sorted(rows.columns)),
    "prices as text": lambda rows: rows.with_columns(pl.col("price").cast(pl.String)),
}
