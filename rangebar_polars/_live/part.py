"""The files of recorded bars: numbered parts, each with the state after its bars.

    <folder>/00000001.parquet, 00000002.parquet, ...

A part appears whole, and its metadata has the checkpoint of the processor after its last bar, or
names the file of a large one (`state_file`). So bars and state cannot differ, whenever the process
ends. Only the last part is ever replaced, by itself with more bars or a later state; the parts
together hold each bar once at every moment.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final, Self

import polars as pl

from rangebar_polars._core.unstable import unwarned
from rangebar_polars._disk import strict_json
from rangebar_polars._disk.disk_error import disk_errors
from rangebar_polars._disk.fingerprint import checksums
from rangebar_polars._disk.locked_file import locked
from rangebar_polars._disk.regular_file import entries, open_to_read
from rangebar_polars._live.state_file import (
    LARGEST_IN_PART,
    REMEDY,
    digest_of,
    is_digest,
    read_state,
    write_state,
)
from rangebar_polars.errors import StoreError
from rangebar_polars.schema import RULE_VERSION

LAYOUT_VERSION: Final = "2"
PART_BARS: Final = 1000
"""With so many bars a part is full: it is never written again."""
UNFINISHED: Final = ".*.parquet.part"

_ELSEWHERE: Final = "sha256:"
"""What stands before the digest of a state in the place of the state."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What a part says of itself.

    Attributes
    ----------
    number
        Its number; the first is 1.
    bars_before
        The bars of all parts before it.
    state
        The checkpoint after its bars; empty if it is in a file of its own.
    checksums
        The hash of each column of its bars.
    state_digest
        The digest that names this file; empty if there is none.
    """

    number: int
    bars_before: int
    state: bytes
    checksums: dict[str, str] = field(hash=False)
    state_digest: str = ""

    def state_in(self, folder: Path) -> bytes:
        """Return the checkpoint after its bars, wherever it is.

        Raises
        ------
        StoreError
            It is in a file that is missing or damaged.
        """
        return read_state(folder, self.state_digest) if self.state_digest else self.state

    def to_json(self) -> str:
        """Return it as text: equal parts give equal bytes."""
        state = base64.b64encode(self.state).decode()
        if self.state_digest:
            state = f"{_ELSEWHERE}{self.state_digest}"
        plain = [RULE_VERSION, self.number, self.bars_before, state, self.checksums]
        return json.dumps(plain, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> tuple[int, Self]:
        """Return the version of its rules, and the part.

        Raises
        ------
        ValueError
            It is not a text of `to_json`.
        """
        version, number, before, state, sums = strict_json.elements(strict_json.loads(text))
        here, is_elsewhere, digest = strict_json.text(state).partition(_ELSEWHERE)
        if is_elsewhere and (here or not is_digest(digest)):
            raise ValueError("a state is neither here nor in a file")
        part = cls(
            number=strict_json.integer(number),
            bars_before=strict_json.integer(before),
            state=base64.b64decode(here, validate=True),
            checksums={
                name: strict_json.text(each) for name, each in strict_json.members(sums).items()
            },
            state_digest=digest,
        )
        return strict_json.integer(version), part


def part_path(folder: Path, number: int) -> Path:
    """Return where a part is.

    Examples
    --------
    >>> part_path(Path("live"), 7).as_posix()
    'live/00000007.parquet'
    """
    return folder / f"{number:08}.parquet"


def part_paths(folder: Path) -> list[Path]:
    """Return the parts of a folder, in order.

    Raises
    ------
    StoreError
        The folder cannot be read, lacks a part, or has other Parquet files.
    """
    with disk_errors(StoreError, folder, doing="read"):
        paths = entries(folder, "*.parquet")
    expected = [part_path(folder, number) for number in range(1, len(paths) + 1)]
    if paths == expected:
        return paths
    for path in paths:
        if not (path.stem.isdecimal() and path == part_path(folder, int(path.stem))):
            raise StoreError(
                f"{path} is not a part of recorded bars (record into a folder that has no other "
                "Parquet files)"
            )
    lacking = next(each for each, path in zip(expected, paths, strict=True) if each != path)
    raise StoreError(f"{lacking} is missing, and later parts are there ({REMEDY})")


def read_part(path: Path, columns: Sequence[str] | None = None) -> tuple[Part, pl.DataFrame]:
    """Return a part and columns of its bars, which are compared with what was written.

    Parameters
    ----------
    path
        Where it is.
    columns
        The columns; None: all.

    Raises
    ------
    StoreError
        It cannot be read, is damaged, or is of another version.
    """
    with _opened(path) as handle:
        part = _stated(path, handle)
        handle.seek(0)
        bars = pl.read_parquet(
            handle, columns=None if columns is None else list(columns), hive_partitioning=False
        )
    bars = bars if columns is None else bars.select(columns)
    wrong = [name for name, got in checksums(bars).items() if got != part.checksums.get(name)]
    if wrong:
        raise StoreError(
            f"{path} is damaged: column {', '.join(wrong)} has other values than were written "
            f"({REMEDY})"
        )
    return part, bars


def read_schema(path: Path) -> pl.Schema:
    """Return the columns of a part.

    Raises
    ------
    StoreError
        It cannot be read.
    """
    with _opened(path) as handle:
        return pl.Schema(pl.read_parquet_schema(handle))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with disk_errors(StoreError, path, doing="read", remedy=REMEDY), open_to_read(path) as handle:
        yield handle


def _stated(path: Path, handle: BinaryIO) -> Part:
    """Return what a file says of itself."""
    metadata = pl.read_parquet_metadata(handle)
    version = metadata.get("rangebar.recorded")
    if version != LAYOUT_VERSION:
        raise StoreError(
            f"{path} has layout version {version} of recorded bars, expected {LAYOUT_VERSION} "
            "(record into a new folder)"
        )
    try:
        text = metadata["rangebar.part"]
        rules, part = Part.from_json(text)
        is_whole = metadata["rangebar.sha256"] == digest_of(text.encode())
    except (KeyError, ValueError) as error:
        raise StoreError(f"{path} is damaged: its metadata cannot be read ({REMEDY})") from error
    if not is_whole:
        raise StoreError(f"{path} is damaged: its metadata was changed ({REMEDY})")
    if rules != RULE_VERSION:
        raise StoreError(
            f"{path} has bars of version {rules} of the rules, and this package makes bars of "
            f"version {RULE_VERSION} (record into a new folder)"
        )
    if path.name != part_path(path.parent, part.number).name:
        raise StoreError(
            f"{path} is part {part.number} (it was renamed: give it its name again, or record into "
            "a new folder)"
        )
    return part


def write_part(
    folder: Path, number: int, bars: pl.DataFrame, *, bars_before: int, state: bytes
) -> Part:
    """Write a part, which then is on the disk, whole, and return it.

    Raises
    ------
    StoreError
        It cannot be written. The part is then the one before, or the new one.
    """
    target = part_path(folder, number)
    part = Part(number=number, bars_before=bars_before, state=state, checksums=checksums(bars))
    if len(state) > LARGEST_IN_PART:
        write_state(folder, state)
        part = replace(part, state=b"", state_digest=digest_of(state))
    text = part.to_json()
    metadata = {
        "rangebar.recorded": LAYOUT_VERSION,
        "rangebar.part": text,
        "rangebar.sha256": digest_of(text.encode()),
    }
    unfinished = target.with_name(f".{target.name}.part")
    with disk_errors(StoreError, target, doing="saved"), locked(unfinished) as file:
        with unwarned(), file.written() as handle:
            bars.write_parquet(handle, compression="zstd", metadata=metadata)
        file.move_to(target)
    return part
