"""URLs with a login in them, which no message may show, and words of a server, shown safely."""

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final
from urllib.parse import unquote, urlsplit

import urllib3

_SHOWN: Final = 300
_KEPT: Final = ContextVar("kept", default=False)
# A login that is not percent-encoded may end at any "@".
_LOGIN: Final = re.compile(r"^(\w+://|//|).*@", re.DOTALL)


def check_url(value: object, name: str) -> None:
    """Refuse what is no URL of a server. A login in it is not quoted.

    Parameters
    ----------
    value
        The URL.
    name
        Which setting it is.

    Raises
    ------
    ValueError, TypeError
        It is none.

    Examples
    --------
    >>> check_url("ftp://me:secret@host", "url")
    Traceback (most recent call last):
    ValueError: url is 'ftp://host' (give an http:// or https:// address, and percent-encode
    / ? # and @ in user and password)
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is a {type(value).__name__} (give an http:// or https:// address)")
    if not _is_url(value):
        remedy = "give an http:// or https:// address"
        without = _LOGIN.sub(r"\1", value)
        if without != value:
            remedy += ", and percent-encode / ? # and @ in user and password"
        raise ValueError(f"{name} is {without!r} ({remedy})")


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    known = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    return known and value.isprintable() and " " not in value


def split_login(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without its login, and the headers that the login makes.

    Examples
    --------
    >>> split_login("https://me:p%40ss@mirror.example:8443/data")
    ('https://mirror.example:8443/data', {'authorization': 'Basic bWU6cEBzcw=='})
    >>> split_login("https://mirror.example/@data")
    ('https://mirror.example/@data', {})
    """
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    user, _, password = login.partition(":")
    headers = urllib3.make_headers(basic_auth=f"{unquote(user)}:{unquote(password)}")
    return parts._replace(netloc=host).geturl(), dict(headers)


@contextlib.contextmanager
def with_logins() -> Iterator[None]:
    """Have archives that are pickled meanwhile keep their logins, for a process that needs them."""
    token = _KEPT.set(True)
    try:
        yield
    finally:
        _KEPT.reset(token)


def pickled_url(url: str) -> str:
    """Return a URL as it is pickled: without its login, but inside of `with_logins`."""
    return url if _KEPT.get() else split_login(url)[0]


def shown(url: str) -> str:
    """Return a URL for a message: without its login, and safe to print.

    Examples
    --------
    >>> shown("http://me:secret@mirror.example/data")
    'http://mirror.example/data'
    """
    try:
        return escaped(split_login(url)[0])
    except ValueError:
        return escaped(_LOGIN.sub(r"\1", url))


def escaped(text: str) -> str:
    r"""Return words of a server for a message: on one line, without control characters, not long.

    Examples
    --------
    >>> escaped("gone\x1b[2J\nfor ever")
    'gone\\x1b[2J\\nfor ever'
    """
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in shown
    )
