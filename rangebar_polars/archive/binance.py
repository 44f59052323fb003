"""The Binance public archive: what its files are called, where they are, what they sum to.

The archive is a tree of zips, one for each symbol and UTC day and one for each month, each
beside a ``.CHECKSUM`` of its SHA-256. Files are replaced at times, name and all, so a name
says where a day is and only the sum says what it holds. A listing is a service of its own
that a mirror need not have; nothing but messages and `symbols` depends on it.
"""

import datetime as dt
import math
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import ClassVar, Final, Literal, Self, cast
from urllib.parse import quote, urlencode

from rangebar_polars._argument_names import named_methods
from rangebar_polars._days import month_days
from rangebar_polars._series import Series
from rangebar_polars.archive.archive import Archive, ArchiveFile
from rangebar_polars.archive.binance_csv import AggTradesFile
from rangebar_polars.archive.http import Client
from rangebar_polars.archive.url import check_url, escaped, pickled_url, split_login
from rangebar_polars.errors import ArchiveError

Market = Literal["spot", "um", "cm"]

TREES = {"spot": "spot", "um": "futures/um", "cm": "futures/cm"}
# The names of rangebar-py, which takes any case.
ALIASES: Final = {"futures-um": "um", "futures-cm": "cm"} | {name: name for name in TREES}
URL = "https://data.binance.vision"
LISTING_URL = "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision"

# Of a key in S3.
KEY_LENGTH = 1024

# A day's file appears the next day; futures have been two days late.
PUBLICATION_DAYS = 3
# A month's file appears on the first Monday after it, so by the 7th, and then as late as a day's.
MONTH_PUBLICATION_DAYS = 7 + PUBLICATION_DAYS


@named_methods()
@dataclass(frozen=True, repr=False)
class BinanceArchive(Archive):
    """Where the archive is, and how to treat its server.

    Parameters
    ----------
    url
        The folder that holds ``data/``. A login in it (``https://user:password@host/``,
        percent-encoded) is sent as Basic authentication, and is in no message. It is in no pickle
        either, such as that of a plan, but in those for the processes of `populate`; an archive
        that is read from a pickle takes the login of the same URL from ``RANGEBAR_BINANCE_URL``.
    listing_url
        The S3 listing of the same tree, or None where there is none. It is asked for names
        only when a symbol has no files, or not those of the last day of many that are wanted.
    threads
        How many files are fetched at once.
    attempts
        How often a request may fail in a row, without bringing anything, before the file is
        given up.
    timeout
        Seconds to wait for a connection, and again for the whole head of an answer.
    least_speed
        Bytes a second that a body has to bring, on average over `timeout` seconds. A request that
        is slower has failed, and so has one that brings less than this in the time since the last
        failure. 0 accepts every speed.
    first_wait
        Seconds to wait after the first failure; after each that follows, twice as many.
    longest_wait
        Seconds that a server may ask us to wait before the next attempt; more is cut to this.
    max_zip_bytes
        How long a zip may be, for each day that it holds.
    max_csv_bytes
        How much text a zip may hold, for each day. Trades of a day take about half as much memory.
    max_pages
        How many pages a listing may have.
    piece_bytes
        How much text is parsed at a time.

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
    least_speed: float = 1024.0
    first_wait: float = 0.5
    longest_wait: float = 60.0
    max_zip_bytes: int = 1 << 29
    max_csv_bytes: int = 1 << 32
    max_pages: int = 100
    piece_bytes: int = 1 << 23

    def __post_init__(self) -> None:
        """Refuse what could only fail later."""
        check_url(self.url, "url")
        if self.listing_url is not None:
            check_url(self.listing_url, "listing_url")
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            kind = int if isinstance(least, int) else int | float
            if isinstance(value, bool) or not isinstance(value, kind):
                number = "a whole number" if kind is int else "a number"
                raise TypeError(f"{name} is {value!r} (give {number})")
            if not least <= value <= most:
                span = f"at least {least:g}" if math.isinf(most) else f"{least:g} to {most:g}"
                raise ValueError(f"{name} is {value} (give {span})")

    def __repr__(self) -> str:
        """Show the settings, without logins."""
        shown = {each.name: getattr(self, each.name) for each in fields(self)}
        for name in _VARIABLES:
            if shown[name] is not None:
                shown[name] = split_login(shown[name])[0]
        settings = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"{type(self).__name__}({settings})"

    def __copy__(self) -> Self:
        """Return the archive itself: it is a value."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return the archive itself: it is a value."""
        return self

    def __getstate__(self) -> dict[str, object]:
        """Return the settings without logins: plans are pickled too, and kept in files."""
        state = dict(vars(self))
        for name in _VARIABLES:
            if state[name] is not None:
                state[name] = pickled_url(state[name])
        return state

    def __setstate__(self, state: dict[str, object]) -> None:
        """Take settings, with the logins that the environment has for the same URLs."""
        for name, variable in _VARIABLES.items():
            known = os.environ.get(variable, "")
            if known and split_login(known)[0] == state[name]:
                state[name] = known
        vars(self).update(state)

    @classmethod
    def at(cls, url: str | None, environment: Mapping[str, str]) -> Self:
        """Return the archive at a base URL, or where the environment says that it is.

        A URL from ``RANGEBAR_BINANCE_URL`` or the argument is a mirror, whose listing is only
        what ``RANGEBAR_BINANCE_LISTING_URL`` says.
        """
        url = url or environment.get(_VARIABLES["url"]) or URL
        listing = environment.get(_VARIABLES["listing_url"]) or None
        return cls(url, listing or (LISTING_URL if url == URL else None))

    @classmethod
    def market_of(cls, market: str) -> str:
        """Return the market of a name: "futures-um" is "um", "futures-cm" is "cm"."""
        return ALIASES.get(market.lower(), market) if isinstance(market, str) else market

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
        return AggTradesFile(
            path,
            file.name,
            piece_bytes=self.piece_bytes,
            max_csv_bytes=self.max_csv_bytes * len(file.days),
        )

    def file_url(self, file: ArchiveFile) -> str:
        """Return where a file is."""
        return f"{self.url.rstrip('/')}/{quote(cast('BinanceFile', file).path)}"

    def most_bytes(self, file: ArchiveFile) -> int:
        """Return how long a zip may be."""
        return self.max_zip_bytes * len(file.days)

    def published_sum(self, text: bytes, file: ArchiveFile) -> str:
        """Read the SHA-256 from a ``.CHECKSUM`` file."""
        return published_sum(text, file.name)

    def symbols(self, market: str, get: Callable[[str], bytes]) -> list[str] | None:
        """Return the symbols that have daily files, by the listing; None without one."""
        if self.listing_url is None:
            return None
        prefix = _folder(market, "daily")
        entries = self.listing(prefix, get)
        keys = [entry.key for entry in entries if entry.is_folder]
        names = [key.removeprefix(prefix).strip("/") for key in keys]
        return [name for name in names if _is_symbol(name)]

    def listing(self, prefix: str, get: Callable[[str], bytes]) -> "Iterator[Entry]":
        """Yield what lies under a prefix, folders and files, page after page.

        `get` fetches a URL. The service counts a zip and its checksum as two, and gives a
        thousand entries a page.
        """
        marker = ""
        for _ in range(self.max_pages if self.listing_url is not None else 0):
            query = {"delimiter": "/", "prefix": prefix} | ({"marker": marker} if marker else {})
            url = f"{self.listing_url}?{urlencode(query)}"
            shown = split_login(url)[0]
            page = _page(get(url), shown)
            yield from page.entries
            if not page.truncated:
                return
            following = page.next_marker or max((entry.key for entry in page.entries), default="")
            if following <= marker:
                raise ArchiveError(f"listing {shown} does not advance beyond {marker!r}")
            marker = following
        if marker:
            raise ArchiveError(
                f"listing {shown} has more than {self.max_pages} pages (if it is right, raise "
                "max_pages of the archive)"
            )


