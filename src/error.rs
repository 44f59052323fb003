//! What can be wrong with trades or with a question about them.
//!
//! Variants carry data; the text is made here and nowhere else, so that every door (frame, plan,
//! expression, processor) says the same words. Form: lower case, no full stop, what failed, where,
//! got, expected, remedy. Rows are 0-based and counted from the first trade ever shown.

use crate::trades::{Moment, Role, TimeUnit};
use crate::unfit::Unfit;

/// Everything the kernel refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A threshold outside 1 to 100,000 decimal basis points.
    #[error("threshold_decimal_bps is {got}: expected 1 to 100000 (1 is 0.001 %, 250 is 0.25 %)")]
    Threshold {
        /// What was asked for.
        got: i64,
    },
    /// A value that every trade must have.
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
    /// Time going back.
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
    /// An aggregate id that does not rise among trades of one time.
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
        /// The last id known of that time.
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
    /// A record whose last trade id lies before its first.
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
    /// A sum of a bar that its integer does not hold.
    #[error("{sum} of the bar overflows at row {row}: the limit is {limit} (rescale the columns)")]
    Overflow {
        /// Which sum.
        sum: &'static str,
        /// The trade that went over.
        row: u64,
        /// The largest sum that can be held, in words.
        limit: &'static str,
    },
    /// Bytes that are no checkpoint, or no longer.
    #[error("the checkpoint is damaged: {why} (go back to an older one, or read the trades again)")]
    CheckpointDamaged {
        /// What does not fit.
        why: &'static str,
    },
    /// A checkpoint of another version.
    #[error(
        "the checkpoint is of version {got}: this release reads {} (read the trades again, or use the \
         release that wrote it)",
        crate::checkpoint::VERSION
    )]
    CheckpointVersion {
        /// Its version.
        got: u8,
        /// The version that can be read.
        reads: u8,
    },
    /// A checkpoint of other trades or another rule than asked for.
    #[error("the checkpoint is of {what} {got}: expected {expected}")]
    CheckpointOther {
        /// What differs.
        what: &'static str,
        /// The checkpoint's.
        got: String,
        /// What was asked for.
        expected: String,
    },
    /// A symbol that a checkpoint has no room for.
    #[error("the symbol has {bytes} bytes: expected at most 128")]
    SymbolTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A record with a value that will not do.
    #[error("{column} is {value} at row {row}: {why}")]
    Record {
        /// The key.
        column: String,
        /// The record.
        row: u64,
        /// What it holds.
        value: String,
        /// Why that will not do.
        why: Unfit,
    },
    /// A record without a key that every trade needs.
    #[error(
        "trade at row {row} has no {key:?}{}: its keys are [{}] (say which it is: \
         columns=TradeColumns({}=\"{guess}\"))",
        if *or_volume { " (or \"volume\")" } else { "" },
        keys.join(", "),
        role.name()
    )]
    Key {
        /// The record.
        row: u64,
        /// What the key is called.
        key: String,
        /// Whether "volume" will do, too.
        or_volume: bool,
        /// What the key is for.
        role: Role,
        /// The keys that it has.
        keys: Vec<String>,
        /// The key that is meant, as far as that can be known.
        guess: String,
    },
}

impl Error {
    /// The bad row; 0 for what is wrong with no row.
    pub const fn row(&self) -> u64 {
        match self {
            Self::Threshold { .. }
            | Self::CheckpointDamaged { .. }
            | Self::CheckpointVersion { .. }
            | Self::CheckpointOther { .. }
            | Self::SymbolTooLong { .. } => 0,
            Self::Null { row, .. }
            | Self::Price { row, .. }
            | Self::PriceTooSmall { row, .. }
            | Self::Quantity { row, .. }
            | Self::TooLarge { row, .. }
            | Self::Unsorted { row, .. }
            | Self::Repeated { row, .. }
            | Self::Id { row, .. }
            | Self::TradeIds { row, .. }
            | Self::Record { row, .. }
            | Self::Key { row, .. }
            | Self::Overflow { row, .. } => *row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_the_calendar_is_told_as_a_number() {
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
