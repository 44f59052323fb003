"""The package's own exceptions.

Bad arguments raise ``ValueError`` or ``TypeError`` when the call is made. Bad trades
inside a frame, a plan or an expression raise ``polars.exceptions.ComputeError``.
Everything else that this package refuses raises a child of `RangeBarError`.
"""


class RangeBarError(Exception):
    """What every exception of this package is."""


class CheckpointError(RangeBarError):
    """A checkpoint that is damaged, or of something other than asked for."""


class RangeBarWarning(UserWarning):
    """Something the result does not show by itself, such as a gap in the trades."""
