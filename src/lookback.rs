//! What came before a bar: statistics of the trades before the one that opens it.
//!
//! A window is so many trades, or those of a span of time, before an opening trade. It is a run of
//! trades as a bar is one, so its statistics are the functions of a [`Bar`] over its sums. They are
//! formed when a bar opens and wait until it ends: no later trade can change them.
//!
//! ```text
//!   past: trades of earlier batches         batch
//! ├────────┬────────┬────────┬────────┬────────┬─────
//!       └─── window: edge, whole blocks ─────┘^ opens a bar
//! ```
//!
//! Sums of blocks are kept, because windows overlap; the trades before the first whole block are
//! summed each time.
//! All of it is integers that merge exactly, so no value depends on where blocks or batches end.

mod blocks;
pub mod buckets;
mod on_threads;
pub mod past;

use crate::bar::Bar;
use crate::columns::{Group, Output, Scalar, output};
use crate::error::Error;
use crate::needs::Needs;
use crate::sums::Overflow;
use crate::trades::{Role, TimeUnit, Trades};
use blocks::Blocks;
use buckets::{Buckets, Filled, Vpin};
use past::{Kept, Past, Seen};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::mem::take;
use std::ops::Range;
use std::sync::Arc;

/// Windows of so few trades are summed anew each time.
const SHORT: u64 = 256;
/// The most trades of a window.
pub const MAX_TRADES: u64 = 1_000_000;

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Length {
    /// So many trades.
    Trades(u64),
    /// The trades of so many nanoseconds.
    Span(u64),
}

impl Length {
    /// Whether a window can have it.
    pub fn is_possible(self) -> bool {
        match self {
            Self::Trades(trades) => (1..=MAX_TRADES).contains(&trades),
            Self::Span(span) => i64::try_from(span).is_ok_and(|span| span > 0),
        }
    }

    /// Whether times of this unit can measure it.
    pub const fn is_whole(self, unit: TimeUnit) -> bool {
        match self {
            Self::Trades(_) => true,
            Self::Span(span) => span % nanoseconds(unit) == 0,
        }
    }

    /// The last time that is no longer in the window before a trade at this time; `None` if a
    /// window is not measured by times, or 64 bits do not hold it.
    pub(crate) fn before(self, time: i64, unit: TimeUnit) -> Option<i64> {
        match self {
            Self::Trades(_) => None,
            Self::Span(span) => time.checked_sub_unsigned(span / nanoseconds(unit)),
        }
    }
}

const fn nanoseconds(unit: TimeUnit) -> u64 {
    1_000_000_000 / unit.per_second().unsigned_abs()
}

impl fmt::Display for Length {
    /// As a caller writes it: 200, or 1h30m.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 7] = [
            ("d", 86_400_000_000_000),
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
            ("us", 1_000),
            ("ns", 1),
        ];
        let mut rest = match self {
            Self::Trades(trades) => return write!(f, "{trades}"),
            Self::Span(span) => *span,
        };
        for (unit, length) in UNITS {
            if rest >= length {
                write!(f, "{}{unit}", rest / length)?;
            }
            rest %= length;
        }
        Ok(())
    }
}

/// The name of the output of buckets of volume.
pub const VPIN: &str = "lookback_vpin";

/// The outputs of these names that look back at a window.
pub fn outputs(names: &[String]) -> Vec<&'static Output> {
    let all = names.iter().filter_map(|name| output(name));
    all.filter(|output| output.group == Group::Lookback).collect()
}

/// The values of a bar's window, one for each output; null is `None`.
pub type Before = [Option<Scalar>];

/// How far is looked back: a window, buckets of volume, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Back {
    /// How long the window is.
    pub length: Option<Length>,
    /// Which buckets are measured.
    pub vpin: Option<Vpin>,
}

/// Looks back from each bar that opens.
#[derive(Clone, Debug)]
pub struct Lookback {
    length: Option<Length>,
    buckets: Option<Buckets>,
    outputs: Arc<[&'static Output]>,
    needs: Needs,
    past: Past,
    blocks: Blocks,
    /// By chain, the values of the bar that is open.
    open: Vec<Arc<Before>>,
    /// The trade at which a bar opened last, and its values.
    last: Option<(u64, Arc<Before>)>,
}

impl Lookback {
    /// One that has seen no trade, for so many chains; only what the outputs need is kept.
    pub fn new(back: Back, outputs: Vec<&'static Output>, chains: usize) -> Self {
        let is_of = |group| move |output: &&&'static Output| output.group == group;
        let of_window = outputs.iter().filter(is_of(Group::Lookback));
        let needs = of_window.clone().fold(Needs::NOTHING, |needs, output| needs.and(output.needs));
        let vpin = back.vpin.filter(|_| outputs.iter().any(|output| output.group == Group::Vpin));
        Self {
            length: back.length.filter(|_| of_window.count() > 0),
            buckets: vpin.map(|vpin| Buckets::new(vpin, Filled::default(), 0)),
            open: vec![vec![None; outputs.len()].into(); chains],
            outputs: outputs.into(),
            needs,
            past: Past::default(),
            blocks: Blocks::default(),
            last: None,
        }
    }

    /// One that continues after so many trades, of which these were kept; `has_sides` if they have
    /// a column of sides. `open` has the values of the open bar of each chain.
    #[must_use]
    pub fn resume(
        self,
        rows: u64,
        (kept, filled): (&Kept, &Filled),
        has_sides: bool,
        open: Vec<Arc<Before>>,
    ) -> Self {
        let resumed = |buckets: Buckets| buckets.after(filled.clone(), rows);
        let buckets = self.buckets.map(resumed);
        Self { past: Past::of(rows, kept, has_sides), open, buckets, ..self }
    }

