//! How the fields of a checkpoint are written.

use super::{Checkpoint, IMPOSSIBLE, UNKNOWN, damaged};
use crate::bar::{Bar, BySide, Prices, Side, Span};
use crate::builder::MaxGap;
use crate::check::{Check, Last};
use crate::columns::Scalar;
use crate::error::Error;
use crate::footprint::Footprint;
use crate::levels::{Levels, Tick};
use crate::lookback::buckets::{Filled, Vpin};
use crate::lookback::past::{Kept, Row};
use crate::lookback::{Back, Length};
use crate::reset::Reset;
use crate::rule::Memory;
use crate::run::Run;
use crate::session::Session;
use crate::trades::{Layout, Role, TimeUnit};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The fields of a checkpoint, in their order.
#[derive(Serialize, Deserialize)]
pub(super) struct Wire {
    symbol: Option<String>,
    rule: String,
    reset: Option<String>,
    max_gap: Option<u64>,
    include_microstructure: bool,
    include_incomplete: bool,
    features: Vec<String>,
    footprint: Option<(i64, u8, u32)>,
    lookback: Option<Length>,
    vpin: Option<(i64, u32)>,
    layout: Option<(u8, Option<String>, u8)>,
    rows: u64,
    last: Option<(i64, Option<i64>)>,
    last_id: Option<i64>,
    session: Option<Session>,
    open: Option<WireBar>,
    before: Vec<Option<Scalar>>,
    first_time: Option<i64>,
    kept: Vec<WireRow>,
    filled: (i64, i64, VecDeque<i64>),
    memory: Memory,
}

/// By how much time and price are above those of the trade before, modulo 2^64, the quantity, and
/// the code of the side.
type WireRow = (i64, i64, i64, u8);

/// The sides by their codes.
const SIDES: [Option<bool>; 3] = [None, Some(false), Some(true)];

#[derive(Serialize, Deserialize)]
struct WireBar {
    times: [i64; 2],
    prices: [f64; 4],
    volume: i128,
    turnover: i128,
    sides: Option<[(i128, i128, i64); 2]>,
    rows: i64,
    trades: i64,
    rows_with_trade_ids: i64,
    agg_trade_ids: [Option<i64>; 2],
    run: Option<Box<Run>>,
    levels: Option<Box<Levels>>,
}

const UNITS: [TimeUnit; 3] =
    [TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds];

/// The code of an item: its place in a list whose order is part of the format.
fn code<T: PartialEq>(list: &[T], item: &T) -> u8 {
    list.iter().position(|other| other == item).map_or(u8::MAX, |place| place.to_le_bytes()[0])
}

/// Trades, each by its differences from the one before.
fn differences(rows: &[Row]) -> Vec<WireRow> {
    let (mut time, mut price) = (0, 0);
    let difference = |row: &Row| {
        let wire = (
            row.time.wrapping_sub(time),
            row.price.wrapping_sub(price),
            row.quantity,
            code(&SIDES, &row.sold),
        );
        (time, price) = (row.time, row.price);
        wire
    };
    rows.iter().map(difference).collect()
}

/// The trades with these differences.
fn rows_of(differences: &[WireRow]) -> Result<Vec<Row>, Error> {
    let (mut time, mut price) = (0_i64, 0_i64);
    let row = |(later, higher, quantity, side): &WireRow| {
        let sold = SIDES.get(usize::from(*side)).ok_or_else(|| damaged(UNKNOWN))?;
        (time, price) = (time.wrapping_add(*later), price.wrapping_add(*higher));
        Ok(Row { time, price, quantity: *quantity, sold: *sold })
    };
    differences.iter().map(row).collect()
}

/// The footprint with these settings.
fn footprint((units, value_area, imbalance): (i64, u8, u32)) -> Result<Footprint, Error> {
    let tick = Tick::new(units).ok_or_else(|| damaged(IMPOSSIBLE))?;
    Ok(Footprint { tick, value_area, imbalance })
}

