"""The end of a Parquet file in a bucket, which has all that the file says of itself."""

from typing import Final

from rangebar_polars._objects.bucket import Bucket, Piece

TAIL_BYTES: Final = 32 * 1024
"""How much of the end of an object is read at first; most files say less of themselves."""

# What a Parquet file ends with: the length of its metadata, and four letters.
_LENGTH_BYTES: Final = 4
_END_BYTES: Final = 8


def parquet_end(bucket: Bucket, name: str) -> Piece | None:
    """Return the end of an object with all of its metadata; None if it is absent.

    Parameters
    ----------
    bucket
        Where it is.
    name
        The name of the object.
    """
    piece = bucket.tail(name, TAIL_BYTES)
    while piece is not None:
        end = piece.data[-_END_BYTES:]
        wanted = int.from_bytes(end[:_LENGTH_BYTES], "little") + _END_BYTES
        if len(piece.data) >= min(wanted, piece.size):
            return piece
        longer = bucket.tail(name, wanted, tag=piece.tag)
        if longer is not None:
            return longer
        # It was replaced in between.
        piece = bucket.tail(name, TAIL_BYTES)
    return None
