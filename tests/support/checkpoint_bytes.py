"""The fields of a checkpoint, read from its bytes and written again with a checksum that is right.

The format is written out here a second time, so that a test can put anything into a checkpoint that
its bytes can hold, also what the compiled extension would never write.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

_HEAD = b"RBCP\x06"
_SIGNED = {"i64": 64, "i128": 128}

Id = int | None
Side = tuple[int, int, int]
"""Volume, turnover, trades."""

Session = tuple[()] | tuple[int, int] | str
"""Null; the kind of a number and the number; text."""

Level = tuple[int, int, int, int, int]
"""Number, volume, bought, sold, trades."""

Lookback = tuple[int, int]
"""0 and a number of trades, or 1 and a number of nanoseconds."""

Kept = tuple[int, int, int, int]
"""A trade before the next one: time, price and quantity at 8 decimals, side (0: unknown, 1: bought,
2: sold)."""


@dataclass
class OpenBar:
    """The open bar: the fields of the Rust struct WireBar."""

    times: list[int]
    prices: list[float]
    volume: int
    turnover: int
    sides: list[Side] | None
    rows: int
    trades: int
    rows_with_trade_ids: int
    agg_trade_ids: list[Id]
    has_run: bool = False
    """Whether the state of a run follows, which is not read here."""
    levels: list[Level] | None = None


@dataclass
class State:
    """What a checkpoint holds: the fields of the Rust struct Wire."""

    symbol: str | None
    rule: str
    reset: str | None
    max_gap: int | None
    include_microstructure: bool
    include_incomplete: bool
    features: list[str]
    layout: tuple[int, str | None, int] | None
    rows: int
    last: tuple[int, Id] | None
    last_id: Id
    open: OpenBar | None
    memory: bytes = b"\0"
    """What the rule remembers, as it stands there; a range rule remembers nothing."""
    session: Session | None = None
    """The last value of the column of reset."""
    footprint: tuple[int, int, int] | None = None
    """Units of the tick, value area, imbalance."""
    lookback: Lookback | None = None
    vpin: tuple[int, int] | None = None
    """Units of a bucket's volume, number of buckets."""
    before: list[int | float | None] = field(default_factory=list)
    """The values of what came before the open bar."""
    first_time: int | None = None
    kept: list[Kept] = field(default_factory=list)
    filled: tuple[int, int, list[int]] = (0, 0, [])
    """What was bought and sold in the open bucket, and the imbalances of the full ones."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the fields of a checkpoint."""
        read = _Reader(data[len(_HEAD) + 4 :])
        state = cls(
            symbol=read.text() if read.flag() else None,
            rule=read.text(),
            reset=read.text() if read.flag() else None,
            max_gap=read.unsigned() if read.flag() else None,
            include_microstructure=read.flag(),
            include_incomplete=read.flag(),
            features=[read.text() for _ in range(read.unsigned())],
            footprint=((read.signed(), read.byte(), read.unsigned()) if read.flag() else None),
            lookback=(read.byte(), read.unsigned()) if read.flag() else None,
            vpin=(read.signed(), read.unsigned()) if read.flag() else None,
            layout=(
                (read.byte(), read.text() if read.flag() else None, read.byte())
                if read.flag()
                else None
            ),
            rows=read.unsigned(),
            last=(read.signed(), read.optional()) if read.flag() else None,
            last_id=read.optional(),
            session=read.session() if read.flag() else None,
            open=read.bar() if read.flag() else None,
            before=[read.value() for _ in range(read.unsigned())],
            first_time=read.optional(),
            kept=read.kept(),
            filled=(
                read.signed(),
                read.signed(),
                [read.signed() for _ in range(read.unsigned())],
            ),
        )
        assert read.at < len(read.data)
        state.memory = read.data[read.at :]
        return state

    def to_bytes(self) -> bytes:
        """Return the checkpoint, with a checksum that is right."""
        return sealed(b"".join(self._parts()))

    def _parts(self) -> Iterator[bytes]:
        yield _maybe(None if self.symbol is None else _text(self.symbol))
        yield _text(self.rule)
        yield _maybe(None if self.reset is None else _text(self.reset))
        yield _maybe(None if self.max_gap is None else varint(self.max_gap % 2**64))
        yield bytes([self.include_microstructure, self.include_incomplete])
        yield varint(len(self.features)) + b"".join(map(_text, self.features))
        if self.footprint is None:
            yield b"\0"
        else:
            tick, value_area, imbalance = self.footprint
            yield b"\1" + _signed(tick, "i64") + bytes([value_area]) + varint(imbalance)
        yield _maybe(
            None
            if self.lookback is None
            else bytes([self.lookback[0]]) + varint(self.lookback[1] % 2**64)
        )
        yield _maybe(
            None if self.vpin is None else _signed(self.vpin[0], "i64") + varint(self.vpin[1])
        )
        if self.layout is None:
            yield b"\0"
        else:
            unit, zone, columns = self.layout
            zone_text = None if zone is None else _text(zone)
            yield b"\1" + bytes([unit]) + _maybe(zone_text) + bytes([columns])
        yield varint(self.rows % 2**64)
        if self.last is None:
            yield b"\0"
        else:
            time, last_id = self.last
            yield b"\1" + _signed(time, "i64") + _optional(last_id)
        yield _optional(self.last_id)
        yield _maybe(None if self.session is None else _session(self.session))
        yield b"\0" if self.open is None else b"\1" + b"".join(_bar_parts(self.open))
        yield varint(len(self.before)) + b"".join(map(_value, self.before))
        yield _optional(self.first_time)
        yield varint(len(self.kept))
        before = (0, 0, 0, 0)
        for row in self.kept:
            yield _signed(row[0] - before[0], "i64") + _signed(row[1] - before[1], "i64")
            yield _signed(row[2], "i64") + bytes([row[3]])
            before = row
        bought, sold, imbalances = self.filled
        yield _signed(bought, "i64") + _signed(sold, "i64") + varint(len(imbalances))
        yield from (_signed(each, "i64") for each in imbalances)
        yield self.memory


