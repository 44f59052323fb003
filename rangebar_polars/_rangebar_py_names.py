"""Names of rangebar-py that are gone, and what to write instead."""

from types import ModuleType
from typing import Final

_PROGRESS: Final = "the frame that populate returns, and progress= for each day that is fetched"
_GAPS: Final = "validate_continuity(bars), which returns a Report"
_CLICKHOUSE: Final = 'open_store("clickhouse://user@host/database")'

OF_THE_MODULE: Final = {
    "ASSET_CLASS_MULTIPLIERS": "tolerance_decimal_bps of validate_continuity",
    "AssetClass": "tolerance_decimal_bps of validate_continuity",
    "CONTINUITY_TOLERANCE_PCT": "tolerance_decimal_bps of validate_continuity",
    "CacheKey": "store=, under which the days and chains of a symbol are found by themselves",
    "ClickHouseNotConfiguredError": "StoreError",
    "ContinuityError": "validate_continuity(bars).raise_if_failed(), which raises ValidationError",
    "ContinuityWarning": "RangeBarWarning",
    "GapInfo": _GAPS,
    "GapTier": _GAPS,
    "PositionVerification": "RangeBarProcessor.position and RangeBarProcessor.gaps",
    "PrecomputeProgress": _PROGRESS,
    "PrecomputeResult": _PROGRESS,
    "RangeBarCache": _CLICKHOUSE,
    "TIER1_SYMBOLS": "the symbols of your choice, such as ['BTCUSDT', 'ETHUSDT']",
    "TierSummary": _GAPS,
    "TierThresholds": "tolerance_decimal_bps of validate_continuity",
    "TieredValidationResult": _GAPS,
    "VALIDATION_PRESETS": "tolerance_decimal_bps of validate_continuity",
    "ValidationPreset": "tolerance_decimal_bps of validate_continuity",
    "checkpoint": "populate, which continues after the last stored day",
    "clickhouse": _CLICKHOUSE,
    "detect_asset_class": "tolerance_decimal_bps of validate_continuity",
    "detect_clickhouse_state": _CLICKHOUSE,
    "exceptions": "errors",
    "exness": "import_trades, with quotes as trades of your own source",
    "get_available_clickhouse_host": _CLICKHOUSE,
    "get_range_bars_pandas": "get_range_bars(...).rangebar.to_pandas()",
    "hooks": "try: and except RangeBarError: around a call, and progress=",
    "is_exness_available": "import_trades, with quotes as trades of your own source",
    "notify": "try: and except RangeBarError: around a call, and progress=",
    "populate_cache_resumable": "populate, which continues after the last stored day",
    "precompute_range_bars": "populate",
    "process_trades_to_dataframe": "process_trades_polars(...).rangebar.to_backtesting()",
    "process_trades_to_dataframe_cached": "import_trades(...), then get_range_bars(...)",
    "storage": "scan_ticks, import_trades, cache_status and cache_clear",
    "validate_continuity_tiered": _GAPS,
    "validation": "validate_tier1, validate_tier2 and validate_continuity",
}
"""Names of the module that are gone, and what to use instead."""

OF_THE_PROCESSOR: Final = {
    "process_trades_streaming": "process_trades, which keeps the open bar between calls",
    "process_trades_streaming_arrow": "process_trades(...).rangebar.to_arrow()",
    "to_dataframe": "process_trades(...).rangebar.to_backtesting()",
    "verify_position": "position and gaps; process_trades warns of missing ids by itself",
}
"""Methods of the processor that are gone, and what to use instead."""


def missing(name: str, owner: object) -> AttributeError:
    """Return the error for a name that a module or a processor does not have.

    Examples
    --------
    >>> import rangebar_polars as rb
    >>> rb.precompute_range_bars
    Traceback (most recent call last):
    AttributeError: module 'rangebar_polars' has no 'precompute_range_bars' of rangebar-py (use
    populate)
    """
    is_module = isinstance(owner, ModuleType)
    of = (
        f"module {owner.__name__!r}"
        if isinstance(owner, ModuleType)
        else (f"{type(owner).__name__!r} object")
    )
    gone = (OF_THE_MODULE if is_module else OF_THE_PROCESSOR).get(name)
    if gone is None:
        return AttributeError(f"{of} has no attribute {name!r}", name=name, obj=owner)
    return AttributeError(f"{of} has no {name!r} of rangebar-py (use {gone})")
