"""Where the real trades for tests lie, on machines that have them."""

import os
from pathlib import Path

import pytest

SHARED = Path(
    os.environ.get("RANGEBAR_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data"
)

needs_shared_data = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason="the real trades are not here (set RANGEBAR_SHARED_DATA to their folder)",
)
