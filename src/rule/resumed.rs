//! What a rule remembers, and the states with which it continues.

#![allow(clippy::cast_possible_wrap)] // few rows

use super::{AnyRule, Memory, Rule, flow};
use crate::bar::{Bar, Span};
use crate::fixed::to_fixed;
use crate::needs::Needs;
use crate::trades::{Bits, Column, Extra, Flags, Sides, TimeUnit, Trades};

/// The open bar after trades of one unit at these prices, a second apart, that were bought.
fn open_bar(prices: &[f64]) -> Bar {
    let (times, quantities): (Vec<_>, Vec<_>) =
        (0..prices.len() as i64).map(|row| (row * 1_000, 1.0)).unzip();
    let trades = Trades {
        timestamp: Some(Column::new("timestamp", &times)),
        price: Some(Column::new("price", prices)),
        quantity: Some(Column::new("quantity", &quantities)),
        is_buyer_maker: Some(Sides { sold: Bits::new(&[0], 0, prices.len()), known: None }),
        ..Trades::new(prices.len(), TimeUnit::Milliseconds)
    };
    let needs = Needs::VOLUME.and(Needs::TURNOVER).and(Needs::TRADES).and(Needs::SIDES);
    Bar::of(&trades, 0..prices.len(), needs).unwrap().unwrap()
}

fn resumes(rule: &str, open: Option<&Bar>, memory: &Memory, rows: u64) -> bool {
    rule.parse::<AnyRule>().unwrap().resume(open, memory, rows)
}

#[test]
fn a_rule_continues_with_a_bar_that_it_has_not_closed() {
    let bar = open_bar(&[100.0, 101.0, 102.0]);
    for (rule, is_open) in [
        ("range-2001", true),
        ("range-2000", false),
        ("highlow-2.00000001", true),
        ("highlow-2", false),
        ("tick-4", true),
        ("tick-3", false),
        ("trade-4", true),
        ("trade-3", false),
        ("volume-3.00000001", true),
        ("volume-3", false),
        ("dollar-303.00000001", true),
        ("dollar-303", false),
        ("when", true),
    ] {
        assert_eq!(resumes(rule, Some(&bar), &Memory::Nothing, 3), is_open, "{rule}");
        assert!(resumes(rule, None, &Memory::Nothing, 3), "{rule}");
        let other = Memory::Prices { low: 100.0, high: 102.0 };
        assert!(!resumes(rule, Some(&bar), &other, 3), "{rule}");
        assert!(!resumes(rule, None, &other, 3), "{rule}");
    }
    // At the opening time no trade closes a bar.
    let at_once = Bar { time: Span { close: 0, ..bar.time }, ..bar };
    for rule in ["highlow-1", "tick-2-gate", "trade-2-gate", "volume-2-gate", "dollar-2-gate"] {
        assert!(resumes(rule, Some(&at_once), &Memory::Nothing, 3), "{rule}");
    }
}

#[test]
fn prices_since_an_event_hold_those_of_the_bar() {
    let bar = open_bar(&[100.0, 101.0, 100.5]);
    let resumes = |open: Option<&Bar>, low: f64, high: f64| {
        resumes("cusum-2000", open, &Memory::Prices { low, high }, 5)
    };

    assert!(resumes(Some(&bar), 100.0, 101.0));
    // The event was above or below the bar, and not both.
    assert!(resumes(Some(&bar), 99.5, 101.0) && resumes(Some(&bar), 100.0, 101.5));
    assert!(!resumes(Some(&bar), 99.5, 101.5));
    assert!(!resumes(Some(&bar), 100.1, 101.0) && !resumes(Some(&bar), 100.0, 100.9));
    assert!(!resumes(Some(&bar), 98.0, 101.0) && !resumes(Some(&bar), 100.0, 103.0));
    assert!(!resumes(Some(&bar), 0.0, 101.0) && !resumes(Some(&bar), 102.0, 101.0));
    // Without a bar there is the event alone.
    assert!(resumes(None, 100.0, 100.0) && !resumes(None, 100.0, 100.5));
    let nothing = |open, rows| super::resumed::resumes("cusum-2000", open, &Memory::Nothing, rows);
    assert!(nothing(None, 0) && !nothing(None, 1) && !nothing(Some(&bar), 3));
}

