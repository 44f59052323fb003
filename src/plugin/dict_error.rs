//! What is wrong with a dict of a trade, and its message.

use crate::epoch::EpochUnit;
use crate::trades::TimeUnit;
use std::fmt;

/// What is wrong with a dict of a trade.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DictError {
    /// A value that is refused.
    #[error("{column} is {value} at row {row}: {why}")]
    Record {
        /// The key.
        column: String,
        /// The trade.
        row: u64,
        /// The value, as text.
        value: String,
        /// The reason.
        why: Unfit,
    },
    /// A missing key that every trade needs.
    #[error(
        "trade at row {row} has no {key:?}{}: its keys are [{}] (say which it is: \
         columns=TradeColumns({}=\"{guess}\"))",
        if *or_volume { " (or \"volume\")" } else { "" },
        keys.join(", "),
        argument
    )]
    Key {
        /// The trade.
        row: u64,
        /// The name of the key.
        key: String,
        /// Whether the key may also be called "volume".
        or_volume: bool,
        /// The argument that names the key.
        argument: &'static str,
        /// The keys that the trade has.
        keys: Vec<String>,
        /// The key that is probably meant.
        guess: String,
    },
    /// A missing key that says which chain the trade belongs to.
    #[error(
        "trade at row {row} has no {key:?}, which by names: its keys are [{}] (give every trade its \
         {key:?}; None is one too)",
        keys.join(", ")
    )]
    By {
        /// The trade.
        row: u64,
        /// The name of the key.
        key: String,
        /// The keys that the trade has.
        keys: Vec<String>,
    },
    /// A missing key that a rule or a reset needs.
    #[error(
        "trade at row {row} has no {key:?}, which {needed_by} needs: its keys are [{}] (give every \
         trade its {key:?}; None is null)",
        keys.join(", ")
    )]
    Extra {
        /// The trade.
        row: u64,
        /// The name of the key.
        key: String,
        /// What needs it.
        needed_by: &'static str,
        /// The keys that the trade has.
        keys: Vec<String>,
    },
}

impl DictError {
    /// The error, if so many trades before its own do not count.
    #[must_use]
    pub fn earlier(mut self, rows: u64) -> Self {
        let (Self::Record { row, .. }
        | Self::Key { row, .. }
        | Self::By { row, .. }
        | Self::Extra { row, .. }) = &mut self;
        *row = row.saturating_sub(rows);
        self
    }
}

/// Why a value of a trade is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is not a number.
    Number,
    /// It is not an integer of 64 bits.
    Id,
    /// It is neither true nor false.
    Side {
        /// Whether it is text.
        is_text: bool,
    },
    /// It means neither a seller nor a buyer.
    SideText {
        /// The texts that are expected.
        expected: String,
    },
    /// It is a list or an array.
    Several,
    /// It is not a time.
    Time {
        /// The unit of whole numbers.
        unit: EpochUnit,
        /// The unit in which it would be a time, if it is a number.
        float: Option<EpochUnit>,
        /// Whether it is text.
        is_text: bool,
        /// Whether the text is a date and a time in ISO format.
        is_iso: bool,
    },
    /// It is a whole number that is no time from 1990 to 2100.
    Implausible {
        /// The unit of whole numbers.
        unit: EpochUnit,
        /// The unit in which it would be such a time.
        fits: Option<EpochUnit>,
    },
    /// It is a time that is finer than the unit of the column.
    TooFine {
        /// The unit of the column.
        unit: TimeUnit,
        /// The unit that holds the time.
        finer: TimeUnit,
    },
    /// It is a time that 64 bits cannot hold in the unit of the column.
    TooFar {
        /// The unit of the column.
        unit: TimeUnit,
        /// The unit that can hold it.
        wider: TimeUnit,
    },
    /// It cannot say which chain the trade belongs to, as other trades do.
    Chain {
        /// What can.
        expected: String,
    },
    /// The first trade had no such key.
    Late {
        /// The argument that names the key.
        argument: &'static str,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number => f.write_str("expected a number, or its digits as text"),
            Self::Id => f.write_str("expected an integer of 64 bits, or its digits as text"),
            Self::Side { is_text: false } => f.write_str("expected True or False"),
            Self::Side { is_text: true } => f.write_str(
                "expected True or False (of a text say that it is one: \
                 columns=TradeColumns(side=\"...\"))",
            ),
            Self::SideText { expected } => write!(
                f,
                "{expected} (say how both are written: columns=TradeColumns(side=\"...\", sell=..., \
                 buy=...); where nobody knows the side, give None)"
            ),
            Self::Several => f.write_str(
                "expected a single value (a dict of whole columns is a frame: pl.DataFrame(trades))",
            ),
            Self::Time { unit, float, is_text, is_iso } => {
                write!(f, "expected a whole number of {unit}, its digits as text, or a datetime ")?;
                let value = if *is_text { "float(value)" } else { "value" };
                match float {
                    Some(float) => of_float(f, *float, value),
                    None if *is_iso => f.write_str("(datetime.fromisoformat(value))"),
                    None => f.write_str("(or give a frame with a Datetime column)"),
                }
            }
            Self::Implausible { unit, fits } => {
                write!(f, "as {unit} that is not a time from 1990 to 2100")?;
                match fits {
                    Some(fits) => write!(
                        f,
                        " (it is one in {fits}: give time_unit=\"{fits}\")"
                    ),
                    None => f.write_str(
                        ", nor in another unit (give such times as datetimes, or in a frame with a \
                         Datetime column)",
                    ),
                }
            }
            Self::TooFine { unit, finer } => {
                let part = match finer {
                    TimeUnit::Nanoseconds => "nanoseconds",
                    _ => "microseconds",
                };
                write!(
                    f,
                    "{unit} cannot hold its {part} (give time_unit=\"{finer}\")"
                )
            }
            Self::TooFar { unit, wider } => write!(
                f,
                "64 bits cannot hold it in {unit} (give time_unit=\"{wider}\")"
            ),
            Self::Chain { expected } => write!(f, "expected {expected}"),
            Self::Late { argument } => write!(
                f,
                "expected no such key, as in the first trade (give it from the first trade on, or \
                 leave it out: columns=TradeColumns({argument}=None))"
            ),
        }
    }
}

/// The remedy for a float that is a time in `unit`: an expression that keeps its fraction.
fn of_float(f: &mut fmt::Formatter<'_>, unit: EpochUnit, value: &str) -> fmt::Result {
    let (factor, unit) = match unit {
        EpochUnit::Seconds => (" * 1_000_000", EpochUnit::Microseconds),
        EpochUnit::Milliseconds => (" * 1_000", EpochUnit::Microseconds),
        EpochUnit::Microseconds | EpochUnit::Nanoseconds => ("", unit),
    };
    write!(f, "(round({value}{factor}) with time_unit=\"{unit}\")")
}
