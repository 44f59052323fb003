//! Trades of every shape, and the settings of their bars.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rangebar_polars::builder::MaxGap;
use rangebar_polars::check::Check;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::columns::{Group, OUTPUTS};
use rangebar_polars::fixed::{LIMIT, SCALE};
use rangebar_polars::footprint::Footprint;
use rangebar_polars::levels::Tick;
use rangebar_polars::lookback::buckets::{Filled, Vpin};
use rangebar_polars::lookback::past::Kept;
use rangebar_polars::lookback::{Back, Length};
use rangebar_polars::period::Period;
use rangebar_polars::reset::Reset;
use rangebar_polars::rule::{AnyRule, Rule};
use rangebar_polars::session::Kind;
use rangebar_polars::trades::{
    Bits, Column, Extra, Flags, Layout, Role, Sessions, Sides, Texts, TimeUnit, Trades,
};
use std::ops::Range;

pub const LOWEST: f64 = 0.5 / SCALE;
const DAY: i64 = 86_400_000_000;

/// A rule of each kind, with limits that some of the drawn trades reach.
pub const RULES: [&str; 23] = [
    "range-1",
    "range-250",
    "range-1000-nogate",
    "range-100000",
    "pricerange-0.5",
    "pricerange-1000-nogate",
    "highlow-0.5",
    "highlow-3-nogate",
    "cusum-100",
    "cusum-100-gate",
    "tick-1",
    "tick-7-gate",
    "trade-20",
    "volume-5",
    "volume-0.00000001-gate",
    "dollar-300",
    "imbalance-tick-maker-3",
    "run-volume-tickrule-4",
    "runlength-dollar-maker-100-gate",
    "ewmaimbalance-volume-tickrule-4-3-7-1-8-4",
    "ewmarun-dollar-maker-4-none-7-1-8-4-gate",
    "when",
    "sum-5-gate",
];

/// The names of the statistics of the trades of a bar.
fn statistics() -> Vec<String> {
    let of_run = OUTPUTS.iter().filter(|output| output.group == Group::Intra);
    of_run.map(|output| output.name.to_owned()).collect()
}

fn some_statistics() -> impl Strategy<Value = Vec<String>> {
    prop::sample::subsequence(statistics(), 0..4)
}

/// How far is looked back, in whole units of every drawn time, and for which columns.
fn lookbacks() -> impl Strategy<Value = (Length, Vec<String>)> {
    let lengths = [
        Length::Trades(1),
        Length::Trades(5),
        Length::Trades(1_000),
        Length::Span(1_000_000),
        Length::Span(90_000_000_000),
        Length::Span(9_000_000_000_000_000_000),
    ];
    let names = OUTPUTS.iter().filter(|output| output.group == Group::Lookback);
    let names: Vec<_> = names.map(|output| output.name.to_owned()).collect();
    let asked = prop_oneof![Just(names.clone()), prop::sample::subsequence(names, 1..3)];
    (select(lengths.to_vec()), asked)
}

/// Buckets that are filled by a part of a trade, by some, or by many.
fn vpins() -> impl Strategy<Value = Vpin> {
    let volumes = select(vec![1, 30_000_000, 700_000_000, 9_000_000_000_000_000_000]);
    (volumes, select(vec![1, 2, 7, 10_000]))
        .prop_map(|(bucket_volume, buckets)| Vpin { bucket_volume, buckets })
}

/// Settings of footprints, some of which put all trades in one level.
fn footprints() -> impl Strategy<Value = Footprint> {
    let ticks = select(vec![1, 7, 100_000, 10_000_000_000, 1_000_000_000_000_000]);
    (ticks, select(vec![1, 70, 100]), select(vec![100, 300])).prop_map(
        |(units, value_area, imbalance)| {
            let tick = Tick::new(units).unwrap();
            Footprint { tick, value_area, imbalance }
        },
    )
}

/// Every kind of border.
fn resets() -> Vec<Reset> {
    let periods = [Period::Day, Period::Week, Period::Month, Period::Year].map(Reset::Period);
    let days = ["17:00@America/New_York", "00:00@Asia/Kolkata"].map(|day| day.parse().unwrap());
    let columns = [Reset::Column { place: 0 }; 3];
    [&periods[..], &days, &columns].concat()
}

