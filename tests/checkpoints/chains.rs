//! States of several thresholds after the same trades are read again, and others are refused.

use crate::drawn::{Owned, settings, some_trades, start};
use crate::every_sum;
use crate::mutation::{Draw, mutate};
use proptest::prelude::*;
use rangebar_polars::builder::Builder;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::checkpoint::chains::{Chains, KeyColumn, KeyType, KeyValue, Saved};
use rangebar_polars::error::Error;
use rangebar_polars::rule::{RangeRule, Threshold};

const THRESHOLDS: [i64; 3] = [7, 250, 100_000];

/// The states of the thresholds before any trade.
fn before(settings: &Checkpoint) -> Vec<Checkpoint> {
    let of = |threshold: &i64| Checkpoint {
        symbol: None,
        threshold: Threshold::new(*threshold).unwrap(),
        ..settings.clone()
    };
    THRESHOLDS.iter().map(of).collect()
}

fn builder(settings: &[Checkpoint]) -> Builder<RangeRule> {
    let rule =
        |state: &Checkpoint| RangeRule::new(state.threshold, state.prevent_same_timestamp_close);
    Builder::new(settings.iter().map(rule), every_sum()).reset_every(settings[0].reset)
}

/// The states of a builder.
fn states(builder: &Builder<RangeRule>, settings: &[Checkpoint]) -> Vec<Checkpoint> {
    let of = |(state, open): (&Checkpoint, Option<&_>)| Checkpoint {
        check: builder.check().clone(),
        open: open.cloned(),
        ..state.clone()
    };
    settings.iter().zip(builder.states()).map(of).collect()
}

fn chains(settings: Vec<Checkpoint>, states: Vec<Vec<Checkpoint>>, keyed: bool) -> Chains {
    let key = |number: usize| KeyValue::Whole(i128::try_from(number).unwrap());
    let column = KeyColumn {
        name: "key".to_owned(),
        dtype: Some(KeyType::Int64),
        values: (0..states.len()).map(key).collect(),
    };
    Chains {
        symbol: Some("BTCUSDT".to_owned()),
        threshold_column: true,
        keys: if keyed { vec![column] } else { Vec::new() },
        settings,
        states,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2_000 }))]

    #[test]
    fn states_that_trades_lead_to_together_are_read_again(
        settings in settings(),
        (time, price) in start(),
        drawn in prop_oneof![some_trades(1..90, true), some_trades(1..90, false)],
        piece in 1..9_usize,
    ) {
        let (owned, settings) = (Owned::after(time, None, price, &drawn), before(&settings));
        let trades = owned.trades(settings[0].layout.as_ref().unwrap());
        let mut folded = builder(&settings);
        let mut earlier = Vec::new();

        for at in (0..trades.len).step_by(piece) {
            let rows = at..trades.len.min(at + piece);
            if folded.push(&trades.slice(rows), &mut |_, _| ()).is_err() {
                // A sum is beyond its integer.
                break;
            }
            earlier.push(states(&folded, &settings));
            assert_is_read(&chains(settings.clone(), vec![states(&folded, &settings)], false));
        }
        assert_is_read(&chains(settings, earlier, true));
    }
}

fn assert_is_read(saved: &Chains) {
    let bytes = saved.to_bytes().unwrap();
    let Ok(Saved::Several(read)) = Saved::from_bytes(&bytes) else {
        panic!("{:?} of {saved:?}", Saved::from_bytes(&bytes));
    };
    assert_eq!(read.to_bytes().unwrap(), bytes);
}

#[test]
fn states_that_were_changed_are_refused_or_read_as_they_are() {
    let mut draw = Draw(proptest::test_runner::TestRunner::deterministic());
    let (mut refused, mut read) = (0, 0);

    for _ in 0..2_000 {
        let settings = before(&draw.one(&settings()));
        let (time, price) = draw.one(&start());
        let owned = Owned::after(time, None, price, &draw.one(&some_trades(1..40, true)));
        let mut folded = builder(&settings);
        let trades = owned.trades(settings[0].layout.as_ref().unwrap());
        if folded.push(&trades, &mut |_, _| ()).is_err() {
            continue;
        }
        let mut of_key = states(&folded, &settings);
        let number = draw.below(of_key.len());
        mutate(&mut of_key[number], &mut draw);
        let saved = chains(settings, vec![of_key], draw.below(2) == 0);
        let Ok(bytes) = saved.to_bytes() else { continue };
        match Chains::from_bytes(&bytes) {
            Err(Error::CheckpointDamaged { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
            Ok(same) => {
                assert_eq!(same.to_bytes().unwrap(), bytes);
                read += 1;
            }
        }
    }

    assert!(refused > 1_000 && read > 10, "{refused} refused, {read} read");
}
