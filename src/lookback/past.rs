//! The trades of earlier batches that the windows of later bars may need.
//!
//! They are in pieces that copies share, so that a copy of the state costs little.

use crate::bar::Bar;
use crate::fixed::{lowest_reaching, to_fixed};
use crate::lookback::{Length, MAX_TRADES, add};
use crate::needs::Needs;
use crate::sums::Overflow;
use crate::trades::{Bits, Column, Sides, TimeUnit, Trades};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// How many rows a piece has.
const PIECE: u64 = 256;

/// A trade as a checkpoint keeps it: price and quantity at scale 1e8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its time.
    pub time: i64,
    /// Its price.
    pub price: i64,
    /// Its quantity.
    pub quantity: i64,
    /// Whether the aggressor sold, if it is known.
    pub sold: Option<bool>,
}

/// The trades that later windows may need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// If windows are measured by times, the time of the first trade that a window may have, kept or
    /// not. Once a window is full, the last time before it: all later windows are full too, so that
    /// states are equal wherever their chains began.
    pub first_time: Option<i64>,
    /// The last trades.
    pub rows: Vec<Row>,
}

/// The trades of earlier batches.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    /// The first trade that a window may have, by number.
    first: u64,
    /// Its time, once it is known.
    first_time: Option<i64>,
    /// The number of the first trade that was kept.
    start: u64,
    /// How many trades were kept.
    len: u64,
    /// The trades, each piece from a multiple of its rows on, but for the first.
    pieces: VecDeque<Arc<Piece>>,
    has_sides: bool,
}

/// Some trades.
#[derive(Clone, Debug, Default)]
struct Piece {
    /// The number of the first.
    start: u64,
    times: Vec<i64>,
    prices: Vec<f64>,
    quantities: Vec<f64>,
    /// A bit for each row, the lowest of a byte first.
    sold: Vec<u8>,
    known: Vec<u8>,
    /// How many rows have these bits.
    sides: usize,
}

/// The trades before a row of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub past: &'a Past,
    pub batch: &'a Trades<'a>,
    /// The number of the first row of the batch.
    pub first_row: u64,
}

impl Past {
    /// No trade yet; the next one is the first that a window may have.
    pub fn begun_at(row: u64) -> Self {
        Self { first: row, start: row, ..Self::default() }
    }

    /// The trades that were kept of so many; `has_sides` if they have a column of sides.
    pub fn of(rows: u64, kept: &Kept, has_sides: bool) -> Self {
        let start = rows.saturating_sub(kept.rows.len() as u64);
        // If a trade is missing that was there, no window needs it.
        let mut past = Self { first_time: kept.first_time, has_sides, ..Self::begun_at(start) };
        for row in &kept.rows {
            let price = lowest_reaching(row.price);
            let quantity = lowest_reaching(row.quantity);
            past.piece(past.end()).push(row.time, price, quantity, row.sold);
            past.len += 1;
        }
        past
    }

    /// The first trade that a window may have.
    pub const fn first(&self) -> u64 {
        self.first
    }

    fn end(&self) -> u64 {
        self.start + self.len
    }

    /// The piece that rows from this one on, the next one, are added to.
    fn piece(&mut self, row: u64) -> &mut Piece {
        if row.is_multiple_of(PIECE) || self.pieces.is_empty() {
            self.pieces.push_back(Arc::new(Piece { start: row, ..Piece::default() }));
        }
        let last = self.pieces.len() - 1;
        Arc::make_mut(&mut self.pieces[last])
    }

    /// Keep the trades of a batch that later windows may need, and no others.
    pub fn keep(&mut self, length: Length, batch: &Trades<'_>, first_row: u64) {
        let end = first_row + batch.len as u64;
        let seen = Seen { past: self, batch, first_row };
        let first_time = seen.first_time();
        let start = seen.needed(length, end);
        self.first_time = first_time;
        self.has_sides = batch.is_buyer_maker.is_some();
        if start >= self.end() {
            (self.start, self.len) = (start, 0);
            self.pieces.clear();
        }
        while self.end() < end {
            let to = end.min((self.end() / PIECE + 1) * PIECE);
            // Rows of a batch fit `usize`.
            let place = |row: u64| usize::try_from(row - first_row).unwrap_or(usize::MAX);
            let rows = place(self.end())..place(to);
            self.len += rows.len() as u64;
            self.piece(to - rows.len() as u64).extend(&batch.slice(rows));
        }
        self.forget_before(start);
    }

    /// Forget pieces without a row from this one on.
    fn forget_before(&mut self, start: u64) {
        while let Some(piece) = self.pieces.front()
            && piece.end() <= start
        {
            self.len -= piece.end() - self.start;
            self.start = piece.end();
            self.pieces.pop_front();
        }
    }

