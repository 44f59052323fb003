//! What does a run of trades hold for the statistics? Exact sums that depend on neighbours or order.
//!
//! A run is trades that follow one another. Its state is made by inserting rows, and the states of
//! two runs that follow each other merge into that of both, so a statistic does not depend on how
//! its trades were cut. Only [`time_above`] needs the trades themselves, because it depends on the
//! first price of the whole run.
//!
//! A term of a sum (a price change, the order of three prices) belongs to its last row and reaches
//! some rows back. Where two runs meet, the terms that end in the second and reach into the first
//! are added by hand; the [`Edge`] of a run has the prices for that.
//!
//! | file | what it holds |
//! |---|---|
//! | [`sizes`] | powers of the quantities, and the largest |
//! | [`distance`] | how far the price moved in all |
//! | [`changes`] | how often and in which direction the price moved |
//! | [`returns`] | squares of simple returns |
//! | [`products`] | products of successive price changes |
//! | [`lags`] | squares of changes over one trade and over ten |
//! | [`orders`] | the orders of three successive prices |
//! | [`drawdowns`] | the deepest fall and the highest rise |
//! | [`directions`] | volume by the tick rule |
//! | [`flows`] | price changes against signed volume |
//! | [`deltas`] | the running difference of bought and sold volume |
//! | [`intervals`] | squares of the times between trades |
//! | [`time_above`] | the time above the first price |
//! | `moves` | which prices rose and which fell, for several of these |

pub mod changes;
pub mod deltas;
pub mod directions;
pub mod distance;
pub mod drawdowns;
pub mod flows;
pub mod intervals;
pub mod lags;
mod moves;
pub mod orders;
pub mod products;
pub mod returns;
pub mod sizes;
pub mod time_above;

use crate::group::{Group, REACH, ROWS, differences, spread};
use crate::needs::Needs;
use crate::trades::{Sides, Trades};
use crate::wide::{SMALL, bits_of};
use moves::Moves;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The prices at both ends of a run, at scale 1e8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    len: u8,
    first: [i64; REACH],
    last: [i64; REACH],
}

impl Edge {
    /// The prices of the first ten rows, or of all if there are fewer.
    pub fn first(&self) -> &[i64] {
        &self.first[..usize::from(self.len)]
    }

    /// The prices of the last ten rows, or of all if there are fewer.
    pub fn last(&self) -> &[i64] {
        &self.last[..usize::from(self.len)]
    }

    /// Whether a run of so many rows can have these prices.
    pub(crate) fn is_of(&self, rows: i64) -> bool {
        let len = usize::from(self.len);
        // At most ten.
        let wanted = usize::try_from(rows).map_or(REACH, |rows| rows.min(REACH));
        let apart = usize::try_from(rows).unwrap_or(usize::MAX).saturating_sub(len).min(len);
        len == wanted
            && self.first[apart..len] == self.last[..len - apart]
            && self.first[len..].iter().chain(&self.last[len..]).all(|price| *price == 0)
    }

    /// Add the last prices of the run, of which the first `before` are those of [`Self::last`].
    fn append(&mut self, prices: &[i64], before: usize) {
        let known = usize::from(self.len);
        let (new, missing) = (&prices[before..], REACH - known);
        let added = missing.min(new.len());
        self.first[known..known + added].copy_from_slice(&new[..added]);
        let last = &prices[prices.len().saturating_sub(REACH)..];
        self.last[..last.len()].copy_from_slice(last);
        // At most ten.
        self.len = last.len().to_le_bytes()[0];
    }
}

/// Prices of rows, some of them known before: of a run, or around the seam of two runs.
#[derive(Clone, Copy, Debug)]
struct Terms<'a> {
    prices: &'a [i64],
    /// The changes from each price to the next.
    changes: &'a [i64],
    /// How many of the prices are of rows before.
    before: usize,
    /// Whether only terms count that reach one of the rows before.
    of_seam: bool,
    /// The bits of all prices.
    bits: u64,
    /// Whether all prices are small, so that their differences are too.
    are_small: bool,
}

impl<'a> Terms<'a> {
    /// `changes` has room for those of the prices.
    fn new(prices: &'a [i64], before: usize, bits: u64, changes: &'a mut [i64]) -> Self {
        let changes = differences(prices, changes);
        Self { prices, changes, before, of_seam: false, bits, are_small: bits < SMALL }
    }

    /// Whether each price is a f64.
    const fn are_exact(&self) -> bool {
        self.bits < 1 << 52
    }

