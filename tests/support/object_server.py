"""A real S3 server for tests: moto's, on the loopback, which records and may disturb requests."""

import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self
from urllib.request import Request, urlopen

import pytest

KEY, SECRET = "AKIAOFTHETESTS", "a-s3cret-of-the-tests"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_REGION": "us-east-1",
}
CLOUDS = ("AWS_", "GOOGLE_", "AZURE_")
"""How the environment variables begin that the stores of buckets read."""

NOT_INSTALLED = "there is no S3 server here (pip install --group test)"

Answer = tuple[str, list[tuple[str, str]], bytes]
Disturbance = Callable[[str, str], Answer | None]
"""What answers in place of the server, from method and path; None: the server answers."""


def refusal(status: str, code: str) -> Answer:
    """Return an answer that is an error of S3."""
    text = f"<Error><Code>{code}</Code><Message>as the test wants</Message></Error>"
    return status, [("Content-Type", "application/xml")], text.encode()


class ObjectServer:
    """A server in threads of this process; a context manager.

    Attributes
    ----------
    requests
        Method, path and query of each request, in order.
    disturb
        What answers first.
    """

    def __init__(self) -> None:
        pytest.importorskip("obstore", reason=NOT_INSTALLED)
        moto = pytest.importorskip("moto.server", reason=NOT_INSTALLED)
        serving = pytest.importorskip("werkzeug.serving", reason=NOT_INSTALLED)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app = moto.DomainDispatcherApplication(moto.create_backend_app)
        self._server = serving.make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.requests = list[str]()
        self.disturb: Disturbance | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def create(self, bucket: str) -> None:
        """Create a bucket."""
        with urlopen(Request(f"{self.url}/{bucket}", method="PUT")):  # noqa: S310 - the loopback
            pass

    @contextmanager
    def disturbed(self, disturb: Disturbance) -> Iterator[None]:
        """Have something answer first."""
        self.disturb = disturb
        try:
            yield
        finally:
            self.disturb = None

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Give the kinds of the requests that are made meanwhile: GET, PUT, POST or LIST."""
        before, kinds = len(self.requests), list[str]()
        yield kinds
        for request in self.requests[before:]:
            kinds.append("LIST" if "list-type" in request else request.partition(" ")[0])

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append(f"{method} {path}?{environ['QUERY_STRING']}")
        instead = None if self.disturb is None else self.disturb(method, path)
        if instead is not None:
            status, headers, body = instead
            # What was sent is read, or the connection breaks before the answer.
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start(status, headers)
            return [body]
        answer: Iterable[bytes] = self._app(environ, start)
        return answer


def bucket_of(url: str) -> Any:  # noqa: ANN401 - of an extra
    """Return obstore's own view of the folder of a store, past the package."""
    stores = pytest.importorskip("obstore.store", reason=NOT_INSTALLED)
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return stores.S3Store(bucket, prefix=prefix, client_options={"allow_http": True})


def sizes_of(url: str) -> dict[str, int]:
    """Return the names of the objects of a store, and the bytes of each."""
    return {each["path"]: each["size"] for page in bucket_of(url).list() for each in page}


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectServer]:
    """Run a server for all tests."""
    with ObjectServer() as server:
        yield server


@pytest.fixture
def objects_url(object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a folder in an empty bucket, with an environment that opens it."""
    for name in os.environ:
        if name.startswith(CLOUDS):
            monkeypatch.delenv(name)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_server.url)
    bucket = f"test-{secrets.token_hex(8)}"
    object_server.create(bucket)
    return f"s3://{bucket}/team"