    /// The trades that later windows may need.
    pub fn kept(&self, length: Length, unit: TimeUnit) -> Kept {
        let batch = Trades::new(0, unit);
        let seen = Seen { past: self, batch: &batch, first_row: self.end() };
        let start = seen.needed(length, self.end());
        let first = usize::try_from(start - self.start).unwrap_or(usize::MAX);
        let rows = self.pieces.iter().flat_map(|piece| piece.rows());
        let last = self.pieces.back().and_then(|piece| piece.times.last().copied());
        let limit = last.and_then(|last| length.before(last, unit));
        let first_time = self.first_time.filter(|_| matches!(length, Length::Span(_)));
        let first_time = first_time.map(|first| limit.map_or(first, |limit| first.max(limit)));
        Kept { first_time, rows: rows.skip(first).collect() }
    }
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.times.len() as u64
    }

    fn push(&mut self, time: i64, price: f64, quantity: f64, sold: Option<bool>) {
        self.times.push(time);
        self.prices.push(price);
        self.quantities.push(quantity);
        self.add_side(sold == Some(true), sold.is_some());
    }

    fn extend(&mut self, trades: &Trades<'_>) {
        self.times.extend_from_slice(trades.times());
        self.prices.extend_from_slice(trades.prices());
        self.quantities.extend_from_slice(trades.quantities());
        for row in 0..trades.len {
            let side = trades.is_buyer_maker.map(|Sides { sold, known }| {
                (sold.get(row), known.is_none_or(|known| known.get(row)))
            });
            let (sold, known) = side.unwrap_or_default();
            self.add_side(sold && known, known);
        }
    }

    /// Add the side of the next row.
    fn add_side(&mut self, sold: bool, known: bool) {
        let (byte, bit) = (self.sides / 8, self.sides % 8);
        if bit == 0 {
            self.sold.push(0);
            self.known.push(0);
        }
        self.sold[byte] |= u8::from(sold) << bit;
        self.known[byte] |= u8::from(known) << bit;
        self.sides += 1;
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        let bit = |bytes: &[u8], row: usize| bytes[row / 8] >> (row % 8) & 1 == 1;
        (0..self.times.len()).map(move |row| Row {
            time: self.times[row],
            price: to_fixed(self.prices[row]),
            quantity: to_fixed(self.quantities[row]),
            sold: bit(&self.known, row).then(|| bit(&self.sold, row)),
        })
    }

    /// Some of its rows, by their place.
    fn trades(&self, rows: Range<usize>, unit: TimeUnit, has_sides: bool) -> Trades<'_> {
        let len = self.times.len();
        let known = Bits::new(&self.known, 0, len);
        let sides = Sides { sold: Bits::new(&self.sold, 0, len), known: Some(known) };
        let trades = Trades {
            timestamp: Some(Column::new("timestamp", &self.times)),
            price: Some(Column::new("price", &self.prices)),
            quantity: Some(Column::new("quantity", &self.quantities)),
            is_buyer_maker: has_sides.then_some(sides),
            ..Trades::new(len, unit)
        };
        trades.slice(rows)
    }
}

impl Seen<'_> {
    /// The place of a row in the batch.
    fn place(&self, row: u64) -> Option<usize> {
        usize::try_from(row.checked_sub(self.first_row)?).ok()
    }

    /// The time of a row of the batch.
    pub fn time(&self, row: u64) -> Option<i64> {
        self.batch.times().get(self.place(row)?).copied()
    }

    /// The time of the first trade that a window may have.
    pub fn first_time(&self) -> Option<i64> {
        self.past.first_time.or_else(|| self.time(self.past.first))
    }

    /// The first row later than this time that a window may have, of those that were kept; `end` if
    /// none before it is.
    pub fn after(&self, time: i64, end: u64) -> u64 {
        let past = self.past;
        let here = self.place(past.first).unwrap_or(0);
        let times = self.batch.times();
        let times = &times[..self.place(end).unwrap_or(0).min(times.len())];
        let of_batch = times.get(here..).unwrap_or_default();
        if of_batch.first().is_some_and(|first| *first <= time) || past.len == 0 {
            let later = of_batch.partition_point(|other| *other <= time);
            return self.first_row + (here + later) as u64;
        }
        let is_before = |piece: &Arc<Piece>| piece.times.last().is_some_and(|last| *last <= time);
        let piece = past.pieces.partition_point(is_before);
        past.pieces.get(piece).map_or_else(
            || past.end(),
            |piece| piece.start + piece.times.partition_point(|other| *other <= time) as u64,
        )
    }

    /// The first row that the window of a bar may need that opens with the row `end` or a later one;
    /// all rows before it were seen.
    fn needed(&self, length: Length, end: u64) -> u64 {
        let oldest = match length {
            Length::Trades(trades) => end.saturating_sub(trades),
            Length::Span(_) => {
                let last = self.batch.times().last().copied();
                let last = last.or_else(|| self.past.pieces.back()?.times.last().copied());
                let limit = last.and_then(|last| length.before(last, self.batch.unit));
                let first = limit.map_or(0, |limit| self.after(limit, end));
                // One more than a window may have, so that too many are noticed.
                first.max(end.saturating_sub(MAX_TRADES + 1))
            }
        };
        let kept = if self.past.len > 0 { self.past.start } else { self.first_row };
        oldest.max(self.past.first).max(kept)
    }

    /// The sums of these rows; `None` if there is no row.
    pub fn sum(&self, rows: Range<u64>, needs: Needs) -> Result<Option<Bar>, Overflow> {
        let mut sum = None;
        let mut next = rows.start;
        while next < rows.end.min(self.first_row) {
            let pieces = &self.past.pieces;
            let after = pieces.partition_point(|piece| piece.end() <= next);
            let Some(piece) = pieces.get(after) else { break };
            let place = |row: u64| usize::try_from(row - piece.start).unwrap_or(usize::MAX);
            let end = rows.end.min(piece.end());
            let reads_sides = self.past.has_sides && self.batch.is_buyer_maker.is_some();
            let trades = piece.trades(place(next)..place(end), self.batch.unit, reads_sides);
            if let Some(part) = Bar::of(&trades, 0..trades.len, needs)? {
                add(&mut sum, &part)?;
            }
            next = end;
        }
        if let (Some(from), Some(to)) = (self.place(next), self.place(rows.end))
            && let Some(part) = Bar::of(self.batch, from..to, needs)?
        {
            match &mut sum {
                Some(sum) => sum.merge(&part)?,
                none => *none = Some(part),
            }
        }
        Ok(sum)
    }
}
