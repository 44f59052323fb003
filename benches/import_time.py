"""The cost of importing the package after Polars: `python benches/import_time.py`."""

import argparse
import statistics
import subprocess
import sys

LIMIT_MS = 30

CASES = {
    "import polars": ("", "import polars"),
    "import rangebar_polars": ("import polars", "import rangebar_polars"),
    "and rb.bars": ("import polars", "import rangebar_polars as rb; rb.bars"),
    "and rb.get_range_bars": ("import polars", "import rangebar_polars as rb; rb.get_range_bars"),
    "and every other name": (
        "import polars",
        "import rangebar_polars as rb; [getattr(rb, name) for name in dir(rb)]",
    ),
}
"""The imports before the clock starts, and the measured import."""


def milliseconds(before: str, code: str) -> float:
    """Return how long a new process takes to run a line, without the start of Python."""
    timed = (
        f"{before}\nimport time\nt = time.perf_counter()\n{code}\nprint(time.perf_counter() - t)"
    )
    done = subprocess.run(  # noqa: S603 - the bench's own code
        [sys.executable, "-c", timed], check=True, capture_output=True, text=True
    )
    return float(done.stdout) * 1000


def main() -> None:
    """Print the median and the fastest run of each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    found = {}
    for name, (before, code) in CASES.items():
        milliseconds(before, code)  # compiles the modules, and brings their files into memory
        times = [milliseconds(before, code) for _ in range(runs)]
        found[name] = statistics.median(times)
        print(f"{name:24} median {found[name]:6.1f} ms, fastest {min(times):6.1f} ms")
    cost = found["import rangebar_polars"]
    assert cost <= LIMIT_MS, f"importing the package costs {cost:.1f} ms beyond polars"


if __name__ == "__main__":
    main()
