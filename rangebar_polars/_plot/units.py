"""The units that a caller gives for the titles of axes."""

from collections.abc import Mapping, Sequence


def check_units(units: Mapping[str, str] | None, axes: Sequence[str]) -> Mapping[str, str]:
    """Return the units that a caller gave for some of the axes.

    Raises
    ------
    TypeError
        For what is no mapping of names to texts.
    ValueError
        For a name that is of no axis.
    """
    if units is None:
        return {}
    if not isinstance(units, Mapping) or not all(
        isinstance(text, str) for text in (*units, *units.values())
    ):
        raise TypeError(f'units is {units!r}: expected texts by column ({{"price": "USDT"}})')
    for name in units:
        if name not in axes:
            raise ValueError(
                f"units holds {name!r}, which no axis shows: expected some of [{', '.join(axes)}]"
            )
    return units
