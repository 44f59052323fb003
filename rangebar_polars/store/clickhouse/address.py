"""A ClickHouse server: its address, a connection to it, and explanations of its errors."""

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, unquote

from urllib3 import PoolManager
from urllib3 import exceptions as http

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 300

_FORM: Final = "clickhouse://user:password@host:port/database"
_URL: Final = re.compile(
    r"(?P<scheme>clickhouses?)://"
    r"(?:(?P<user>[^:/?#]*)(?::(?P<password>[^/?#]*))?@)?"
    r"(?P<host>[\w.-]+|\[[\da-fA-F:.]+\])(?::(?P<port>[0-9]+))?(?:/(?P<database>[\w.-]*))?"
)
_PORTS: Final = {"clickhouse": 8123, "clickhouses": 8443}
_LAST_PORT: Final = 65_535

_REASON: Final = re.compile(
    r"(?:DB::\w+|server response): (?!Code:)(.+?)(?:\.? \([A-Z_]+\))?$", re.MULTILINE
)
_SOME_COLUMNS: Final = re.compile(r"\(\w+(?:, \w+)+\)")
NO_TABLE, NO_DATABASE = 60, 81
_WHO: Final = frozenset({192, 193, 194, 516})
_RIGHTS: Final = frozenset({164, 497})
AGAIN: Final = "remove the chain, and its bars are computed again"
_LOOK: Final = "see the server's log, and try again"
_BROKEN: Final[tuple[tuple[type[http.HTTPError], str, str], ...]] = (
    (http.NameResolutionError, "no such host", "correct the host"),
    (http.NewConnectionError, "no connection", "start the server, or correct host and port"),
    (http.ConnectTimeoutError, "no connection", "start the server, or correct host and port"),
    (http.ReadTimeoutError, "no answer", _LOOK),
    (http.SSLError, "no TLS", "correct port or certificate; clickhouse:// is without TLS"),
    (http.HTTPError, "the connection broke", "see whether the server is up, and try again"),
)
_SILENCE: Final = logging.NullHandler()


def refuse_password(url: str) -> None:
    """Refuse a URL with a password where it would be written into a pickle.

    Raises
    ------
    TypeError
        The URL has one.
    """
    parts = _URL.fullmatch(url)
    if parts is not None and parts["password"]:
        raise TypeError(
            "a store whose URL has a password cannot be pickled (set CLICKHOUSE_URL where the "
            "store is used, and give the store as 'clickhouse://')"
        )


@dataclass(frozen=True, kw_only=True)
class Address:
    """A database on a server, and the user.

    Examples
    --------
    >>> Address.parse("clickhouse://jo:p%40ss@db").url()
    'clickhouse://jo@db:8123/rangebar'
    """

    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. Errors do not quote it, because it may contain a password."""
        name = "the URL of the store"
        if url in {"clickhouse://", "clickhouses://"}:
            name, url = "CLICKHOUSE_URL", os.environ.get("CLICKHOUSE_URL", "")
            if not url:
                raise ValueError(f"CLICKHOUSE_URL is not set (set it to {_FORM})")
        parts = _URL.fullmatch(url)
        if parts is None:
            raise ValueError(
                f"{name} is not of the form {_FORM} (percent-encode / ? # and % in user and "
                "password)"
            )
        digits = (parts["port"] or str(_PORTS[parts["scheme"]])).lstrip("0")
        # int refuses thousands of digits with an error of its own.
        port = int(digits[: len(str(_LAST_PORT)) + 1] or 0)
        if not 0 < port <= _LAST_PORT:
            raise ValueError(
                f"{name} has a port that is out of range: expected 1 to {_LAST_PORT} (give the "
                "HTTP port of the server, by default 8123, with TLS 8443)"
            )
        return cls(
            scheme=parts["scheme"],
            host=parts["host"].strip("[]"),
            port=port,
            user=unquote(parts["user"] or "default"),
            password=unquote(parts["password"] or ""),
            database=parts["database"] or "rangebar",
        )

    @property
    def place(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, password: str = "") -> str:
        """Return the URL that `parse` reads, by default without the password."""
        who = quote(self.user, safe="") + (password and f":{quote(password, safe='')}")
        return f"{self.scheme}://{who}@{self.place}/{self.database}"


def connect(at: Address, pool: PoolManager) -> "Client":
    """Return a client connected to the server; the database need not exist yet."""
    from clickhouse_connect.driver import create_client  # noqa: PLC0415 - an extra

    logging.getLogger("clickhouse_connect").addHandler(_SILENCE)
    client = create_client(
        interface="http" if at.scheme == "clickhouse" else "https",
        host=at.host,
        port=at.port,
        username=at.user,
        password=at.password,
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=ANSWER_SECONDS,
        # In one session a server refuses concurrent queries.
        autogenerate_session_id=False,
        pool_mgr=pool,
        show_clickhouse_errors="scrub",
    )
    client.database = at.database
    return client


def explained(error: BaseException, user: str) -> tuple[str, str]:
    """Return a short reason for an error, and its remedy."""
    reason = _REASON.search(str(error))
    text = reason[1] if reason else str(error).partition("\n")[0]
    code = getattr(error, "code", None)
    if code in _WHO:
        return f"user {user!r} or the password is wrong", "correct them in the URL"
    if code in _RIGHTS:
        return _SOME_COLUMNS.sub("", text), f"grant it to {user!r}"
    causes = list(_causes(error))
    details = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    for kind, what, remedy in _BROKEN:
        if any(isinstance(cause, kind) for cause in causes):
            return ": ".join([what, *details[:1]]), remedy
    return text, _LOOK


def _causes(error: object) -> Iterator[BaseException]:
    """Yield an error and its causes, however the errors state them."""
    while isinstance(error, BaseException):
        yield error
        error = getattr(error, "reason", None) or error.__cause__ or error.__context__
