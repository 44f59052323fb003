"""Connections whose every wait has an end: a limit of time, a least speed, or a cancelled call.

A timeout of a socket bounds one read, and http.client reads the head of an answer in as many reads
as the server likes. So these sockets wait in short turns, and before each turn they ask the `Pace`
of the request that the thread is making whether it may wait any longer. Looking up a name is the
one wait that nothing ends; it has a thread of its own, which is left to itself.
"""

import contextlib
import errno
import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import wait_for_write

from rangebar_polars._disk.locked_file import CancelledError

Returned = TypeVar("Returned")

TURN_SECONDS: Final = 0.1
"""How long a socket waits before it asks again whether it may."""

_UNDER_WAY: Final = {
    errno.EINPROGRESS,
    errno.EWOULDBLOCK,
    getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK),
}


class TooSlowError(Exception):
    """A server that takes longer than it may; the text says for what."""


@dataclass
class Pace:
    """How long a request may still wait for its server.

    Attributes
    ----------
    stop
        Is set to cancel the request.
    seconds
        How long connecting may take, and then the head of the answer. The speed of a body is
        looked at once in so many seconds.
    least_speed
        Bytes of a body that have to come in a second, on average.
    """

    stop: threading.Event
    seconds: float
    least_speed: float
    _phase: str = ""
    _since: float = field(default_factory=time.monotonic)
    _bytes: int = 0

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Have every socket of this thread keep to it."""
        token = _PACE.set(self)
        try:
            yield
        finally:
            _PACE.reset(token)

    def begin(self, phase: str) -> None:
        """Start to count for a connection, an answer or the body."""
        self._phase, self._since, self._bytes = phase, time.monotonic(), 0

    def count(self, received: int, *, busy: float) -> None:
        """Note bytes of the body, and for how many seconds we were busy with them ourselves."""
        self._bytes += received
        self._since += busy

    def check(self) -> None:
        """Return if the request may wait for longer.

        Raises
        ------
        CancelledError
            The request has been cancelled.
        TooSlowError
            It has waited long enough.
        """
        if self.stop.is_set():
            raise CancelledError
        if time.monotonic() - self._since < self.seconds:
            return
        if self._phase != "body":
            raise TooSlowError(f"no {self._phase} within {self.seconds:g} seconds")
        if self._bytes < self.least_speed * self.seconds:
            raise TooSlowError(
                f"{self._bytes} bytes within {self.seconds:g} seconds, expected at least "
                f"{self.least_speed:g} a second"
            )
        self.begin("body")


_PACE: ContextVar[Pace | None] = ContextVar("pace", default=None)


def _check() -> None:
    pace = _PACE.get()
    if pace is not None:
        pace.check()


def _begin(phase: str) -> None:
    pace = _PACE.get()
    if pace is not None:
        pace.begin(phase)


def _in_turns(call: Callable[[], Returned]) -> Returned:
    """Return what a call of a socket returns, however many turns it takes."""
    while True:
        _check()
        with contextlib.suppress(TimeoutError):
            return call()


class PacedSocket(socket.socket):
    """A socket that reads in turns."""

    def recv_into(self, *args: Any, **options: Any) -> int:  # noqa: ANN401 - those of the base
        """Read into a buffer."""
        return _in_turns(partial(super().recv_into, *args, **options))


class PacedTLS(ssl.SSLSocket):
    """A socket with TLS that reads, and agrees on its keys, in turns."""

    def recv(self, *args: Any, **options: Any) -> bytes:  # noqa: ANN401 - those of the base
        """Read bytes; TLS to a server inside of TLS to a proxy does."""
        return _in_turns(partial(super().recv, *args, **options))

    def recv_into(self, *args: Any, **options: Any) -> int:  # noqa: ANN401 - those of the base
        """Read into a buffer."""
        return _in_turns(partial(super().recv_into, *args, **options))

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - of the base
        """Agree on keys."""
        try:
            self.settimeout(TURN_SECONDS)
            _begin("TLS")
            _in_turns(partial(super().do_handshake, block))
        except BaseException:
            # ssl closes it after errors of its own only.
            self.close()
            raise


def _addresses(host: str, port: int) -> list[Any]:
    """Return the addresses of a host."""
    answer = queue.SimpleQueue[list[Any] | BaseException]()

    def ask() -> None:
        try:
            answer.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that waits
            answer.put(error)

    threading.Thread(target=ask, name="rangebar-resolver", daemon=True).start()
    while True:
        with contextlib.suppress(queue.Empty):
            found = answer.get(timeout=TURN_SECONDS)
            if isinstance(found, BaseException):
                raise found
            return found
        _check()


def _open(address: Any, options: Any) -> PacedSocket:  # noqa: ANN401 - what the system gives
    """Return a socket that is connected to an address."""
    family, kind, protocol, _, where = address
    opened = PacedSocket(family, kind, protocol)
    try:
        for option in options:
            opened.setsockopt(*option)
        opened.settimeout(0.0)
        code = opened.connect_ex(where)
        while code in _UNDER_WAY:
            _check()
            if wait_for_write(opened, TURN_SECONDS):
                code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        _raise_for(code)
        opened.settimeout(TURN_SECONDS)
    except BaseException:
        opened.close()
        raise
    return opened


def _raise_for(code: int) -> None:
    if code:
        raise OSError(code, os.strerror(code))


class PacedConnection(HTTPConnection):
    """A connection that keeps to the pace of the request that it serves."""

    def _new_conn(self) -> socket.socket:
        """Return a connected socket, of the first address that can be had."""
        _begin("address of the host")
        try:
            addresses = _addresses(self._dns_host.strip("[]"), self.port)
        except UnicodeError:
            raise NameResolutionError(self.host, self, socket.gaierror("no name")) from None
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TooSlowError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        failure: Exception | None = None
        for address in addresses:
            _begin("connection")
            try:
                return _open(address, self.socket_options or ())
            except (OSError, TooSlowError) as error:
                failure = error
        kind = ConnectTimeoutError if isinstance(failure, TooSlowError) else NewConnectionError
        raise kind(self, str(failure)) from failure

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        """Return the head of the answer; its body is still to be read."""
        _begin("answer")
        return super().getresponse()


class PacedTLSConnection(PacedConnection, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = PacedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = PacedTLSConnection


def open_pool(scheme: str, proxy: str | None, *, size: int) -> urllib3.PoolManager:
    """Return connections to the servers of a scheme, by way of a proxy if there is one.

    Parameters
    ----------
    scheme
        ``http`` or ``https``.
    proxy
        The URL of the proxy, with its login.
    size
        How many connections to a server are kept.
    """
    make: Callable[..., urllib3.PoolManager] = urllib3.PoolManager
    if proxy is not None:
        login = urlsplit(proxy)
        host = login._replace(netloc=login.netloc.rpartition("@")[2]).geturl()
        credentials = f"{unquote(login.username or '')}:{unquote(login.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=credentials) if login.username else None
        make = partial(urllib3.ProxyManager, host, proxy_headers=headers)
    context = None
    if scheme == "https" or (proxy or "").startswith("https"):
        context = ssl.create_default_context()
        context.sslsocket_class = PacedTLS
    turn = urllib3.Timeout(connect=TURN_SECONDS, read=TURN_SECONDS)
    pool = make(maxsize=size, timeout=turn, ssl_context=context)
    pool.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
    return pool
