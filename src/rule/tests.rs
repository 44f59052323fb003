//! Where bars end, in the tables of the specification of rules.

#![allow(clippy::cast_possible_wrap)] // few rows

use super::{AnyRule, Memory, Rule, flow};
use crate::bar::{Bar, Span};
use crate::fixed::to_fixed;
use crate::needs::Needs;
use crate::trades::{Bits, Column, Role, Sides, TimeUnit, Trades};

/// Trades. What is not given: they are a second apart at a price of 1, and of one unit; all were
/// bought, and have no ids.
#[derive(Default)]
struct Table<'a> {
    prices: &'a [f64],
    ms: &'a [i64],
    quantities: &'a [f64],
    /// B, S or U for each trade.
    sides: &'a str,
    ids: &'a [(i64, i64)],
}

/// The numbers of records of the bars, and in the end of the open bar if there is one.
fn counts(rule: &str, table: &Table<'_>, piece: usize) -> Vec<usize> {
    let rows = [table.prices.len(), table.quantities.len(), table.sides.len()];
    let rows = rows.into_iter().max().unwrap();
    let or_ones =
        |values: &[f64]| if values.is_empty() { vec![1.0; rows] } else { values.to_vec() };
    let (prices, quantities) = (or_ones(table.prices), or_ones(table.quantities));
    let seconds = || (0..rows as i64).map(|row| row * 1_000).collect();
    let times = if table.ms.is_empty() { seconds() } else { table.ms.to_vec() };
    let bits = |side: char| -> Vec<u8> {
        let mut bytes = vec![0; rows / 8 + 1];
        for (row, _) in table.sides.char_indices().filter(|(_, own)| *own == side) {
            bytes[row / 8] |= 1 << (row % 8);
        }
        bytes
    };
    let (sold, unknown) = (bits('S'), bits('U'));
    let known: Vec<_> = unknown.iter().map(|byte: &u8| !byte).collect();
    let (firsts, lasts): (Vec<_>, Vec<_>) = table.ids.iter().copied().unzip();
    let ids = |name, values| Some(Column::new(name, values)).filter(|_| !table.ids.is_empty());
    let trades = Trades {
        timestamp: Some(Column::new("timestamp", &times)),
        price: Some(Column::new("price", &prices)),
        quantity: Some(Column::new("quantity", &quantities)),
        is_buyer_maker: Some(Sides {
            sold: Bits::new(&sold, 0, rows),
            known: Some(Bits::new(&known, 0, rows)),
        }),
        first_trade_id: ids("first_trade_id", &firsts),
        last_trade_id: ids("last_trade_id", &lasts),
        ..Trades::new(rows, TimeUnit::Milliseconds)
    };
    let mut rule: AnyRule = rule.parse().unwrap();
    let (mut counts, mut open) = (Vec::new(), 0);
    for start in (0..rows).step_by(piece) {
        let batch = trades.slice(start..rows.min(start + piece));
        let mut from = 0;
        while let Some(row) = rule.next_close(&batch, from) {
            counts.push(open + row + 1 - from);
            (open, from) = (0, row + 1);
        }
        open += batch.len - from;
    }
    if open > 0 {
        counts.push(open);
    }
    counts
}

fn assert_bars(rule: &str, table: &Table<'_>, expected: &[usize]) {
    for piece in [1, 2, usize::MAX] {
        assert_eq!(counts(rule, table, piece), expected, "{rule} in pieces of {piece}");
    }
}

#[test]
fn bars_of_prices_end_as_in_the_table() {
    let jump: &[f64] = &[100.0, 105.0, 102.0];
    for (rule, prices, expected) in [
        ("pricerange-5", &[100.0, 104.99, 105.0, 106.0][..], &[3, 1][..]),
        ("highlow-5", &[100.0, 97.0, 102.0, 102.0], &[3, 1]),
        ("highlow-5", &[100.0, 120.0, 120.0, 115.0], &[2, 2]),
        ("cusum-1000", &[100.0, 101.0, 101.0, 102.01, 102.0], &[2, 2, 1]),
        ("cusum-1000", &[100.0, 99.5, 100.495, 99.5], &[3, 1]),
        ("cusum-1000", &[100.0, 102.0, 104.04, 104.0], &[2, 1, 1]),
        ("cusum-1000-gate", &[100.0, 102.0, 104.04, 104.0], &[2, 2]),
    ] {
        assert_bars(rule, &Table { prices, ..Table::default() }, expected);
    }
    for (rule, expected) in [
        ("pricerange-5", &[3][..]),
        ("pricerange-5-nogate", &[2, 1]),
        ("highlow-5", &[3]),
        ("highlow-5-nogate", &[2, 1]),
    ] {
        let ms = &[0, 0, 1_000];
        assert_bars(rule, &Table { prices: jump, ms, ..Table::default() }, expected);
    }
}