/// What a chain of trades looks like, and the settings of its bars.
pub fn settings() -> impl Strategy<Value = Checkpoint> {
    let units = vec![TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds];
    let optional: Vec<_> = Role::ALL.into_iter().filter(|role| role.is_optional()).collect();
    (
        option::of(select(vec!["", "BTCUSDT", "Ωmega"])),
        select(RULES.to_vec()),
        option::of(select(vec![1, 1_000_000, 5_000_000_000])),
        option::of(select(resets())),
        select(units),
        option::of(select(vec!["UTC", "America/Argentina/ComodRivadavia"])),
        prop::sample::subsequence(optional, 0..=4),
        prop_oneof![Just(Vec::new()), Just(statistics()), some_statistics()],
        option::of(footprints()),
        (option::of(lookbacks()), option::of(vpins())),
    )
        .prop_map(
            |(
                symbol,
                rule,
                max_gap,
                reset,
                unit,
                zone,
                optional,
                intra,
                footprint,
                (window, vpin),
            )| {
                let (length, before) = window.unzip();
                let features = [intra, before.unwrap_or_default()].concat();
                let rule: AnyRule = rule.parse().unwrap();
                let columns = Role::ALL.into_iter().filter(|role| {
                    !role.is_optional() || optional.contains(role) || rule.requires(*role)
                });
                let layout =
                    Layout { unit, zone: zone.map(str::to_owned), columns: columns.collect() };
                Checkpoint {
                    symbol: symbol.map(str::to_owned),
                    memory: rule.memory(),
                    rule,
                    reset,
                    max_gap: max_gap.map(MaxGap),
                    include_microstructure: true,
                    include_incomplete: max_gap.is_some(),
                    features,
                    footprint,
                    back: Back { length, vpin },
                    layout: Some(layout),
                    check: Check::default(),
                    session: None,
                    open: None,
                    before: Vec::new(),
                    kept: Kept::default(),
                    filled: Filled::default(),
                }
            },
        )
}

/// What is drawn of a trade: the wait before it, the factor of its price, its quantity, side, step
/// of its id, and its individual trades.
pub type Drawn = (i64, f64, f64, Option<bool>, Option<i64>, Option<(i64, i64)>);

/// Some trades; calm ones let no sum of a bar overflow.
pub fn some_trades(rows: Range<usize>, is_calm: bool) -> impl Strategy<Value = Vec<Drawn>> {
    let (wait, more, quantity) =
        if is_calm { (7, 1, 3.7) } else { (i64::MAX / 5, i64::MAX, 9.2e10) };
    let trade = (
        select(vec![0, 0, 0, 1, 999, DAY, 40 * DAY, wait]),
        select(vec![1.0, 1.0, 1.0 + 1e-9, 0.9995, 1.0005, 1.003, 0.3, 2.0]),
        select(vec![0.0, 4e-9, 1e-8, 0.1, 1.0, 3.7, quantity]),
        any::<Option<bool>>(),
        option::of(select(vec![-7, 1, 1, 2, i64::MAX / 3])),
        option::of((
            select(vec![0, -5, 1 << 61, i64::MIN]),
            select(vec![0, 0, 1, 99, 1 << 40, more]),
        )),
    );
    prop::collection::vec(trade, rows)
}

/// Columns that own their values.
#[derive(Clone, Debug, Default)]
pub struct Owned {
    pub times: Vec<i64>,
    pub prices: Vec<f64>,
    quantities: Vec<f64>,
    sides: (Vec<u8>, Vec<u8>),
    ids: (Vec<i64>, Vec<u8>),
    first_ids: (Vec<i64>, Vec<u8>),
    last_ids: (Vec<i64>, Vec<u8>),
    texts: OwnedTexts,
}

/// Texts, some of which are missing.
#[derive(Clone, Debug, Default)]
struct OwnedTexts(Vec<Option<String>>);

impl Texts for OwnedTexts {
    fn text(&self, row: usize) -> Option<&str> {
        self.0[row].as_deref()
    }
}

fn set(bits: &mut Vec<u8>, row: usize, value: bool) {
    bits.resize(row / 8 + 1, 0);
    bits[row / 8] |= u8::from(value) << (row % 8);
}

