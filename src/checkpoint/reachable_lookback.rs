//! Can trades lead to what is kept for the windows of bars?
//!
//! Each condition follows from the trades that are admitted, from which of them later windows may
//! need, and from the open bar. None refuses a state that trades can lead to.

use crate::bar::Bar;
use crate::checkpoint::Checkpoint;
use crate::columns::{Compute, Output, Scalar};
use crate::fixed::to_fixed;
use crate::lookback::past::{Kept, Row};
use crate::lookback::{Length, MAX_TRADES, outputs};
use crate::trades::{Layout, Role, TimeUnit};

/// Whether the trades that are kept, and the values of the open bar, are those of its lookback.
pub(super) fn has_lookback(state: &Checkpoint) -> bool {
    let outputs = outputs(&state.features);
    let Some(length) = state.lookback else {
        return outputs.is_empty() && state.before.is_empty() && state.kept == Kept::default();
    };
    let is_possible = length.is_possible() && !outputs.is_empty();
    let Some(layout) = state.layout.as_ref().filter(|_| state.check.rows() > 0) else {
        return is_possible && state.before.is_empty() && state.kept == Kept::default();
    };
    is_possible
        && length.is_whole(layout.unit)
        && has_rows(state, layout)
        && has_length(state, length, layout.unit)
        && state.open.as_ref().is_none_or(|bar| ends_with(bar, &state.kept.rows))
        && has_values(state, length, &outputs)
}

/// Whether the trades that are kept are the last ones, in the order of their times.
fn has_rows(state: &Checkpoint, layout: &Layout) -> bool {
    let rows = &state.kept.rows;
    let has = |role: Role| layout.columns.contains(&role);
    let is_row = |row: &Row| {
        row.price > 0
            && row.quantity >= 0
            && (has(Role::Quantity) || row.quantity == to_fixed(1.0))
            && (has(Role::IsBuyerMaker) || row.sold.is_none())
    };
    rows.len() as u64 <= state.check.rows()
        && rows.last().map(|row| row.time) == state.check.last().map(|last| last.time)
        && rows.is_sorted_by_key(|row| row.time)
        && rows.iter().all(is_row)
}

/// Whether as many trades are kept as later windows may need.
fn has_length(state: &Checkpoint, length: Length, unit: TimeUnit) -> bool {
    let Kept { first_time, rows } = &state.kept;
    let len = rows.len() as u64;
    // The open bar has no trade before the first one of its period.
    let holds_bar = state.open.as_ref().is_none_or(|bar| bar.rows.unsigned_abs() <= len);
    match length {
        Length::Trades(trades) => {
            first_time.is_none() && len <= trades && (len == trades || holds_bar)
        }
        Length::Span(_) => {
            let (Some(first_time), Some(first), Some(last)) =
                (first_time, rows.first(), rows.last())
            else {
                return false;
            };
            let limit = length.before(last.time, unit);
            let is_full = limit.is_some_and(|limit| *first_time <= limit);
            len <= MAX_TRADES + 1
                && limit.is_none_or(|limit| limit < first.time)
                && *first_time <= first.time
                && (is_full || len > MAX_TRADES || (*first_time == first.time && holds_bar))
        }
    }
}

/// Whether the trades of a bar can be the last of these, or these the last of the bar.
fn ends_with(bar: &Bar, rows: &[Row]) -> bool {
    let len = usize::try_from(bar.rows).unwrap_or(usize::MAX);
    let of_bar = &rows[rows.len().saturating_sub(len)..];
    let [open, high, low, close] =
        [bar.price.open, bar.price.high, bar.price.low, bar.price.close].map(to_fixed);
    let volume: i128 = of_bar.iter().map(|row| i128::from(row.quantity)).sum();
    let is_within = |row: &Row| row.time >= bar.time.open && (low..=high).contains(&row.price);
    let first = of_bar.first().map(|row| (row.time, row.price));
    of_bar.iter().all(is_within)
        && of_bar.last().map(|row| row.price) == Some(close)
        && volume <= bar.volume
        && (of_bar.len() < len || (first == Some((bar.time.open, open)) && volume == bar.volume))
}

/// Whether the open bar has a value for each output that looks back.
fn has_values(state: &Checkpoint, length: Length, outputs: &[&Output]) -> bool {
    let Some(bar) = &state.open else { return state.before.is_empty() };
    let opened_after = state.check.rows().saturating_sub(bar.rows.unsigned_abs());
    let is_full = match length {
        Length::Span(_) => true,
        // Where fewer are kept, fewer were there.
        Length::Trades(trades) => opened_after >= trades && state.kept.rows.len() as u64 >= trades,
    };
    let is_value = |(output, value): (&&Output, &Option<Scalar>)| match (output.compute, value) {
        (_, None) => true,
        (Compute::Int(_), Some(Scalar::Int(value))) => {
            let count = value.unsigned_abs();
            let is_count = output.name == "lookback_trade_count";
            *value >= 0
                && (!is_count
                    || match length {
                        Length::Trades(trades) => count == trades,
                        Length::Span(_) => count <= MAX_TRADES.min(opened_after),
                    })
        }
        (Compute::Float(_), Some(Scalar::Float(value))) => value.is_finite(),
        _ => false,
    };
    state.before.len() == outputs.len()
        && (is_full || state.before.iter().all(Option::is_none))
        && outputs.iter().zip(&state.before).all(is_value)
}
