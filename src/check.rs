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
#[allow(clippy::cast_precision_loss)] // few rows
mod tests {
    use super::*;
    use crate::trades::{Bits, TimeUnit};
    use proptest::option;
    use proptest::prelude::*;

    fn trades<'a>(times: &'a [i64], ids: &'a [i64], quantities: &'a [f64]) -> Trades<'a> {
        Trades {
            timestamp: Some(Column::new("timestamp", times)),
            quantity: Some(Column::new("quantity", quantities)),
            agg_trade_id: Some(Column::new("agg_trade_id", ids)),
            ..Trades::new(times.len(), TimeUnit::Milliseconds)
        }
    }

    #[test]
    fn the_border_of_two_batches_is_checked_like_two_rows() {
        let whole = Check::default().admit(&trades(&[5, 4], &[1, 2], &[1.0; 2]));
        let mut check = Check::default();
        check.admit(&trades(&[5], &[1], &[1.0])).unwrap();
        let parts = check.admit(&trades(&[4], &[2], &[1.0]));

        let (unit, previous, current) = (TimeUnit::Milliseconds, 5, 4);
        let error = Error::Unsorted { row: 1, previous, current, unit };
        assert_eq!(whole, Err(Fault { row: 1, error: error.clone() }));
        assert_eq!(parts, Err(Fault { row: 0, error }));
    }

    proptest! {
        #[test]
        fn a_check_of_later_rows_begins_where_that_of_the_rows_before_ends(
            rows in prop::collection::vec((0..2_i64, option::of(0..2_i64), any::<bool>()), 1..20),
            cuts in prop::collection::vec(0..20_usize, 2),
        ) {
            let (mut time, mut id) = (0, 0);
            let (mut times, mut ids, mut known, mut quantities) = (vec![], vec![], vec![0; 3], vec![]);
            for (row, &(wait, step, is_lost)) in rows.iter().enumerate() {
                time += wait;
                id += step.map_or(0, |step| step + 1);
                times.push(time);
                ids.push(id);
                known[row / 8] |= u8::from(step.is_some()) << (row % 8);
                quantities.push(if is_lost { 1e-9 / (row + 1) as f64 } else { 1.0 });
            }
            let valid = Some(Bits::new(&known, 0, rows.len()));
            let trades = Trades {
                agg_trade_id: Some(Column { valid, ..Column::new("agg_trade_id", &ids) }),
                ..trades(&times, &ids, &quantities)
            };
            let mut cuts: Vec<_> = cuts.iter().map(|cut| *cut.min(&rows.len())).collect();
            cuts.sort_unstable();
            let (from, to, rest) = (cuts[0], cuts[1], cuts[0]..rows.len());
            let mut whole = Check::default();
            whole.admit(&trades.slice(0..from)).unwrap();
            let mut first = whole.clone();
            // As on threads: the second does not wait for the first.
            let mut second = whole.after(&trades.slice(rest.clone()), to - from);

            first.admit(&trades.slice(from..to)).unwrap();
            second.admit(&trades.slice(to..rows.len())).unwrap();
            whole.admit(&trades.slice(rest)).unwrap();

            prop_assert_eq!(first.followed_by(&second), whole);
        }
    }

    #[test]
    fn a_border_is_good_if_times_rise_or_ids_do() {
        for (time, id, has_ids) in (0..18).map(|case| (4 + case % 3, case / 3 % 3, case < 9)) {
            let admit = |check: &mut Check, time: i64, id: i64| {
                let (times, ids) = ([time], [id]);
                let mut trades = trades(&times, &ids, &[1.0]);
                trades.agg_trade_id = trades.agg_trade_id.filter(|_| has_ids);
                check.admit(&trades)
            };
            let mut check = Check::default();
            admit(&mut check, 5, 1).unwrap();

            let is_good = time > 5 || time == 5 && (!has_ids || id > 1);
            assert_eq!(admit(&mut check, time, id).is_ok(), is_good, "{time} {id} {has_ids}");
        }
    }

    #[test]
    fn a_bad_price_or_quantity_is_the_error_of_its_row() {
        let fault = |price: f64, quantity: f64| {
            let (prices, quantities) = ([1.0, price], [1.0, quantity]);
            let trades = Trades {
                price: Some(Column::new("price", &prices)),
                ..trades(&[1, 1], &[1, 2], &quantities)
            };
            Check::default().admit(&trades).map_err(|fault| (fault.row, fault.error))
        };
        let largest = (LIMIT / SCALE).next_down();
        let (price, quantity) = (|| "price".to_owned(), || "quantity".to_owned());

        assert_eq!(fault(largest, largest), Ok(()));
        assert_eq!(fault(5e-9, 0.0), Ok(()));
        for value in [0.0, -1.0, f64::INFINITY] {
            let error = Error::Price { column: price(), row: 1, value };
            assert_eq!(fault(value, 1.0), Err((1, error)));
        }
        for value in [-1e-9, f64::INFINITY] {
            let error = Error::Quantity { column: quantity(), row: 1, value };
            assert_eq!(fault(1.0, value), Err((1, error)));
        }
        let value = LIMIT / SCALE;
        let error = |column| Error::TooLarge { column, row: 1, value };
        assert_eq!(fault(value, 1.0), Err((1, error(price()))));
        assert_eq!(fault(1.0, value), Err((1, error(quantity()))));
        let (value, column) = (4.9e-9, price());
        let error = Error::PriceTooSmall { column, row: 1, value };
        assert_eq!(fault(value, 1.0), Err((1, error)));
    }

    #[test]
    fn a_number_that_no_sum_may_have_is_the_error_of_its_row() {
        let known = [0b0000_1101];
        let admit = |numbers: &[f64], times: &[i64]| {
            let valid = Some(Bits::new(&known, 0, numbers.len()));
            let column = Column { valid, ..Column::new("n", numbers) };
            let other = Column::new("other", &[0.0, 0.0, 0.0, f64::NAN][..numbers.len()]);
            let extras = [Extra::Numbers(other), Extra::Numbers(column)];
            let trades = Trades { extras: &extras, ..trades(times, &[1, 2, 3, 4], &[1.0; 4]) };
            let mut check = Check::at(10, None, None);
            check.admit(&trades).map_err(|fault| (fault.row, fault.error))
        };
        let number = |column: &str, row: usize, value| {
            let column = column.to_owned();
            Err((row, Error::Number { column, row: 10 + row as u64, value }))
        };
        let times = [1, 2, 3, 4];

        // The second is null.
        for value in [1.1e288, -1.1e288, f64::INFINITY] {
            assert_eq!(admit(&[1e288, f64::NAN, value, 0.0], &times), number("n", 2, value));
        }
        let last = admit(&[1e288, f64::NAN, -1e288, 0.0], &times).unwrap_err();
        assert_eq!((last.0, last.1.to_string().contains("other")), (3, true));
        // Another fault of the row, or of one before, comes first; one after it does not.
        let unsorted = |fault| matches!(fault, Err((_, Error::Unsorted { .. })));
        assert!(unsorted(admit(&[0.0, 0.0, 2e288, 0.0], &[1, 2, 1, 4])));
        assert_eq!(admit(&[0.0, 0.0, 2e288, 0.0], &[1, 2, 3, 1]), number("n", 2, 2e288));
    }

    #[test]
    fn ids_must_rise_while_the_time_stays_the_same() {
        let admit = |times: &[i64]| Check::default().admit(&trades(times, &[7, 7], &[1.0; 2]));

        assert_eq!(admit(&[1, 2]), Ok(()));
        assert!(matches!(admit(&[1, 1]), Err(Fault { row: 1, error: Error::Repeated { .. } })));
    }

    #[test]
    fn trades_beyond_the_most_of_a_chain_are_refused() {
        let mut check = Check::at(MAX_ROWS - 1, None, None);

        let fault = check.admit(&trades(&[1, 2, 3], &[1, 2, 3], &[1.0; 3])).unwrap_err();

        assert_eq!(fault, Fault { row: 1, error: Error::TooMany { row: MAX_ROWS } });
        assert_eq!(
            fault.error.to_string(),
            "there are too many trades at row 4611686018427387904: expected at most \
             4611686018427387904 in a chain of bars (begin a new one)"
        );
        assert_eq!(check.admit(&trades(&[1], &[1], &[1.0])), Ok(()));
        assert_eq!(check.rows(), MAX_ROWS);
    }

    #[test]
    fn a_refused_batch_leaves_the_check_as_it_was() {
        let mut check = Check::default();
        check.admit(&trades(&[5], &[1], &[1.0])).unwrap();
        let before = check.clone();

        check.admit(&trades(&[6, 7], &[2, 3], &[1.0, f64::NAN])).unwrap_err();

        assert_eq!(check, before);
    }

    #[test]
    fn the_first_quantity_that_counts_as_zero_is_remembered() {
        let mut check = Check::default();
        check.admit(&trades(&[5], &[1], &[0.0])).unwrap();
        // Half a unit counts as one.
        check.admit(&trades(&[5], &[2], &[5e-9])).unwrap();
        assert_eq!(check.lost(), None);

        check.admit(&trades(&[6, 7], &[3, 4], &[4e-9, 3e-9])).unwrap();

        assert_eq!(check.lost(), Some(Lost { row: 2, quantity: 4e-9 }));
        assert_eq!((check.rows(), check.last_id()), (4, Some(4)));
    }
}
