"""A server on 127.0.0.1 that answers with whatever bytes a test likes, for as long as it likes."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Self

Answer = Callable[[], Iterator[bytes]]
"""Gives the pieces of an answer; ``b""`` stands for a pause."""

HEAD = b'HTTP/1.1 200 OK\r\nETag: "same"\r\n'


def whole(body: bytes) -> Answer:
    """Answer as a server should."""
    return lambda: iter([HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body])


def dribble(text: bytes, start: bytes = b"") -> Answer:
    """Answer with a start, and then with a text for ever, byte by byte and with pauses."""

    def pieces() -> Iterator[bytes]:
        yield start
        while True:
            for byte in text:
                yield bytes([byte])
                yield b""

    return pieces


def flood(start: bytes, text: bytes) -> Answer:
    """Answer with a start, and then with a text for ever, as fast as can be."""

    def pieces() -> Iterator[bytes]:
        yield start
        yield from repeat(text)

    return pieces


def silence(start: bytes = b"") -> Answer:
    """Answer with a start, and then not at all."""

    def pieces() -> Iterator[bytes]:
        yield start
        yield from repeat(b"")

    return pieces


NOT_FOUND: Answer = lambda: iter([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])  # noqa: E731


class HostileServer:
    """The server; a context manager.

    Attributes
    ----------
    answers
        The answer to a request, by the end of its path.
    asked
        Is set by the first request.
    hung_up
        Is set when a client has closed the connection in the middle of an answer.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """Serve with TLS if there is a context for it."""
        self.answers: dict[str, Answer] = {}
        self.requests: list[bytes] = []
        self.asked = threading.Event()
        self.hung_up = threading.Event()
        self._context = context
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.settimeout(0.05)

    @property
    def url(self) -> str:
        """The base URL."""
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://localhost:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """End every answer and the server."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(0.05)
            if self._context is not None:
                connection.settimeout(10)
                connection = self._context.wrap_socket(connection, server_side=True)
                connection.settimeout(0.05)
            with connection:
                while self._answer(connection):
                    pass

    def _answer(self, connection: socket.socket) -> bool:
        """Answer one request; return whether there was one."""
        request = b""
        while b"\r\n\r\n" not in request:
            with contextlib.suppress(TimeoutError):
                received = connection.recv(1 << 16)
                if not received:
                    return False
                request += received
            if self._closing.is_set():
                return False
        self.requests.append(request)
        self.asked.set()
        path = request.split()[1].partition(b"?")[0].decode()
        answer = next((each for end, each in self.answers.items() if path.endswith(end)), NOT_FOUND)
        for piece in answer():
            if self._closing.is_set() or not self._send(connection, piece):
                return False
        return True

    def _send(self, connection: socket.socket, piece: bytes) -> bool:
        """Send a piece, or wait for a moment; return whether the client is still there."""
        try:
            if piece:
                connection.sendall(piece)
            else:
                self._closing.wait(0.01)
                connection.settimeout(0.001)
                if not connection.recv(1):
                    raise ConnectionError
        except TimeoutError:
            pass
        except OSError:
            self.hung_up.set()
            return False
        finally:
            connection.settimeout(0.05)
        return True


@contextlib.contextmanager
def full_port() -> Iterator[str]:
    """Give the URL of a port where connecting takes for ever, since nobody accepts."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - of the standard library
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
