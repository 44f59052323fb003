//! One case of the kernel, for a count of its instructions.
//!
//! `benches/instructions.py` runs each case under callgrind and counts what [`measured`] does; a
//! count does not depend on how busy the machine is.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::struct_excessive_bools,
    reason = "a benchmark that cannot continue should stop; it prints; each flag is one of a case"
)]

mod generated;

use generated::Generated;
use rangebar_polars::builder::{Builder, Ended};
use rangebar_polars::columns::{Group, OUTPUTS, Output, Table};
use rangebar_polars::levels::Tick;
use rangebar_polars::lookback::{Back, Before, Length, Lookback};
use rangebar_polars::needs::Needs;
use rangebar_polars::rule::AnyRule;
use rangebar_polars::trades::{Bits, Sides, Trades};

const ROWS: usize = 200_000;
/// A tenth of a unit of the price, as futures of BTCUSDT have it.
const TICK: i64 = 10_000_000;

/// What is measured.
struct Case {
    thresholds: &'static [i64],
    /// Whether columns are made of the bars.
    columns: bool,
    every_sum: bool,
    has_sides: bool,
    is_unknown: bool,
    has_ids: bool,
    statistics: bool,
    /// The tick of a footprint, in units of 1e-8.
    tick: Option<i64>,
    /// How many trades are looked back at.
    lookback: Option<u64>,
    /// Whether all columns that look back are made, or those of flow, return and range alone.
    looks_at_all: bool,
}

const BASIC: Case = Case {
    thresholds: &[250],
    columns: false,
    every_sum: false,
    has_sides: false,
    is_unknown: false,
    has_ids: false,
    statistics: false,
    tick: None,
    lookback: None,
    looks_at_all: true,
};
const SIDES: Case = Case { has_sides: true, columns: true, ..BASIC };
const ALL: Case = Case { every_sum: true, has_sides: true, has_ids: true, ..BASIC };

#[rustfmt::skip]
const CASES: [(&str, Case); 18] = [
    ("basic-250", BASIC),
    ("basic-25", Case { thresholds: &[25], ..BASIC }),
    ("basic-1", Case { thresholds: &[1], ..BASIC }),
    ("all-250", ALL),
    ("all-25", Case { thresholds: &[25], ..ALL }),
    ("no-side-250", Case { is_unknown: true, ..ALL }),
    ("columns-1", Case { thresholds: &[1], columns: true, ..ALL }),
    ("seven-columns-1", Case { thresholds: &[1], columns: true, ..BASIC }),
    ("statistics-250", Case { statistics: true, ..ALL }),
    ("statistics-25", Case { statistics: true, columns: true, thresholds: &[25], ..ALL }),
    ("footprint-250", Case { tick: Some(TICK), ..ALL }),
    ("footprint-25", Case { tick: Some(TICK), thresholds: &[25], ..ALL }),
    ("lookback-200-250", Case { lookback: Some(200), ..SIDES }),
    ("lookback-20000-250", Case { lookback: Some(20_000), ..SIDES }),
    ("lookback-20000-25", Case { lookback: Some(20_000), thresholds: &[25], ..SIDES }),
    ("seven-back-200-250", Case { lookback: Some(200), looks_at_all: false, ..SIDES }),
    ("seven-back-20000-250", Case { lookback: Some(20_000), looks_at_all: false, ..SIDES }),
    ("ten-thresholds", Case { thresholds: &[25, 50, 75, 100, 125, 150, 175, 200, 225, 250], ..ALL }),
];

/// Those that need the least of a window's trades.
const FEW: [&str; 7] = [
    "lookback_trade_count",
    "lookback_duration_us",
    "lookback_ofi",
    "lookback_vwap",
    "lookback_return",
    "lookback_price_range",
    "lookback_kaufman_er",
];

impl Case {
    /// Whether a column that looks back is made.
    fn looks_at(&self, output: &Output) -> bool {
        self.lookback.is_some() && (self.looks_at_all || FEW.contains(&output.name))
    }
}

/// The columns that a case has; `unknown` has a zero for each trade.
fn trades_of<'a>(case: &Case, all: &Trades<'a>, unknown: &'a [u8]) -> Trades<'a> {
    let known = case.is_unknown.then(|| Bits::new(unknown, 0, all.len));
    Trades {
        is_buyer_maker: all
            .is_buyer_maker
            .filter(|_| case.has_sides)
            .map(|sides| Sides { known, ..sides }),
        first_trade_id: all.first_trade_id.filter(|_| case.has_ids),
        last_trade_id: all.last_trade_id.filter(|_| case.has_ids),
        ..*all
    }
}

#[inline(never)]
fn measured(trades: &Trades<'_>, case: &Case) -> usize {
    let rule = |bps: &i64| format!("range-{bps}").parse::<AnyRule>().expect("valid");
    let is_wanted = |output: &&Output| match output.group {
        Group::Bar => true,
        Group::Intra => case.statistics,
        Group::Lookback => case.looks_at(output),
        Group::Vpin => false,
        Group::Sum | Group::Feature | Group::Stored => case.every_sum,
    };
    let outputs = || OUTPUTS.iter().filter(is_wanted);
    let lookbacks: Vec<_> = outputs().filter(|output| output.group == Group::Lookback).collect();
    let of_bars = outputs().filter(|output| output.group != Group::Lookback);
    let needs = of_bars.fold(Needs::NOTHING, |needs, output| needs.and(output.needs));
    let mut table = Table::new(outputs()).with_values_of(&lookbacks);
    let builder = Builder::new(case.thresholds.iter().map(rule), needs);
    let back = case.lookback.map(|trades| {
        let back = Back { length: Some(Length::Trades(trades)), vpin: None };
        Lookback::new(back, lookbacks, 1)
    });
    let mut builder = builder.with_levels(case.tick.and_then(Tick::new)).looking_back(back);
    let mut bars = 0;
    let mut emit = |ended: Ended, before: &Before| {
        bars += 1;
        if case.columns {
            table.push(ended.bar, before);
        }
    };
    builder.push(trades, &mut emit).expect("good trades");
    bars + table.take().len()
}

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    match CASES.iter().find(|(known, _)| *known == name) {
        Some((_, case)) => {
            let (generated, unknown) = (Generated::new(ROWS), vec![0; ROWS]);
            println!("{}", measured(&trades_of(case, &generated.trades(), &unknown), case));
        }
        None => CASES.iter().for_each(|(known, _)| println!("{known}")),
    }
}
