//! The kernel alone, one core, on trades in memory. Every run checks its number of bars.
//!
//! `cargo bench --no-default-features`
#![allow(clippy::expect_used, reason = "a benchmark that cannot continue should stop")]

mod generated;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use generated::Generated;
use rangebar_polars::builder::Builder;
use rangebar_polars::columns::{Group, OUTPUTS, Output, Table};
use rangebar_polars::levels::Tick;
use rangebar_polars::needs::Needs;
use rangebar_polars::rule::{RangeRule, Rule, Threshold};
use rangebar_polars::trades::Trades;
use std::hint::black_box;

const ROWS: usize = 5_000_000;
/// A tenth of a unit of the price, as futures of BTCUSDT have it.
const TICK: i64 = 10_000_000;
/// Thresholds, and the bars they cut from the generated trades.
const CASES: [(i64, usize); 2] = [(250, 326), (25, 29_699)];

fn rule(decimal_bps: i64) -> RangeRule {
    RangeRule::new(Threshold::new(decimal_bps).expect("valid"), true)
}

fn count_bars(trades: &Trades<'_>, decimal_bps: i64, needs: Needs) -> usize {
    let (mut builder, mut bars) = (Builder::new([rule(decimal_bps)], needs), 0);
    builder.push(trades, &mut |_, _| bars += 1).expect("good trades");
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
    let generated = Generated::new(ROWS);
    let all = generated.trades();
    let bare = Trades { is_buyer_maker: None, first_trade_id: None, last_trade_id: None, ..all };
    let four = Trades { first_trade_id: None, last_trade_id: None, ..all };
    let is_sum = |output: &&Output| output.group != Group::Intra && !output.looks_back();
    let of = |needs: Needs, output: &Output| needs.and(output.needs);
    let every_sum = OUTPUTS.iter().filter(is_sum).fold(Needs::NOTHING, of);
    let statistics = OUTPUTS.iter().filter(|output| !is_sum(output)).fold(Needs::NOTHING, of);
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
            ("statistics", &four, statistics),
        ] {
            group.bench_function(BenchmarkId::new(name, decimal_bps), |bencher| {
                bencher
                    .iter(|| assert_eq!(count_bars(black_box(trades), decimal_bps, needs), bars));
            });
        }
        group.bench_function(BenchmarkId::new("footprint", decimal_bps), |bencher| {
            let needs = basic.and(Needs::SIDES).and(Needs::TRADES);
            bencher.iter(|| {
                let builder = Builder::new([rule(decimal_bps)], needs);
                let (mut builder, mut ended) = (builder.with_levels(Tick::new(TICK)), 0);
                builder.push(black_box(&four), &mut |_, _| ended += 1).expect("good trades");
                assert_eq!(ended, bars);
            });
        });
        group.bench_function(BenchmarkId::new("columns", decimal_bps), |bencher| {
            bencher.iter(|| {
                let mut table = Table::new(OUTPUTS.iter().filter(is_sum));
                let mut builder = Builder::new([rule(decimal_bps)], every_sum);
                builder
                    .push(&all, &mut |ended, before| table.push(ended.bar, before))
                    .expect("good trades");
                table
            });
        });
    }
    group.finish();
}

criterion_group!(benches, kernel);
criterion_main!(benches);