fn add(column: &mut (Vec<i64>, Vec<u8>), value: Option<i64>) {
    set(&mut column.1, column.0.len(), value.is_some());
    column.0.push(value.unwrap_or_default());
}

fn ids(column: &(Vec<i64>, Vec<u8>)) -> Column<'_, i64> {
    let valid = Some(Bits::new(&column.1, 0, column.0.len()));
    Column { valid, ..Column::new("id", &column.0) }
}

impl Owned {
    /// Trades that follow this one, whose id is the last known one of that time.
    pub fn after(time: i64, id: Option<i64>, price: f64, drawn: &[Drawn]) -> Self {
        let mut owned = Self::default();
        let (mut time, mut id, mut price) = (time, id, price);
        for (row, &(wait, factor, quantity, sold, step, counted)) in drawn.iter().enumerate() {
            let moves = wait > 0 && time < i64::MAX;
            time = time.saturating_add(wait);
            let highest = (LIMIT / SCALE).next_down();
            price = (price * factor).clamp(LOWEST, highest);
            let next = step.filter(|step| moves || *step > 0 || id.is_none());
            let next = next.and_then(|step| id.unwrap_or_default().checked_add(step));
            id = if moves { next.or(id) } else { id.max(next) };
            owned.times.push(time);
            owned.texts.0.push(sold.map(|sold| if sold { "x".repeat(128) } else { String::new() }));
            owned.prices.push(price);
            owned.quantities.push(quantity);
            set(&mut owned.sides.0, row, sold == Some(true));
            set(&mut owned.sides.1, row, sold.is_some());
            add(&mut owned.ids, next);
            add(&mut owned.first_ids, counted.map(|(first, _)| first));
            let last = counted.filter(|_| quantity < 3.0);
            add(&mut owned.last_ids, last.map(|(first, more)| first.saturating_add(more)));
        }
        owned
    }

    /// The column that a reset brings along, ids as numbers where times have no zone and texts
    /// elsewhere; or else that of the rule, where it has one.
    pub fn extras(&self, settings: &Checkpoint) -> Vec<Extra<'_>> {
        let len = self.times.len();
        let bits = |bytes| Bits::new(bytes, 0, len);
        let flags = Flags { set: bits(&self.sides.0), known: Some(bits(&self.sides.1)) };
        let is_text = settings.layout.as_ref().is_some_and(|layout| layout.zone.is_some());
        let of_rule =
            settings.rule.extra().filter(|_| !settings.reset.is_some_and(Reset::is_by_column));
        vec![match of_rule {
            Some((_, true)) => Extra::Flags(flags),
            Some((_, false)) => Extra::Numbers(Column::new("number", &self.quantities)),
            None if is_text => {
                Extra::Sessions(Sessions::Texts { texts: &self.texts, first: 0, len })
            }
            None => Extra::Sessions(Sessions::Numbers(Kind::Whole, ids(&self.ids))),
        }]
    }

    pub fn trades<'a>(&'a self, layout: &Layout, extras: &'a [Extra<'a>]) -> Trades<'a> {
        let len = self.times.len();
        let there = |role: Role| layout.columns.contains(&role);
        Trades {
            timestamp: Some(Column::new("timestamp", &self.times)),
            price: Some(Column::new("price", &self.prices)),
            quantity: Some(Column::new("quantity", &self.quantities)),
            is_buyer_maker: there(Role::IsBuyerMaker).then(|| Sides {
                sold: Bits::new(&self.sides.0, 0, len),
                known: Some(Bits::new(&self.sides.1, 0, len)),
            }),
            agg_trade_id: there(Role::AggTradeId).then(|| ids(&self.ids)),
            first_trade_id: there(Role::FirstTradeId).then(|| ids(&self.first_ids)),
            last_trade_id: there(Role::LastTradeId).then(|| ids(&self.last_ids)),
            extras,
            ..Trades::new(len, layout.unit)
        }
    }
}

pub fn start() -> impl Strategy<Value = (i64, f64)> {
    (
        select(vec![i64::MIN, -3, 0, 1_700_000_000_000, 1_700_000_000_000_000, i64::MAX - DAY]),
        select(vec![LOWEST, 1e-8, 3e-8, 0.004, 1.0, 50_000.0, 9e8, 9.2e10]),
    )
}