#[test]
fn sums_of_sides_are_those_of_the_bar() {
    let bar = open_bar(&[100.0, 101.0, 102.0]);
    let units = 100_000_000;
    let of = |rule: &str, buys: i128, sells: i128| {
        resumes(rule, Some(&bar), &Memory::Sides { buys, sells, last: None }, 3)
    };

    assert!(of("imbalance-tick-maker-4", 3, 0) && of("imbalance-tick-maker-4", 0, 0));
    assert!(!of("imbalance-tick-maker-4", 3, 1) && !of("imbalance-tick-maker-4", -1, 0));
    assert!(!of("imbalance-tick-maker-4", 0, -1) && !of("imbalance-tick-maker-3", 3, 0));
    assert!(of("run-volume-maker-4", 2 * units, units));
    assert!(!of("run-volume-maker-4", 2 * units, units + 1));
    assert!(of("run-dollar-maker-400", 303 * units * units, 0));
    assert!(!of("run-dollar-maker-400", 303 * units * units, 1));
    assert!(of("runlength-tick-maker-4", 0, 2) && !of("runlength-tick-maker-4", 1, 1));
    let memory = |buys| Memory::Sides { buys, sells: 0, last: None };
    assert!(resumes("run-tick-maker-4", None, &memory(0), 3));
    assert!(!resumes("run-tick-maker-4", None, &memory(1), 3));
    assert!(!resumes("run-tick-maker-4", None, &Memory::Nothing, 0));
}

#[test]
fn the_last_record_of_the_tick_rule_is_the_close() {
    let bar = open_bar(&[100.0, 101.0, 102.0]);
    let close = flow::Last { price: to_fixed(102.0), sold: Some(false) };
    let of = |side: &str, open: Option<&Bar>, last, rows| {
        let memory = Memory::Sides { buys: 0, sells: 0, last };
        resumes(&format!("run-tick-{side}-9"), open, &memory, rows)
    };
    let lower = flow::Last { price: to_fixed(101.0), ..close };
    let nothing = flow::Last { price: 0, ..close };

    assert!(of("tickrule", Some(&bar), Some(close), 3) && of("tickrule", None, Some(lower), 3));
    assert!(!of("tickrule", Some(&bar), Some(lower), 3));
    assert!(!of("tickrule", None, Some(nothing), 3) && !of("tickrule", None, Some(lower), 0));
    assert!(of("tickrule", None, None, 0) && !of("tickrule", None, None, 1));
    assert!(of("maker", Some(&bar), None, 3) && !of("maker", Some(&bar), Some(close), 3));
}

/// Changes the decayed sums, the expected length, the limit, and how many records were seen.
type Change = fn(&mut [f64; 3], &mut f64, &mut Option<f64>, &mut u64);

#[test]
fn expectations_are_those_of_so_many_records() {
    let bar = open_bar(&[100.0, 101.0, 102.0]);
    let resumes = |change: Change| {
        let (mut decayed, mut expected, mut limit, mut seen) =
            ([2.0, 0.0, 2.25], 4.0, Some(9.0), 5);
        change(&mut decayed, &mut expected, &mut limit, &mut seen);
        let memory =
            Memory::Expectations { buys: 3, sells: 0, last: None, decayed, expected, limit, seen };
        let rule = "ewmarun-tick-maker-4-3-7-1-8-4";
        super::resumed::resumes(rule, Some(&bar), &memory, 6)
    };

    assert!(resumes(|_, _, _, _| ()));
    assert!(resumes(|_, expected, _, seen| (*expected, *seen) = (8.0, 6)));
    assert!(!resumes(|decayed, _, _, _| decayed[0] = -1.0));
    assert!(!resumes(|decayed, _, _, _| decayed[1] = f64::INFINITY));
    assert!(!resumes(|decayed, _, _, _| decayed[2] = 4.001));
    assert!(!resumes(|decayed, _, _, _| decayed[2] = 0.9));
    assert!(!resumes(|_, expected, _, _| *expected = 0.9));
    assert!(!resumes(|_, expected, _, _| *expected = 8.1));
    assert!(!resumes(|_, _, limit, _| *limit = None));
    assert!(!resumes(|_, _, limit, _| *limit = Some(f64::NAN)));
    assert!(!resumes(|_, _, limit, _| *limit = Some(3.0)));
    assert!(!resumes(|_, _, _, seen| *seen = 7));
    let early = |seen, limit| {
        let (decayed, expected) = ([0.0, 0.0, if seen > 0 { 1.0 } else { 0.0 }], 4.0);
        let memory =
            Memory::Expectations { buys: 0, sells: 0, last: None, decayed, expected, limit, seen };
        let rule = "ewmarun-tick-maker-4-none-7-1-8-4";
        super::resumed::resumes(rule, (seen > 0).then_some(&bar), &memory, 6)
    };
    assert!(early(3, None) && early(0, None));
    assert!(!early(2, None), "fewer records than the bar has");
    assert!(!early(3, Some(9.0)), "a limit before the warm-up");
}