impl Wire {
    /// The form of a checkpoint.
    pub(super) fn of(checkpoint: &Checkpoint) -> Self {
        let columns = |columns: &[Role]| {
            let bit = |role: &Role| 1 << code(&Role::ALL, role);
            columns.iter().fold(0, |bits, role| bits | bit(role))
        };
        let layout = checkpoint.layout.as_ref().map(|layout| {
            (code(&UNITS, &layout.unit), layout.zone.clone(), columns(&layout.columns))
        });
        Self {
            symbol: checkpoint.symbol.clone(),
            rule: checkpoint.rule.to_string(),
            reset: checkpoint.reset.as_ref().map(Reset::to_string),
            max_gap: checkpoint.max_gap.map(|MaxGap(nanoseconds)| nanoseconds),
            include_microstructure: checkpoint.include_microstructure,
            include_incomplete: checkpoint.include_incomplete,
            features: checkpoint.features.clone(),
            footprint: checkpoint.footprint.map(|footprint| {
                (footprint.tick.units(), footprint.value_area, footprint.imbalance)
            }),
            lookback: checkpoint.back.length,
            vpin: checkpoint.back.vpin.map(|vpin| (vpin.bucket_volume, vpin.buckets)),
            layout,
            rows: checkpoint.check.rows(),
            last: checkpoint.check.last().map(|last| (last.time, last.id)),
            last_id: checkpoint.check.last_id(),
            session: checkpoint.session.clone(),
            open: checkpoint.open.as_ref().map(WireBar::of),
            before: checkpoint.before.clone(),
            first_time: checkpoint.kept.first_time,
            kept: differences(&checkpoint.kept.rows),
            filled: (
                checkpoint.filled.bought,
                checkpoint.filled.sold,
                checkpoint.filled.imbalances.clone(),
            ),
            memory: checkpoint.memory.clone(),
        }
    }

    /// The checkpoint of this form.
    pub(super) fn checkpoint(self) -> Result<Checkpoint, Error> {
        let unknown = || damaged(UNKNOWN);
        let layout = self.layout.map(|(unit, zone, bits)| {
            let unit = *UNITS.get(usize::from(unit)).ok_or_else(unknown)?;
            let there = |role: &Role| bits >> code(&Role::ALL, role) & 1 == 1;
            Ok(Layout { unit, zone, columns: Role::ALL.into_iter().filter(there).collect() })
        });
        let layout = layout.transpose()?;
        let borders = |text: String| text.parse().map_err(|_| unknown());
        let unit = layout.as_ref().map(|layout| layout.unit);
        let open = match (self.open, unit) {
            (Some(bar), Some(unit)) => Some(bar.bar(unit)),
            (Some(_), None) => return Err(damaged(IMPOSSIBLE)),
            (None, _) => None,
        };
        let last = self.last.map(|(time, id)| Last { time, id });
        Ok(Checkpoint {
            symbol: self.symbol,
            rule: self.rule.parse().map_err(|_| unknown())?,
            reset: self.reset.map(borders).transpose()?,
            max_gap: self.max_gap.map(MaxGap),
            include_microstructure: self.include_microstructure,
            include_incomplete: self.include_incomplete,
            features: self.features,
            footprint: self.footprint.map(footprint).transpose()?,
            back: Back {
                length: self.lookback,
                vpin: self.vpin.map(|(bucket_volume, buckets)| Vpin { bucket_volume, buckets }),
            },
            layout,
            check: Check::at(self.rows, last, self.last_id),
            session: self.session,
            open,
            memory: self.memory,
            before: self.before,
            kept: Kept { first_time: self.first_time, rows: rows_of(&self.kept)? },
            filled: Filled {
                bought: self.filled.0,
                sold: self.filled.1,
                imbalances: self.filled.2,
            },
        })
    }
}

impl WireBar {
    fn of(bar: &Bar) -> Self {
        let side = |side: Side| (side.volume, side.turnover, side.trades);
        Self {
            times: [bar.time.open, bar.time.close],
            prices: [bar.price.open, bar.price.high, bar.price.low, bar.price.close],
            volume: bar.volume,
            turnover: bar.turnover,
            sides: bar.sides.map(|sides| [side(sides.buy), side(sides.sell)]),
            rows: bar.rows,
            trades: bar.trades,
            rows_with_trade_ids: bar.rows_with_trade_ids,
            agg_trade_ids: [bar.first_agg_trade_id, bar.last_agg_trade_id],
            run: bar.run.clone(),
            levels: bar.levels.clone(),
        }
    }

    fn bar(self, unit: TimeUnit) -> Bar {
        let side = |(volume, turnover, trades)| Side { volume, turnover, trades };
        let ([open_time, close_time], [open, high, low, close]) = (self.times, self.prices);
        Bar {
            time: Span { open: open_time, close: close_time, unit },
            price: Prices { open, high, low, close },
            volume: self.volume,
            turnover: self.turnover,
            sides: self.sides.map(|[buy, sell]| BySide { buy: side(buy), sell: side(sell) }),
            rows: self.rows,
            trades: self.trades,
            rows_with_trade_ids: self.rows_with_trade_ids,
            first_agg_trade_id: self.agg_trade_ids[0],
            last_agg_trade_id: self.agg_trade_ids[1],
            run: self.run,
            levels: self.levels,
        }
    }
}
