//! The errors in trades, thresholds and checkpoints.
//!
//! Variants carry data and are turned into text here, so that an error has the same message at
//! every entry point. Form: lower case, no full stop, what failed, where, got, expected, remedy.
//! Rows are 0-based and counted from the first trade of the first batch.

use crate::fixed::to_f64;
use crate::levels::Tick;
use crate::trades::{Moment, TimeUnit};

/// What is wrong with a trade, a threshold or a checkpoint.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A threshold outside 1 to 100,000 decimal basis points.
    #[error("threshold_decimal_bps is {got}: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)")]
    Threshold {
        /// The threshold.
        got: i64,
    },
    /// The text of no rule.
    #[error(
        "{got:?} is the text of no rule: expected one such as \"range-250\" or \"dollar-1000000\""
    )]
    RuleText {
        /// The text.
        got: String,
    },
    /// A number that a sum of numbers may not hold.
    #[error(
        "{column} is {value} at row {row}: expected a number between -1e288 and 1e288 (drop or \
         repair such rows first)"
    )]
    Number {
        /// The column's name.
        column: String,
        /// The trade.
        row: u64,
        /// The number.
        value: f64,
    },
    /// A null in a column where every trade needs a value.
    #[error("{column} is null at row {row} (every trade needs one: drop or fill such rows first)")]
    Null {
        /// The column's name.
        column: String,
        /// The trade.
        row: u64,
    },
    /// A price that is not finite or not above zero.
    #[error(
        "{column} is {value} at row {row}: expected a finite number above 0 (drop or repair such \
         rows first)"
    )]
    Price {
        /// The column's name.
        column: String,
        /// The trade.
        row: u64,
        /// The price.
        value: f64,
    },
    /// A price above zero that is zero at 8 decimals.
    #[error("{column} is {value} at row {row}: it rounds to 0 at 8 decimals (rescale the prices)")]
    PriceTooSmall {
        /// The column's name.
        column: String,
        /// The trade.
        row: u64,
        /// The price.
        value: f64,
    },
    /// A quantity that is not finite or below zero.
    #[error(
        "{column} is {value} at row {row}: expected a finite number of 0 or more (drop or repair \
         such rows first)"
    )]
    Quantity {
        /// The column's name.
        column: String,
        /// The trade.
        row: u64,
        /// The quantity.
        value: f64,
    },
    /// A price or quantity that 64 bits do not hold at 8 decimals.
    #[error(
        "{column} is {value} at row {row}: expected less than 92233720368.54775808, the limit of \
         64 bits at 8 decimals (rescale the column)"
    )]
    TooLarge {
        /// The column's name.
        column: String,
        /// The trade.
        row: u64,
        /// The price or quantity.
        value: f64,
    },
    /// A trade that is earlier than the one before it.
    #[error(
        "trades are not sorted by time at row {row}: {} after {} (sort by timestamp and trade id; \
         without ids, reverse trades that come newest first; a join, unique or group_by before needs \
         maintain_order)", Moment(*current, *unit), Moment(*previous, *unit)
    )]
    Unsorted {
        /// The trade.
        row: u64,
        /// Time of the trade before it.
        previous: i64,
        /// Its own time.
        current: i64,
        /// Unit of both.
        unit: TimeUnit,
    },
    /// An aggregate id that is not above the one before it, at the same time.
    #[error(
        "{column} does not rise at row {row}: {current} after {previous}, both at {} (if it is \
         the same record twice, drop duplicates; if it is of two venues, make bars of each, with \
         by=; else sort by timestamp and trade id)", Moment(*time, *unit)
    )]
    Repeated {
        /// The column's name.
        column: String,
        /// The trade.
        row: u64,
        /// The last known id of that time.
        previous: i64,
        /// Its own id.
        current: i64,
        /// The time of both.
        time: i64,
        /// Its unit.
        unit: TimeUnit,
    },
    /// An id that 64 bits do not hold.
    #[error("{column} is {value} at row {row}: expected an id that fits Int64")]
    Id {
        /// The column's name.
        column: String,
        /// The trade.
        row: u64,
        /// The id.
        value: String,
    },
    /// A side that means neither a seller nor a buyer.
    #[error(
        "{column} is {value} at row {row}: {expected} (say how both are written: \
         columns=TradeColumns(side={column:?}, sell=..., buy=...); where nobody knows the side, make \
         it null: pl.col({column:?}).replace({value}, None))"
    )]
    Side {
        /// The column's name.
        column: String,
        /// The trade.
        row: u64,
        /// The side, as it would be written in code.
        value: String,
        /// The texts that are expected.
        expected: String,
    },
    /// A record whose last trade id is below its first.
    #[error(
        "{last_column} {last} is below {first_column} {first} at row {row} (are the two columns \
         exchanged?)"
    )]
    TradeIds {
        /// Name of the column of first ids.
        first_column: String,
        /// Name of the column of last ids.
        last_column: String,
        /// The trade.
        row: u64,
        /// Its first trade id.
        first: i64,
        /// Its last trade id.
        last: i64,
    },
    /// More trades than a chain of bars can have.
    #[error(
        "there are too many trades at row {row}: expected at most {} in a chain of bars (begin a \
         new one)",
        crate::check::MAX_ROWS
    )]
    TooMany {
        /// The first trade that is too many.
        row: u64,
    },
    /// Trades that may repeat others, after trades of which none had an id.
    #[error(
        "no trade had {column} so far, so that overlap=\"skip\" cannot know which trades were counted \
         (leave those out yourself: processor.position has the last time)"
    )]
    OverlapUnknown {
        /// The column's name.
        column: String,
    },
    /// A trade without an id among trades that repeat others.
    #[error(
        "{column} is null before the first id above {last_id}, so that overlap=\"skip\" cannot \
         know whether the trade was counted (leave out yourself the trades that were, up to \
         processor.position)"
    )]
    OverlapNull {
        /// The column's name.
        column: String,
        /// The last known id.
        last_id: i64,
    },
    /// A trade that was counted by its id, and not by its time.
    #[error(
        "{column} is {id}, not above the last one, {last_id}, but its time, {}, is after the last \
         one, {}: overlap=\"skip\" needs ids that rise with time (leave out yourself the trades \
         that were counted, up to processor.position)", Moment(*time, *unit),
        Moment(*last_time, *unit)
    )]
    OverlapLater {
        /// The column's name.
        column: String,
        /// Its id.
        id: i64,
        /// The last known id.
        last_id: i64,
        /// Its time.
        time: i64,
        /// The last time.
        last_time: i64,
        /// Unit of both.
        unit: TimeUnit,
    },
    /// A sum of a bar that its integer does not hold.
    #[error("{sum} of the bar overflows at row {row}: the limit is {limit} (rescale the columns)")]
    Overflow {
        /// Which sum.
        sum: &'static str,
        /// The trade at which the sum overflowed.
        row: u64,
        /// The largest sum that can be held, in words.
        limit: &'static str,
    },
    /// A bar with more levels than a footprint can have.
    #[error(
        "the footprint of the bar has too many levels at row {row}: expected at most {} of tick {} \
         (give a coarser tick)",
        crate::levels::MAX_LEVELS, to_f64(tick.units().into())
    )]
    TooManyLevels {
        /// The first trade in a level that is too many.
        row: u64,
        /// The height of a level.
        tick: Tick,
    },
    /// More trades before a bar than the window of a span of time can have.
    #[error(
        "there are too many trades in the {length} before row {row}, which opens a bar: expected at \
         most {} in a lookback (give a shorter span, or a number of trades)",
        crate::lookback::MAX_TRADES
    )]
    WindowTooLong {
        /// The trade that opens the bar.
        row: u64,
        /// How long the window is.
        length: crate::lookback::Length,
    },
    /// A sum of the trades before a bar that its integer does not hold.
    #[error(
        "{sum} of the trades of the lookback overflows at row {row}, which opens a bar: the limit is \
         {limit} (rescale the columns, or look less far back)"
    )]
    WindowOverflow {
        /// Which sum.
        sum: &'static str,
        /// The trade that opens the bar.
        row: u64,
        /// The largest sum that can be held, in words.
        limit: &'static str,
    },
    /// Bytes that are not a checkpoint, or were changed.
    #[error("the checkpoint is damaged: {why} (go back to an older one, or read the trades again)")]
    CheckpointDamaged {
        /// How that was noticed.
        why: &'static str,
    },
    /// A checkpoint of another version.
    #[error(
        "the checkpoint is of version {got}: this release reads {reads} (read the trades again, or use \
         the release that wrote it)"
    )]
    CheckpointVersion {
        /// Its version.
        got: u8,
        /// The version that can be read.
        reads: u8,
    },
    /// A checkpoint of another rule than the wanted one.
    #[error("the checkpoint is of {what} {got}: expected {expected}")]
    CheckpointOther {
        /// The setting that differs.
        what: &'static str,
        /// The value in the checkpoint.
        got: String,
        /// The wanted value.
        expected: String,
    },
    /// A checkpoint without what features need.
    #[error(
        "the checkpoint is of features {got}: expected those, or some of them, not {expected} \
         (give features of the checkpoint, or read the trades again with others)"
    )]
    CheckpointFeatures {
        /// The features of the checkpoint.
        got: String,
        /// The wanted features.
        expected: String,
    },
    /// A key of a dtype that checkpoints do not have.
    #[error(
        "column {column:?} is {dtype}, and a checkpoint holds no such keys: expected text, whole \
         numbers, Boolean, Decimal, a category, or a time (make text of it before the first call: \
         {text})"
    )]
    KeyType {
        /// The column's name.
        column: String,
        /// Its dtype.
        dtype: String,
        /// An expression that makes text of it.
        text: String,
    },
    /// A checkpoint of more chains than its bytes hold.
    #[error(
        "the checkpoint of {chains} chains has {bytes} bytes: expected at most {} (use a processor \
         for each part of the keys)",
        crate::checkpoint::chains::MAX_BYTES
    )]
    ChainsTooLarge {
        /// How many chains there are.
        chains: usize,
        /// How many bytes they need.
        bytes: usize,
    },
    /// A value of the column of a reset that is too long for a checkpoint.
    #[error(
        "the last value of the column of reset has {bytes} bytes: expected at most {} in a checkpoint \
         (give each session a shorter name, its date or a number)",
        crate::session::MAX_TEXT
    )]
    SessionTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A symbol that is too long for a checkpoint.
    #[error("the symbol has {bytes} bytes: expected at most 128")]
    SymbolTooLong {
        /// Its length.
        bytes: usize,
    },
}

