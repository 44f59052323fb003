"""Checkpoints that several test files restore."""

import pytest

import rangebar_polars as rb
from support.checkpoint_states import STATES

states = pytest.mark.parametrize("state", STATES.values(), ids=STATES)
restore = rb.RangeBarProcessor.from_checkpoint


SAVED = STATES["an-open-bar"].processor().create_checkpoint()
