//! The check that every trade passes before it reaches a bar.
//!
//! The border between two batches is checked like the border between two rows, so the errors do not
//! depend on how trades are cut into batches. [`Check::admit`] first checks a whole block in plain
//! loops over the columns; only a block that does not pass (or that has nulls among its ids) is
//! read row by row. [`admit_row`] is the definition: the loops may refuse a good block but never
//! pass a bad one.

// Without `&&` there is no branch, so the loops can be vectorised.
#![allow(clippy::needless_bitwise_bool)]

use crate::error::Error;
use crate::fixed::{LIMIT, SCALE};
use crate::trades::{Column, Extra, Trades};

/// The most trades of a chain: at a billion a second they take 146 years.
pub const MAX_ROWS: u64 = 1 << 62;

/// What must be known of the trades before to check the next one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Check {
    rows: u64,
    last: Option<Last>,
    last_id: Option<i64>,
    lost: Option<Lost>,
}

/// A quantity above zero that counts as 0, because it rounds to 0 at 8 decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lost {
    /// The trade.
    pub row: u64,
    /// Its quantity.
    pub quantity: f64,
}

/// Time of the last trade, and the last known id of that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// Time of the last trade.
    pub time: i64,
    /// Last `agg_trade_id` that is not null among the trades of that time.
    pub id: Option<i64>,
}

/// The first bad row of a batch, and its error.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Its place in the batch; the rows before it are good.
    pub row: usize,
    /// The error; its row is counted from the first trade of the first batch.
    pub error: Error,
}

impl Check {
    /// Trades admitted so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Time and id of the last trade, if there was one with a time.
    pub const fn last(&self) -> Option<Last> {
        self.last
    }

    /// The last `agg_trade_id` that is not null, at any time.
    pub const fn last_id(&self) -> Option<i64> {
        self.last_id
    }

    /// The first quantity above zero that counts as 0.
    pub const fn lost(&self) -> Option<Lost> {
        self.lost
    }

    /// The check after this many trades, with this last trade and this last id.
    pub const fn at(rows: u64, last: Option<Last>, last_id: Option<i64>) -> Self {
        Self { rows, last, last_id, lost: None }
    }

    /// The check after the rows of a batch before `row`, if they are good. What is known of them
    /// but the last time and its id is left out.
    pub(crate) fn after(&self, trades: &Trades<'_>, row: usize) -> Self {
        let last = match (trades.timestamp, row.checked_sub(1)) {
            (Some(times), Some(last_row)) => {
                let time = times.values[last_row];
                let first_row = times.values[..row].partition_point(|before| *before < time);
                let known = trades.agg_trade_id;
                let id = (first_row..row).rev().find_map(|row| known.and_then(|ids| ids.get(row)));
                let before = self.last.filter(|last| first_row == 0 && last.time == time);
                Some(Last { time, id: id.or_else(|| before.and_then(|last| last.id)) })
            }
            _ => self.last,
        };
        Self { rows: self.rows + row as u64, last, last_id: None, lost: None }
    }

    /// The check after more rows, which `next` has admitted from [`Self::after`] on.
    pub(crate) fn followed_by(&self, next: &Self) -> Self {
        Self {
            last_id: next.last_id.or(self.last_id),
            lost: self.lost.or(next.lost),
            ..next.clone()
        }
    }

    /// Admit a batch.
    ///
    /// # Errors
    /// The first bad row; the check is then as it was before the batch.
    pub fn admit(&mut self, trades: &Trades<'_>) -> Result<(), Fault> {
        let bad_number = trades.extras.iter().enumerate().filter_map(|(place, _)| {
            let Some(Extra::Numbers(column)) = trades.extra(place) else { return None };
            first_bad_number(&column, self.rows)
        });
        if let Some(fault) = bad_number.min_by_key(|fault| fault.row) {
            // Any other fault of this row, or of a row before it, is reported first.
            self.clone().admit_columns(&trades.slice(0..fault.row + 1))?;
            return Err(fault);
        }
        self.admit_columns(trades)
    }

