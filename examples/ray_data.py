"""Bars of many symbols on Ray Data: a task for each symbol, made of the files of its folder.

A chain of bars runs from file to file, so the rows of the data set are folders, one a batch, and
not trades, whose blocks Ray cuts anywhere. Needs ``pip install 'ray[data]'``.
"""

import tempfile
from pathlib import Path

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it has no stubs
from hive_trades import bars_of, bars_of_one_pass, write_hive


def bars_of_batch(batch: pa.Table) -> pa.Table:
    """Return the bars of the one folder of a batch."""
    bars = bars_of(Path(batch["folder"][0].as_py()))
    return bars.to_arrow(compat_level=pl.CompatLevel.oldest())


def main() -> None:
    """Compute the bars of each folder on Ray, and compare them with those of one pass."""
    import ray  # noqa: PLC0415 - it may be absent

    ray.init(include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as name:
        folders = write_hive(Path(name))
        rows = ray.data.from_items([{"folder": str(folder)} for folder in folders])
        on_ray = rows.map_batches(bars_of_batch, batch_size=1, batch_format="pyarrow")
        bars = pl.concat(pl.DataFrame(ray.get(block)) for block in on_ray.to_arrow_refs())
        one_pass = bars_of_one_pass(Path(name))
    ray.shutdown()

    # Batches come in any order.
    same = bars.sort("symbol", maintain_order=True).equals(one_pass)
    print(f"{bars.height} bars of {len(folders)} folders, the same as in one pass: {same}")


if __name__ == "__main__":
    main()
