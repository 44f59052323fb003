"""The Binance public archive: what its files are called, where they are, what they sum to.

The archive is a tree of zips, one for each symbol and UTC day and one for each month, each
beside a ``.CHECKSUM`` of its SHA-256. Files are replaced at times, name and all, so a name
says where a day is and only the sum says what it holds. A listing is a service of its own
that a mirror need not have; nothing but messages and `symbols` depends on it.
"""

import datetime as dt
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self, cast
from urllib.parse import quote, urlencode

from rangebar_polars._days import month_days
from rangebar_polars.archive.archive import Archive, ArchiveFile
from rangebar_polars.archive.binance_csv import AggTradesFile
from rangebar_polars.archive.http import Client
from rangebar_polars.errors import ArchiveError
from rangebar_polars.schema import Series

Market = Literal["spot", "um", "cm"]

TREES = {"spot": "spot", "um": "futures/um", "cm": "futures/cm"}
URL = "https://data.binance.vision"
LISTING_URL = "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision"

# A day's file appears the next day; futures have been two days late.
PUBLICATION_DAYS = 3
# A month's file appears on the first Monday after it, so by the 7th, and then as late as a day's.
MONTH_PUBLICATION_DAYS = 7 + PUBLICATION_DAYS


@dataclass(frozen=True)
class BinanceArchive(Archive):
    """Where the archive is, and how to treat its server.

    Parameters
    ----------
    url
        The folder that holds ``data/``.
    listing_url
        The S3 listing of the same tree, or None where there is none. It is asked for names
        only when a symbol has no files, or not those of the last day of many that are wanted.
    threads
        How many files are fetched at once.
    attempts
        How often a request may fail in a row, without bringing anything, before the file is
        given up.
    timeout
        Seconds to wait for a connection, and for the next bytes.
    longest_wait
        Seconds that a server may ask us to wait before the next attempt; more is cut to this.

    Examples
    --------
    >>> mirror = BinanceArchive("http://mirror.example/binance", listing_url=None)
    >>> file = BinanceFile("um", "BTCUSDT", dt.date(2024, 8, 8))
    >>> mirror.file_url(file)
    'http://mirror.example/binance/data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-08-08.zip'

    """

    name: ClassVar[str] = "binance"
    contiguous_ids: ClassVar[bool] = True
    # The exchange opened on it.
    first_day: ClassVar[dt.date] = dt.date(2017, 7, 14)

    url: str = URL
    listing_url: str | None = LISTING_URL
    _: KW_ONLY
    threads: int = 6
    attempts: int = 6
    timeout: float = 30.0
    longest_wait: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what could only fail later."""
        for name in ("url", "listing_url"):
            value = getattr(self, name)
            if value is not None and not re.match(r"https?://[^/]", value):
                raise ValueError(f"{name} is {value!r} (give an http:// or https:// address)")
        if not 1 <= self.threads <= MAX_THREADS:
            raise ValueError(f"threads is {self.threads} (give 1 to {MAX_THREADS})")
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts} (give at least 1)")

    @classmethod
    def at(cls, url: str | None, environment: Mapping[str, str]) -> Self:
        """Return the archive at a base URL, or where the environment says that it is.

        A URL from ``RANGEBAR_BINANCE_URL`` or the argument is a mirror, whose listing is only
        what ``RANGEBAR_BINANCE_LISTING_URL`` says.
        """
        url = url or environment.get("RANGEBAR_BINANCE_URL") or URL
        listing = environment.get("RANGEBAR_BINANCE_LISTING_URL") or None
        return cls(url, listing or (LISTING_URL if url == URL else None))

    def check(self, series: Series) -> None:
        """Refuse a market or a symbol that no file of the archive can have."""
        check_market(series.market)
        check_symbol(series.symbol)

    def day_file(self, series: Series, day: dt.date) -> "BinanceFile":
        """Return the zip of a day."""
        return BinanceFile(series.market, series.symbol, day)

    def month_file(self, series: Series, month: dt.date) -> "BinanceFile":
        """Return the zip of a month."""
        return BinanceFile(series.market, series.symbol, month, monthly=True)

    def is_published(self, file: ArchiveFile, today: dt.date) -> bool:
        """Return whether a file should have appeared by now.

        Examples
        --------
        >>> file = BinanceFile("spot", "BTCUSDT", dt.date(2024, 8, 8))
        >>> BinanceArchive().is_published(file, dt.date(2024, 8, 9))
        False
        """
        delay = MONTH_PUBLICATION_DAYS if len(file.days) > 1 else PUBLICATION_DAYS
        return today - file.days[-1] > dt.timedelta(days=delay)

    def connect(self) -> Client:
        """Return connections to the server."""
        return Client(self)

    def open(self, path: Path, file: ArchiveFile) -> AggTradesFile:
        """Return a fetched zip, to read its trades."""
        return AggTradesFile(path, file.name)

    def file_url(self, file: ArchiveFile) -> str:
        """Return where a file is."""
        return f"{self.url.rstrip('/')}/{quote(cast('BinanceFile', file).path)}"

    def published_sum(self, text: bytes, file: ArchiveFile) -> str:
        """Read the SHA-256 from a ``.CHECKSUM`` file."""
        return published_sum(text, file.name)

    def symbols(self, market: str, get: Callable[[str], bytes]) -> list[str] | None:
        """Return the symbols that have daily files, by the listing; None without one."""
        if self.listing_url is None:
            return None
        prefix = _folder(market, "daily")
        entries = self.listing(prefix, get)
        return [entry.key.removeprefix(prefix).strip("/") for entry in entries if entry.is_folder]

    def listing(self, prefix: str, get: Callable[[str], bytes]) -> "Iterator[Entry]":
        """Yield what lies under a prefix, folders and files, page after page.

        `get` fetches a URL. The service counts a zip and its checksum as two, and gives a
        thousand entries a page.
        """
        marker = ""
        while self.listing_url is not None:
            query = {"delimiter": "/", "prefix": prefix} | ({"marker": marker} if marker else {})
            url = f"{self.listing_url}?{urlencode(query)}"
            page = _page(get(url), url)
            yield from page.entries
            if not page.truncated:
                return
            following = page.next_marker or max((entry.key for entry in page.entries), default="")
            if following <= marker:
                raise ArchiveError(f"listing {url} does not advance beyond {marker!r}")
            marker = following


MAX_THREADS = 32


@dataclass(frozen=True)
class BinanceFile:
    """One zip of the archive: a symbol's aggregate trades of a UTC day, or of a month.

    Examples
    --------
    >>> BinanceFile("spot", "BTCUSDT", dt.date(2024, 8, 1), monthly=True).name
    'BTCUSDT-aggTrades-2024-08.zip'

    """

    market: str
    symbol: str
    day: dt.date
    monthly: bool = False

    @property
    def name(self) -> str:
        """The file's own name."""
        stamp = f"{self.day:%Y-%m}" if self.monthly else f"{self.day:%Y-%m-%d}"
        return f"{self.symbol}-aggTrades-{stamp}.zip"

    @property
    def path(self) -> str:
        """Where it lies in the tree."""
        period = "monthly" if self.monthly else "daily"
        return f"{_folder(self.market, period)}{self.symbol}/{self.name}"

    @property
    def days(self) -> list[dt.date]:
        """The days it should hold."""
        return month_days(self.day) if self.monthly else [self.day]


