"""Range bars and market-microstructure features inside Polars query plans.

Importing the package only registers the namespace ``rangebar`` on frames, plans and expressions.
Each public name loads its module when it is first used.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any, Final

import polars as pl

# It must notice every fork, so it cannot be loaded later.
from rangebar_polars import _forks  # noqa: F401 - for its effect

__all__ = [
    "THRESHOLD_DECIMAL_MAX",
    "THRESHOLD_DECIMAL_MIN",
    "THRESHOLD_PRESETS",
    "ArchiveError",
    "BarRecorder",
    "BarStore",
    "BinanceArchive",
    "CacheError",
    "Catalog",
    "CheckpointError",
    "ChecksumError",
    "CusumRule",
    "DollarRule",
    "DownloadError",
    "EwmaImbalanceRule",
    "EwmaRunRule",
    "ExprNamespace",
    "Footprint",
    "FrameNamespace",
    "HighLowRule",
    "ImbalanceRule",
    "LazyFrameNamespace",
    "PriceRangeRule",
    "QualityError",
    "RangeBarError",
    "RangeBarProcessor",
    "RangeBarWarning",
    "RangeRule",
    "Report",
    "Rule",
    "RunLengthRule",
    "RunRule",
    "StoreError",
    "SumRule",
    "TickRule",
    "TradeColumns",
    "TradingDay",
    "ValidationError",
    "VolumeRule",
    "Vpin",
    "WhenRule",
    "archive_quality",
    "bar_id",
    "bar_schema",
    "bars",
    "bars_expr",
    "bars_per_year",
    "bars_with_state",
    "cache_clear",
    "cache_status",
    "drop_off_market",
    "get_n_range_bars",
    "get_range_bars",
    "import_trades",
    "open_store",
    "parse_rule",
    "plot_bars",
    "plot_cuts",
    "plot_footprint",
    "populate",
    "process_trades_chunked",
    "process_trades_polars",
    "resume_range_bars",
    "scan_range_bars",
    "scan_recorded_bars",
    "scan_ticks",
    "sessions",
    "tick_rule",
    "validate_continuity",
    "validate_tier1",
    "validate_tier2",
]

# A star-import binds the names in __all__. Modules are not among them: our `duckdb` would replace
# the caller's `duckdb`.
_MODULES: Final = (
    *("archive", "duckdb", "errors", "features", "labels", "schema", "store", "testing"),
)

_HOMES: Final = {
    name: module
    for module, names in {
        "_catalog.catalog": ("Catalog",),
        "_catalog.import_trades": ("import_trades",),
        "_catalog.populate": ("populate",),
        "_catalog.last_range_bars": ("get_n_range_bars",),
        "_catalog.range_bars": ("get_range_bars", "scan_range_bars"),
        "_catalog.resume_range_bars": ("resume_range_bars",),
        "_catalog.scan_ticks": ("archive_quality", "scan_ticks"),
        "_catalog.status": ("cache_clear", "cache_status"),
        "_convert.frequency": ("bars_per_year",),
        "_core.bar_schema": ("bar_schema",),
        "_core.bars": ("bar_id", "bars", "bars_expr"),
        "_core.footprint": ("Footprint",),
        "_core.namespace": ("ExprNamespace", "FrameNamespace", "LazyFrameNamespace"),
        "_core.off_market": ("drop_off_market",),
        "_core.threshold": ("THRESHOLD_DECIMAL_MAX", "THRESHOLD_DECIMAL_MIN", "THRESHOLD_PRESETS"),
        "_core.processor": ("RangeBarProcessor",),
        "_core.rules.expectations": ("EwmaImbalanceRule", "EwmaRunRule"),
        "_core.rules.expressions": ("SumRule", "WhenRule"),
        "_core.rules.prices": ("CusumRule", "HighLowRule", "PriceRangeRule", "RangeRule"),
        "_core.rules.rule": ("Rule",),
        "_core.rules.sides": ("ImbalanceRule", "RunLengthRule", "RunRule"),
        "_core.rules.text": ("parse_rule",),
        "_core.rules.totals": ("DollarRule", "TickRule", "VolumeRule"),
        "_core.rangebar_py": (
            "bars_with_state",
            "process_trades_chunked",
            "process_trades_polars",
        ),
        "_live.recorded_bars": ("scan_recorded_bars",),
        "_live.recorder": ("BarRecorder",),
        "_core.tick_rule": ("tick_rule",),
        "_core.trading_day": ("TradingDay",),
        "_core.vpin": ("Vpin",),
        "_sessions": ("sessions",),
        "_validation.continuity": ("validate_continuity",),
        "_validation.report": ("Report",),
        "_validation.tier1": ("validate_tier1",),
        "_validation.tier2": ("validate_tier2",),
        "_plot.bars": ("plot_bars",),
        "_plot.cuts": ("plot_cuts",),
        "_plot.footprints": ("plot_footprint",),
        "archive.binance": ("BinanceArchive",),
        "errors": (
            "ArchiveError",
            "CacheError",
            "CheckpointError",
            "ChecksumError",
            "DownloadError",
            "QualityError",
            "RangeBarError",
            "RangeBarWarning",
            "StoreError",
            "ValidationError",
        ),
        "_trade_columns": ("TradeColumns",),
        "store": ("BarStore", "open_store"),
    }.items()
    for name in names
}


def _load(name: str) -> Any:  # noqa: ANN401 - any public name
    """Return a public name, and add it to the globals, so that the next use needs no call."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name == "__version__":
        value = importlib.import_module("importlib.metadata").version("rangebar-polars")
    elif name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name == "_internal":
        value = importlib.import_module(f"{__name__}._extension").load()
    else:
        names = importlib.import_module(f"{__name__}._rangebar_py_names")
        error = names.missing(name, sys.modules[__name__])
        caller = sys._getframe(1).f_code.co_name  # noqa: SLF001 - no other way to see it
        if name in names.OF_THE_MODULE and caller == "_handle_fromlist":
            # `from rangebar_polars import ...` drops an AttributeError, and its text with it.
            raise ImportError(str(error), name=__name__)
        raise error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])


