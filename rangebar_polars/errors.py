"""The package's own exceptions.

Bad arguments raise ``ValueError`` or ``TypeError`` when the call is made. Bad trades
inside a frame, a plan or an expression raise ``polars.exceptions.ComputeError``.
Other errors of this package are subclasses of `RangeBarError`.
"""


class RangeBarError(Exception):
    """The base class of the exceptions of this package."""


class CheckpointError(RangeBarError):
    """A checkpoint is damaged, or belongs to another rule, reset or symbol."""


class RangeBarWarning(UserWarning):
    """The result is affected by something that it does not show, such as a gap in the trades."""


class ArchiveError(RangeBarError):
    """A file of an archive is absent, cannot be read, or is invalid."""


class DownloadError(ArchiveError):
    """A server cannot be reached, or does not send what it announced."""


class ChecksumError(ArchiveError):
    """A file did not have the published SHA-256, twice in a row."""


class QualityError(RangeBarError):
    """Trades cannot be cleaned, or have a defect where none is accepted."""


class CacheError(RangeBarError):
    """A file of the tick cache cannot be read, is damaged, or must not be replaced."""


class ValidationError(RangeBarError):
    """Bars that fail a check of `rangebar_polars.validate_tier1` or its kin."""


class StoreError(RangeBarError):
    """A bar store cannot be reached, read or written, or has another version."""
