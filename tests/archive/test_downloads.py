"""Downloads from a server that misbehaves: the published file, or an error."""

import threading
import time
from pathlib import Path

import pytest
from support.archive_server import ArchiveServer, Fault, day_csv
from support.assertions import says
from support.published_file import DAY, FILE

from rangebar_polars._disk.locked_file import CancelledError
from rangebar_polars.archive.binance import (
    BinanceArchive,
)
from rangebar_polars.archive.http import Client
from rangebar_polars.errors import ChecksumError, DownloadError

pytestmark = pytest.mark.usefixtures("published_file")


def fetched(server: ArchiveServer, path: Path, left: bytes = b"") -> tuple[str, bool] | None:
    """Download FILE over what an earlier run left."""
    path.write_bytes(left)
    client = Client(BinanceArchive(server.url, None, attempts=3, timeout=0.3, first_wait=0))
    with path.open("r+b") as body:
        got = client.download(FILE, body, lambda _: None)
    client.close()
    return got


def test_a_download_is_the_published_file(server: ArchiveServer, tmp_path: Path) -> None:
    got = fetched(server, tmp_path / "part")

    assert got is not None
    assert got[1]
    assert (tmp_path / "part").read_bytes() == server.files[FILE.path]


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("cut", 10_000), Fault("cut", 5_000), Fault("cut", 1)],
        [Fault("stall", 10_000)],
        [Fault("status", 429, {"Retry-After": "0"}), Fault("status", 503)],
        [Fault("status", 500), Fault("status", 403)],
        [Fault("longer", 100)],
        [Fault("shorter", 100)],
        [Fault("unsized", 10_000)],
        [Fault("cut", 10_000), Fault("no range")],
        [Fault("cut", 10_000), Fault("other range")],
        [Fault("cut", 10_000), Fault("status", 503), Fault("cut", 10_000)],
    ],
    ids=lambda faults: "-".join(f"{fault.kind} {fault.at}" for fault in faults),
)
def test_a_misbehaving_server_costs_attempts_and_no_bytes(
    server: ArchiveServer, tmp_path: Path, faults: list[Fault]
) -> None:
    server.faults[FILE.path].extend(faults)

    got = fetched(server, tmp_path / "part")

    assert got is not None
    assert (tmp_path / "part").read_bytes() == server.files[FILE.path]
    assert not server.faults[FILE.path]