#[test]
fn bars_of_counts_and_sums_end_as_in_the_table() {
    let ones = [1.0; 7];
    let of = |quantities| Table { quantities, ..Table::default() };
    let at_once = Table { ms: &[0, 0, 0, 0, 1, 1], ..of(&ones[..6]) };
    let ids = &[(1, 2), (3, 3), (4, 9), (10, 10)];

    assert_bars("tick-3", &of(&ones), &[3, 3, 1]);
    assert_bars("tick-1", &of(&ones[..3]), &[1, 1, 1]);
    assert_bars("tick-3-gate", &at_once, &[5, 1]);
    assert_bars("volume-3-gate", &at_once, &[5, 1]);
    assert_bars("trade-3", &Table { ids, ..of(&ones[..4]) }, &[2, 1, 1]);
    assert_bars("volume-10", &of(&[4.0, 6.0, 10.0, 25.0, 9.999_999_99, 1e-8]), &[2, 1, 1, 2]);
    assert_bars("volume-0.3", &of(&[0.1; 4]), &[3, 1]);
    assert_bars("volume-1", &of(&[0.0, 1.0, 0.0, 1.0]), &[2, 2]);
    let dollars = Table { prices: &[100.0; 4], ..of(&[4.0, 6.0, 30.0, 1.0]) };
    assert_bars("dollar-1000", &dollars, &[2, 1, 1]);
    // More records than are summed together.
    assert_bars("volume-100", &of(&[1.0; 301]), &[100, 100, 100, 1]);
}

#[test]
fn bars_of_sides_end_as_in_the_table() {
    let by_tick = Table { prices: &[100.0, 101.0, 101.0, 101.0, 100.0], ..Table::default() };
    let volumes = Table { quantities: &[3.0, 1.0, 3.0, 9.0], sides: "BSBS", ..Table::default() };
    for (rule, sides, expected) in [
        ("imbalance-tick-maker-2", "BSBBSS", &[4, 2][..]),
        ("imbalance-tick-maker-2", "BUB", &[3]),
        ("run-tick-maker-3", "BSBUBSSS", &[5, 3]),
        ("runlength-tick-maker-3", "BSBUBB", &[6]),
        ("runlength-tick-maker-2", "BSSSS", &[3, 2]),
    ] {
        assert_bars(rule, &Table { sides, ..Table::default() }, expected);
    }

    assert_bars("imbalance-volume-maker-5", &volumes, &[3, 1]);
    assert_bars("imbalance-tick-tickrule-2", &by_tick, &[3, 2]);
}

#[test]
fn bars_of_expected_sides_end_as_in_the_table() {
    let twenty = Table { sides: "BBBSBBBBBBSBSBSBSBSB", ..Table::default() };
    let volumes = Table {
        quantities: &[1.5, 0.1, 2.0, 0.3, 0.7, 5.0, 0.2, 0.2, 4.0],
        sides: "BSBUSSBBB",
        ..Table::default()
    };

    assert_bars("ewmaimbalance-tick-maker-4-3-7-1-8-4", &twenty, &[4, 2, 2, 8, 4]);
    assert_bars("ewmarun-tick-maker-4-3-7-1-8-4", &twenty, &[4, 3, 5, 7, 1]);
    assert_bars("ewmaimbalance-tick-maker-4-none-7-1-8-4", &twenty, &[4, 2, 3, 8, 1, 1, 1]);
    assert_bars("ewmarun-tick-maker-4-none-7-1-8-4", &twenty, &[4, 3, 5, 7, 1]);
    assert_bars("ewmaimbalance-volume-maker-3-3-5-1-9-3", &volumes, &[9]);
}

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
fn a_rule_goes_on_with_a_bar_that_it_has_not_closed() {
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
    let nothing = |open, rows| super::tests::resumes("cusum-2000", open, &Memory::Nothing, rows);
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
        super::tests::resumes(rule, Some(&bar), &memory, 6)
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
        super::tests::resumes(rule, (seen > 0).then_some(&bar), &memory, 6)
    };
    assert!(early(3, None) && early(0, None));
    assert!(!early(2, None), "fewer records than the bar has");
    assert!(!early(3, Some(9.0)), "a limit before the warm-up");
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

#[test]
fn a_rule_requires_the_columns_that_it_reads() {
    let required = |rule: &str| -> Vec<Role> {
        let rule: AnyRule = rule.parse().unwrap();
        Role::ALL.into_iter().filter(|role| rule.requires(*role)).collect()
    };

    for rule in ["range-250", "highlow-5", "cusum-100", "tick-3", "volume-1", "dollar-1", "when"] {
        assert!(required(rule).is_empty(), "{rule}");
    }
    assert_eq!(required("trade-3"), [Role::FirstTradeId, Role::LastTradeId]);
    for rule in ["imbalance-tick-SIDE-3", "ewmarun-tick-SIDE-4-3-7-1-8-4"] {
        assert_eq!(required(&rule.replace("SIDE", "maker")), [Role::IsBuyerMaker], "{rule}");
        assert!(required(&rule.replace("SIDE", "tickrule")).is_empty(), "{rule}");
    }
}
