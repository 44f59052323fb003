//! The state of a chain of bars as bytes, and back.
//!
//! ```text
//! "RBCP" | version: 1 byte | CRC-32 of the rest: 4 bytes, little-endian | the rest: postcard
//! ```
//!
//! Within a version, the fields of [`Wire`] and [`WireBar`], their order and types never change,
//! and neither does the rule that will close an open bar: a change of either is a new version. Sums
//! are kept in full width. What a rule knows is computed from the open bar and its [`Memory`], and
//! the end of the period from the last time. With a column the last value is kept.
//!
//! The checksum finds accidents, not forgery. So bytes are read as a state only if trades can lead
//! to it and it is written as the same bytes again.

pub mod chains;
mod reachable;
mod reachable_levels;
mod reachable_lookback;
mod reachable_run;

use crate::bar::{Bar, BySide, Prices, Side, Span};
use crate::builder::MaxGap;
use crate::check::{Check, Last};
use crate::columns::{Output, Scalar, output};
use crate::error::Error;
use crate::footprint::Footprint;
use crate::levels::{Levels, MAX_LEVELS, Tick};
use crate::lookback::buckets::{Filled, MAX_BUCKETS, Vpin};
use crate::lookback::past::{Kept, Row};
use crate::lookback::{Back, Before, Length, Lookback, MAX_TRADES, VPIN, outputs};
use crate::needs::Needs;
use crate::reset::Reset;
use crate::rule::{AnyRule, Memory, Rule};
use crate::run::Run;
use crate::session::{MAX_TEXT, Session};
use crate::trades::{Layout, Role, TimeUnit};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// The version that is written.
pub const VERSION: u8 = 5;
/// The longest symbol, in bytes.
pub const MAX_SYMBOL: usize = 128;
/// The most bytes of a checkpoint without levels of the open bar and trades before the next one.
pub const MAX_BYTES: usize = 4_000;
/// The most bytes of a level.
pub const LEVEL_BYTES: usize = 90;
/// The most bytes of a trade that is kept for the windows of later bars.
pub const ROW_BYTES: usize = 31;
/// The most bytes of a full bucket of volume.
pub const BUCKET_BYTES: usize = 10;

const MAGIC: &[u8] = b"RBCP";
const HEADER: usize = MAGIC.len() + 1 + 4;
const TOO_LARGE: &str = "it is too large";
const IMPOSSIBLE: &str = "such a state cannot be";
const UNFIT: &str = "its fields do not fit";
const UNKNOWN: &str = "it holds an unknown code";

/// Everything that is kept from one batch to the next, by a builder that computes every sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The symbol of the trades, if it was given.
    pub symbol: Option<String>,
    /// The rule, at the beginning of a chain.
    pub rule: AnyRule,
    /// The borders at which chains begin.
    pub reset: Option<Reset>,
    /// The longest time between two trades of one bar.
    pub max_gap: Option<MaxGap>,
    /// Whether the sums and the features are columns too.
    pub include_microstructure: bool,
    /// Whether bars that were cut off are rows too.
    pub include_incomplete: bool,
    /// The columns that are asked for by name.
    pub features: Vec<String>,
    /// How a footprint is made, if bars have one.
    pub footprint: Option<Footprint>,
    /// How far is looked back before a bar.
    pub back: Back,
    /// The layout of the trades, if there was a batch.
    pub layout: Option<Layout>,
    /// What is known of the trades so far.
    pub check: Check,
    /// The value of the last trade, if a column says where chains begin.
    pub session: Option<Session>,
    /// The open bar.
    pub open: Option<Bar>,
    /// What the rule remembers beside it.
    pub memory: Memory,
    /// The values of what came before the open bar, one for each such feature.
    pub before: Vec<Option<Scalar>>,
    /// The trades that the windows of later bars may need.
    pub kept: Kept,
    /// The buckets of volume that the trades have filled.
    pub filled: Filled,
}

