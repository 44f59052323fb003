"""Range bars and market-microstructure features inside Polars query plans.

Importing the package registers the namespace ``rangebar`` on frames, plans and expressions, and
does nothing else.
"""

from rangebar_polars import features
from rangebar_polars.bars import bar_id, bars, bars_expr
from rangebar_polars.binance import BinanceArchive
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
)
from rangebar_polars.namespace import ExprNamespace, FrameNamespace, LazyFrameNamespace
from rangebar_polars.process_trades import (
    bars_with_state,
    process_trades_chunked,
    process_trades_polars,
)
from rangebar_polars.processor import RangeBarProcessor
from rangebar_polars.schema import TradeColumns
from rangebar_polars.trade_import import import_trades

__all__ = [
    "ArchiveError",
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
    "TradeColumns",
    "archive_quality",
    "bar_id",
    "bars",
    "bars_expr",
    "bars_with_state",
    "features",
    "import_trades",
    "process_trades_chunked",
    "process_trades_polars",
    "scan_ticks",
]
