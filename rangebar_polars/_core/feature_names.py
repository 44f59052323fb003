"""Columns of bars that a caller asks for by name."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from rangebar_polars._core.lookback import CheckedLookback
from rangebar_polars.schema import COLUMNS, INTRA, LOOKBACK, VPIN

_GROUPS: Final = {output.name: output.group for output in (*COLUMNS, *INTRA, *LOOKBACK)}
_BY_NAME: Final = [name for name, group in _GROUPS.items() if group != "bar"]
"""What `features` may hold."""


def check_features(
    features: Sequence[str] | None,
    *,
    include_microstructure: bool,
    lookback: CheckedLookback | None = None,
) -> tuple[str, ...]:
    """Return the names, in the order given; of a lookback without names, those of all its columns.

    Raises
    ------
    TypeError
        It is not a sequence of names.
    ValueError
        There is no name, or one is that of no column, stands twice, or is there without being asked
        for; or there are columns that look back without a lookback, or the other way round.

    Examples
    --------
    >>> check_features(["intra_kaufman_er", "ofi"], include_microstructure=False)
    ('intra_kaufman_er', 'ofi')
    >>> check_features(["kaufman"], include_microstructure=False)
    Traceback (most recent call last):
    ValueError: features holds 'kaufman': expected names of columns of bars (write
    'intra_kaufman_er')
    """
    if features is None:
        return () if lookback is None else tuple(output.name for output in LOOKBACK)
    if isinstance(features, str):
        means = f"[{features!r}]" if features in _BY_NAME else _remedy(features)
        raise TypeError(f"features is {features!r}: expected a sequence of names ({means})")
    if isinstance(features, set | frozenset):
        raise TypeError(
            f"features is {features!r}: expected a sequence of names, since columns come in their "
            f"order and a set has none ({sorted(features, key=str)!r})"
        )
    names = tuple(features) if isinstance(features, Iterable) else (features,)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"features is {features!r}: expected a sequence of names of columns")
    if not names:
        raise ValueError("features is empty: expected names of columns of bars, or None")
    for name in names:
        _check_name(name, include_microstructure=include_microstructure)
        if names.count(name) > 1:
            raise ValueError(f"features holds {name!r} twice: expected each once")
    _check_lookback(names, lookback)
    return names


def _check_lookback(names: Sequence[str], lookback: CheckedLookback | None) -> None:
    """Refuse columns that look back without a lookback, and a lookback without such columns."""
    looking = [name for name in names if _GROUPS[name] == "lookback"]
    if looking and lookback is None:
        raise ValueError(
            f"features holds {looking[0]!r} without lookback: expected how far it looks back "
            "(lookback=200, or lookback='5m')"
        )
    if lookback is not None and not looking:
        raise ValueError(
            f"lookback is {lookback.given!r} and features has no column that looks back: expected "
            "one, such as 'lookback_ofi' (without features, all of them are added)"
        )


def _check_name(name: str, *, include_microstructure: bool) -> None:
    """Refuse the name of no column, and of one that bars have without it."""
    group = _GROUPS.get(name)
    if group is None:
        raise ValueError(
            f"features holds {name!r}: expected names of columns of bars ({_remedy(name)})"
        )
    adds = "all bars have" if group == "bar" else "include_microstructure adds"
    if group == "bar" or (include_microstructure and group in {"sum", "feature"}):
        raise ValueError(
            f"features holds {name!r}, which {adds}: expected other columns (leave it out)"
        )


def _remedy(name: str) -> str:
    """Return what to write instead of a name, or where the names are."""
    if name == VPIN.name:
        return f"leave {name!r} out: vpin adds it"
    looks_back = name.lower().startswith("lookback")
    # Where a statistic has two columns, that of the bar is meant, unless the name says otherwise.
    known = sorted(_BY_NAME, key=lambda known: known.startswith("lookback_") == looks_back)
    by_stem = {_stem(name): name for name in known}
    near = difflib.get_close_matches(_stem(name.lower()), by_stem, n=3)
    of_part = [known for stem, known in by_stem.items() if _stem(name.lower()) in stem]
    means = list(dict.fromkeys([*(by_stem[stem] for stem in near), *of_part]))[:3]
    if not means:
        return "rangebar_polars.schema.COLUMNS, INTRA and LOOKBACK list them"
    return f"write {' or '.join(map(repr, means))}"


def _stem(name: str) -> str:
    return name.removeprefix("intra_").removeprefix("lookback_")
