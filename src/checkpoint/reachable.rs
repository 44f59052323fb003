//! Which states can trades lead to?
//!
//! A checkpoint can come from anywhere, and its checksum only finds accidents. The kernel computes
//! with a state as with its own, without a check at each step, so a state that no trades lead to
//! could make wrong bars, overflow or never end. Each function here is a conclusion from what
//! [`Check`](crate::check::Check) admits and from what [`Builder`](crate::builder::Builder) does
//! with it, provided that the builder computes every sum; a rule knows its own
//! ([`Rule::resume`]). None refuses a state that trades can
//! lead to.

use crate::bar::{Bar, BySide, Prices, Side, Span};
use crate::builder::MaxGap;
use crate::check::{MAX_ROWS, is_price};
use crate::checkpoint::reachable_levels::{has_levels, is_footprint};
use crate::checkpoint::reachable_lookback::has_lookback;
use crate::checkpoint::reachable_run::has_run;
use crate::checkpoint::{Checkpoint, MAX_SYMBOL};
use crate::columns::{Group, output};
use crate::fixed::to_fixed;
use crate::reset::Reset;
use crate::rule::Rule;
use crate::session::Session;
use crate::trades::{Layout, Role};

/// Whether trades can lead to this state.
pub(crate) fn is_reachable(state: &Checkpoint) -> bool {
    let Some(layout) = &state.layout else {
        return has_symbol(state)
            && has_features(state)
            && is_footprint(state.footprint)
            && has_gap(state)
            && has_session(state)
            && has_lookback(state)
            && is_unused(state)
            && is_rule_unused(state);
    };
    has_symbol(state)
        && has_features(state)
        && has_required_columns(state, layout)
        && is_footprint(state.footprint)
        && has_gap(state)
        && has_session(state)
        && is_position(state, layout)
        && has_lookback(state)
        && has_whole_bars(state)
        && state.open.as_ref().is_none_or(|bar| {
            has_counts(bar, layout)
                && has_times(bar, state)
                && has_prices(bar)
                && has_sums(bar, layout)
                && has_ids(bar, state)
                && has_run(bar, state.needs_of_run())
                && has_levels(bar, state.footprint)
        })
        && state.rule.clone().resume(state.open.as_ref(), &state.memory, state.check.rows())
}

fn has_symbol(state: &Checkpoint) -> bool {
    state.symbol.as_ref().is_none_or(|symbol| symbol.len() <= MAX_SYMBOL)
}

/// Whether each feature is a column that bars do not have without its name, once.
fn has_features(state: &Checkpoint) -> bool {
    let is_added = |name: &String| {
        output(name).is_some_and(|output| match output.group {
            Group::Bar | Group::Vpin | Group::Stored => false,
            Group::Sum | Group::Feature => !state.include_microstructure,
            Group::Intra => true,
            Group::Lookback => state.back.length.is_some(),
        })
    };
    let features = &state.features;
    features.iter().all(is_added)
        && (1..features.len()).all(|place| !features[..place].contains(&features[place]))
}

/// Whether there was no trade.
fn is_unused(state: &Checkpoint) -> bool {
    let check = &state.check;
    check.rows() == 0 && check.last().is_none() && check.last_id().is_none() && state.open.is_none()
}

/// Whether the longest gap is one that a caller can give.
fn has_gap(state: &Checkpoint) -> bool {
    state.max_gap.is_none_or(|MaxGap(gap)| i64::try_from(gap).is_ok_and(|gap| gap > 0))
}

/// Whether the last value is one of a column, and there where a column says where chains begin.
fn has_session(state: &Checkpoint) -> bool {
    let is_expected = state.check.rows() > 0 && state.reset.is_some_and(Reset::is_by_column);
    state.session.is_some() == is_expected && state.session.as_ref().is_none_or(Session::can_be)
}

fn is_rule_unused(state: &Checkpoint) -> bool {
    state.memory == state.rule.memory()
}

fn has_required_columns(state: &Checkpoint, layout: &Layout) -> bool {
    // Without quantities each record counts as 1.
    let is_needed = |role: &Role| !role.is_optional() && *role != Role::Quantity;
    let is_required = |role: &Role| is_needed(role) || state.rule.requires(*role);
    Role::ALL.iter().all(|role| !is_required(role) || layout.columns.contains(role))
}

/// Whether the number of trades, the last time and the last ids agree.
fn is_position(state: &Checkpoint, layout: &Layout) -> bool {
    let check = &state.check;
    let Some(last) = check.last() else { return is_unused(state) };
    (1..=MAX_ROWS).contains(&check.rows())
        && (layout.columns.contains(&Role::AggTradeId) || check.last_id().is_none())
        // The last known id of the last time is the last known id of all.
        && (last.id.is_none() || last.id == check.last_id())
}

/// Whether the trades before the open bar can make whole bars.
fn has_whole_bars(state: &Checkpoint) -> bool {
    let open = state.open.as_ref().map_or(0, |bar| bar.rows.unsigned_abs());
    match state.check.rows().checked_sub(open) {
        // A bar of one trade is closed by a rule, or cut off by the trade that opens the next one.
        Some(1) => {
            let is_cut_off = open > 0 && (state.reset.is_some() || state.max_gap.is_some());
            is_cut_off || state.rule.may_close_at_open()
        }
        Some(_) => true,
        None => false,
    }
}

