"""Range bars and market-microstructure features inside Polars query plans.

Importing the package registers the namespace ``rangebar`` on frames, plans and expressions, and
does nothing else.
"""

from rangebar_polars import features
from rangebar_polars.bars import bar_id, bars, bars_expr
from rangebar_polars.errors import CheckpointError, RangeBarError, RangeBarWarning
from rangebar_polars.namespace import ExprNamespace, FrameNamespace, LazyFrameNamespace
from rangebar_polars.processor import (
    RangeBarProcessor,
    bars_with_state,
    process_trades_chunked,
    process_trades_polars,
)
from rangebar_polars.schema import TradeColumns

__all__ = [
    "CheckpointError",
    "ExprNamespace",
    "FrameNamespace",
    "LazyFrameNamespace",
    "RangeBarError",
    "RangeBarProcessor",
    "RangeBarWarning",
    "TradeColumns",
    "bar_id",
    "bars",
    "bars_expr",
    "bars_with_state",
    "features",
    "process_trades_chunked",
    "process_trades_polars",
]