@dataclass(frozen=True)
class Entry:
    """A folder or a file of a listing."""

    key: str
    is_folder: bool


@dataclass(frozen=True)
class _Page:
    entries: list[Entry]
    truncated: bool
    next_marker: str


def _page(body: bytes, url: str) -> _Page:
    try:
        # The parser refuses entity bombs since expat 2.4.1, which Python 3.11 requires.
        root = ET.fromstring(body)  # noqa: S314
    except ET.ParseError as error:
        raise ArchiveError(
            f"listing {url} is no XML: {error} (does the mirror have one?)"
        ) from None
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise ArchiveError(f"listing {url} is a {root.tag}, expected a ListBucketResult")
    folders = [node.text or "" for node in root.iterfind("{*}CommonPrefixes/{*}Prefix")]
    files = [node.text or "" for node in root.iterfind("{*}Contents/{*}Key")]
    entries = [Entry(key, is_folder=True) for key in folders]
    entries += [Entry(key, is_folder=False) for key in files]
    truncated = root.findtext("{*}IsTruncated") == "true"
    return _Page(entries, truncated, root.findtext("{*}NextMarker") or "")


def _folder(market: str, period: str) -> str:
    return f"data/{TREES[market]}/{period}/aggTrades/"


def check_market(market: str) -> None:
    """Refuse a market that the archive does not have."""
    if market not in TREES:
        raise ValueError(f"market is {market!r} (binance has 'spot', 'um' and 'cm')")


def check_symbol(symbol: str) -> None:
    """Refuse a symbol that no file of the archive can have."""
    if not isinstance(symbol, str):
        raise TypeError(f"symbol is {symbol!r} (give a name such as 'BTCUSDT')")
    if not symbol or symbol != symbol.upper() or not symbol.replace("_", "").isalnum():
        meant = re.sub(r"[^\w]", "", symbol).upper()
        remedy = f"did you mean {meant!r}?" if meant else "give a name such as 'BTCUSDT'"
        raise ValueError(f"symbol {symbol!r} is no symbol of binance ({remedy})")


def published_sum(text: bytes, name: str) -> str:
    """Read the SHA-256 from a ``.CHECKSUM`` file.

    Examples
    --------
    >>> name = "BTCUSDT-aggTrades-2024-08-08.zip"
    >>> published_sum(b"ab" * 32 + b"  " + name.encode(), name)[:8]
    'abababab'

    """
    match = re.fullmatch(rb"([0-9a-fA-F]{64}) [ *](\S+)\s*", text)
    if match is None or match[2].decode("utf-8", "replace") != name:
        raise ArchiveError(
            f"{name}.CHECKSUM is no checksum of that file: expected 64 hex digits, two "
            f"spaces and the name, got {text[:120]!r}",
        )
    return match[1].decode().lower()
