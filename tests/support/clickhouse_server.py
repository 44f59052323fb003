"""A real ClickHouse server for tests: out of the chdb-core wheel, or the one of CLICKHOUSE_URL.

The wheel is all of ClickHouse, and one statement makes it listen. It takes its configuration from
the working directory, and its own queries run as `default`, who may only make it listen. It runs
in a process that ends with this one.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import pytest

from rangebar_polars.store import ClickHouseStore
from support.subprocesses import TIMEOUT

USER, PASSWORD = "rangebar", "secret"
MEMORY = Path("/dev/shm")  # noqa: S108 - what is put there has a name of its own
CONFIG = """<clickhouse>
<listen_host>127.0.0.1</listen_host><http_port>{port}</http_port>
<users_config>users.xml</users_config>
</clickhouse>"""
GRANTED = "granted"
"""The one database in which these have rights, and those rights; a `guest` has none to change."""
RIGHTS = {
    "writer": "SELECT, INSERT, ALTER DELETE",
    "reader": "SELECT",
    "guest": "SELECT",
    "stranger": "SHOW",
}
_USER = """<{name}>
<password>{password}</password><networks><ip>127.0.0.1</ip></networks>
<profile>{profile}</profile>
<grants><query>GRANT {rights}</query></grants>
</{name}>"""
_LIMITED = "".join(
    _USER.format(
        name=name,
        password=PASSWORD,
        profile="guest" if name == "guest" else "default",
        rights=f"{rights} ON {GRANTED}.*",
    )
    for name, rights in RIGHTS.items()
)
USERS = f"""<clickhouse>
<profiles><default/><guest><readonly>1</readonly></guest></profiles>
<users>
<default>
<password/><networks><ip>127.0.0.1</ip></networks>
<grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
</default>
<{USER}><password>{PASSWORD}</password><networks><ip>127.0.0.1</ip></networks></{USER}>
{_LIMITED}
</users>
</clickhouse>"""
CHILD = """
import os, sys, threading
from chdb import _chdb

def end_with_the_parent():
    sys.stdin.buffer.read()
    os._exit(0)

threading.Thread(target=end_with_the_parent, daemon=True).start()
_chdb.query(
    "SYSTEM START LISTEN HTTP;"
    "SELECT getServerPort('http_port') INTO OUTFILE 'port' TRUNCATE FORMAT TabSeparated;"
    "SELECT sleepEachRow(1) FROM numbers(1000000000) SETTINGS max_block_size=1, "
    "function_sleep_max_microseconds_per_block=0 FORMAT Null",
    "TabSeparated",
    path=os.path.abspath("data"),
)
"""


class ClickHouseServer:
    """A server of its own, with its data in a folder; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start, on the port of the last time if there was one, and wait until it listens."""
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        (self.folder / "clickhouse-local.xml").write_text(CONFIG.format(port=self.port))
        (self.folder / "users.xml").write_text(USERS)
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - the tests' own code
                [sys.executable, "-c", CHILD],
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        for _ in range(TIMEOUT * 100):
            try:
                self._child.wait(0.01)
            except subprocess.TimeoutExpired:
                if port_file.exists() and (text := port_file.read_text()).endswith("\n"):
                    self.port = int(text)
                    return
            else:
                break
        self.kill()
        pytest.fail(f"the server did not start: {(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """End it in an orderly way; its data stays."""
        self._child.terminate()
        self._end()

    def kill(self) -> None:
        """End it in the middle of whatever it does; its data stays."""
        self._child.kill()
        self._end()

    def _end(self) -> None:
        self._child.wait(TIMEOUT)
        if self._child.stdin is not None:
            self._child.stdin.close()

    def url(self, database: str = "", user: str = USER, password: str = PASSWORD) -> str:
        """Return what opens a store there."""
        return f"clickhouse://{user}:{password}@127.0.0.1:{self.port}/{database}"


def ask(url: str, sql: str, **parameters: object) -> list[Sequence[Any]]:
    """Return the rows of a query, in the database of a store's URL if it has one."""
    with _client(url) as client:
        return list(client.query(sql, parameters).result_rows)


def rows_read(url: str, sql: str) -> int:
    """Return how many rows the server reads for a query."""
    with _client(url) as client:
        # Without this the server says it before it has read all.
        return int(client.query(sql, settings={"wait_end_of_query": 1}).summary["read_rows"])


def _client(url: str) -> Any:  # noqa: ANN401 - of an extra
    clickhouse_connect = pytest.importorskip("clickhouse_connect")
    parts = urlsplit(url)
    secure = parts.scheme == "clickhouses"
    return clickhouse_connect.get_client(
        interface="https" if secure else "http",
        host=parts.hostname,
        port=parts.port or (8443 if secure else 8123),
        username=unquote(parts.username or "default"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or None,
        dedicated_pool=True,
    )


def new_database(url: str) -> Iterator[str]:
    """Give the URL of a database that is not there yet, and drop it afterwards."""
    server = urlsplit(url)._replace(path="").geturl()
    name = f"test_{secrets.token_hex(8)}"
    yield f"{server}/{name}"
    ask(server, "DROP DATABASE IF EXISTS {name:Identifier} SYNC", name=name)


def _need_the_wheel() -> None:
    pytest.importorskip("clickhouse_connect", reason="clickhouse-connect is not installed")
    if "CLICKHOUSE_URL" in os.environ:
        pytest.skip("needs a server of its own (unset CLICKHOUSE_URL)")
    if find_spec("chdb") is None:
        pytest.skip(
            "there is no ClickHouse here (pip install --no-deps chdb-core, or set CLICKHOUSE_URL)"
        )


def _folder() -> "TemporaryDirectory[str]":
    """Return a folder for a server, in memory if there is much.

    A server waits for the disk some forty times for each month of each chain. A process that is
    killed loses nothing that it wrote either way.
    """
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 << 30
    return TemporaryDirectory(dir=MEMORY if has_room else None)


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[ClickHouseServer]:
    """Run a server for all tests that leave it running."""
    _need_the_wheel()
    with _folder() as folder, ClickHouseServer(Path(folder)) as server:
        yield server


@pytest.fixture
def own_server() -> Iterator[ClickHouseServer]:
    """Run a server for a test that kills it."""
    _need_the_wheel()
    with _folder() as folder, ClickHouseServer(Path(folder)) as server:
        yield server


@pytest.fixture
def clickhouse_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a database of the test's own, on the server of CLICKHOUSE_URL if set."""
    url = os.environ.get("CLICKHOUSE_URL")
    if not url:
        url = request.getfixturevalue("clickhouse_server").url()
    yield from new_database(url)


@pytest.fixture
def clickhouse_store(clickhouse_url: str) -> Iterator[ClickHouseStore]:
    """Return an empty store on a ClickHouse server."""
    with ClickHouseStore(clickhouse_url) as opened:
        yield opened
