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

use rangebar_polars::builder::Builder;
use rangebar_polars::columns::{Group, OUTPUTS, Output, Table};
use rangebar_polars::needs::Needs;
use rangebar_polars::rule::{RangeRule, Threshold};
use rangebar_polars::trades::{Bits, Column, Sides, TimeUnit, Trades};

const ROWS: usize = 200_000;

/// Trades of a price that wanders by cents around 50,000.
struct Generated {
    times: Vec<i64>,
    prices: Vec<f64>,
    quantities: Vec<f64>,
    sold: Vec<u8>,
    unknown: Vec<u8>,
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
        let mut trades = Self {
            times: Vec::new(),
            prices: Vec::new(),
            quantities: Vec::new(),
            sold: (0..ROWS).map(|_| u8::try_from(below(256)).expect("a byte")).collect(),
            unknown: vec![0; ROWS],
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

    fn trades(&self, case: &Case) -> Trades<'_> {
        let ids = |name| case.has_ids.then(|| Column::new(name, &self.ids));
        let known = case.is_unknown.then(|| Bits::new(&self.unknown, 0, ROWS));
        let sides = Sides { sold: Bits::new(&self.sold, 0, ROWS), known };
        Trades {
            timestamp: Some(Column::new("timestamp", &self.times)),
            price: Some(Column::new("price", &self.prices)),
            quantity: Some(Column::new("quantity", &self.quantities)),
            is_buyer_maker: case.has_sides.then_some(sides),
            first_trade_id: ids("first_trade_id"),
            last_trade_id: ids("last_trade_id"),
            ..Trades::new(ROWS, TimeUnit::Microseconds)
        }
    }
}

/// What is measured.
struct Case {
    thresholds: &'static [i64],
    /// Whether columns are made of the bars.
    columns: bool,
    every_sum: bool,
    has_sides: bool,
    is_unknown: bool,
    has_ids: bool,
}

const BASIC: Case = Case {
    thresholds: &[250],
    columns: false,
    every_sum: false,
    has_sides: false,
    is_unknown: false,
    has_ids: false,
};
const ALL: Case = Case { every_sum: true, has_sides: true, has_ids: true, ..BASIC };

#[rustfmt::skip]
const CASES: [(&str, Case); 9] = [
    ("basic-250", BASIC),
    ("basic-25", Case { thresholds: &[25], ..BASIC }),
    ("basic-1", Case { thresholds: &[1], ..BASIC }),
    ("all-250", ALL),
    ("all-25", Case { thresholds: &[25], ..ALL }),
    ("no-side-250", Case { is_unknown: true, ..ALL }),
    ("columns-1", Case { thresholds: &[1], columns: true, ..ALL }),
    ("seven-columns-1", Case { thresholds: &[1], columns: true, ..BASIC }),
    ("ten-thresholds", Case { thresholds: &[25, 50, 75, 100, 125, 150, 175, 200, 225, 250], ..ALL }),
];

#[inline(never)]
fn measured(trades: &Trades<'_>, case: &Case) -> usize {
    let rule = |threshold: &i64| RangeRule::new(Threshold::new(*threshold).expect("valid"), true);
    let is_wanted = |output: &&Output| case.every_sum || output.group == Group::Bar;
    let outputs = || OUTPUTS.iter().filter(is_wanted);
    let needs = outputs().fold(Needs::NOTHING, |needs, output| needs.and(output.needs));
    let mut table = Table::new(outputs());
    let mut builder = Builder::new(case.thresholds.iter().map(rule), needs);
    let mut bars = 0;
    let mut emit = |ended: rangebar_polars::builder::Ended| {
        bars += 1;
        if case.columns {
            table.push(ended.bar);
        }
    };
    builder.push(trades, &mut emit).expect("good trades");
    bars + table.take().len()
}

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    match CASES.iter().find(|(known, _)| *known == name) {
        Some((_, case)) => {
            let generated = Generated::new();
            println!("{}", measured(&generated.trades(case), case));
        }
        None => CASES.iter().for_each(|(known, _)| println!("{known}")),
    }
}
