//! Can trades lead to what is kept for the windows of bars?
//!
//! Each condition follows from the trades that are admitted, from which of them later windows may
//! need, and from the open bar. None refuses a state that trades can lead to.

use crate::bar::Bar;
use crate::checkpoint::Checkpoint;
use crate::columns::{Compute, Group, Output, Scalar};
use crate::fixed::to_fixed;
use crate::lookback::buckets::{Filled, Vpin};
use crate::lookback::past::{Kept, Row};
use crate::lookback::{Length, MAX_TRADES, outputs};
use crate::trades::{Layout, Role, TimeUnit};

/// Whether what is kept, and the values of the open bar, are those of its lookback.
pub(super) fn has_lookback(state: &Checkpoint) -> bool {
    let layout = state.layout.as_ref().filter(|_| state.check.rows() > 0);
    has_window(state, layout) && has_filled(state, layout) && has_values(state)
}

/// Whether the trades that are kept are those that later windows may need.
fn has_window(state: &Checkpoint, layout: Option<&Layout>) -> bool {
    let has_outputs = !outputs(&state.features).is_empty();
    let Some(length) = state.back.length else {
        return !has_outputs && state.kept == Kept::default();
    };
    let is_possible = length.is_possible() && has_outputs;
    let Some(layout) = layout else { return is_possible && state.kept == Kept::default() };
    is_possible
        && length.is_whole(layout.unit)
        && has_rows(state, layout)
        && has_length(state, length, layout.unit)
        && state.open.as_ref().is_none_or(|bar| ends_with(bar, &state.kept.rows))
}

/// Whether trades can have filled the buckets so.
fn has_filled(state: &Checkpoint, layout: Option<&Layout>) -> bool {
    let Filled { bought, sold, imbalances } = &state.filled;
    let has_sides = layout.is_some_and(|layout| layout.columns.contains(&Role::IsBuyerMaker));
    let Some(vpin) = state.back.vpin.filter(|_| has_sides) else {
        let is_possible = state.back.vpin.is_none_or(Vpin::is_possible);
        return is_possible && state.filled == Filled::default();
    };
    let volume = vpin.bucket_volume;
    // What was bought and sold in a full bucket has its volume as sum.
    let is_imbalance = |imbalance: &i64| {
        (0..=volume).contains(imbalance) && (volume - imbalance).cast_unsigned().is_multiple_of(2)
    };
    vpin.is_possible()
        && [bought, sold].into_iter().all(|side| (0..volume).contains(side))
        && *bought < volume - *sold
        && imbalances.len() as u64 <= vpin.buckets.into()
        && imbalances.iter().all(is_imbalance)
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
            // Of a full window no earlier time is kept.
            let is_full = limit == Some(*first_time);
            len <= MAX_TRADES + 1
                && limit.is_none_or(|limit| limit < first.time && limit <= *first_time)
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
fn has_values(state: &Checkpoint) -> bool {
    let Some(bar) = &state.open else { return state.before.is_empty() };
    let opened_after = state.check.rows().saturating_sub(bar.rows.unsigned_abs());
    let (is_full, counts) = match state.back.length {
        // Where fewer are kept, fewer were there.
        Some(Length::Trades(trades)) => {
            let is_full = opened_after >= trades && state.kept.rows.len() as u64 >= trades;
            (is_full, trades..=trades)
        }
        _ => (true, 0..=MAX_TRADES.min(opened_after)),
    };
    let is_value = |(output, value): (&&Output, &Option<Scalar>)| match (output.compute, value) {
        (_, None) => true,
        _ if output.group == Group::Lookback && !is_full => false,
        (Compute::Int(_), Some(Scalar::Int(value))) => {
            let is_count = output.name == "lookback_trade_count";
            *value >= 0 && (!is_count || counts.contains(&value.unsigned_abs()))
        }
        (Compute::Float(_), Some(Scalar::Float(value))) if output.group == Group::Vpin => {
            (0.0..=1.0).contains(value) && value.is_sign_positive()
        }
        (Compute::Float(_), Some(Scalar::Float(value))) => value.is_finite(),
        _ => false,
    };
    let outputs = state.lookbacks();
    state.before.len() == outputs.len() && outputs.iter().zip(&state.before).all(is_value)
}
