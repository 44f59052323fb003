"""The arguments of a processor that continues from a checkpoint."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rangebar_polars import _internal
from rangebar_polars._core.options import (
    Threshold,
    TimeUnit,
    check_by,
    check_thresholds,
    check_time_unit,
)
from rangebar_polars.errors import CheckpointError

_COLUMN_UNITS: Final[Mapping[str, str]] = {"s": "ms"}
"""The unit of a column of times, if it is not the unit of the whole numbers."""


def arguments_of(
    data: bytes,
    *,
    symbol: str | None,
    threshold_decimal_bps: Threshold | None,
    by: str | Sequence[str] | None,
    time_unit: TimeUnit | None,
    known: TimeUnit | None,
) -> dict[str, Any]:
    """Return the arguments, all but the names of the columns of the trades.

    Parameters
    ----------
    data
        The bytes of the checkpoint.
    symbol, threshold_decimal_bps, by, time_unit
        The values that the checkpoint must have or allow; None: any.
    known
        Unit of times that are whole numbers, if it is known from elsewhere.

    Raises
    ------
    TypeError
        ``data`` is not bytes.
    CheckpointError
        The checkpoint is damaged, or is of something else.
    """
    if not isinstance(data, bytes):
        raise TypeError(f"data is a {type(data).__name__}: expected the bytes of a checkpoint")
    checkpoint = _internal.read_checkpoint(data)
    of, threshold, keys, same_time_gate, reset, microstructure, incomplete, unit = checkpoint
    if threshold_decimal_bps is not None:
        thresholds, several = check_thresholds(threshold_decimal_bps)
        expected = list(thresholds) if several else thresholds[0]
        if expected != threshold:
            raise CheckpointError(
                f"the checkpoint is of threshold_decimal_bps {threshold}: expected {expected}"
            )
    try:
        check_by(keys or None)
    except ValueError as error:
        raise CheckpointError(
            "the checkpoint is damaged: its keys do not fit "
            "(go back to an older one, or read the trades again)"
        ) from error
    if by is not None and check_by(by) != tuple(keys):
        raise CheckpointError(
            f"the checkpoint is of by {keys or None}: expected {list(check_by(by))}"
        )
    if time_unit is not None:
        check_time_unit(time_unit)
        if unit not in {None, _COLUMN_UNITS.get(time_unit, time_unit)}:
            raise CheckpointError(
                f"the checkpoint is of times in {unit}: expected {time_unit} (leave out "
                f"time_unit, and give dicts times in {unit} or datetimes)"
            )
    return {
        "threshold_decimal_bps": threshold,
        "symbol": of if symbol is None else symbol,
        "by": keys or None,
        "prevent_same_timestamp_close": same_time_gate,
        "reset": reset,
        "include_microstructure": microstructure,
        "include_incomplete": incomplete,
        "time_unit": time_unit or known or unit or "ms",
    }
