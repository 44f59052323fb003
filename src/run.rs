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
//! | [`changes`] | how far, how often and in which direction the price moved |
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

pub mod changes;
pub mod deltas;
pub mod directions;
pub mod drawdowns;
pub mod flows;
pub mod intervals;
pub mod lags;
pub mod orders;
pub mod products;
pub mod returns;
pub mod sizes;
pub mod time_above;

use crate::fixed::{fix_group, to_fixed};
use crate::needs::Needs;
use crate::trades::{Role, Trades};
use crate::wide::are_small;
use serde::{Deserialize, Serialize};

/// How many rows back a term reaches at most.
pub const REACH: usize = 10;
/// How many rows are inserted together: so few that sums of products of most values fit 128 bits.
const ROWS: usize = 64;

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
    /// How many of the prices are of rows before.
    before: usize,
    /// Whether only terms count that reach one of the rows before.
    of_seam: bool,
    /// Whether all prices are small, so that their differences are too.
    are_small: bool,
}

impl<'a> Terms<'a> {
    fn new(prices: &'a [i64], before: usize, of_seam: bool) -> Self {
        Self { prices, before, of_seam, are_small: are_small(prices) }
    }

    /// The prices of every new term that reaches so many rows back.
    fn reaching(&self, rows: usize) -> &'a [i64] {
        let end = if self.of_seam { self.before + rows } else { self.prices.len() };
        &self.prices[self.before.saturating_sub(rows)..end.min(self.prices.len())]
    }

    /// The first and the last price of each such term.
    fn pairs(&self, rows: usize) -> impl Iterator<Item = (i64, i64)> + Clone + use<'a> {
        let prices = self.reaching(rows);
        let later = prices.get(rows..).unwrap_or_default();
        prices.iter().copied().zip(later.iter().copied())
    }

    /// The change of the price over each such term.
    fn changes(&self, rows: usize) -> impl Iterator<Item = i64> + Clone + use<'a> {
        self.pairs(rows).map(|(earlier, later)| later - earlier)
    }
}

/// The next rows of a run, at most 64.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    terms: Terms<'a>,
    quantities: &'a [i64],
    /// Whether all quantities are small.
    has_small_quantities: bool,
    /// The quantities, negative if the aggressor sold and 0 if nobody knows.
    signed: &'a [i64],
    times: &'a [i64],
    /// The time of the row before the first of them.
    time_before: Option<i64>,
}

impl Rows<'_> {
    /// The prices of the new rows.
    fn prices(&self) -> &[i64] {
        &self.terms.prices[self.terms.before..]
    }

    /// The time from the row before to the first of them, if there is one before.
    fn first_wait(&self) -> Option<u64> {
        let (before, first) = self.time_before.zip(self.times.first())?;
        Some(wait(before, *first))
    }

    /// The times between two of them.
    fn waits(&self) -> impl Iterator<Item = u64> {
        let later = self.times.get(1..).unwrap_or_default();
        self.times.iter().zip(later).map(|(earlier, later)| wait(*earlier, *later))
    }
}

/// The time from one row to the next. Times do not go back, so it is right modulo 2^64.
fn wait(earlier: i64, later: i64) -> u64 {
    later.wrapping_sub(earlier).cast_unsigned()
}

/// The border of two runs.
#[derive(Clone, Copy, Debug)]
pub struct Seam<'a> {
    terms: Terms<'a>,
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
    changes changes::Changes CHANGES "How far, how often and in which direction the price moved.";
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
    /// The run of all these trades.
    pub fn of(trades: &Trades<'_>, needs: Needs) -> Self {
        let reads = |role| needs.of_run().reads(role);
        // What only other sums need is not converted again.
        let trades = Trades {
            quantity: trades.quantity.filter(|_| reads(Role::Quantity)),
            is_buyer_maker: trades.is_buyer_maker.filter(|_| reads(Role::IsBuyerMaker)),
            ..*trades
        };
        let mut run = Self::new(needs);
        let mut time_before = None;
        for start in (0..trades.len).step_by(ROWS) {
            let rows = trades.slice(start..trades.len.min(start + ROWS));
            run.insert(&rows, time_before);
            time_before = rows.times().last().copied();
        }
        run
    }

    /// Add the run of the trades that follow; `wait` is the time from the last trade to the first
    /// of them. The time above the first price is left to [`Self::follow`].
    pub fn merge(&mut self, next: &Self, wait: u64) {
        let mut prices = [0; 2 * REACH];
        let (left, right) = (self.edge.last(), next.edge.first());
        let (before, len) = (left.len(), left.len() + right.len());
        prices[..before].copy_from_slice(left);
        prices[before..len].copy_from_slice(right);
        let terms = Terms::new(&prices[..len], before, true);
        self.merge_families(next, &Seam { terms, wait });
        self.edge.append(terms.prices, before);
        if next.edge.len as usize == REACH {
            self.edge.last = next.edge.last;
        }
    }

    /// Add the time above the first price in trades whose run was merged.
    pub fn follow(&mut self, trades: &Trades<'_>) {
        let Some(time_above) = &mut self.time_above else { return };
        for start in (0..trades.len).step_by(ROWS) {
            let rows = trades.slice(start..trades.len.min(start + ROWS));
            let mut prices = [0; ROWS];
            fix(rows.prices(), &mut prices);
            time_above.insert(&prices[..rows.len], rows.times());
        }
    }

    /// Add up to 64 rows.
    fn insert(&mut self, trades: &Trades<'_>, time_before: Option<i64>) {
        let before = self.edge.last().len();
        let (mut prices, mut quantities, mut signed) = ([0; REACH + ROWS], [0; ROWS], [0; ROWS]);
        prices[..before].copy_from_slice(self.edge.last());
        let count = trades.prices().len();
        fix(trades.prices(), &mut prices[before..before + ROWS]);
        fix(trades.quantities(), &mut quantities);
        if let Some(sides) = trades.is_buyer_maker {
            let sold = sides.sold.word(0);
            let known = sides.known.map_or(!0, |known| known.word(0));
            for (row, (signed, quantity)) in signed.iter_mut().zip(&quantities).enumerate() {
                let sign = 1 - 2 * (sold >> row & 1).cast_signed();
                *signed = sign * (known >> row & 1).cast_signed() * quantity;
            }
        }
        let prices = &prices[..before + count];
        let len = trades.len;
        let has_quantities = usize::from(!trades.quantities().is_empty());
        let quantities = &quantities[..len * has_quantities];
        let rows = Rows {
            terms: Terms::new(prices, before, false),
            quantities,
            has_small_quantities: are_small(quantities),
            signed: &signed[..len * has_quantities],
            times: trades.times(),
            time_before,
        };
        self.insert_rows(&rows);
        if let Some(time_above) = &mut self.time_above {
            time_above.insert(rows.prices(), rows.times);
        }
        self.edge.append(prices, before);
    }
}

/// Write the values at scale 1e8 into `fixed`.
pub(crate) fn fix(values: &[f64], fixed: &mut [i64]) {
    let mut group = [0; ROWS];
    if fix_group(values, &mut group) {
        for (fixed, value) in fixed.iter_mut().zip(&group[..values.len()]) {
            *fixed = value.cast_signed();
        }
    } else {
        for (fixed, value) in fixed.iter_mut().zip(values) {
            *fixed = to_fixed(*value);
        }
    }
}
