//! States of several chains that no trades lead to together, though they lead to each of them.

use crate::impossible::state as any_state;
use crate::states::{builder, states};
use rangebar_polars::bar::{Bar, BySide, Side};
use rangebar_polars::builder::MaxGap;
use rangebar_polars::check::Check;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::checkpoint::chains::{
    Chains, KeyColumn, KeyType, KeyValue, RULE, Saved, THRESHOLD,
};
use rangebar_polars::error::Error;
use rangebar_polars::period::Period;
use rangebar_polars::reset::Reset;
use rangebar_polars::rule::{AnyRule, Rule};
use rangebar_polars::session::{Kind, Session};
use rangebar_polars::trades::{Bits, Column, Role, Sides, TimeUnit, Trades};
use std::slice::from_ref;

const UNIT: i128 = 100_000_000;
type Change = fn(&mut Chains);

/// Two keys, each of eight trades, with bars of rules of which the second ends with the fifth: its
/// open bar has the last three trades of that of the first.
fn chains(rules: [&str; 2]) -> Chains {
    let of = |text: &&str| {
        let rule: AnyRule = text.parse().unwrap();
        let mut state = Checkpoint {
            symbol: None,
            memory: rule.memory(),
            rule,
            reset: None,
            check: Check::default(),
            open: None,
            ..any_state()
        };
        let columns = &mut state.layout.as_mut().unwrap().columns;
        columns.retain(|role| !matches!(role, Role::FirstTradeId | Role::LastTradeId));
        state
    };
    let settings: Vec<_> = rules.iter().map(of).collect();
    let ids: Vec<_> = (0..8).collect();
    let prices = [100.0, 101.0, 99.0, 100.5, 102.0, 100.0, 100.5, 100.2];
    let trades = Trades {
        timestamp: Some(Column::new("timestamp", &ids)),
        price: Some(Column::new("price", &prices)),
        quantity: Some(Column::new("quantity", &[1.0; 8])),
        is_buyer_maker: Some(Sides { sold: Bits::new(&[0b0100_1001], 0, 8), known: None }),
        agg_trade_id: Some(Column::new("agg_trade_id", &ids)),
        ..Trades::new(8, TimeUnit::Milliseconds)
    };
    let mut folded = builder(&settings);
    folded.push(&trades, &mut |_, _| ()).unwrap();
    let states = states(&folded, &settings);
    Chains {
        symbol: Some("BTCUSDT".to_owned()),
        rule_column: Some(RULE.to_owned()),
        keys: vec![KeyColumn {
            name: "key".to_owned(),
            dtype: Some(KeyType::Int64),
            values: [1, 2].map(KeyValue::Whole).to_vec(),
        }],
        settings,
        states: vec![states.clone(), states],
    }
}

fn read(chains: &Chains) -> Result<Saved, Error> {
    Saved::from_bytes(&chains.to_bytes().unwrap())
}

fn assert_accepted(chains: &Chains) {
    assert_eq!(read(chains), Ok(Saved::Several(chains.clone())));
}

fn assert_all_refused(chains: &Chains, changes: &[(&str, Change)]) {
    assert_accepted(chains);
    for (what, change) in changes {
        let mut other = chains.clone();
        change(&mut other);
        assert!(matches!(read(&other), Err(Error::CheckpointDamaged { .. })), "{what}");
    }
}

/// The open bar of the second rule of the first key.
fn part(chains: &mut Chains) -> &mut Bar {
    chains.states[0][1].open.as_mut().unwrap()
}

/// The open bar of the first rule of the first key.
fn whole(chains: &mut Chains) -> &mut Bar {
    chains.states[0][0].open.as_mut().unwrap()
}

/// Add five units at 100 to a bar and to one of its sides.
fn add_volume(bar: &mut Bar, side: fn(&mut BySide) -> &mut Side) {
    let more = 5 * UNIT;
    (bar.volume, bar.turnover) = (bar.volume + more, bar.turnover + more * 100 * UNIT);
    let side = side(bar.sides.as_mut().unwrap());
    (side.volume, side.turnover) = (side.volume + more, side.turnover + more * 100 * UNIT);
}

#[test]
fn keys_and_settings_that_contradict_one_another_are_refused() {
    let several = chains(["tick-100", "tick-5"]);
    assert_all_refused(
        &several,
        &[
            ("a column of rules of another name", |chains| {
                chains.rule_column = Some("bar".to_owned());
            }),
            ("several rules without a column", |chains| chains.rule_column = None),
            ("thresholds of rules without one", |chains| {
                chains.rule_column = Some(THRESHOLD.to_owned());
            }),
            ("two columns of a name", |chains| {
                let column = chains.keys[0].clone();
                chains.keys.push(column);
            }),
            ("a name with a zero", |chains| chains.keys[0].name = "a\0b".to_owned()),
            ("fewer values than keys", |chains| {
                let mut column = chains.keys[0].clone();
                column.name = "other".to_owned();
                column.values.pop();
                chains.keys.push(column);
            }),
            ("keys of no type", |chains| chains.keys[0].dtype = None),
            ("a key twice", |chains| chains.keys[0].values[1] = KeyValue::Whole(1)),
            ("more keys than states", |chains| {
                chains.states.pop();
            }),
        ],
    );
}

