//! States of a footprint that no trades lead to.

use crate::impossible::{assert_accepted, assert_refused};
use crate::impossible_run::{PRICES, state_at};
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::footprint::Footprint;

#[test]
fn levels_that_contradict_the_bar_are_refused() {
    let state = state_at(&PRICES, true);
    let footprint = state.footprint.unwrap();
    let with = |footprint| Checkpoint { footprint, ..state.clone() };
    for (value_area, imbalance, is_possible) in [
        (1, 100, true),
        (100, 1_000_000, true),
        (0, 300, false),
        (101, 300, false),
        (70, 99, false),
        (70, 1_000_001, false),
    ] {
        let changed = with(Some(Footprint { value_area, imbalance, ..footprint }));
        if is_possible { assert_accepted(changed) } else { assert_refused("settings", &changed) }
    }
    assert_refused("levels without a footprint", &with(None));
    for (what, prices) in [
        ("other sums", &PRICES[..11]),
        ("another lowest level", &[98.0, 101.1, 100.0, 100.4]),
        ("another highest level", &[99.5, 102.0, 100.0, 100.4]),
    ] {
        let mut changed = state.clone();
        changed.open.as_mut().unwrap().levels = state_at(prices, true).open.unwrap().levels;
        assert_refused(what, &changed);
    }
    let mut without = state;
    without.open.as_mut().unwrap().levels = None;
    assert_refused("a footprint without levels", &without);
}
