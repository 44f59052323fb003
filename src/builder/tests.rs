//! Where bars end, and in which order.

use super::*;
use crate::period::Period;
use crate::rule::{RangeRule, Threshold};
use crate::trades::Column;

const DAY: i64 = 86_400_000;

fn trades<'a>(times: &'a [i64], prices: &'a [f64]) -> Trades<'a> {
    Trades {
        timestamp: Some(Column::new("timestamp", times)),
        price: Some(Column::new("price", prices)),
        quantity: Some(Column::new("quantity", prices)),
        ..Trades::new(times.len(), TimeUnit::Milliseconds)
    }
}

fn builder(thresholds: &[i64]) -> Builder<RangeRule> {
    let rule = |bps: &i64| RangeRule::new(Threshold::new(*bps).unwrap(), true);
    Builder::new(thresholds.iter().map(rule), Needs::PRICE)
}

#[test]
fn more_than_the_gap_lies_between_times_of_any_unit() {
    let units = [TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds];
    for (unit, nanoseconds) in units.into_iter().zip([1_000_000, 1_000, 1]) {
        let is_between = |gap, first, second| MaxGap(gap).is_between(first, second, unit);

        assert!(is_between(5 * nanoseconds, 10, 16) && !is_between(5 * nanoseconds, 10, 15));
        assert!(!is_between(5 * nanoseconds, 16, 10));
        assert!(is_between(1, i64::MIN, i64::MAX));
    }
    let texts = [1, 1_500_000_000, 60_000_000_000].map(|gap| MaxGap(gap).to_string());
    assert_eq!(texts, ["0.000000001 s", "1.5 s", "60 s"]);
}

/// Chain, row and `complete` of each bar that ends.
fn ends(builder: &mut Builder<RangeRule>, trades: &Trades<'_>) -> Vec<(usize, u64, bool)> {
    let mut ends = Vec::new();
    let emit = &mut |ended: Ended, _: &Before| ends.push((ended.chain, ended.row, ended.complete));
    builder.push(trades, emit).unwrap();
    ends
}

#[test]
fn bars_end_in_the_order_of_their_trades_then_of_their_rules() {
    let trades = trades(&[0, 1, 2], &[100.0, 101.0, 103.0]);

    let ends = ends(&mut builder(&[1_000, 3_000]), &trades);

    assert_eq!(ends, [(0, 1, true), (1, 2, true)]);
}

#[test]
fn rows_are_counted_over_all_batches() {
    let mut builder = builder(&[1_000]);

    assert!(ends(&mut builder, &trades(&[0, 1], &[100.0, 100.5])).is_empty());
    assert_eq!(ends(&mut builder, &trades(&[2, 3], &[100.2, 99.0])), [(0, 3, true)]);
    assert_eq!((builder.rows(), builder.open_bars().count()), (4, 0));
}

#[test]
fn the_end_of_a_period_cuts_the_open_bar_off() {
    let mut builder = builder(&[1_000]).reset_at(Some(Reset::Period(Period::Day)), None);

    let ends = ends(&mut builder, &trades(&[DAY - 1, DAY], &[100.0, 200.0]));

    assert_eq!(ends, [(0, 1, false)]);
    assert_eq!(builder.open_bars().next().unwrap().1.time.open, DAY);
}

#[test]
fn bars_before_a_bad_row_are_emitted() {
    let mut closes = Vec::new();
    let trades = trades(&[0, 1, 2], &[100.0, 101.0, f64::NAN]);

    let result = builder(&[1_000]).push(&trades, &mut |ended, _| closes.push(ended.row));

    assert_eq!(closes, [1]);
    assert!(matches!(result, Err(Error::Price { row: 2, .. })));
}