#[test]
fn settings_and_states_that_contradict_one_another_are_refused() {
    let several = chains(["tick-100", "tick-5"]);
    assert_all_refused(
        &several,
        &[
            ("two states without a key", |chains| chains.keys.clear()),
            ("no setting", |chains| {
                chains.settings.clear();
                chains.states.clear();
            }),
            ("a rule twice", |chains| {
                chains.settings[1] = chains.settings[0].clone();
                for states in &mut chains.states {
                    states[1] = states[0].clone();
                }
            }),
            ("rules with other settings", |chains| {
                chains.settings[1].include_incomplete = true;
                for states in &mut chains.states {
                    states[1].include_incomplete = true;
                }
            }),
            ("a setting with a symbol", |chains| {
                let symbol = || Some("ETHUSDT".to_owned());
                chains.settings.iter_mut().for_each(|state| state.symbol = symbol());
                chains.states.iter_mut().flatten().for_each(|state| state.symbol = symbol());
            }),
            ("a state with other settings", |chains| {
                chains.states[0][1].include_incomplete = true;
            }),
            ("a key without a trade", |chains| {
                chains.states[0] = chains.settings.clone();
            }),
        ],
    );
    let one = |mut chains: Chains| {
        chains.keys.clear();
        chains.states.pop();
        chains
    };
    assert_accepted(&one(several.clone()));
    // One rule has no column of rules, and needs keys.
    let mut alone = chains(["tick-100", "tick-5"]);
    alone.rule_column = None;
    alone.settings.pop();
    alone.states.iter_mut().for_each(|states| states.truncate(1));
    assert_accepted(&alone);
    assert!(read(&one(alone)).is_err());
    let mut before = one(several);
    before.states[0] = before.settings.clone();
    assert_accepted(&before);
}

#[test]
fn a_checkpoint_says_what_it_is_of() {
    let several = chains(["tick-100", "tick-5"]);
    let (one, other) = (several.settings[0].clone(), several.settings[1].clone());
    let read = read(&several).unwrap();

    assert_eq!((read.symbol(), read.rule_column()), (Some("BTCUSDT"), Some(RULE)));
    assert_eq!((read.by(), read.settings()), (vec!["key"], &several.settings[..]));
    let alone = Saved::from_bytes(&one.to_bytes().unwrap()).unwrap();
    assert_eq!((alone.symbol(), alone.rule_column(), alone.by()), (None, None, Vec::new()));
    assert_eq!(alone.settings(), from_ref(&one));
    assert_eq!(one.agrees(&one.rule, None, None), Ok(()));
    for (what, refused) in [
        ("rule", one.agrees(&other.rule, None, None)),
        ("reset", one.agrees(&one.rule, Some(Reset::Period(Period::Day)), None)),
        ("max_gap", one.agrees(&one.rule, None, Some(MaxGap(5)))),
    ] {
        let is_of = |error: &Error| matches!(error, Error::CheckpointOther { what: own, .. } if *own == what);
        assert!(refused.as_ref().is_err_and(is_of), "{what}: {refused:?}");
    }
}

#[test]
fn thresholds_that_do_not_rise_are_refused() {
    let named = |rules| Chains { rule_column: Some(THRESHOLD.to_owned()), ..chains(rules) };
    assert_accepted(&named(["range-50000", "range-60000"]));
    for rules in [
        ["range-60000", "range-50000"],
        ["range-50000", "range-60000-nogate"],
        ["range-50000", "pricerange-500"],
    ] {
        assert!(read(&named(rules)).is_err(), "{rules:?}");
        assert_accepted(&chains(rules));
    }
}

#[test]
fn states_of_other_trades_than_one_another_are_refused() {
    let several = chains(["tick-100", "tick-5"]);
    assert_all_refused(
        &several,
        &[
            ("more trades", |chains| {
                let check = &chains.states[0][1].check;
                chains.states[0][1].check = Check::at(9, check.last(), check.last_id());
            }),
            ("an open bar of as many trades", |chains| {
                let mut bar = whole(chains).clone();
                bar.price.high = 103.0;
                *part(chains) = bar;
            }),
            ("an earlier opening time", |chains| part(chains).time.open = -1),
            ("a higher price", |chains| part(chains).price.high = 102.5),
            ("a lower price", |chains| part(chains).price.low = 98.5),
            ("another close", |chains| part(chains).price.close = 100.3),
            ("another last id", |chains| part(chains).last_agg_trade_id = None),
            ("more volume, of unknown side", |chains| {
                let bar = part(chains);
                let low = 100 * UNIT * UNIT * 6;
                (bar.volume, bar.turnover) = (bar.volume + 6 * UNIT, bar.turnover + low);
            }),
            ("more bought", |chains| add_volume(part(chains), |sides| &mut sides.buy)),
            ("more sold", |chains| add_volume(part(chains), |sides| &mut sides.sell)),
        ],
    );
    let mut sessions = several;
    let reset = Some(Reset::Column { place: 0 });
    sessions.settings.iter_mut().for_each(|state| state.reset = reset);
    for state in sessions.states.iter_mut().flatten() {
        (state.reset, state.session) = (reset, Some(Session::Number(Kind::Whole, 3)));
    }
    assert_all_refused(
        &sessions,
        &[
            ("another last value", |chains| {
                chains.states[0][1].session = Some(Session::Number(Kind::Whole, 4));
            }),
            ("a value of another kind for another key", |chains| {
                for state in &mut chains.states[1] {
                    state.session = Some(Session::Number(Kind::Date, 3));
                }
            }),
        ],
    );
}