def _namespace(name: str) -> Any:  # noqa: ANN401
    """Return a function for Polars to call with a frame, in place of a class not yet loaded."""

    def namespace(owner: object) -> object:
        return _load(name)(owner)

    return namespace


pl.api.register_dataframe_namespace("rangebar")(_namespace("FrameNamespace"))
pl.api.register_lazyframe_namespace("rangebar")(_namespace("LazyFrameNamespace"))
pl.api.register_expr_namespace("rangebar")(_namespace("ExprNamespace"))

if TYPE_CHECKING:
    from rangebar_polars import archive as archive
    from rangebar_polars import duckdb as duckdb
    from rangebar_polars import errors as errors
    from rangebar_polars import features as features
    from rangebar_polars import labels as labels
    from rangebar_polars import schema as schema
    from rangebar_polars import store as store
    from rangebar_polars import testing as testing
    from rangebar_polars._catalog.catalog import Catalog
    from rangebar_polars._catalog.import_trades import import_trades
    from rangebar_polars._catalog.last_range_bars import get_n_range_bars
    from rangebar_polars._catalog.populate import populate
    from rangebar_polars._catalog.range_bars import get_range_bars, scan_range_bars
    from rangebar_polars._catalog.resume_range_bars import resume_range_bars
    from rangebar_polars._catalog.scan_ticks import archive_quality, scan_ticks
    from rangebar_polars._catalog.status import cache_clear, cache_status
    from rangebar_polars._convert.frequency import bars_per_year
    from rangebar_polars._core.bar_schema import bar_schema
    from rangebar_polars._core.bars import bar_id, bars, bars_expr
    from rangebar_polars._core.footprint import Footprint
    from rangebar_polars._core.namespace import ExprNamespace, FrameNamespace, LazyFrameNamespace
    from rangebar_polars._core.off_market import drop_off_market
    from rangebar_polars._core.processor import RangeBarProcessor
    from rangebar_polars._core.rangebar_py import (
        bars_with_state,
        process_trades_chunked,
        process_trades_polars,
    )
    from rangebar_polars._core.rules.expectations import EwmaImbalanceRule, EwmaRunRule
    from rangebar_polars._core.rules.expressions import SumRule, WhenRule
    from rangebar_polars._core.rules.prices import (
        CusumRule,
        HighLowRule,
        PriceRangeRule,
        RangeRule,
    )
    from rangebar_polars._core.rules.rule import Rule
    from rangebar_polars._core.rules.sides import ImbalanceRule, RunLengthRule, RunRule
    from rangebar_polars._core.rules.text import parse_rule
    from rangebar_polars._core.rules.totals import DollarRule, TickRule, VolumeRule
    from rangebar_polars._core.threshold import (
        THRESHOLD_DECIMAL_MAX,
        THRESHOLD_DECIMAL_MIN,
        THRESHOLD_PRESETS,
    )
    from rangebar_polars._core.tick_rule import tick_rule
    from rangebar_polars._core.trading_day import TradingDay
    from rangebar_polars._core.vpin import Vpin
    from rangebar_polars._live.recorded_bars import scan_recorded_bars
    from rangebar_polars._live.recorder import BarRecorder
    from rangebar_polars._plot.bars import plot_bars
    from rangebar_polars._plot.cuts import plot_cuts
    from rangebar_polars._plot.footprints import plot_footprint
    from rangebar_polars._sessions import sessions
    from rangebar_polars._trade_columns import TradeColumns
    from rangebar_polars._validation.continuity import validate_continuity
    from rangebar_polars._validation.report import Report
    from rangebar_polars._validation.tier1 import validate_tier1
    from rangebar_polars._validation.tier2 import validate_tier2
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
        ValidationError,
    )
    from rangebar_polars.store import BarStore, open_store

    __version__: str
else:
    # Type checkers would take it for a promise that every name is there.
    __getattr__ = _load
