"""The large state of a recorder, in a file of its own beside the parts.

    <folder>/<SHA-256 of the state>.state

The file is on the disk before the part that names it, and one that no part names any more is
removed after that. So whenever the process ends, the state of the last part is there. Full parts
keep no state: of a million trades to look back at, each would have eight megabytes for nothing.
"""

import hashlib
import re
from pathlib import Path
from typing import Final

from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.locked_file import locked
from rangebar_polars._disk.regular_file import entries, open_to_read
from rangebar_polars.errors import StoreError

LARGEST_IN_PART: Final = 1 << 14
"""The most bytes of a state that is in the metadata of its part."""

UNFINISHED: Final = ".*.state.part"
REMEDY: Final = "restore it from a copy, or record into a new folder"

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def digest_of(data: bytes) -> str:
    """Return the digest by which a state is named, and other data are checked."""
    return hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Return whether a text is a digest, and so may name a file."""
    return _DIGEST.fullmatch(text) is not None


def state_path(folder: Path, digest: str) -> Path:
    """Return where a state is.

    Examples
    --------
    >>> state_path(Path("live"), "0f").as_posix()
    'live/0f.state'
    """
    return folder / f"{digest}.state"


def write_state(folder: Path, state: bytes) -> None:
    """Write a state, which then is on the disk, whole.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    target = state_path(folder, digest_of(state))
    unfinished = target.with_name(f".{target.name}.part")
    with disk_errors(StoreError, target, doing="saved"), locked(unfinished) as file:
        with file.written() as handle:
            handle.write(state)
        file.move_to(target)


def read_state(folder: Path, digest: str) -> bytes:
    """Return a state, which is compared with what was written.

    Raises
    ------
    StoreError
        It is not there, cannot be read, or is damaged.
    """
    path = state_path(folder, digest)
    try:
        with (
            disk_errors(StoreError, path, doing="read", remedy=REMEDY),
            open_to_read(path) as handle,
        ):
            state = handle.read()
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise StoreError(
                f"{path} is missing, which has the state after the recorded bars ({REMEDY})"
            ) from error
        raise
    if digest_of(state) != digest:
        raise StoreError(f"{path} is damaged: it has another state than was written ({REMEDY})")
    return state


def remove_states(folder: Path, *, but: str) -> None:
    """Remove the states of earlier parts.

    Parameters
    ----------
    folder
        The folder of the recorder.
    but
        The digest of the state that stays; empty for none.

    Raises
    ------
    StoreError
        One cannot be removed.
    """
    with disk_errors(StoreError, folder, doing="cleared"):
        for path in entries(folder, "*.state"):
            if is_digest(path.stem) and path.stem != but:
                path.unlink(missing_ok=True)
