"""A checkpoint with changed bytes is never restored as something else."""

import random

from support.checkpoint_cases import restore
from support.checkpoint_states import STATES

import rangebar_polars as rb

# Fuzzing.

MUTATIONS = 12_000


def mutated(chance: random.Random, saved: list[bytes]) -> bytes:
    """Return a checkpoint that was changed."""
    data = bytearray(chance.choice(saved))
    kind = chance.randrange(6)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = chance.randbytes(chance.choice([1, 2, 10]))
        elif kind == 4:
            del data[at : at + chance.choice([1, 2, 10])]
        else:
            other = chance.choice(saved)
            data[at:] = other[chance.randrange(len(other) + 1) :]
    return bytes(data)


def test_a_checkpoint_that_was_changed_is_never_restored_as_something_else() -> None:
    saved = [state.processor().create_checkpoint() for state in STATES.values()]
    chance = random.Random(5)  # noqa: S311 - not a secret
    refused = 0

    for _ in range(MUTATIONS):
        data = mutated(chance, saved)
        try:
            restored = restore(data)
        except rb.CheckpointError:
            refused += 1
        else:
            assert data in saved
            assert data == restored.create_checkpoint()
    assert refused > MUTATIONS * 0.9


def crc32(data: bytes) -> int:
    """Return the checksum of a checkpoint, bit by bit."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xEDB8_8320 * (crc & 1)
    return crc ^ 0xFFFF_FFFF


def test_a_changed_state_with_a_matching_checksum_is_refused_or_can_be_saved_again() -> None:
    saved = [state.processor().create_checkpoint() for state in STATES.values()]
    chance, outcomes = random.Random(6), {"restored": 0, "refused": 0}  # noqa: S311 - not a secret

    for _ in range(1_500):
        rest = mutated(chance, saved)[9:]
        data = saved[0][:5] + crc32(rest).to_bytes(4, "little") + rest
        try:
            restored = restore(data)
            restored.get_incomplete_bar()
        except rb.CheckpointError:
            outcomes["refused"] += 1
        else:
            outcomes["restored"] += 1
            assert data == restored.create_checkpoint()
    assert min(outcomes.values()) > 0
