"""The options of recorded bars, which their state has."""

from rangebar_polars import _internal
from rangebar_polars._core.footprint import Footprint, footprint_text
from rangebar_polars._core.lookback import CheckedLookback, lookback_text
from rangebar_polars._core.spans import gap_text
from rangebar_polars._core.vpin import Vpin, vpin_text


def settings_of(state: bytes) -> dict[str, object]:
    """Return the options in a checkpoint, by name, but for the unit of the times.

    Raises
    ------
    CheckpointError
        It is damaged, or of another version.
    """
    found = _internal.read_checkpoint(state)
    symbol, rules, column, by, reset, max_gap, microstructure, incomplete = found[:8]
    features, footprint, (back, buckets), _ = found[8:]
    lookback = None if back is None else CheckedLookback(trades=back[0], span=back[1])
    return {
        "symbol": symbol,
        "rule": rules,
        "the column of rules": column,
        "by": by,
        "reset": reset,
        "max_gap": gap_text(max_gap),
        "include_microstructure": microstructure,
        "include_incomplete": incomplete,
        "lookback": lookback_text(lookback),
        "features": features,
        "vpin": None if buckets is None else vpin_text(Vpin.of_units(*buckets)),
        "footprint": None if footprint is None else footprint_text(Footprint.of_units(*footprint)),
    }