def test_a_cut_body_is_resumed_where_it_ended_if_it_is_still_the_same(
    server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[FILE.path].append(Fault("cut", 10_000))

    fetched(server, tmp_path / "part")

    first, second = server.asked(".zip")
    assert "Range" not in first.headers
    assert second.headers["Range"] == "bytes=10000-"
    assert second.headers["If-Range"].startswith('"')


def test_a_file_replaced_between_two_attempts_starts_over(
    server: ArchiveServer, tmp_path: Path
) -> None:
    old = server.files[FILE.path]
    server.faults[FILE.path].append(Fault("cut", 10_000))
    path = tmp_path / "part"
    path.touch()

    def replace(_: int) -> None:
        if server.files[FILE.path] is old:
            server.publish(FILE, day_csv(DAY, 7000, spot=False))

    client = Client(BinanceArchive(server.url, None, attempts=3, first_wait=0))
    with path.open("r+b") as body:
        got = client.download(FILE, body, replace)
    client.close()

    assert got is not None
    assert path.read_bytes() == server.files[FILE.path] != old


def test_what_a_killed_run_left_is_built_upon(server: ArchiveServer, tmp_path: Path) -> None:
    whole = server.files[FILE.path]

    fetched(server, tmp_path / "part", whole[:30_000])
    fetched(server, tmp_path / "part", whole)

    assert [r.headers.get("Range") for r in server.asked(".zip")] == [
        "bytes=30000-",
        f"bytes={len(whole)}-",
    ]
    assert (tmp_path / "part").read_bytes() == whole


@pytest.mark.parametrize("left", [b"x" * 30_000, b"x" * 300_000])
def test_what_a_killed_run_left_of_another_file_is_dropped(
    server: ArchiveServer, tmp_path: Path, left: bytes
) -> None:
    assert fetched(server, tmp_path / "part", left) is not None
    assert (tmp_path / "part").read_bytes() == server.files[FILE.path]


def test_without_a_checksum_nothing_left_is_trusted(server: ArchiveServer, tmp_path: Path) -> None:
    del server.files[f"{FILE.path}.CHECKSUM"]

    got = fetched(server, tmp_path / "part", b"x" * 30_000)

    assert got is not None
    assert not got[1]
    assert (tmp_path / "part").read_bytes() == server.files[FILE.path]


def test_pieces_are_joined_only_where_something_proves_that_they_belong_together(
    server: ArchiveServer, tmp_path: Path
) -> None:
    server.etags = False
    server.faults[FILE.path].append(Fault("cut", 10_000))
    fetched(server, tmp_path / "part")
    del server.files[f"{FILE.path}.CHECKSUM"]
    server.faults[FILE.path].append(Fault("cut", 10_000))
    fetched(server, tmp_path / "other")

    ranges = [request.headers.get("Range") for request in server.asked(".zip")]
    assert ranges == [None, "bytes=10000-", None, None]
    assert (tmp_path / "other").read_bytes() == server.files[FILE.path]


def test_a_server_that_takes_back_what_it_gave_is_given_up(
    server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[FILE.path].extend([Fault("cut", 5_000), Fault("other range")] * 3)

    with pytest.raises(DownloadError, match="the connection broke, 3 times in a row"):
        fetched(server, tmp_path / "part")


def test_a_wrong_sum_is_tried_once_more_and_then_an_error(
    server: ArchiveServer, tmp_path: Path
) -> None:
    got = server.publish(FILE, day_csv(DAY, spot=False), checksum="0" * 64)
    with says(
        ChecksumError,
        f"{FILE.name} has not the published SHA-256: expected {'0' * 64}, got {got}, twice "
        f"(it may be being replaced: try again later; {server.url}/{FILE.path})",
    ):
        fetched(server, tmp_path / "part")
    assert len(server.asked(".zip")) == 2


def test_a_sum_that_is_right_the_second_time_is_accepted(
    server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[FILE.path].append(Fault("shorter", 100))

    assert fetched(server, tmp_path / "part") is not None
    assert len(server.asked(".zip")) == 2


def test_a_file_that_is_not_there_is_no_error(server: ArchiveServer, tmp_path: Path) -> None:
    server.files.clear()

    assert fetched(server, tmp_path / "part") is None


def test_a_server_that_never_answers_well_is_given_up(
    server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[FILE.path].extend([Fault("status", 503)] * 3)
    with says(
        DownloadError,
        f"{server.url}/{FILE.path} could not be fetched: HTTP 503, 3 times in a row "
        "(check the network and the archive's address, or try again later)",
    ):
        fetched(server, tmp_path / "part")


def test_progress_resets_the_count_of_failures(server: ArchiveServer, tmp_path: Path) -> None:
    server.faults[FILE.path].extend([Fault("cut", 5_000)] * 5)

    assert fetched(server, tmp_path / "part") is not None


def test_an_answer_that_retrying_does_not_change_is_an_error(
    server: ArchiveServer, tmp_path: Path
) -> None:
    server.faults[FILE.path].append(Fault("status", 301, {"Location": "http://elsewhere"}))
    with says(
        DownloadError,
        f"{server.url}/{FILE.path} could not be fetched: HTTP 301 to http://elsewhere, "
        "expected 200",
    ):
        fetched(server, tmp_path / "part")


def test_a_port_that_refuses_is_reported_without_objects(tmp_path: Path) -> None:
    with ArchiveServer() as gone:
        url = gone.url
    client = Client(BinanceArchive(url, None, attempts=2, first_wait=0))
    with (
        (tmp_path / "part").open("w+b") as body,
        says(
            DownloadError,
            f"{url}/{FILE.path}.CHECKSUM could not be fetched: no connection, 2 times in a row "
            "(check the network and the archive's address, or try again later)",
        ),
    ):
        client.download(FILE, body, lambda _: None)


def test_a_server_may_not_make_us_wait_for_ever(server: ArchiveServer) -> None:
    client = Client(BinanceArchive(server.url, None, first_wait=0, longest_wait=0.2))
    for asked in ("3600", "9" * 400, "soon", "-1"):
        server.faults[FILE.path].append(Fault("status", 429, {"Retry-After": asked}))

    began = time.monotonic()
    got = client.get(f"{server.url}/{FILE.path}")

    assert got == server.files[FILE.path]
    assert time.monotonic() - began >= 0.4
    client.close()


def test_cancelling_ends_a_stalled_download_at_once(server: ArchiveServer, tmp_path: Path) -> None:
    server.faults[FILE.path].append(Fault("stall", 10_000))
    client = Client(BinanceArchive(server.url, None, timeout=60))
    started, ended = threading.Event(), threading.Event()

    def run() -> None:
        with (tmp_path / "part").open("w+b") as body, pytest.raises(CancelledError):
            client.download(FILE, body, lambda _: started.set())
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    client.cancel()
    thread.join(10)

    assert ended.is_set()


def test_a_proxy_of_the_environment_is_used_with_its_login(
    server: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.replace("//", "//me:p%40ss@"))
    server.faults["BTC"].append(Fault("status", 404))
    client = Client(BinanceArchive("http://archive.example", None))

    client.get("http://archive.example/BTC")

    assert server.requests[0].headers["Host"] == "archive.example"
    assert server.requests[0].headers["Proxy-Authorization"] == "Basic bWU6cEBzcw=="

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    direct = Client(BinanceArchive(server.url, None))
    assert direct.get(f"{server.url}/{FILE.path}") == server.files[FILE.path]
    assert "Proxy-Authorization" not in server.requests[-1].headers
