"""Rules: values that define when a bar ends; they are part of the key of stored bars."""

import re
from dataclasses import dataclass
from typing import Final

from rangebar_polars._core.options import check_flags, check_threshold

_RANGE: Final = re.compile(r"range-([1-9]\d*)(-nogate)?")


@dataclass(frozen=True, slots=True)
class RangeRule:
    """A bar ends at the first price that is a threshold away from the price it opened at.

    Parameters
    ----------
    threshold_decimal_bps
        The threshold in decimal basis points, 1 to 100,000: 250 is 0.25 %.
    prevent_same_timestamp_close
        Whether a trade at the time of the bar's first trade never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> str(RangeRule(250))
    'range-250'
    >>> parse_rule("range-250") == RangeRule(250)
    True
    """

    threshold_decimal_bps: int
    prevent_same_timestamp_close: bool = True

    def __post_init__(self) -> None:
        """Refuse wrong arguments, and replace the name of a threshold by its number."""
        object.__setattr__(
            self, "threshold_decimal_bps", check_threshold(self.threshold_decimal_bps)
        )
        check_flags(prevent_same_timestamp_close=self.prevent_same_timestamp_close)

    def __str__(self) -> str:
        without = "" if self.prevent_same_timestamp_close else "-nogate"
        return f"range-{self.threshold_decimal_bps}{without}"


Rule = RangeRule
"""Any rule; there is one kind so far."""


def parse_rule(text: str) -> Rule:
    """Return the rule with this text.

    Raises
    ------
    ValueError
        No rule has this text.

    Examples
    --------
    >>> parse_rule("range-250-nogate")
    RangeRule(threshold_decimal_bps=250, prevent_same_timestamp_close=False)
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is the text of no rule: expected one such as 'range-250'")
    return RangeRule(int(match[1]), prevent_same_timestamp_close=match[2] is None)
