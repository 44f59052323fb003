"""Range bars and market-microstructure features inside Polars query plans.

Importing the package registers the namespace ``rangebar`` on frames, plans and expressions, and
does nothing else.
"""

from rangebar_polars import duckdb, features
from rangebar_polars._catalog.catalog import Catalog
from rangebar_polars._catalog.import_trades import import_trades
from rangebar_polars._catalog.populate import populate
from rangebar_polars._catalog.range_bars import get_n_range_bars, get_range_bars, scan_range_bars
from rangebar_polars._catalog.scan_ticks import archive_quality, scan_ticks
from rangebar_polars._catalog.status import cache_clear, cache_status
from rangebar_polars._core.bars import bar_id, bars, bars_expr
from rangebar_polars._core.namespace import ExprNamespace, FrameNamespace, LazyFrameNamespace
from rangebar_polars._core.processor import RangeBarProcessor
from rangebar_polars._core.rangebar_py import (
    bars_with_state,
    process_trades_chunked,
    process_trades_polars,
)
from rangebar_polars.archive.binance import BinanceArchive
from rangebar_polars.errors import (
    ArchiveError,
    CacheError,
    CheckpointError,
    ChecksumError,
    DownloadError,
    QualityError,
    RangeBarError,
    RangeBarWarning,
    StoreError,
)
from rangebar_polars.schema import TradeColumns
from rangebar_polars.store import BarStore, open_store

__all__ = [
    "ArchiveError",
    "BarStore",
    "BinanceArchive",
    "CacheError",
    "Catalog",
    "CheckpointError",
    "ChecksumError",
    "DownloadError",
    "ExprNamespace",
    "FrameNamespace",
    "LazyFrameNamespace",
    "QualityError",
    "RangeBarError",
    "RangeBarProcessor",
    "RangeBarWarning",
    "StoreError",
    "TradeColumns",
    "archive_quality",
    "bar_id",
    "bars",
    "bars_expr",
    "bars_with_state",
    "cache_clear",
    "cache_status",
    "duckdb",
    "features",
    "get_n_range_bars",
    "get_range_bars",
    "import_trades",
    "open_store",
    "populate",
    "process_trades_chunked",
    "process_trades_polars",
    "scan_range_bars",
    "scan_ticks",
]