#[derive(Serialize, Deserialize)]
struct Wire {
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

/// What columns of these names need of the run of a bar.
pub fn needs_of_run(features: &[String]) -> Needs {
    let outputs = features.iter().filter_map(|name| output(name));
    let of_bar = outputs.filter(|output| !output.looks_back());
    of_bar.fold(Needs::NOTHING, |needs, output| needs.and(output.needs)).of_run()
}

fn damaged(why: &'static str) -> Error {
    Error::CheckpointDamaged { why }
}

impl Checkpoint {
    /// Write the checkpoint as bytes.
    ///
    /// # Errors
    /// A symbol or a value of more than 128 bytes, or a name of a zone so long that [`MAX_BYTES`] do
    /// not hold the checkpoint.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        if let Some(symbol) = self.symbol.as_ref().filter(|symbol| symbol.len() > MAX_SYMBOL) {
            return Err(Error::SymbolTooLong { bytes: symbol.len() });
        }
        if let Some(Session::Text(text)) = &self.session
            && text.len() > MAX_TEXT
        {
            return Err(Error::SessionTooLong { bytes: text.len() });
        }
        let mut bytes = [MAGIC, &[VERSION], &[0; 4]].concat();
        bytes = postcard::to_extend(&self.wire(), bytes).map_err(|_| damaged(TOO_LARGE))?;
        if bytes.len() > self.most_bytes() {
            return Err(damaged(TOO_LARGE));
        }
        let sum = crc32fast::hash(&bytes[HEADER..]).to_le_bytes();
        bytes[HEADER - 4..HEADER].copy_from_slice(&sum);
        Ok(bytes)
    }

    /// Read the checkpoint in these bytes.
    ///
    /// # Errors
    /// Bytes that are not a checkpoint, are damaged, have another version, or hold a state that no
    /// trades can lead to.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
            return Err(damaged("it does not begin like one"));
        }
        let version = bytes[MAGIC.len()];
        if version != VERSION {
            return Err(Error::CheckpointVersion { got: version, reads: VERSION });
        }
        let most_kept = usize::try_from(MAX_TRADES + 1).unwrap_or(usize::MAX);
        let most_filled = usize::try_from(MAX_BUCKETS).unwrap_or(usize::MAX) * BUCKET_BYTES;
        let most = MAX_BYTES + MAX_LEVELS * LEVEL_BYTES + most_kept * ROW_BYTES + most_filled;
        if bytes.len() > most {
            return Err(damaged(TOO_LARGE));
        }
        let (header, rest) = bytes.split_at(HEADER);
        if header[HEADER - 4..] != crc32fast::hash(rest).to_le_bytes() {
            return Err(damaged("its checksum does not match"));
        }
        let Ok((wire, [])) = postcard::take_from_bytes::<Wire>(rest) else {
            return Err(damaged(UNFIT));
        };
        let checkpoint = wire.checkpoint()?;
        if bytes.len() > checkpoint.most_bytes() {
            Err(damaged(TOO_LARGE))
        } else if !reachable::is_reachable(&checkpoint) {
            Err(damaged(IMPOSSIBLE))
        } else if checkpoint.to_bytes()? == bytes {
            Ok(checkpoint)
        } else {
            // A longer form of a number, or a bit without a meaning.
            Err(damaged(UNFIT))
        }
    }

    /// How many bytes hold every such state.
    fn most_bytes(&self) -> usize {
        let levels = self.open.as_ref().and_then(|bar| bar.levels.as_ref());
        MAX_BYTES
            + LEVEL_BYTES * levels.map_or(0, |levels| levels.len())
            + ROW_BYTES * self.kept.rows.len()
            + BUCKET_BYTES * self.filled.imbalances.len()
    }

    /// Its rule in the state after the trades so far.
    pub fn rule(&self) -> AnyRule {
        self.rule_after(self.rule.clone())
    }

    /// A rule that agrees with its own, in the state after the trades so far.
    pub fn rule_after(&self, mut rule: AnyRule) -> AnyRule {
        // A checkpoint is only read if its rule can resume, and one of a builder always can.
        let _ = rule.resume(self.open.as_ref(), &self.memory, self.check.rows());
        rule
    }

    /// Check that it belongs to this rule, this reset and this longest gap.
    ///
    /// # Errors
    /// The first setting that differs.
    pub fn agrees(
        &self,
        rule: &AnyRule,
        reset: Option<Reset>,
        max_gap: Option<MaxGap>,
    ) -> Result<(), Error> {
        let borders =
            |reset: Option<Reset>| reset.map_or("none".to_owned(), |reset| reset.to_string());
        let gap = |gap: Option<MaxGap>| gap.map_or("none".to_owned(), |gap| gap.to_string());
        let all = [
            ("rule", self.rule.to_string(), rule.to_string()),
            ("reset", borders(self.reset), borders(reset)),
            ("max_gap", gap(self.max_gap), gap(max_gap)),
        ];
        match all.into_iter().find(|(_, got, expected)| got != expected) {
            Some((what, got, expected)) => Err(Error::CheckpointOther { what, got, expected }),
            None => Ok(()),
        }
    }

    /// What looks back from the bars of these checkpoints of the same trades, with the values of
    /// these outputs.
    pub fn lookback(states: &[Self], outputs: &[&'static Output]) -> Option<Lookback> {
        let first = states.first()?;
        if outputs.is_empty() {
            return None;
        }
        let lookback = Lookback::new(first.back, outputs.to_vec(), states.len());
        let columns = first.layout.as_ref().map_or(&[][..], |layout| &layout.columns);
        let open = states.iter().map(|state| state.before_of(outputs)).collect();
        let has_sides = columns.contains(&Role::IsBuyerMaker);
        let kept = (&first.kept, &first.filled);
        Some(lookback.resume(first.check.rows(), kept, has_sides, open))
    }

    /// The outputs of which it has values for the open bar.
    pub fn lookbacks(&self) -> Vec<&'static Output> {
        let vpin = self.back.vpin.and_then(|_| output(VPIN));
        outputs(&self.features).into_iter().chain(vpin).collect()
    }

    /// The values of these outputs for the open bar.
    fn before_of(&self, wanted: &[&'static Output]) -> Arc<Before> {
        let own = self.lookbacks();
        let value = |wanted: &&'static Output| {
            let place = own.iter().position(|output| output.name == wanted.name)?;
            *self.before.get(place)?
        };
        wanted.iter().map(value).collect()
    }

    /// What its columns need of a run beside every sum.
    pub fn needs_of_run(&self) -> Needs {
        needs_of_run(&self.features)
    }

    fn wire(&self) -> Wire {
        let columns = |columns: &[Role]| {
            let bit = |role: &Role| 1 << code(&Role::ALL, role);
            columns.iter().fold(0, |bits, role| bits | bit(role))
        };
        let layout = self.layout.as_ref().map(|layout| {
            (code(&UNITS, &layout.unit), layout.zone.clone(), columns(&layout.columns))
        });
        Wire {
            symbol: self.symbol.clone(),
            rule: self.rule.to_string(),
            reset: self.reset.as_ref().map(Reset::to_string),
            max_gap: self.max_gap.map(|MaxGap(nanoseconds)| nanoseconds),
            include_microstructure: self.include_microstructure,
            include_incomplete: self.include_incomplete,
            features: self.features.clone(),
            footprint: self.footprint.map(|footprint| {
                (footprint.tick.units(), footprint.value_area, footprint.imbalance)
            }),
            lookback: self.back.length,
            vpin: self.back.vpin.map(|vpin| (vpin.bucket_volume, vpin.buckets)),
            layout,
            rows: self.check.rows(),
            last: self.check.last().map(|last| (last.time, last.id)),
            last_id: self.check.last_id(),
            session: self.session.clone(),
            open: self.open.as_ref().map(WireBar::of),
            before: self.before.clone(),
            first_time: self.kept.first_time,
            kept: differences(&self.kept.rows),
            filled: (self.filled.bought, self.filled.sold, self.filled.imbalances.clone()),
            memory: self.memory.clone(),
        }
    }
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
    fn checkpoint(self) -> Result<Checkpoint, Error> {
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
