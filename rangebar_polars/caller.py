"""Warnings that name the line of the user's code, however deep in the package they arise."""

import inspect
import warnings
from pathlib import Path
from typing import Final

from rangebar_polars.errors import RangeBarWarning

_PACKAGE: Final = str(Path(__file__).parent)


def warn_caller(text: str) -> None:
    """Issue a RangeBarWarning at the innermost line that is outside of this package.

    Parameters
    ----------
    text
        What the result does not show by itself.
    """
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, RangeBarWarning, stacklevel=level)
