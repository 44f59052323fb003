//! A value of the column whose changes begin a new chain, such as the date of a session.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The most bytes of a text in a checkpoint.
pub const MAX_TEXT: usize = 128;

/// What the values of a column are. It is part of a checkpoint: variants and their order never
/// change within a version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// False and true, as 0 and 1.
    Flag,
    /// Whole numbers of up to 64 bits.
    Whole,
    /// Whole numbers of 64 bits without a sign, as the same bits with one.
    Unsigned,
    /// Days since 1970.
    Date,
    /// Times in milliseconds since 1970.
    Milliseconds,
    /// Times in microseconds since 1970.
    Microseconds,
    /// Times in nanoseconds since 1970.
    Nanoseconds,
    /// Texts, and names of categories.
    Text,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "Boolean",
            Self::Whole => "an integer",
            Self::Unsigned => "UInt64",
            Self::Date => "Date",
            Self::Milliseconds => "Datetime in ms",
            Self::Microseconds => "Datetime in us",
            Self::Nanoseconds => "Datetime in ns",
            Self::Text => "text",
        })
    }
}

/// A value of a column. It is part of a checkpoint, as [`Kind`] is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Session {
    /// No value, which differs from every other.
    Null,
    /// What a value of this kind is stored as.
    Number(Kind, i64),
    /// Text.
    Text(String),
}

impl Session {
    /// What the values of its column are; `None` if it does not say so.
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Null => None,
            Self::Number(kind, _) => Some(*kind),
            Self::Text(_) => Some(Kind::Text),
        }
    }

    /// Whether a column has such a value, and a checkpoint holds it.
    pub fn can_be(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Number(Kind::Flag, number) => (0..=1).contains(number),
            Self::Number(Kind::Date, number) => i32::try_from(*number).is_ok(),
            Self::Number(kind, _) => *kind != Kind::Text,
            Self::Text(text) => text.len() <= MAX_TEXT,
        }
    }
}
