//! Windows against sums of their trades alone.

use super::*;
use crate::builder::Builder;
use crate::columns::OUTPUTS;
use crate::period::Period;
use crate::reset::Reset;
use crate::rule::{RangeRule, Threshold};
use crate::trades::{Bits, Column, Sides};
use proptest::prelude::*;

/// Columns of trades that follow from a seed.
struct Owned {
    times: Vec<i64>,
    prices: Vec<f64>,
    quantities: Vec<f64>,
    bits: Vec<u8>,
}

impl Owned {
    fn new(seed: u64, rows: usize, wait: u64) -> Self {
        let mut state = seed | 1;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) % bound
        };
        let (mut time, mut cents) = (0_i64, 10_000_u32);
        let mut owned = Self {
            times: Vec::new(),
            prices: Vec::new(),
            quantities: Vec::new(),
            bits: (0..rows / 4 + 2).map(|_| below(256).to_le_bytes()[0]).collect(),
        };
        for _ in 0..rows {
            time += if below(3) == 0 { below(wait).cast_signed() } else { 0 };
            cents = cents + u32::try_from(below(21)).unwrap() - 10;
            owned.times.push(time);
            owned.prices.push(f64::from(cents) / 100.0);
            owned.quantities.push(f64::from(u32::try_from(below(1_000)).unwrap()) / 1e3);
        }
        owned
    }

    fn trades(&self, has_sides: bool) -> Trades<'_> {
        let len = self.times.len();
        let bits = |skipped| Bits::new(&self.bits[skipped..], 0, len);
        let sides = Sides { sold: bits(0), known: Some(bits(1)) };
        Trades {
            timestamp: Some(Column::new("timestamp", &self.times)),
            price: Some(Column::new("price", &self.prices)),
            quantity: Some(Column::new("quantity", &self.quantities)),
            is_buyer_maker: has_sides.then_some(sides),
            ..Trades::new(len, TimeUnit::Milliseconds)
        }
    }
}

fn all() -> Vec<&'static Output> {
    OUTPUTS.iter().filter(|output| output.group == Group::Lookback).collect()
}

/// The values before a bar that opens with a row, in a chain that begins with the row `first`.
fn expected(trades: &Trades<'_>, length: Length, first: usize, row: usize) -> Vec<Option<Scalar>> {
    let times = trades.times();
    let start = match length {
        Length::Trades(count) => row.checked_sub(usize::try_from(count).unwrap()),
        Length::Span(span) => {
            let limit = times[row] - (span / 1_000_000).cast_signed();
            let is_full = row > first && times[first] <= limit;
            let is_in = |other: &usize| *other >= first && times[*other] > limit;
            is_full.then(|| (0..row).find(is_in).unwrap_or(row))
        }
    };
    let Some(start) = start.filter(|start| *start >= first) else {
        return vec![None; all().len()];
    };
    let needs = all().iter().fold(Needs::NOTHING, |needs, output| needs.and(output.needs));
    match Bar::of(trades, start..row, needs).unwrap() {
        Some(bar) => all().iter().map(|output| output.scalar(&bar)).collect(),
        None => all().iter().map(|output| output.of_no_trade()).collect(),
    }
}

fn back(length: Length) -> Back {
    Back { length: Some(length), vpin: None }
}

fn builder(length: Length, thresholds: &[i64], reset: Option<Reset>) -> Builder<RangeRule> {
    let rule = |bps: &i64| RangeRule::new(Threshold::new(*bps).unwrap(), false);
    Builder::new(thresholds.iter().map(rule), Needs::NOTHING)
        .reset_at(reset, None)
        .looking_back(Some(Lookback::new(back(length), all(), thresholds.len())))
}