    /// What the trades so far have filled.
    pub fn filled(&self) -> Filled {
        self.buckets.as_ref().map_or_else(Filled::default, |buckets| buckets.filled().clone())
    }

    /// The trades that the windows of later bars may need.
    pub fn kept(&self, unit: TimeUnit) -> Kept {
        self.length.map_or_else(Kept::default, |length| self.past.kept(length, unit))
    }

    /// The values of the open bar of a chain.
    pub fn of_open(&self, chain: usize) -> &Before {
        self.open.get(chain).map_or(&[], |before| before)
    }

    /// The columns of a batch that windows read.
    fn columns<'a>(&self, batch: &Trades<'a>) -> Trades<'a> {
        let reads_sides = self.needs.reads(Role::IsBuyerMaker);
        Trades {
            // Each record counts as one trade.
            agg_trade_id: None,
            first_trade_id: None,
            last_trade_id: None,
            quantity: batch.quantity.filter(|_| self.needs.reads(Role::Quantity)),
            is_buyer_maker: batch.is_buyer_maker.filter(|_| reads_sides),
            extras: &[],
            ..*batch
        }
    }

    /// Begin anew at a trade: no later window has a trade before it.
    pub(crate) fn begin_at(&mut self, row: u64) {
        self.past = Past::begun_at(row);
        self.blocks = Blocks::default();
        if let Some(buckets) = &mut self.buckets {
            buckets.begin_at(row);
        }
    }

    /// Form the values of the bar of a chain that opens with a trade of a batch, whose first trade
    /// is trade `first_row` of all.
    pub(crate) fn open(
        &mut self,
        chain: usize,
        row: u64,
        batch: &Trades<'_>,
        first_row: u64,
    ) -> Result<(), Error> {
        let values = match &self.last {
            Some((last, values)) if *last == row => Arc::clone(values),
            _ => {
                if let Some(buckets) = &mut self.buckets {
                    buckets.fill(batch, first_row, row);
                }
                let mut blocks = take(&mut self.blocks);
                let values = self.values(row, batch, first_row, &mut blocks)?;
                self.blocks = blocks;
                values
            }
        };
        self.last = Some((row, Arc::clone(&values)));
        if let Some(open) = self.open.get_mut(chain) {
            *open = values;
        }
        Ok(())
    }

    /// The values of a bar that opens with a trade of a batch, once the buckets of volume before it
    /// are filled.
    fn values(
        &self,
        row: u64,
        batch: &Trades<'_>,
        first_row: u64,
        blocks: &mut Blocks,
    ) -> Result<Arc<Before>, Error> {
        let vpin = self.buckets.as_ref().and_then(Buckets::value).map(Scalar::Float);
        let batch = &self.columns(batch);
        let seen = Seen { past: &self.past, batch, first_row };
        let window = match self.length {
            Some(length) => window(length, row, &seen)?,
            None => None,
        };
        let sum = match &window {
            None => None,
            Some(rows) => sum(rows.clone(), self.needs, &seen, blocks)
                .map_err(|Overflow { sum, limit }| Error::WindowOverflow { sum, row, limit })?,
        };
        let value = |output: &&Output| match (&window, &sum) {
            _ if output.group == Group::Vpin => vpin,
            (None, _) => None,
            (Some(_), Some(bar)) => output.scalar(bar),
            (Some(_), None) => output.of_no_trade(),
        };
        Ok(self.outputs.iter().map(value).collect())
    }

    /// Keep the trades of a batch that later windows may need.
    pub(crate) fn keep(&mut self, batch: &Trades<'_>, first_row: u64) {
        if let Some(buckets) = &mut self.buckets {
            buckets.fill(batch, first_row, first_row + batch.len as u64);
        }
        if let Some(length) = self.length {
            self.past.keep(length, batch, first_row);
        }
    }
}

/// The rows of the window before a row; `None` if there were too few before it.
fn window(length: Length, row: u64, seen: &Seen<'_>) -> Result<Option<Range<u64>>, Error> {
    let first = seen.past.first();
    if let Length::Trades(trades) = length {
        return Ok(row.checked_sub(trades).filter(|start| *start >= first).map(|start| start..row));
    }
    let unit = seen.batch.unit;
    let limit = seen.time(row).and_then(|time| length.before(time, unit));
    let (Some(limit), true) = (limit, row > first) else { return Ok(None) };
    if seen.first_time().is_none_or(|time| time > limit) {
        return Ok(None);
    }
    let start = seen.after(limit, row);
    if row - start > MAX_TRADES {
        return Err(Error::WindowTooLong { row, length });
    }
    Ok(Some(start..row))
}

/// The sums of the rows of a window; `None` if there is no row.
fn sum(
    rows: Range<u64>,
    needs: Needs,
    seen: &Seen<'_>,
    blocks: &mut Blocks,
) -> Result<Option<Bar>, Overflow> {
    if rows.end - rows.start <= SHORT {
        return seen.sum(rows, needs);
    }
    blocks.advance(&rows, |rows| seen.sum(rows, needs))?;
    let mut sum = seen.sum(rows.start..blocks.start(), needs)?;
    for part in blocks.parts() {
        add(&mut sum, part)?;
    }
    Ok(sum)
}

/// Add the sums of the trades that follow.
fn add(sum: &mut Option<Bar>, next: &Bar) -> Result<(), Overflow> {
    if let Some(sum) = sum {
        return sum.merge(next);
    }
    *sum = Some(next.clone());
    Ok(())
}

#[cfg(test)]
mod tests;