impl Error {
    /// The bad row; 0 for an error that is not in a row.
    pub const fn row(&self) -> u64 {
        match self {
            Self::Threshold { .. }
            | Self::RuleText { .. }
            | Self::CheckpointDamaged { .. }
            | Self::CheckpointVersion { .. }
            | Self::CheckpointOther { .. }
            | Self::CheckpointFeatures { .. }
            | Self::OverlapUnknown { .. }
            | Self::OverlapNull { .. }
            | Self::OverlapLater { .. }
            | Self::KeyType { .. }
            | Self::ChainsTooLarge { .. }
            | Self::SessionTooLong { .. }
            | Self::SymbolTooLong { .. } => 0,
            Self::Null { row, .. }
            | Self::Price { row, .. }
            | Self::PriceTooSmall { row, .. }
            | Self::Quantity { row, .. }
            | Self::Number { row, .. }
            | Self::TooLarge { row, .. }
            | Self::Unsorted { row, .. }
            | Self::Repeated { row, .. }
            | Self::Id { row, .. }
            | Self::Side { row, .. }
            | Self::TradeIds { row, .. }
            | Self::TooMany { row }
            | Self::Overflow { row, .. }
            | Self::TooManyLevels { row, .. }
            | Self::WindowTooLong { row, .. }
            | Self::WindowOverflow { row, .. } => *row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_the_calendar_is_shown_as_a_number() {
        let error = Error::Unsorted {
            row: 1,
            previous: i64::MAX,
            current: 0,
            unit: TimeUnit::Milliseconds,
        };

        assert_eq!(
            error.to_string(),
            "trades are not sorted by time at row 1: 1970-01-01 00:00:00.000 after \
             9223372036854775807 ms since 1970 (sort by timestamp and trade id; without ids, reverse \
             trades that come newest first; a join, unique or group_by before needs maintain_order)"
        );
    }
}