    /// The places of the prices of every new term that reaches so many rows back.
    fn places(&self, rows: usize) -> Range<usize> {
        let end = if self.of_seam { self.before + rows } else { self.prices.len() };
        self.before.saturating_sub(rows)..end.min(self.prices.len())
    }

    /// The prices of these terms.
    fn reaching(&self, rows: usize) -> &'a [i64] {
        &self.prices[self.places(rows)]
    }

    /// The changes from price to price of these terms.
    fn steps(&self, rows: usize) -> &'a [i64] {
        let places = self.places(rows);
        self.changes.get(places.start..places.end.saturating_sub(1)).unwrap_or_default()
    }
}

/// The next rows of a run, at most 64.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    terms: Terms<'a>,
    /// Which rows rose or fell, if a family needs it.
    moves: Moves,
    /// The quantities of all places of a group; 0 where it has no row.
    quantities: &'a [i64; ROWS],
    /// Whether all quantities are small.
    has_small_quantities: bool,
    /// The quantities, negative if the aggressor sold and 0 if nobody knows.
    signed: &'a [i64],
    /// Their times, after that of the row before, if there is one.
    times: &'a [i64],
}

impl Rows<'_> {
    /// The prices of the new rows.
    fn prices(&self) -> &[i64] {
        &self.terms.prices[self.terms.before..]
    }

    /// The quantities of the new rows.
    fn quantities(&self) -> &[i64] {
        &self.quantities[..self.signed.len()]
    }

    /// The times from row to row.
    fn waits(&self) -> impl Iterator<Item = u64> {
        let later = self.times.get(1..).unwrap_or_default();
        self.times.iter().zip(later).map(|(earlier, later)| wait(*earlier, *later))
    }
}

/// The quantities of the rows from `start` on, negative if the aggressor sold and 0 if nobody knows.
fn signed(quantities: &[i64; ROWS], sides: Sides<'_>, start: usize) -> [i64; ROWS] {
    let mut signed = spread(sides.sold.word(start));
    for (signed, quantity) in signed.iter_mut().zip(quantities) {
        // A mask of all bits is -1.
        *signed = (quantity ^ *signed) - *signed;
    }
    if let Some(known) = sides.known {
        let known = spread(known.word(start));
        signed.iter_mut().zip(known).for_each(|(signed, known)| *signed &= known);
    }
    signed
}

/// The time from one row to the next. Times do not go back, so it is right modulo 2^64.
fn wait(earlier: i64, later: i64) -> u64 {
    later.wrapping_sub(earlier).cast_unsigned()
}

/// The border of two runs.
#[derive(Clone, Copy, Debug)]
pub struct Seam<'a> {
    terms: Terms<'a>,
    /// Whether the first row after it rose or fell.
    moves: Moves,
    /// The time from the last row before to the first row after it.
    wait: u64,
}

