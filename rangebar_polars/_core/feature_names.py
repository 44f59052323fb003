"""Columns of bars that a caller asks for by name."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from rangebar_polars.schema import COLUMNS, INTRA

_GROUPS: Final = {output.name: output.group for output in (*COLUMNS, *INTRA)}
_BY_NAME: Final = [name for name, group in _GROUPS.items() if group != "bar"]
"""What `features` may hold."""


def check_features(
    features: Sequence[str] | None, *, include_microstructure: bool
) -> tuple[str, ...]:
    """Return the names, in the order given.

    Raises
    ------
    TypeError
        It is not a sequence of names.
    ValueError
        There is no name, or one is that of no column, stands twice, or is there without being asked
        for.

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
        return ()
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
    return names


def _check_name(name: str, *, include_microstructure: bool) -> None:
    """Refuse the name of no column, and of one that bars have without it."""
    group = _GROUPS.get(name)
    if group is None:
        raise ValueError(
            f"features holds {name!r}: expected names of columns of bars ({_remedy(name)})"
        )
    adds = "all bars have" if group == "bar" else "include_microstructure adds"
    if group == "bar" or (include_microstructure and group != "intra"):
        raise ValueError(
            f"features holds {name!r}, which {adds}: expected other columns (leave it out)"
        )


def _remedy(name: str) -> str:
    """Return what to write instead of a name, or where the names are."""
    by_stem = {known.removeprefix("intra_"): known for known in _BY_NAME}
    near = difflib.get_close_matches(name.lower().removeprefix("intra_"), by_stem, n=3)
    of_part = [known for stem, known in by_stem.items() if name.lower() in stem]
    means = list(dict.fromkeys([*(by_stem[stem] for stem in near), *of_part]))[:3]
    if not means:
        return "rangebar_polars.schema.COLUMNS and INTRA list them"
    return f"write {' or '.join(map(repr, means))}"
