"""The statistics that a chain stores, as they are written in the key of the chain.

A statistic that is computed from stored columns is in no key: every chain has it.
"""

from collections.abc import Iterable
from typing import Final

from rangebar_polars.schema import TRADE_STATISTICS

_WORDS: Final = {
    "intra_burstiness": "burst",
    "intra_direction_changes": "turns",
    "intra_downtick_count": "downs",
    "intra_kaufman_er": "er",
    "intra_kyle_lambda_ols": "lambda",
    "intra_largest_trade_share": "largest",
    "intra_max_delta": "maxdelta",
    "intra_max_drawdown": "drawdown",
    "intra_max_run_up": "runup",
    "intra_min_delta": "mindelta",
    "intra_permutation_entropy": "entropy",
    "intra_realized_volatility": "vol",
    "intra_roll_spread": "spread",
    "intra_tick_rule_ofi": "tickofi",
    "intra_time_above_open": "above",
    "intra_uptick_count": "ups",
    "intra_variance_ratio": "vr",
    "intra_volume_kurt": "kurt",
    "intra_volume_skew": "skew",
}
"""A word for each, because all the names would be longer than a folder's name may be."""

_NAMES: Final = {word: name for name, word in _WORDS.items()}


def stored_features(names: Iterable[str]) -> tuple[str, ...]:
    """Return which columns a chain must store so that bars have all of these.

    Examples
    --------
    >>> stored_features(["ofi", "intra_kaufman_er", "intra_delta", "intra_burstiness"])
    ('intra_burstiness', 'intra_kaufman_er')
    """
    return tuple(sorted({*names}.intersection(TRADE_STATISTICS)))


def features_text(names: Iterable[str]) -> str:
    """Return how stored statistics are written in the path of a key.

    Examples
    --------
    >>> features_text(("intra_burstiness", "intra_kaufman_er"))
    'burst-er'
    """
    return "-".join(_WORDS[name] for name in names)


def parse_features(text: str) -> tuple[str, ...]:
    """Return the names of stored statistics from `features_text`.

    Raises
    ------
    ValueError
        A word is that of no statistic, as another version of the package may have it.
    """
    words = text.split("-")
    unknown = [word for word in words if word not in _NAMES]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is the word of no statistic of this version")
    return tuple(_NAMES[word] for word in words)
