"""Where the cache is, by default and when it is set."""

import sys
from pathlib import Path

import platformdirs
import pytest
from support.assertions import says

from rangebar_polars._disk.cache_root import cache_root, local_folder


def test_the_argument_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", str(tmp_path / "environment"))

    assert cache_root(tmp_path / "argument") == tmp_path / "argument"


@pytest.mark.parametrize("argument", [None, ""])
def test_the_environment_wins_over_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, argument: str | None
) -> None:
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", str(tmp_path))

    assert cache_root(argument) == tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms have other folders")
@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOME": "/home/me"}, "/home/me/.cache/rangebar-polars"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/xdg"}, "/xdg/rangebar-polars"),
    ],
)
def test_on_linux_it_is_in_the_cache_folder_of_the_user(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], folder: str
) -> None:
    for name in ("RANGEBAR_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert cache_root() == Path(folder)


def test_a_user_without_a_home_folder_is_asked_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANGEBAR_CACHE_DIR", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: Path("~/.cache/x"))

    with says(
        ValueError,
        "the cache folder would be '~/.cache/x', below the working directory, because the home "
        "folder is unknown (set RANGEBAR_CACHE_DIR, or give cache_dir)",
    ):
        cache_root()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows guesses where another's folder is")
def test_what_is_no_path_is_an_error_of_its_argument() -> None:
    remedy = "(give the path of a local folder, or the text 's3://bucket/prefix')"

    with says(ValueError, f"cache_dir is 'a\\x00b': expected a path on this machine {remedy}"):
        cache_root("a\0b")
    with says(
        ValueError, f"cache_dir is '~nobody-at-all/x': there is no such home folder {remedy}"
    ):
        cache_root("~nobody-at-all/x")


# In a bucket


def test_a_bucket_is_named_by_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_root("s3://bucket/team/") == cache_root("s3://bucket/team")
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", "gs://bucket")

    assert str(cache_root()) == "gs://bucket"
    # A Path has one slash left of the two.
    with says(
        ValueError,
        "cache_dir is 's3:/bucket': expected a path on this machine (give the path of a local "
        "folder, or the text 's3://bucket/prefix')",
    ):
        cache_root(Path("s3://bucket"))


def test_the_url_of_a_bucket_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    message = (
        "{} has '@' or '?', as if with credentials, which it must not have (set AWS_ACCESS_KEY_ID "
        "and AWS_SECRET_ACCESS_KEY, and give s3://bucket/prefix)"
    )
    with says(ValueError, message.format("cache_dir")):
        cache_root("s3://user:secret@bucket")
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", "s3://bucket?secret=1")
    with says(ValueError, message.format("RANGEBAR_CACHE_DIR")):
        cache_root()
    with says(
        ValueError,
        "cache_dir is not of the form az://bucket/prefix (give the name of a bucket, and folders "
        "of letters, digits and !_.*'()=~+,- or none)",
    ):
        cache_root("az://")


def test_downloads_for_a_bucket_lie_in_a_folder_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = cache_root("s3://bucket")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "platform")
    monkeypatch.setenv("RANGEBAR_CACHE_DIR", str(tmp_path / "mine"))
    assert local_folder(root) == tmp_path / "mine"

    for value in ("", "s3://bucket"):
        monkeypatch.setenv("RANGEBAR_CACHE_DIR", value)
        assert local_folder(root) == tmp_path / "platform"

    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: Path("~/.cache/x"))
    with says(
        ValueError,
        "the cache folder would be '~/.cache/x', below the working directory, because the home "
        "folder is unknown (set RANGEBAR_CACHE_DIR to a local folder, and give the bucket as "
        "cache_dir)",
    ):
        local_folder(root)
