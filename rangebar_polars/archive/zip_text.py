"""The text of a zip's only member, in pieces that end with a line.

A zip comes from a server, so nothing that it says is trusted: how large its directory is, how its
member is packed, how much text that inflates to, and that the text has lines at all. What zipfile
meets in damaged bytes it raises as it comes, so each error of its is an error that names the file.
"""

import contextlib
import errno
import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final, NamedTuple

from rangebar_polars.archive.url import escaped
from rangebar_polars.errors import ArchiveError

LINE_BYTES: Final = 1 << 12
"""How long a line may be."""
DIRECTORY_BYTES: Final = 1 << 17
"""How long a zip's directory may be: that of one member has about a hundred bytes."""
METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class Piece(NamedTuple):
    """Whole lines of the text.

    Attributes
    ----------
    line
        The number of the first line.
    lines
        How many there are.
    text
        The lines; the last line of a text may have no end.
    """

    line: int
    lines: int
    text: bytes


class _ZipFile(io.BufferedReader):
    """The bytes of a zip, of which so many may be asked for at a time."""

    most = DIRECTORY_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes."""
        if size is not None and size > self.most:
            raise zipfile.BadZipFile(f"its directory would have {size} bytes")
        return super().read(size)


def read_text(path: Path, name: str, *, piece_bytes: int, most_bytes: int) -> Iterator[Piece]:
    """Yield the text.

    Parameters
    ----------
    path
        Where the zip is.
    name
        What the archive calls it; its member has the same name, ending with ``.csv``.
    piece_bytes
        How much text is inflated at a time, and so about how long a piece is.
    most_bytes
        How much text it may hold.

    Raises
    ------
    ArchiveError
        The zip cannot be read, is damaged, holds anything but its csv, more text than it may, or a
        line that is too long.
    """
    rest, line = b"", 1
    for inflated in _inflated(path, name, piece_bytes, most_bytes):
        end = inflated.rfind(b"\n") + 1
        text = b"".join([rest, memoryview(inflated)[:end]]) if end else b""
        rest = inflated[end:] if end else rest + inflated
        _check_lines(text, name, line)
        lines = text.count(b"\n")
        _check_lines(rest, name, line + lines)
        if text:
            yield Piece(line, lines, text)
        line += lines
    if rest:
        yield Piece(line, 1, rest)


def _inflated(path: Path, name: str, piece_bytes: int, most_bytes: int) -> Iterator[bytes]:
    with contextlib.ExitStack() as opened:
        with _refusing(name):
            file = opened.enter_context(_ZipFile(io.FileIO(path)))
            archive = opened.enter_context(zipfile.ZipFile(file))
            member = opened.enter_context(_member(archive, name, most_bytes))
        file.most = max(piece_bytes, DIRECTORY_BYTES)
        # Inflating takes one core at best; meanwhile the piece before is parsed.
        ahead = opened.enter_context(ThreadPoolExecutor(1))
        coming = ahead.submit(member.read, piece_bytes)
        while True:
            with _refusing(name):
                piece = coming.result()
            if not piece:
                return
            coming = ahead.submit(member.read, piece_bytes)
            yield piece


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Raise whatever reading a zip raises as an error that names it."""
    try:
        yield
    except (ArchiveError, MemoryError):
        raise
    except Exception as error:
        why = escaped(str(error)) or type(error).__name__
        if isinstance(error, OSError) and error.errno == errno.EINVAL:
            why = "it names a place that lies before its beginning"
        elif isinstance(error, OSError) and error.errno is not None:
            raise ArchiveError(
                f"{name} cannot be read: {error.strerror} (check the disk of the cache folder)"
            ) from error
        raise ArchiveError(f"{name} is no whole zip: {why} (fetch it again)") from error


def _member(archive: zipfile.ZipFile, name: str, most_bytes: int) -> IO[bytes]:
    held, expected = archive.infolist(), name.removesuffix(".zip") + ".csv"
    if [info.filename for info in held] != [expected]:
        shown = [info.filename[:120] for info in held[:3]]
        more = f" and {len(held) - 3} others" if len(held) > 3 else ""  # noqa: PLR2004 - as above
        raise ArchiveError(f"{name} holds {shown}{more}, expected only {expected!r}")
    (info,) = held
    if info.compress_type not in METHODS:
        raise ArchiveError(
            f"{name} is packed by method {info.compress_type}, expected 0 (stored) or 8 (deflated)"
        )
    if info.file_size > most_bytes:
        raise ArchiveError(
            f"{name} holds {info.file_size} bytes of text, expected at most {most_bytes} "
            "(if it is right, raise max_csv_bytes of the archive)"
        )
    return archive.open(info)


def _check_lines(text: bytes, name: str, line: int) -> None:
    """Refuse a line that is too long.

    Such a line leaves half its length without an end of line, so that looking at every such stretch
    finds it.
    """
    stretch = LINE_BYTES // 2
    for at in range(0, len(text), stretch):
        if text.find(b"\n", at, at + stretch) < 0:
            start = text.rfind(b"\n", max(0, at - LINE_BYTES), at) + 1
            start = start or max(0, at - LINE_BYTES)
            ends = text.find(b"\n", start, start + LINE_BYTES + 1) >= 0
            if not ends and len(text) - start > LINE_BYTES:
                number = line + text.count(b"\n", 0, start)
                raise ArchiveError(
                    f"line {number} of {name} is longer than {LINE_BYTES} bytes, expected a trade"
                )
