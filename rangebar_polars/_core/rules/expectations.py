"""Rules of expectations: what was bought and sold, against what the trades before let expect."""

from dataclasses import dataclass
from typing import Final, SupportsIndex

from rangebar_polars._core.arguments import check_count
from rangebar_polars._core.rules.rule import Rule
from rangebar_polars._core.rules.sides import Side, Weight, check_weight_and_side

_TENTH: Final = 10
_LARGEST: Final = 2**53 - 1
_LONGEST_TEXT: Final = 128
"""The bytes that the text of a rule may have in the kernel."""


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class _EwmaRule(Rule):
    """A rule of what was bought and sold, with a limit that follows the trades."""

    expected_ticks: SupportsIndex
    of: Weight = "tick"
    side: Side = "is_buyer_maker"
    bars_span: SupportsIndex | None = None
    ticks_span: SupportsIndex = 10_000
    min_ticks: SupportsIndex | None = None
    max_ticks: SupportsIndex | None = None
    warm_up: SupportsIndex | None = None

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        super(_EwmaRule, self).__post_init__()
        text = str(self)
        if len(text) > _LONGEST_TEXT:
            raise ValueError(
                f"the text of the rule has {len(text)} bytes, {text}: expected at most "
                f"{_LONGEST_TEXT} (give spans and numbers of ticks of fewer digits)"
            )

    def _parameters(self) -> str:
        flow = check_weight_and_side(self.of, self.side)
        expected = check_count(self.expected_ticks, "expected_ticks")

        def count(name: str, default: int) -> int:
            value = getattr(self, name)
            return default if value is None else check_count(value, name)

        ticks = check_count(self.ticks_span, "ticks_span")
        least = count("min_ticks", max(1, expected // _TENTH))
        most = count("max_ticks", _TENTH * expected)
        warm_up = count("warm_up", expected)
        if not least <= expected <= most <= _LARGEST:
            raise ValueError(
                f"min_ticks, expected_ticks and max_ticks are {least}, {expected} and {most}: "
                "expected them in this order, below 2^53"
            )
        if warm_up > most:
            raise ValueError(f"warm_up is {warm_up}: expected at most max_ticks, {most}")
        bars = "none" if self.bars_span is None else check_count(self.bars_span, "bars_span")
        return f"{flow}-{expected}-{bars}-{ticks}-{least}-{most}-{warm_up}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class EwmaImbalanceRule(_EwmaRule):
    """A bar ends when the imbalance reaches what the trades before let expect.

    What is expected of a bar is the expected number of records times the exponentially weighted
    average of what a record adds to the imbalance. The limit stands still within a bar, and no bar
    ends before ``warm_up`` records of the chain.

    Parameters
    ----------
    expected_ticks
        The expected number of records of the first bar, and of all with ``bars_span=None``.
    of, side
        As in `ImbalanceRule`.
    bars_span
        The span of the average of the bars' lengths, which replaces ``expected_ticks`` bar by bar.
        None is the default, because that average feeds back on itself: it tends to ``min_ticks``.
    ticks_span
        The span of the averages of what records add: ``alpha`` is 2 / (span + 1).
    min_ticks, max_ticks
        The fewest and the most records of a bar. None: a tenth of ``expected_ticks``, at least 1,
        and ten times it.
    warm_up
        Records of a chain before its first bar may end, at most ``max_ticks``. None:
        ``expected_ticks``.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    References
    ----------
    López de Prado, Advances in Financial Machine Learning (2018), 2.3.2.

    Examples
    --------
    >>> from rangebar_polars import EwmaImbalanceRule
    >>> str(EwmaImbalanceRule(1000))
    'ewmaimbalance-tick-maker-1000-none-10000-100-10000-1000'
    """

    @property
    def _body(self) -> str:
        return f"ewmaimbalance-{self._parameters()}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class EwmaRunRule(_EwmaRule):
    """A bar ends when what was bought, or sold, reaches what the trades before let expect.

    Parameters
    ----------
    expected_ticks, of, side, bars_span, ticks_span, min_ticks, max_ticks, warm_up
        As in `EwmaImbalanceRule`; what is expected is the expected number of records times the
        larger of the averages of both sides.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> from rangebar_polars import EwmaRunRule
    >>> str(EwmaRunRule(4, bars_span=3, ticks_span=7, min_ticks=1, max_ticks=8))
    'ewmarun-tick-maker-4-3-7-1-8-4'
    """

    @property
    def _body(self) -> str:
        return f"ewmarun-{self._parameters()}"
