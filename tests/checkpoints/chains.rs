//! States of several rules and keys after the same trades are read again, and others are refused.

use crate::drawn::{Owned, RULES, settings, some_trades, start};
use crate::mutation::{Draw, mutate};
use crate::states::{THRESHOLDS, before, builder, chains, states};
use proptest::prelude::*;
use proptest::sample::subsequence;
use rangebar_polars::checkpoint::chains::{Chains, Saved};
use rangebar_polars::error::Error;

fn rules() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![Just(THRESHOLDS.to_vec()), subsequence(RULES.to_vec(), 1..5)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 100 } else { 1_000 }))]

    #[test]
    fn states_that_trades_lead_to_together_are_read_again(
        settings in settings(),
        rules in rules(),
        (time, price) in start(),
        drawn in prop_oneof![some_trades(1..90, true), some_trades(1..90, false)],
        piece in 1..9_usize,
    ) {
        let (owned, settings) = (Owned::after(time, None, price, &drawn), before(&settings, &rules));
        let extras = owned.extras(&settings[0]);
        let trades = owned.trades(settings[0].layout.as_ref().unwrap(), &extras);
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
    let (all_settings, all_rules, trades) = (settings(), rules(), some_trades(1..40, true));

    for _ in 0..1_000 {
        let settings = before(&draw.one(&all_settings), &draw.one(&all_rules));
        let (time, price) = draw.one(&start());
        let owned = Owned::after(time, None, price, &draw.one(&trades));
        let extras = owned.extras(&settings[0]);
        let trades = owned.trades(settings[0].layout.as_ref().unwrap(), &extras);
        let mut folded = builder(&settings);
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

    assert!(refused > 400 && read > 10, "{refused} refused, {read} read");
}
