"""Names of sources, markets and symbols as parts of paths, on every file system.

    source=binance/market=um/symbol=BTCUSDT

A file system may ignore case, compose accents, cut off trailing dots, or forbid characters. So a
part has ASCII letters, digits and ``-_.%~`` alone. Other characters are percent-encoded as UTF-8.
Letters are written as they are, and count as of the usual case of their key: upper for symbols,
lower for the others. A ``~`` stands where the case changes, from there to the next one: the symbol
``kPEPE`` is ``~k~PEPE``, and ``btcusdt`` is ``~btcusdt``. So two names differ in more than case.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

LONGEST_NAMES: Final = 150
"""Characters of the names of a series in one file's name, of which file systems allow 255."""

_UPPER: Final = frozenset({"symbol"})
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]")


def to_name(key: str, value: str) -> str:
    """Return how a value of a key is written in paths.

    Raises
    ------
    ValueError
        It is no text that UTF-8 can write.

    Examples
    --------
    >>> to_name("symbol", "BTCUSDT"), to_name("symbol", "btcUSDT"), to_name("source", "binance")
    ('BTCUSDT', '~btc~USDT', 'binance')
    >>> to_name("symbol", "BTC/USD"), to_name("symbol", "A.")
    ('BTC%2FUSD', 'A%2E')
    """
    parts = list[str]()
    is_upper = key in _UPPER
    for at, character in enumerate(value):
        # Windows cuts off a dot at the end.
        is_last_dot = character == "." and at == len(value) - 1
        if not _PLAIN.match(character) or is_last_dot:
            parts += [f"%{byte:02X}" for byte in character.encode()]
            continue
        if character.isalpha() and character.isupper() != is_upper:
            is_upper = not is_upper
            parts.append("~")
        parts.append(character)
    return "".join(parts)


def from_name(key: str, name: str) -> str | None:
    """Return the value that is written so; None for what `to_name` never writes.

    Examples
    --------
    >>> from_name("symbol", "~btc~USDT")
    'btcUSDT'
    >>> from_name("symbol", "btcusdt") is None
    True
    """
    try:
        value = unquote_to_bytes(name.replace("~", "")).decode()
        return value if to_name(key, value) == name else None
    except ValueError:
        return None


def hive_path(values: Mapping[str, str]) -> str:
    """Return folders of a key and a value each.

    Examples
    --------
    >>> hive_path({"source": "mine", "symbol": "EUR/USD"})
    'source=mine/symbol=EUR%2FUSD'
    """
    return "/".join(f"{key}={to_name(key, value)}" for key, value in values.items())


def from_hive_path(path: str) -> dict[str, str] | None:
    """Return the values that a path is written for; None for what `hive_path` never writes.

    Examples
    --------
    >>> from_hive_path("source=mine/symbol=EUR%2FUSD")
    {'source': 'mine', 'symbol': 'EUR/USD'}
    """
    found = dict[str, str]()
    for part in path.split("/"):
        key, _, name = part.partition("=")
        value = from_name(key, name)
        if value is None:
            return None
        found[key] = value
    return found if hive_path(found) == path else None
