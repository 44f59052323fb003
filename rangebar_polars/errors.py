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


class ArchiveError(RangeBarError):
    """A file of an archive that is absent, cannot be read, or is not what it should be."""


class DownloadError(ArchiveError):
    """A server that cannot be reached, or does not give what it announces."""


class ChecksumError(ArchiveError):
    """A file whose SHA-256 is not the published one, twice in a row."""


class QualityError(RangeBarError):
    """Trades that no cleaning puts right, or any defect where none was to be accepted."""


class CacheError(RangeBarError):
    """A file of the tick cache that cannot be read, is damaged, or may not be replaced."""


class ValidationError(RangeBarError):
    """Bars that fail a check of `rangebar_polars.validate_tier1` or its kin."""


class StoreError(RangeBarError):
    """A bar store that cannot be reached, read or written, or is of another version."""
