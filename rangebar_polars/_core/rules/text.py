"""Rules from their texts."""

import difflib
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from rangebar_polars import _internal
from rangebar_polars._argument_names import named
from rangebar_polars._core.rules.expectations import EwmaImbalanceRule, EwmaRunRule
from rangebar_polars._core.rules.prices import CusumRule, HighLowRule, PriceRangeRule, RangeRule
from rangebar_polars._core.rules.rule import Rule, limit_text, plain
from rangebar_polars._core.rules.sides import ImbalanceRule, RunLengthRule, RunRule
from rangebar_polars._core.rules.totals import DollarRule, TickRule, VolumeRule
from rangebar_polars._core.threshold import THRESHOLD_DECIMAL_MAX

_LARGEST_FLOAT: Final = 1e17
_SHORT: Final = 24
"""Digits of the longest number that is respelled."""

_SIDES: Final = {"maker": "is_buyer_maker", "tickrule": "tick_rule"}


def _number(text: str) -> int | float | Decimal:
    """Return a limit: a Decimal where no float has this text."""
    if "." not in text:
        return int(text)
    number = float(text)
    # A text near the largest limit may be a float above it.
    has_text = number < _LARGEST_FLOAT and limit_text("limit", number) == text
    return number if has_text else Decimal(text)


def _sided(rule: Callable[..., Rule]) -> Callable[..., Rule]:
    def parsed(of: str, side: str, limit: str, **guard: bool) -> Rule:
        return rule(_number(limit), of, _SIDES[side], **guard)

    return parsed


def _ewma(rule: Callable[..., Rule]) -> Callable[..., Rule]:
    def parsed(of: str, side: str, expected: str, bars: str, *others: str, **guard: bool) -> Rule:
        ticks, least, most, warm_up = map(int, others)
        return rule(
            int(expected),
            of,
            _SIDES[side],
            bars_span=None if bars == "none" else int(bars),
            ticks_span=ticks,
            min_ticks=least,
            max_ticks=most,
            warm_up=warm_up,
            **guard,
        )

    return parsed


def _one(rule: Callable[..., Rule], **fixed: bool) -> Callable[..., Rule]:
    def parsed(number: str, **guard: bool) -> Rule:
        return rule(_number(number), **fixed, **guard)

    return parsed


_KINDS: Final[Mapping[str, Callable[..., Rule]]] = {
    "range": _one(RangeRule),
    "pricerange": _one(PriceRangeRule),
    "highlow": _one(HighLowRule),
    "cusum": _one(CusumRule),
    "tick": _one(TickRule),
    "trade": _one(TickRule, individual=True),
    "volume": _one(VolumeRule),
    "dollar": _one(DollarRule),
    "imbalance": _sided(ImbalanceRule),
    "run": _sided(RunRule),
    "runlength": _sided(RunLengthRule),
    "ewmaimbalance": _ewma(EwmaImbalanceRule),
    "ewmarun": _ewma(EwmaRunRule),
}
_EXAMPLES: Final[Mapping[str, str]] = {
    str(rule).partition("-")[0]: str(rule)
    for rule in (
        PriceRangeRule(5),
        HighLowRule(5),
        CusumRule(250),
        TickRule(1_000),
        TickRule(1_000, individual=True),
        VolumeRule(10),
        ImbalanceRule(20),
        RunRule(50),
        RunLengthRule(10),
        EwmaImbalanceRule(1_000),
        EwmaRunRule(1_000),
    )
}
"""A text of each kind that the message about a text of no rule does not show."""
_GUARDS: Final = {"gate": True, "nogate": False}


def _respelled(text: str) -> str:
    """Return a text in small letters whose numbers have no exponent and no zeros at the end."""
    parts = list[str]()
    for part in text.strip().lower().replace("e+", "e").split("-"):
        try:
            # An exponent of many digits would be as many zeros.
            short = len(part) <= _SHORT and Decimal(part)
            is_usual = short and short.is_finite() and abs(short.adjusted()) <= _SHORT
            parts.append(plain(short) if short and is_usual else part)
        except InvalidOperation:
            parts.append(part)
    return "-".join(parts)


def _is_rule(text: str) -> bool:
    try:
        _internal.check_rule(text)
    except ValueError:
        return False
    return True


def _hint(text: str) -> str:
    """Return what a text of no rule may have meant."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= THRESHOLD_DECIMAL_MAX:
        return f' (that of a threshold is "range-{text}")'
    respelled = _respelled(text)
    if respelled != text and _is_rule(respelled):
        return f' (write "{respelled}")'
    kind = text.lower().partition("-")[0]
    near = difflib.get_close_matches(kind, [*_EXAMPLES, "range", "dollar"], n=1)
    example = _EXAMPLES.get(near[0]) if near else None
    return f' (one of this kind is "{example}")' if example else ""


@named
def parse_rule(text: str) -> Rule:
    """Return the rule with this text.

    Parameters
    ----------
    text
        What ``str(rule)`` gives.

    Returns
    -------
    Rule
        The rule, equal to the one whose text it is.

    Raises
    ------
    TypeError
        It is not a str.
    ValueError
        No rule has this text, or it is that of an expression, which a text does not hold.

    Examples
    --------
    >>> from rangebar_polars import parse_rule
    >>> parse_rule("range-250-nogate")
    RangeRule(threshold_decimal_bps=250, prevent_same_timestamp_close=False)
    >>> parse_rule("volume-0.3").limit
    0.3
    """
    if not isinstance(text, str):
        raise TypeError(f"text is {text!r}: expected the text of a rule, such as 'range-250'")
    try:
        _internal.check_rule(text)
    except ValueError as error:
        raise ValueError(f"{error}{_hint(text)}") from None
    kind, *parameters = text.split("-")
    if kind not in _KINDS:
        raise ValueError(
            f"{text!r} is the text of a rule with an expression, which the text does not hold "
            "(make the rule in Python: WhenRule or SumRule)"
        )
    guard = {}
    if parameters[-1] in _GUARDS:
        guard = {"prevent_same_timestamp_close": _GUARDS[parameters.pop()]}
    return _KINDS[kind](*parameters, **guard)
