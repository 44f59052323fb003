"""The formats that trades are read in and bars are written in, by the suffix of a file."""

from pathlib import Path
from typing import Final, Literal, cast, get_args

import click

Format = Literal["csv", "parquet", "ipc"]

FORMATS: Final = get_args(Format)
STANDARD: Final = "-"
"""Standard input or standard output."""

SUFFIXES: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".parquet": "parquet",
    ".ipc": "ipc",
    ".arrow": "ipc",
    ".feather": "ipc",
}
_MAGIC: Final[dict[bytes, Format]] = {b"PAR1": "parquet", b"ARROW1": "ipc"}


def format_of(name: str, given: str | None, parameter: str, option: str = "--format") -> Format:
    """Return the format of a file: the one given, or that of its suffix.

    Parameters
    ----------
    name
        The file.
    given
        A format that the user gave, which is one of them.
    parameter
        What messages call the argument that the file is.
    option
        The option that gives the format.

    Raises
    ------
    click.BadParameter
        The suffix is that of no format.
    """
    if given is not None:
        return cast("Format", given)
    small = Path(name).name.lower()
    for suffix, format_ in SUFFIXES.items():
        if small.endswith(suffix):
            return format_
    raise click.BadParameter(
        f"{name!r} ends in none of {', '.join(SUFFIXES)} (rename it, or give {option})",
        param_hint=parameter,
    )


def format_by_content(start: bytes) -> Format:
    """Return the format of what begins with these bytes; what is neither of two is text."""
    return next((format_ for magic, format_ in _MAGIC.items() if start.startswith(magic)), "csv")