#[test]
fn the_tick_rule_takes_the_side_of_the_last_change() {
    let mut rule: AnyRule = "run-tick-tickrule-9".parse().unwrap();
    let prices = [100.0, 99.0, 99.0, 101.0, 101.0, 101.0, 100.0];
    let trades = Trades {
        timestamp: Some(Column::new("timestamp", &[0; 7])),
        price: Some(Column::new("price", &prices)),
        ..Trades::new(7, TimeUnit::Milliseconds)
    };
    let mut after = |rows| {
        rule.next_close(&trades.slice(rows), 0);
        rule.memory()
    };
    let of = |buys, sells, price, sold| {
        let last = Some(flow::Last { price: to_fixed(price), sold });
        Memory::Sides { buys, sells, last }
    };

    assert_eq!(after(0..1), of(0, 0, 100.0, None));
    assert_eq!(after(1..3), of(0, 2, 99.0, Some(true)));
    assert_eq!(after(3..6), of(3, 2, 101.0, Some(false)));
    assert_eq!(after(6..7), of(3, 3, 100.0, Some(true)));
    rule.cut_off();
    assert_eq!(rule.memory(), of(0, 0, 100.0, Some(true)));
    rule.begin_chain();
    assert_eq!(rule.memory(), Memory::Sides { buys: 0, sells: 0, last: None });
}

#[test]
fn what_closes_a_bar_is_known_of_its_rule() {
    let mut rule: AnyRule = "pricerange-5".parse().unwrap();
    assert_eq!(rule.limits(), None);
    assert!(rule.resume(Some(&open_bar(&[100.0])), &Memory::Nothing, 1));
    let (lower, upper) = rule.limits().unwrap();
    assert_eq!([lower, upper].map(to_fixed), [95.0, 105.0].map(to_fixed));
    assert_eq!("tick-5".parse::<AnyRule>().unwrap().limits(), None);

    for (rule, may_close_at_open) in [
        ("range-5-nogate", false),
        ("highlow-5-nogate", false),
        ("cusum-5", true),
        ("cusum-5-gate", false),
        ("when", true),
        ("when-gate", false),
    ] {
        assert_eq!(
            rule.parse::<AnyRule>().unwrap().may_close_at_open(),
            may_close_at_open,
            "{rule}"
        );
    }
    let thresholds = ["range-250", "pricerange-5", "tick-5"];
    let thresholds = thresholds.map(|rule| rule.parse::<AnyRule>().unwrap().threshold());
    assert_eq!(thresholds, [Some(250), None, None]);
}

#[test]
fn a_bar_that_was_cut_off_no_longer_guards_its_opening_time() {
    let flags = Extra::Flags(Flags { set: Bits::new(&[0b111], 0, 3), known: None });
    let extras = [flags];
    let trades = Trades {
        timestamp: Some(Column::new("timestamp", &[0, 5, 6])),
        extras: &extras,
        ..Trades::new(3, TimeUnit::Milliseconds)
    };
    let mut rule: AnyRule = "when-gate".parse().unwrap();

    assert_eq!(rule.next_close(&trades.slice(0..1), 0), None);
    rule.cut_off();
    assert_eq!(rule.next_close(&trades.slice(1..3), 0), Some(1));
}

#[test]
fn a_sum_is_below_its_limit() {
    let bar = open_bar(&[100.0]);
    let of = |open: Option<&Bar>, sum| resumes("sum-3", open, &Memory::Sum(sum), 5);

    assert!(of(Some(&bar), 2.9) && of(Some(&bar), -1e9) && of(None, 0.0));
    assert!(!of(Some(&bar), 3.0) && !of(None, 1.0));
    assert!(!of(Some(&bar), f64::NEG_INFINITY) && !of(Some(&bar), f64::NAN));
    assert!(resumes("sum-3-gate", Some(&bar), &Memory::Sum(3.0), 5));
    assert!(!resumes("sum-3", None, &Memory::Nothing, 0));
}
