//! The kernel alone, one core, on trades in memory. Every run checks its number of bars.
//!
//! `cargo bench --no-default-features`
#![allow(clippy::expect_used, reason = "a benchmark that cannot continue should stop")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rangebar_polars::builder::Builder;
use rangebar_polars::columns::{OUTPUTS, Table};
use rangebar_polars::needs::Needs;
use rangebar_polars::rule::{RangeRule, Rule, Threshold};
use rangebar_polars::trades::{Bits, Column, Sides, TimeUnit, Trades};
use std::hint::black_box;

const ROWS: usize = 5_000_000;
/// Thresholds, and the bars they cut from the generated trades.
const CASES: [(i64, usize); 2] = [(250, 326), (25, 29_699)];

/// A price that wanders by cents around 50,000, with tied times and both sides.
struct Generated {
    times: Vec<i64>,
    prices: Vec<f64>,
    quantities: Vec<f64>,
    sold: Vec<u8>,
    ids: Vec<i64>,
}

impl Generated {
    fn new() -> Self {
        let mut state: u64 = 5;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            i32::try_from(((state >> 32) * bound) >> 32).expect("less than a small bound")
        };
        let (mut time, mut cents) = (1_700_000_000_000_000, 5_000_000);
        let mut sold = || u8::try_from(below(256)).expect("a byte");
        let mut trades = Self {
            times: Vec::with_capacity(ROWS),
            prices: Vec::with_capacity(ROWS),
            quantities: Vec::with_capacity(ROWS),
            sold: (0..ROWS.div_ceil(8)).map(|_| sold()).collect(),
            ids: (0..).take(ROWS).collect(),
        };
        for _ in 0..ROWS {
            time += i64::from(below(4)) * 1_000;
            cents += below(347) - 173;
            trades.times.push(time);
            trades.prices.push(f64::from(cents) / 100.0);
            trades.quantities.push(f64::from(1 + below(100_000)) / 1e5);
        }
        trades
    }

    fn trades(&self) -> Trades<'_> {
        let ids = |name| Some(Column::new(name, &self.ids));
        Trades {
            timestamp: Some(Column::new("timestamp", &self.times)),
            price: Some(Column::new("price", &self.prices)),
            quantity: Some(Column::new("quantity", &self.quantities)),
            is_buyer_maker: Some(Sides { sold: Bits::new(&self.sold, 0, ROWS), known: None }),
            first_trade_id: ids("first_trade_id"),
            last_trade_id: ids("last_trade_id"),
            ..Trades::new(ROWS, TimeUnit::Microseconds)
        }
    }
}

fn rule(decimal_bps: i64) -> RangeRule {
    RangeRule::new(Threshold::new(decimal_bps).expect("valid"), true)
}

fn count_bars(trades: &Trades<'_>, decimal_bps: i64, needs: Needs) -> usize {
    let (mut builder, mut bars) = (Builder::new([rule(decimal_bps)], needs), 0);
    builder.push(trades, &mut |_| bars += 1).expect("good trades");
    bars
}

fn count_cuts(trades: &Trades<'_>, decimal_bps: i64) -> usize {
    let (mut rule, mut from, mut cuts) = (rule(decimal_bps), 0, 0);
    while let Some(cut) = rule.next_close(trades, from) {
        (from, cuts) = (cut + 1, cuts + 1);
    }
    cuts
}

fn kernel(criterion: &mut Criterion) {
    let generated = Generated::new();
    let all = generated.trades();
    let bare = Trades { is_buyer_maker: None, first_trade_id: None, last_trade_id: None, ..all };
    let four = Trades { first_trade_id: None, last_trade_id: None, ..all };
    let every_sum = OUTPUTS.iter().fold(Needs::NOTHING, |needs, output| needs.and(output.needs));
    let basic = Needs::TIME.and(Needs::PRICE).and(Needs::VOLUME);
    let mut group = criterion.benchmark_group("kernel");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(20);
    for (decimal_bps, bars) in CASES {
        assert_eq!(count_cuts(&bare, decimal_bps), bars, "bars at {decimal_bps}");
        assert_eq!(count_bars(&all, decimal_bps, every_sum), bars, "bars at {decimal_bps}");
        group.bench_function(BenchmarkId::new("cuts", decimal_bps), |bencher| {
            bencher.iter(|| assert_eq!(count_cuts(black_box(&bare), decimal_bps), bars));
        });
        for (name, trades, needs) in [
            ("open and close", &bare, Needs::PRICE),
            ("basic", &bare, basic),
            ("four columns, all sums", &four, every_sum),
            ("six columns, all sums", &all, every_sum),
        ] {
            group.bench_function(BenchmarkId::new(name, decimal_bps), |bencher| {
                bencher
                    .iter(|| assert_eq!(count_bars(black_box(trades), decimal_bps, needs), bars));
            });
        }
        group.bench_function(BenchmarkId::new("columns", decimal_bps), |bencher| {
            bencher.iter(|| {
                let mut table = Table::new(OUTPUTS);
                let mut builder = Builder::new([rule(decimal_bps)], every_sum);
                builder.push(&all, &mut |ended| table.push(ended.bar)).expect("good trades");
                table
            });
        });
    }
    group.finish();
}

criterion_group!(benches, kernel);
criterion_main!(benches);
