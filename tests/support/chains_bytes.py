"""The bytes of a checkpoint of several chains, written a second time with a checksum that is right.

Each chain is a checkpoint of its own; see `support.checkpoint_bytes`.
"""

import zlib
from collections.abc import Sequence

from support.checkpoint_bytes import varint

MAGIC = b"RBCS\x01"
STRING, INT8, DATE, ENUM = 11, 2, 13, 19
"""Places of dtypes."""

Value = str | int | None


def sealed(rest: bytes) -> bytes:
    """Return a checkpoint of these bytes after its head."""
    return MAGIC + zlib.crc32(rest).to_bytes(4, "little") + rest


def chains(
    settings: Sequence[bytes],
    states: Sequence[bytes],
    keys: Sequence[bytes] = (),
    *,
    rule_column: str | None = "threshold_decimal_bps",
    symbol: bytes | None = None,
) -> bytes:
    """Return a checkpoint of these chains."""
    rest = b"\0" if symbol is None else b"\1" + _bytes(symbol)
    rest += b"\0" if rule_column is None else b"\1" + _bytes(rule_column.encode())
    rest += varint(len(keys)) + b"".join(keys)
    for parts in (settings, states):
        rest += varint(len(parts)) + b"".join(map(_bytes, parts))
    return sealed(rest)


def column(name: str, dtype: int | None, values: Sequence[Value], categories: bytes = b"") -> bytes:
    """Return a column of keys."""
    kind = b"\0" if dtype is None else b"\1" + varint(dtype) + categories
    return _bytes(name.encode()) + kind + varint(len(values)) + b"".join(map(_value, values))


def _bytes(value: bytes) -> bytes:
    return varint(len(value)) + value


def _value(value: Value) -> bytes:
    if value is None:
        return b"\0"
    if isinstance(value, str):
        return b"\2" + _bytes(value.encode())
    return b"\1" + varint(2 * value if value >= 0 else -2 * value - 1)