_VARIABLES: Final = {
    "url": "RANGEBAR_BINANCE_URL",
    "listing_url": "RANGEBAR_BINANCE_LISTING_URL",
}
"""The variable of the environment for each setting that is a URL."""

_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "threads": (1, 32),
    "attempts": (1, math.inf),
    "timeout": (0.001, 86400.0),
    "least_speed": (0.0, 1e12),
    "first_wait": (0.0, 86400.0),
    "longest_wait": (0.0, 86400.0),
    "max_zip_bytes": (1, math.inf),
    "max_csv_bytes": (1, math.inf),
    "max_pages": (1, math.inf),
    "piece_bytes": (1, math.inf),
}
"""The least and the most of each setting that is a number; whole ones have a whole least."""


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
    except (ET.ParseError, LookupError, ValueError) as error:
        raise ArchiveError(
            f"listing {url} is no XML: {escaped(str(error))} (does the mirror have one?)"
        ) from None
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise ArchiveError(f"listing {url} is a {escaped(root.tag)}, expected a ListBucketResult")
    folders = [node.text or "" for node in root.iterfind("{*}CommonPrefixes/{*}Prefix")]
    files = [node.text or "" for node in root.iterfind("{*}Contents/{*}Key")]
    entries = [Entry(key, is_folder=True) for key in folders]
    entries += [Entry(key, is_folder=False) for key in files]
    longest = max((len(entry.key) for entry in entries), default=0)
    if longest > KEY_LENGTH:
        raise ArchiveError(
            f"listing {url} has a name of {longest} characters, expected at most {KEY_LENGTH}"
        )
    truncated = root.findtext("{*}IsTruncated") == "true"
    return _Page(entries, truncated, (root.findtext("{*}NextMarker") or "")[:KEY_LENGTH])


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
    if not _is_symbol(symbol):
        meant = re.sub(r"[^\w]", "", symbol).upper()
        remedy = f"did you mean {meant!r}?" if meant else "give a name such as 'BTCUSDT'"
        raise ValueError(f"symbol {symbol!r} is no symbol of binance ({remedy})")


def _is_symbol(name: str) -> bool:
    return name == name.upper() and name.replace("_", "").isalnum()


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
