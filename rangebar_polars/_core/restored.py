"""The arguments of a processor that continues from a checkpoint."""

from collections.abc import Sequence
from typing import Any, Final

from rangebar_polars import _internal
from rangebar_polars._core.arguments import (
    Threshold,
    TimeUnit,
    check_by,
    check_thresholds,
    check_time_unit,
)
from rangebar_polars._core.borders import (
    Borders,
    borders_of,
    borders_text,
    check_borders,
    is_expression,
)
from rangebar_polars._core.footprint import Footprint
from rangebar_polars._core.lookback import CheckedLookback
from rangebar_polars._core.options import check_rules
from rangebar_polars._core.rules.prices import RangeRule
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.rules.text import parse_rule
from rangebar_polars._core.vpin import Vpin
from rangebar_polars.errors import CheckpointError
from rangebar_polars.schema import RULE, THRESHOLD

_FINER: Final = ("s", "ms", "us", "ns")
"""Units, each finer than the one before."""


def arguments_of(
    data: bytes,
    *,
    symbol: str | None,
    threshold_decimal_bps: Threshold | None,
    rule: Rule | Sequence[Rule] | None,
    by: str | Sequence[str] | None,
    reset: Borders | None,
    time_unit: TimeUnit | None,
    known: TimeUnit | None,
) -> dict[str, Any]:
    """Return the arguments, all but the names of the columns of the trades.

    Parameters
    ----------
    data
        The bytes of the checkpoint.
    symbol, threshold_decimal_bps, rule, by, reset, time_unit
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
        hint = " (one of rangebar-py has no exact sums: process its trades again)"
        raise TypeError(
            f"data is a {type(data).__name__}: expected the bytes of a checkpoint"
            f"{hint if isinstance(data, dict) else ''}"
        )
    checkpoint = _internal.read_checkpoint(data)
    of, texts, column, keys, borders, max_gap, microstructure, incomplete = checkpoint[:8]
    features, footprint, (back, buckets), unit = checkpoint[8:]
    got = _shown(texts, column)
    expected: str | None = None
    if rule is None:
        rules = [_rule_of(text) for text in texts]
    else:
        rules = list(check_rules(None, rule, prevent_same_timestamp_close=None)[0])
        expected = _shown(rules, RULE if isinstance(rule, Sequence) else None)
    if threshold_decimal_bps is not None:
        thresholds, several = check_thresholds(threshold_decimal_bps)
        guard = rules[0].prevent_same_timestamp_close if isinstance(rules[0], RangeRule) else True
        of_thresholds = [RangeRule(each, prevent_same_timestamp_close=guard) for each in thresholds]
        expected = _shown(of_thresholds, THRESHOLD if several else None)
    if expected not in {None, got}:
        raise CheckpointError(f"the checkpoint is of rule {got}: expected {expected}")
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
        # Times of a coarser unit fit the column of the times before.
        if unit is not None and _FINER.index(time_unit) > _FINER.index(unit):
            raise CheckpointError(
                f"the checkpoint is of times in {unit}: expected {time_unit} (leave out "
                f"time_unit, and give dicts times in {unit} or datetimes)"
            )
    return {
        **_as_given(rules, column),
        "symbol": of if symbol is None else symbol,
        "by": keys or None,
        "reset": _borders(borders, reset),
        "max_gap": None if max_gap is None else f"{max_gap}ns",
        "include_microstructure": microstructure,
        "include_incomplete": incomplete,
        "features": features or None,
        "footprint": None if footprint is None else Footprint.of_units(*footprint),
        "lookback": None if back is None else CheckedLookback(trades=back[0], span=back[1]).given,
        "vpin": None if buckets is None else Vpin.of_units(*buckets),
        "time_unit": time_unit or known or unit or "ms",
    }


def _borders(text: str | None, expected: Borders | None) -> Borders | None:
    """Return the borders of a checkpoint, which must be the expected ones; None: any."""
    if check_borders(expected) is not None and borders_text(expected) != text:
        raise CheckpointError(
            f"the checkpoint is of reset {text or 'none'}: expected {borders_text(expected)}"
        )
    if expected is None and is_expression(text):
        raise CheckpointError(
            "the checkpoint is of a reset by a column, whose name it does not hold (give it: "
            'reset=pl.col("..."))'
        )
    return borders_of(text) if expected is None else expected


def _shown(rules: Sequence[object], column: str | None) -> str:
    """Return rules as the compiled extension shows them."""
    if column is None:
        return str(rules[0])
    several = f"[{', '.join(map(str, rules))}]"
    return f"{several} in the column rule" if column == RULE else several


def _as_given(rules: Sequence[Rule], column: str | None) -> dict[str, Any]:
    """Return the arguments that give bars of these rules such a column."""
    if column != THRESHOLD:
        return {"rule": rules[0] if column is None else rules}
    return {
        "threshold_decimal_bps": [
            each.threshold_decimal_bps for each in rules if isinstance(each, RangeRule)
        ],
        "prevent_same_timestamp_close": rules[0].prevent_same_timestamp_close,
    }


def _rule_of(text: str) -> Rule:
    """Return the rule of a checkpoint."""
    try:
        return parse_rule(text)
    except ValueError as error:
        raise CheckpointError(
            f"the checkpoint is of rule {text}, whose expression it does not hold (give it: "
            'rule=WhenRule(pl.col("...")))'
        ) from error
