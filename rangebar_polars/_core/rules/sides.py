"""Rules of sides: what aggressors have bought and sold."""

from dataclasses import dataclass
from typing import Final, Literal, SupportsFloat, get_args

from rangebar_polars._core.arguments import check_count
from rangebar_polars._core.rules.rule import Rule, limit_text

Weight = Literal["tick", "volume", "dollar"]
"""What a record weighs: 1, its quantity, or its price times quantity."""

Side = Literal["is_buyer_maker", "tick_rule"]
"""What says whether a record was bought or sold."""

_SIDE_TEXTS: Final = {"is_buyer_maker": "maker", "tick_rule": "tickrule"}


def check_weight_and_side(of: object, side: object) -> str:
    """Return the text of both.

    Raises
    ------
    ValueError
        One of them is none.
    """
    if of not in get_args(Weight):
        raise ValueError(f"of is {of!r}: expected 'tick', 'volume' or 'dollar'")
    if side not in get_args(Side):
        raise ValueError(f"side is {side!r}: expected 'is_buyer_maker' or 'tick_rule'")
    return f"{of}-{_SIDE_TEXTS[str(side)]}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class _SidedRule(Rule):
    """A rule of what was bought and sold, with a limit that stands still."""

    limit: SupportsFloat
    of: Weight = "tick"
    side: Side = "is_buyer_maker"

    def __post_init__(self) -> None:
        """Refuse wrong arguments."""
        super(_SidedRule, self).__post_init__()
        self._parameters()

    def _parameters(self) -> str:
        flow = check_weight_and_side(self.of, self.side)
        if self.of == "tick":
            return f"{flow}-{check_count(self.limit, 'limit')}"  # type: ignore[arg-type] # it asks
        return f"{flow}-{limit_text('limit', self.limit)}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class ImbalanceRule(_SidedRule):
    """A bar ends when what was bought and what was sold differ by a limit.

    Both sums begin at 0 with each bar. A record without a side is in the bar and adds nothing.

    Parameters
    ----------
    limit
        How far both must differ: an integer for ``of="tick"``, else 1e-8 to 1e18.
    of
        What a record weighs: 1 ("tick"), its quantity ("volume") or its price times quantity
        ("dollar").
    side
        "is_buyer_maker": true is a sell, false a buy, null neither. "tick_rule": a price above that
        of the record before is a buy, one below it a sell, and an equal one has the side of the
        record before; the first records of a chain, until the price moves, are neither.
    prevent_same_timestamp_close
        Whether a record at the time of the bar's first record never ends the bar.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> import polars as pl
    >>> import rangebar_polars as rb
    >>> trades = pl.DataFrame(
    ...     {
    ...         "timestamp": pl.Series([0, 1000, 2000, 3000]).cast(pl.Datetime("ms")),
    ...         "price": [100.0, 100.0, 100.0, 100.0],
    ...         "quantity": [1.0, 2.0, 4.0, 8.0],
    ...         "is_buyer_maker": [False, True, False, False],
    ...     }
    ... )
    >>> rb.bars(trades, rule=rb.ImbalanceRule(2))["volume"].to_list()
    [15.0]
    """

    @property
    def _body(self) -> str:
        return f"imbalance-{self._parameters()}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class RunRule(_SidedRule):
    """A bar ends when what was bought, or what was sold, reaches a limit.

    These are the runs of López de Prado: trades of the other side do not end them. `RunLengthRule`
    has runs that they do end.

    Parameters
    ----------
    limit
        What one side must reach: an integer for ``of="tick"``, else 1e-8 to 1e18.
    of, side, prevent_same_timestamp_close
        As in `ImbalanceRule`.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> from rangebar_polars import RunRule
    >>> str(RunRule(2.5, "volume", "tick_rule"))
    'run-volume-tickrule-2.5'
    """

    @property
    def _body(self) -> str:
        return f"run-{self._parameters()}"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class RunLengthRule(_SidedRule):
    """A bar ends when one side reaches a limit without a trade of the other side between.

    What was before the run stays in the bar. A record without a side does not end a run.

    Parameters
    ----------
    limit
        What the run must reach: an integer for ``of="tick"``, else 1e-8 to 1e18.
    of, side, prevent_same_timestamp_close
        As in `ImbalanceRule`.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.

    Examples
    --------
    >>> from rangebar_polars import RunLengthRule
    >>> str(RunLengthRule(10))
    'runlength-tick-maker-10'
    """

    @property
    def _body(self) -> str:
        return f"runlength-{self._parameters()}"