    fn admit_columns(&mut self, trades: &Trades<'_>) -> Result<(), Fault> {
        let fits = self.rows.checked_add(trades.len as u64).is_some_and(|rows| rows <= MAX_ROWS);
        self.last = if fits && self.is_sound(trades) {
            self.last_of_sound(trades)
        } else {
            let mut last = self.last;
            for row in 0..trades.len {
                last = admit_row(trades, row, self.rows + row as u64, last)
                    .map_err(|error| Fault { row, error })?;
            }
            last
        };
        if self.lost.is_none() {
            self.lost = first_lost(trades.quantities(), self.rows);
        }
        self.rows += trades.len as u64;
        if let Some(ids) = trades.agg_trade_id {
            let known = (0..trades.len).rev().find_map(|row| ids.get(row));
            self.last_id = known.or(self.last_id);
        }
        Ok(())
    }

    /// Whether loops without a branch find every row good.
    fn is_sound(&self, trades: &Trades<'_>) -> bool {
        is_within(trades.price, 0.5)
            && is_within(trades.quantity, 0.0)
            && self.is_ordered(trades)
            && match (trades.first_trade_id, trades.last_trade_id) {
                (Some(first), Some(last)) => {
                    first.valid.is_none()
                        && last.valid.is_none()
                        && all(first.values.iter().zip(last.values), |(first, last)| first <= last)
                }
                _ => true,
            }
    }

    fn is_ordered(&self, trades: &Trades<'_>) -> bool {
        let Some(time) = trades.timestamp else { return true };
        let (Some(&first), None) = (time.values.first(), time.valid) else {
            return time.values.is_empty();
        };
        let pairs = || time.values.iter().zip(&time.values[1..]);
        let Some(id) = trades.agg_trade_id else {
            return self.last.is_none_or(|last| last.time <= first)
                && all(pairs(), |(a, b)| a <= b);
        };
        let rises = |last: Last| {
            last.time < first
                || last.time == first && last.id.is_none_or(|last| last < id.values[0])
        };
        let ids = id.values.iter().zip(&id.values[1..]);
        id.valid.is_none()
            && self.last.is_none_or(rises)
            && all(pairs().zip(ids), |((a, b), (x, y))| (a < b) | (a == b) & (x < y))
    }

    fn last_of_sound(&self, trades: &Trades<'_>) -> Option<Last> {
        let Some(&time) = trades.times().last() else { return self.last };
        let id = match trades.agg_trade_id {
            Some(ids) => ids.values.last().copied(),
            None => self.last.filter(|last| last.time == time).and_then(|last| last.id),
        };
        Some(Last { time, id })
    }
}

/// Whether a price is one that is admitted.
pub(crate) fn is_price(x: f64) -> bool {
    is_between(x, 0.5)
}

/// Whether `x` at scale 1e8 is `low` or more and fits 64 bits; false for NaN.
fn is_between(x: f64, low: f64) -> bool {
    (x * SCALE >= low) & (x * SCALE < LIMIT)
}

/// `Iterator::all` without the early return, which would prevent vectorisation.
fn all<T>(items: impl Iterator<Item = T>, holds: impl Fn(T) -> bool) -> bool {
    items.fold(true, |all, item| all & holds(item))
}

/// The first number of a column that a rule may not sum: so many of the others stay finite.
fn first_bad_number(column: &Column<'_, f64>, first_row: u64) -> Option<Fault> {
    const LIMIT: f64 = 1e288;
    let is_bad = |value: f64| value.abs() > LIMIT || value.is_nan();
    let (row, value) = (0..column.values.len())
        .find_map(|row| Some((row, column.get(row).filter(|value| is_bad(*value))?)))?;
    let (column, at) = (column.name.to_owned(), first_row + row as u64);
    Some(Fault { row, error: Error::Number { column, row: at, value } })
}