const LENGTHS: [Length; 11] = [
    Length::Trades(1),
    Length::Trades(10),
    Length::Trades(11),
    Length::Trades(127),
    Length::Trades(255),
    Length::Trades(256),
    Length::Trades(257),
    Length::Trades(512),
    Length::Trades(1_300),
    Length::Span(50_000_000),
    Length::Span(900_000_000),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 40 } else { 200 }))]

    #[test]
    fn values_are_those_of_the_trades_of_the_window_alone(
        seed: u64,
        rows in 1..3_000_usize,
        wait in prop::sample::select(vec![2_u64, 50, 3_000_000]),
        length in prop::sample::select(LENGTHS.to_vec()),
        thresholds in prop::sample::subsequence(vec![50, 300, 1_000], 1..=3),
        resets: bool,
        has_sides: bool,
        piece in prop::sample::select(vec![1_usize, 7, 300, 100_000]),
    ) {
        let owned = Owned::new(seed, rows, wait);
        let trades = owned.trades(has_sides);
        let reset = resets.then_some(Reset::Period(Period::Day));
        let mut builder = builder(length, &thresholds, reset);
        let begin_of_day = |row: usize| {
            let day = |row: usize| owned.times[row] / 86_400_000;
            if resets { (0..=row).find(|other| day(*other) == day(row)).unwrap() } else { 0 }
        };
        let (mut opened, mut found) = (vec![0; thresholds.len()], 0);

        for start in (0..rows).step_by(piece) {
            let batch = trades.slice(start..rows.min(start + piece));
            let result = builder.push(&batch, &mut |ended, before| {
                let row = opened[ended.chain];
                let expected = expected(&trades, length, begin_of_day(row), row);
                assert_eq!(before, expected, "{length:?} at {row}");
                opened[ended.chain] = usize::try_from(ended.row).unwrap() + usize::from(ended.complete);
                found += 1;
            });
            prop_assert_eq!(result, Ok(()));
            for (chain, _) in builder.open_bars() {
                let row = opened[chain];
                let expected = expected(&trades, length, begin_of_day(row), row);
                prop_assert_eq!(builder.before(chain), expected);
            }
        }
        prop_assert!(found > 0 || rows < 1_000);
    }
}

#[test]
fn a_length_is_written_as_a_caller_writes_it() {
    let texts = [
        Length::Trades(200),
        Length::Span(300_000_000_000),
        Length::Span(93_784_005_006_007),
        Length::Span(604_800_000_000_000),
    ]
    .map(|length| length.to_string());

    assert_eq!(texts, ["200", "5m", "1d2h3m4s5ms6us7ns", "7d"]);
}

#[test]
fn a_span_with_too_many_trades_is_an_error_at_the_row_that_opens_a_bar() {
    let most = usize::try_from(MAX_TRADES).unwrap();
    let prices = [vec![100.0; most + 2], vec![200.0, 200.0]].concat();
    let quantities = vec![1.0; prices.len()];
    let mut times = vec![5; prices.len()];
    times[0] = 0;
    let trades = Trades {
        timestamp: Some(Column::new("timestamp", &times)),
        price: Some(Column::new("price", &prices)),
        quantity: Some(Column::new("quantity", &quantities)),
        ..Trades::new(prices.len(), TimeUnit::Milliseconds)
    };
    let length = Length::Span(5_000_000);
    let row = most as u64 + 3;

    for piece in [prices.len(), 400_000] {
        let mut builder = builder(length, &[1_000], None);
        let pieces = (0..trades.len).step_by(piece);
        let results = pieces.map(|start| {
            let batch = trades.slice(start..trades.len.min(start + piece));
            builder.push(&batch, &mut |_, _| ())
        });
        let errors: Vec<_> = results.filter_map(Result::err).collect();

        assert_eq!(errors, [Error::WindowTooLong { row, length }]);
        assert_eq!(
            errors[0].to_string(),
            "there are too many trades in the 5ms before row 1000003, which opens a bar: expected at \
             most 1000000 in a lookback (give a shorter span, or a number of trades)"
        );
    }
}
