"""Range bars and market-microstructure features inside Polars query plans.

Importing the package registers the namespace ``rangebar`` on frames, plans and expressions, and
does nothing else.
"""

from rangebar_polars import duckdb, features
from rangebar_polars.bars import bar_id, bars, bars_expr
from rangebar_polars.binance import BinanceArchive
from rangebar_polars.cache import cache_clear, cache_status
from rangebar_polars.dataset import archive_quality, scan_ticks
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
from rangebar_polars.namespace import ExprNamespace, FrameNamespace, LazyFrameNamespace
from rangebar_polars.populate import populate
from rangebar_polars.process_trades import (
    bars_with_state,
    process_trades_chunked,
    process_trades_polars,
)
from rangebar_polars.processor import RangeBarProcessor
from rangebar_polars.range_bars import get_n_range_bars, get_range_bars, scan_range_bars
from rangebar_polars.schema import TradeColumns
from rangebar_polars.store import BarStore, open_store
from rangebar_polars.trade_import import import_trades

__all__ = [
    "ArchiveError",
    "BarStore",
    "BinanceArchive",
    "CacheError",
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