/// Whether the numbers of records and of trades agree: a record without both ids counts as one
/// trade, and a record with both counts as one or more.
fn has_counts(bar: &Bar, layout: &Layout) -> bool {
    let columns = [Role::FirstTradeId, Role::LastTradeId];
    let has_ids = columns.iter().all(|role| layout.columns.contains(role));
    0 < bar.rows
        && (0..=bar.rows).contains(&bar.rows_with_trade_ids)
        && (has_ids || bar.rows_with_trade_ids == 0)
        && bar.rows <= bar.trades
        && (bar.rows_with_trade_ids > 0 || bar.trades == bar.rows)
        && (layout.columns.contains(&Role::Quantity)
            || bar.volume == i128::from(bar.rows) * i128::from(to_fixed(1.0)))
}

/// Whether the bar ends with the last trade, lasts no longer than 64 bits hold, and lies in one
/// period. A trading day is not looked at, because the changes of the clocks may have been other ones
/// for the release that wrote the state.
fn has_times(bar: &Bar, state: &Checkpoint) -> bool {
    let Span { open, close, unit } = bar.time;
    let is_last = state.check.last().is_some_and(|last| last.time == close);
    is_last
        && open <= close
        && (bar.rows > 1 || open == close)
        && bar.time.micros().is_some()
        && match state.reset {
            Some(Reset::Period(period)) => period.end(open, unit) == period.end(close, unit),
            Some(Reset::TradingDay(_) | Reset::Column { .. }) | None => true,
        }
}

/// Whether the prices are such as are admitted, and stand in their order.
fn has_prices(bar: &Bar) -> bool {
    let Prices { open, high, low, close } = bar.price;
    let (higher, lower) = (open.max(close), open.min(close));
    // A bar of two trades has no price between the first and the last, one of three has one.
    let between = i64::from(high > higher) + i64::from(low < lower);
    [open, high, low, close].into_iter().all(is_price)
        && low <= lower
        && higher <= high
        && (between == 0 || between <= bar.rows - 2)
        && (bar.rows > 1 || lower >= higher)
}

/// Whether the sums can be those of so many trades at such prices, in total and on each side.
fn has_sums(bar: &Bar, layout: &Layout) -> bool {
    if bar.sides.is_some() != layout.columns.contains(&Role::IsBuyerMaker) {
        return false;
    }
    let BySide { buy, sell } = bar.sides.unwrap_or_default();
    let whole = Side { volume: bar.volume, turnover: bar.turnover, trades: bar.trades };
    let Some(unknown) = less(whole, buy).and_then(|rest| less(rest, sell)) else { return false };
    let parts = [buy, sell, unknown];
    let records = Side { trades: bar.rows, ..whole };
    // Each side that has a trade has a record.
    let sides = parts.iter().filter(|part| part.trades > 0).count() as u64;
    sides <= bar.rows.unsigned_abs()
        && [records].iter().chain(&parts).all(|part| is_sum(*part, bar.price))
}

fn less(whole: Side, part: Side) -> Option<Side> {
    Some(Side {
        volume: whole.volume.checked_sub(part.volume)?,
        turnover: whole.turnover.checked_sub(part.turnover)?,
        trades: whole.trades.checked_sub(part.trades)?,
    })
}

/// Whether so many trades at prices from low to high can have this volume and this turnover.
///
/// Each trade has a whole price `p` and a whole quantity `q` at scale 1e8, with `0 <= q < 2^63`.
/// [`to_fixed`] is monotone, so `l <= p <= h` for `l` and `h` of the lowest and the highest price.
/// Hence `l * q <= p * q <= h * q`. The volume is the sum of `q` and the turnover that of `p * q`,
/// both exact, so the inequality holds for the sums too, without an error of rounding.
fn is_sum(part: Side, price: Prices) -> bool {
    let Side { volume, turnover, trades } = part;
    let times = |price: f64| i128::from(to_fixed(price)).checked_mul(volume);
    0 <= trades
        && 0 <= volume
        && volume <= i128::from(trades) * i128::from(i64::MAX)
        // A product that 128 bits do not hold is above every turnover.
        && times(price.low).is_some_and(|lowest| lowest <= turnover)
        && times(price.high).is_none_or(|highest| turnover <= highest)
}

/// Whether the ids of the first and the last record agree with each other and with the last ids.
fn has_ids(bar: &Bar, state: &Checkpoint) -> bool {
    let (first, last) = (bar.first_agg_trade_id, bar.last_agg_trade_id);
    let of_last_time = state.check.last().and_then(|last| last.id);
    let agrees = (first.is_none() || state.check.last_id().is_some())
        && (last.is_none() || last == of_last_time);
    if bar.rows == 1 {
        agrees && first == last
    } else if bar.time.open < bar.time.close {
        agrees
    } else {
        // Known ids rise while the time stays the same, and `None` is below every id.
        agrees && first <= of_last_time && (last.is_none() || first < last)
    }
}
