//! Every state that trades lead to is read again, and no other one makes the kernel stop.
//!
//! `RANGEBAR_FUZZ=N` looks at N hostile checkpoints instead of a few thousand.

// Numbers are small, and a panic is how a test fails.
#![allow(clippy::cast_precision_loss, clippy::print_stdout, clippy::unwrap_used)]

mod changed_bytes;
mod chains;
mod continued;
mod drawn;
mod impossible;
mod impossible_chains;
mod impossible_levels;
mod impossible_lookback;
mod impossible_run;
mod mutation;
mod states;

use continued::continues;
use drawn::{Drawn, Owned, settings, some_trades, start};
use mutation::{Draw, mutate};
use proptest::prelude::*;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::error::Error;
use states::{builder, state_of};
use std::slice::from_ref;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 400 } else { 4_000 }))]

    #[test]
    fn a_state_that_trades_lead_to_is_read_again(
        settings in settings(),
        (time, price) in start(),
        drawn in prop_oneof![some_trades(1..90, true), some_trades(1..90, false)],
        piece in 1..4_usize,
    ) {
        let owned = Owned::after(time, None, price, &drawn);
        let extras = owned.extras(&settings);
        let trades = owned.trades(settings.layout.as_ref().unwrap(), &extras);
        let mut folded = builder(from_ref(&settings));

        for at in (0..trades.len).step_by(piece) {
            let bytes = state_of(&folded, &settings).to_bytes().unwrap();
            let restored = Checkpoint::from_bytes(&bytes);
            prop_assert!(restored.is_ok(), "{:?} {:?}", restored, state_of(&folded, &settings));
            prop_assert_eq!(restored.unwrap().to_bytes().unwrap(), bytes);
            let rows = at..trades.len.min(at + piece);
            if folded.push(&trades.slice(rows), &mut |_, _| ()).is_err() {
                // A sum is beyond its integer.
                break;
            }
        }
    }
}

/// A state that trades lead to.
fn reached(draw: &mut Draw, settings: &Checkpoint, pool: &[Vec<Drawn>]) -> Checkpoint {
    let (time, price) = draw.one(&start());
    let most = draw.below(40);
    let drawn = &pool[draw.below(pool.len())];
    let owned = Owned::after(time, None, price, &drawn[..most.min(drawn.len())]);
    let extras = owned.extras(settings);
    let trades = owned.trades(settings.layout.as_ref().unwrap(), &extras);
    let mut folded = builder(from_ref(settings));
    for row in 0..trades.len {
        let before = folded.clone();
        if folded.push(&trades.slice(row..row + 1), &mut |_, _| ()).is_err() {
            return state_of(&before, settings);
        }
    }
    state_of(&folded, settings)
}

/// Continue from a state with 1,000 trades; returns whether all were taken.
fn takes_trades(state: &Checkpoint, draw: &mut Draw, pool: &[Vec<Drawn>]) -> bool {
    let layout = state.layout.clone().unwrap_or_else(|| draw.one(&settings()).layout.unwrap());
    let mut left = 1_000;
    let pieces = std::iter::from_fn(|| {
        let drawn = &pool[draw.below(pool.len())];
        let rows = left.min(drawn.len());
        left -= rows;
        (rows > 0).then(|| &drawn[..rows])
    });
    continues(from_ref(state), &layout, pieces)
}

#[test]
fn a_hostile_checkpoint_is_refused_or_continues_like_any_other() {
    let asked = std::env::var("RANGEBAR_FUZZ").ok().map(|cases| cases.parse().unwrap());
    let cases: usize = asked.unwrap_or(4_000);
    let mut draw = Draw(proptest::test_runner::TestRunner::deterministic());
    let settings = settings();
    let pool: Vec<_> =
        (0..100).map(|number| draw.one(&some_trades(300..400, number % 5 > 0))).collect();
    let (mut refused, mut continued, mut ended) = (0, 0, 0);

    for _ in 0..cases {
        let settings = draw.one(&settings);
        let mut state = reached(&mut draw, &settings, &pool);
        for _ in 0..=draw.below(3) {
            mutate(&mut state, &mut draw);
        }
        let Ok(bytes) = state.to_bytes() else { continue };
        match Checkpoint::from_bytes(&bytes) {
            Err(Error::CheckpointDamaged { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
            Ok(state) if takes_trades(&state, &mut draw, &pool) => continued += 1,
            Ok(_) => ended += 1,
        }
    }

    println!(
        "{cases} hostile checkpoints: {refused} refused, {continued} continued, {ended} overflowed"
    );
    assert!(refused > cases / 10 && continued > cases / 20 && ended > 0);
}
