//! Where bars end, in the tables of the specification of rules.

#![allow(clippy::cast_possible_wrap)] // few rows

use super::{AnyRule, Rule};
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