fn is_within(column: Option<Column<'_, f64>>, low: f64) -> bool {
    column.is_none_or(|column| {
        column.valid.is_none() && all(column.values.iter(), |x| is_between(*x, low))
    })
}

/// The first of some good quantities, counted from `first_row`, that is above zero and counts as 0.
fn first_lost(quantities: &[f64], first_row: u64) -> Option<Lost> {
    let is_lost = |x: f64| (x > 0.0) & (x * SCALE < 0.5);
    if all(quantities.iter(), |x| !is_lost(*x)) {
        return None;
    }
    let row = quantities.iter().position(|x| is_lost(*x))?;
    Some(Lost { row: first_row + row as u64, quantity: quantities[row] })
}

/// Check one row that follows the trade `last`; returns the `last` for the row after it.
fn admit_row(
    trades: &Trades<'_>,
    at: usize,
    row: u64,
    last: Option<Last>,
) -> Result<Option<Last>, Error> {
    if row >= MAX_ROWS {
        return Err(Error::TooMany { row });
    }
    let time = value_of(trades.timestamp, at, row)?;
    if let Some(value) = value_of(trades.price, at, row)? {
        let column = || trades.price.map_or_else(String::new, |price| price.name.to_owned());
        if !value.is_finite() || value <= 0.0 {
            return Err(Error::Price { column: column(), row, value });
        } else if value * SCALE >= LIMIT {
            return Err(Error::TooLarge { column: column(), row, value });
        } else if value * SCALE < 0.5 {
            return Err(Error::PriceTooSmall { column: column(), row, value });
        }
    }
    if let Some(value) = value_of(trades.quantity, at, row)? {
        let column = || trades.quantity.map_or_else(String::new, |column| column.name.to_owned());
        if !value.is_finite() || value < 0.0 {
            return Err(Error::Quantity { column: column(), row, value });
        } else if value * SCALE >= LIMIT {
            return Err(Error::TooLarge { column: column(), row, value });
        }
    }
    let last = match time {
        Some(time) => Some(follow(trades, at, row, time, last)?),
        None => last,
    };
    check_trade_ids(trades, at, row)?;
    Ok(last)
}

/// The value of a column in a row, which must not be null; `None` if the column is not read.
fn value_of<T: Copy>(
    column: Option<Column<'_, T>>,
    at: usize,
    row: u64,
) -> Result<Option<T>, Error> {
    let Some(column) = column else { return Ok(None) };
    match column.get(at) {
        Some(value) => Ok(Some(value)),
        None => Err(Error::Null { column: column.name.to_owned(), row }),
    }
}

/// Check that time does not go back, and that known ids rise while the time stays the same.
fn follow(
    trades: &Trades<'_>,
    at: usize,
    row: u64,
    time: i64,
    last: Option<Last>,
) -> Result<Last, Error> {
    let id = trades.agg_trade_id.and_then(|ids| ids.get(at));
    let Some(last) = last.filter(|last| last.time >= time) else { return Ok(Last { time, id }) };
    if last.time > time {
        let (previous, current, unit) = (last.time, time, trades.unit);
        return Err(Error::Unsorted { row, previous, current, unit });
    }
    if let (Some(ids), Some(current), Some(previous)) = (trades.agg_trade_id, id, last.id)
        && current <= previous
    {
        let (column, unit) = (ids.name.to_owned(), trades.unit);
        return Err(Error::Repeated { column, row, previous, current, time, unit });
    }
    Ok(Last { time, id: id.or(last.id) })
}

fn check_trade_ids(trades: &Trades<'_>, at: usize, row: u64) -> Result<(), Error> {
    let (Some(firsts), Some(lasts)) = (trades.first_trade_id, trades.last_trade_id) else {
        return Ok(());
    };
    match (firsts.get(at), lasts.get(at)) {
        (Some(first), Some(last)) if last < first => Err(Error::TradeIds {
            first_column: firsts.name.to_owned(),
            last_column: lasts.name.to_owned(),
            row,
            first,
            last,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
