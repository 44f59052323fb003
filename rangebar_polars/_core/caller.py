"""Warnings that name the line of the caller's code, however deep in the package they arise."""

import inspect
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import polars as pl

from rangebar_polars.errors import RangeBarWarning

_PASSED_OVER: Final = (str(Path(__file__).parents[1]), str(Path(pl.__file__).parent))


def warn_of(notices: Iterable[tuple[str, str]], warned: set[str]) -> None:
    """Warn of the notices whose kind is not in ``warned``, and add their kinds.

    Parameters
    ----------
    notices
        The kind and text of each.
    warned
        The kinds of earlier warnings.
    """
    for kind, text in notices:
        if kind not in warned:
            warned.add(kind)
            warn_caller(text)


def warn_caller(text: str) -> None:
    """Issue a RangeBarWarning at the innermost line that is outside this package and Polars.

    Parameters
    ----------
    text
        The text of the warning.
    """
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_PASSED_OVER):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, RangeBarWarning, stacklevel=level)