def sealed(rest: bytes) -> bytes:
    """Return a checkpoint of these bytes after its head."""
    return _HEAD + zlib.crc32(rest).to_bytes(4, "little") + rest


def _bar_parts(bar: OpenBar) -> Iterator[bytes]:
    yield from (_signed(time, "i64") for time in bar.times)
    yield struct.pack("<4d", *bar.prices)
    yield _signed(bar.volume, "i128") + _signed(bar.turnover, "i128")
    yield b"\0" if bar.sides is None else b"\1"
    for volume, turnover, trades in bar.sides or []:
        yield _signed(volume, "i128") + _signed(turnover, "i128") + _signed(trades, "i64")
    yield from (_signed(x, "i64") for x in (bar.rows, bar.trades, bar.rows_with_trade_ids))
    yield from map(_optional, bar.agg_trade_ids)
    yield bytes([bar.has_run])
    if bar.levels is None:
        yield b"\0"
        return
    yield b"\1" + varint(len(bar.levels))
    for number, *sums in bar.levels:
        yield _signed(number, "i64") + b"".join(_signed(each, "i128") for each in sums)


def varint(value: int) -> bytes:
    """Return a number of 0 or more, seven bits to a byte."""
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _signed(value: int, kind: str) -> bytes:
    """Return a number that is taken modulo 2 to the width of its kind."""
    modulus = 2 ** _SIGNED[kind]
    wrapped = (value + modulus // 2) % modulus - modulus // 2
    return varint(2 * wrapped if wrapped >= 0 else -2 * wrapped - 1)


def _text(value: str) -> bytes:
    return varint(len(value.encode())) + value.encode()


def _session(value: Session) -> bytes:
    if isinstance(value, str):
        return b"\2" + _text(value)
    return b"\1" + bytes([value[0]]) + _signed(value[1], "i64") if value else b"\0"


def _value(value: float | None) -> bytes:
    """Return a value of what came before a bar: an integer, a float, or none."""
    if isinstance(value, float):
        return b"\1\1" + struct.pack("<d", value)
    return _maybe(None if value is None else b"\0" + _signed(value, "i64"))


def _maybe(value: bytes | None) -> bytes:
    return b"\0" if value is None else b"\1" + value


def _optional(value: Id) -> bytes:
    return _maybe(None if value is None else _signed(value, "i64"))


class _Reader:
    """Reads one field after another."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def flag(self) -> bool:
        return self.byte() == 1

    def unsigned(self) -> int:
        value, shift, more = 0, 0, True
        while more:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            more = byte >= 0x80
        return value

    def signed(self) -> int:
        value = self.unsigned()
        return value // 2 if value % 2 == 0 else -(value + 1) // 2

    def optional(self) -> Id:
        return self.signed() if self.flag() else None

    def text(self) -> str:
        size = self.unsigned()
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def session(self) -> Session:
        kind = self.byte()
        if kind == 0:
            return ()
        return (self.byte(), self.signed()) if kind == 1 else self.text()

    def value(self) -> int | float | None:
        if not self.flag():
            return None
        if self.byte() == 0:
            return self.signed()
        self.at += 8
        (value,) = struct.unpack("<d", self.data[self.at - 8 : self.at])
        return float(value)

    def kept(self) -> list[Kept]:
        rows, time, price = list[Kept](), 0, 0
        for _ in range(self.unsigned()):
            time, price = time + self.signed(), price + self.signed()
            rows.append((time, price, self.signed(), self.byte()))
        return rows

    def bar(self) -> OpenBar:
        times = [self.signed(), self.signed()]
        self.at += 32
        prices = struct.unpack("<4d", self.data[self.at - 32 : self.at])
        volume, turnover = self.signed(), self.signed()
        two_sides = self.flag()
        sides = [(self.signed(), self.signed(), self.signed()) for _ in range(2 * two_sides)]
        return OpenBar(
            times=times,
            prices=list(prices),
            volume=volume,
            turnover=turnover,
            sides=sides if two_sides else None,
            rows=self.signed(),
            trades=self.signed(),
            rows_with_trade_ids=self.signed(),
            agg_trade_ids=[self.optional(), self.optional()],
            has_run=self.flag(),
            levels=self.levels() if self.flag() else None,
        )

    def levels(self) -> list[Level]:
        read = self.signed
        return [(read(), read(), read(), read(), read()) for _ in range(self.unsigned())]