/// The state of a family of statistics.
trait Family: Default {
    /// Add the next rows.
    fn insert(&mut self, rows: &Rows<'_>);

    /// Add the state of the run that follows.
    fn merge(&mut self, next: &Self, seam: &Seam<'_>);
}

/// Reads the families: field, type, and the need that it serves.
macro_rules! families {
    ($($field:ident $module:ident::$family:ident $need:ident $what:literal;)*) => {
        /// The state of a run; a family that is not needed is `None`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct Run {
            /// The prices at both ends, if a family needs one.
            pub edge: Edge,
            $(#[doc = $what] pub $field: Option<$module::$family>,)*
            /// The time above the first price.
            pub time_above: Option<time_above::TimeAbove>,
        }

        impl Run {
            /// A run without a row.
            pub fn new(needs: Needs) -> Self {
                Self {
                    edge: Edge::default(),
                    $($field: needs.contains(Needs::$need).then(Default::default),)*
                    time_above: needs.contains(Needs::TIME_ABOVE).then(Default::default),
                }
            }

            /// What it serves.
            pub fn needs(&self) -> Needs {
                let mut needs = Needs::NOTHING;
                $(if self.$field.is_some() { needs = needs.and(Needs::$need); })*
                if self.time_above.is_some() { needs.and(Needs::TIME_ABOVE) } else { needs }
            }

            /// Forget what these needs do not name.
            pub fn keep(&mut self, needs: Needs) {
                $(if !needs.contains(Needs::$need) { self.$field = None; })*
                if !needs.contains(Needs::TIME_ABOVE) { self.time_above = None; }
            }

            fn insert_rows(&mut self, rows: &Rows<'_>) {
                $(if let Some(family) = &mut self.$field { family.insert(rows); })*
            }

            fn merge_families(&mut self, next: &Self, seam: &Seam<'_>) {
                $(match (&mut self.$field, &next.$field) {
                    (Some(family), Some(next)) => family.merge(next, seam),
                    (family, _) => *family = None,
                })*
            }
        }
    };
}

families! {
    sizes sizes::Sizes SIZES "Powers of the quantities, and the largest.";
    distance distance::Distance DISTANCE "How far the price moved in all.";
    changes changes::Changes CHANGES "How often and in which direction the price moved.";
    returns returns::Returns RETURNS "Squares of simple returns.";
    products products::Products PRODUCTS "Products of successive price changes.";
    lags lags::Lags LAGS "Squares of changes over one trade and over ten.";
    orders orders::Orders ORDERS "The orders of three successive prices.";
    drawdowns drawdowns::Drawdowns DRAWDOWNS "The deepest fall and the highest rise.";
    directions directions::Directions DIRECTIONS "Volume by the tick rule.";
    flows flows::Flows FLOWS "Price changes against signed volume.";
    deltas deltas::Deltas DELTAS "The running difference of bought and sold volume.";
    intervals intervals::Intervals INTERVALS "Squares of the times between trades.";
}

impl Run {
    /// Add the run of the trades that follow; `wait` is the time from the last trade to the first
    /// of them. The time above the first price is left to [`Self::follow`].
    pub fn merge(&mut self, next: &Self, wait: u64) {
        let mut prices = [0; 2 * REACH];
        let (left, right) = (self.edge.last(), next.edge.first());
        let (before, len) = (left.len(), left.len() + right.len());
        prices[..before].copy_from_slice(left);
        prices[before..len].copy_from_slice(right);
        let mut changes = [0; 2 * REACH];
        let prices = &prices[..len];
        let terms = Terms::new(prices, before, bits_of(prices), &mut changes);
        let terms = Terms { of_seam: true, ..terms };
        let moves = Moves::of(terms.steps(1));
        self.merge_families(next, &Seam { terms, moves, wait });
        self.edge.append(terms.prices, before);
        if next.edge.len as usize == REACH {
            self.edge.last = next.edge.last;
        }
    }

    /// Add the time above the first price in trades that the run has now.
    pub fn follow(&mut self, trades: &Trades<'_>, rows: Range<usize>) {
        if let Some(time_above) = &mut self.time_above {
            time_above.insert(&trades.prices()[rows.clone()], &trades.times()[rows]);
        }
    }

    /// Read the next rows of the trades into the group and add them; `start` is the first that was
    /// added, and there is room for the changes of their prices. The time above the first price is left to [`Self::follow`].
    pub(crate) fn insert_group<'t>(
        &mut self,
        (group, changes): (&mut Group, &mut [i64; REACH + ROWS]),
        trades: &Trades<'t>,
        rows: Range<usize>,
        start: usize,
    ) {
        // A column that is not read has no rows.
        let of_rows = |values: &'t [f64]| values.get(rows.clone()).unwrap_or_default();
        group.read(of_rows(trades.prices()), of_rows(trades.quantities()));
        let (prices, before) = (group.known_prices(), group.before());
        let terms = Terms::new(prices, before, group.price_bits(), changes);
        let needs_moves =
            self.changes.is_some() || self.directions.is_some() || self.orders.is_some();
        let moves = match (needs_moves, before) {
            (false, _) => Moves::default(),
            (true, 0) => Moves::of(terms.steps(1)).after_first(),
            (true, _) => Moves::of(terms.steps(1)),
        };
        let needs_signed = self.flows.is_some() || self.deltas.is_some();
        let sides = trades.is_buyer_maker.filter(|_| needs_signed);
        let signed_rows;
        let signed = match sides {
            Some(sides) => {
                signed_rows = signed(group.quantities(), sides, rows.start);
                &signed_rows
            }
            None => &[0; ROWS],
        };
        let quantities = group.quantities();
        let before_first = rows.start.saturating_sub(1).max(start);
        let rows = Rows {
            terms,
            moves,
            quantities,
            has_small_quantities: group.quantity_bits() < SMALL,
            signed: &signed[..rows.len()],
            times: trades.times().get(before_first..rows.end).unwrap_or_default(),
        };
        self.insert_rows(&rows);
        self.edge.append(prices, before);
    }
}

#[cfg(test)]
mod tests;
