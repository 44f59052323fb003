//! Where a new chain of bars begins.

use crate::period::Period;
use crate::trades::TimeUnit;
use crate::trading_day::{NoTradingDay, TradingDay};
use std::fmt;
use std::str::FromStr;

/// The text of [`Reset::Column`].
pub const COLUMN: &str = "column";

/// What the borders are at which a new chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// Those of a period in UTC.
    Period(Period),
    /// Those of days in a time zone.
    TradingDay(TradingDay),
    /// Where a column differs from the trade before.
    Column {
        /// The place of the column among those that are brought along.
        place: usize,
    },
}

impl Reset {
    /// The first time of the period that follows the one of `time`; `None` if 64 bits do not hold
    /// it, or if times say nothing.
    pub fn end(self, time: i64, unit: TimeUnit) -> Option<i64> {
        match self {
            Self::Period(period) => period.end(time, unit),
            Self::TradingDay(day) => day.end(time, unit),
            Self::Column { .. } => None,
        }
    }

    /// Whether a column says where the borders are.
    pub const fn is_by_column(self) -> bool {
        matches!(self, Self::Column { .. })
    }
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Period(period) => f.write_str(period.name()),
            Self::TradingDay(day) => day.fmt(f),
            Self::Column { .. } => f.write_str(COLUMN),
        }
    }
}

impl FromStr for Reset {
    type Err = NoTradingDay;

    fn from_str(text: &str) -> Result<Self, NoTradingDay> {
        if let Some(period) = Period::named(text) {
            return Ok(Self::Period(period));
        }
        if text == COLUMN {
            return Ok(Self::Column { place: 0 });
        }
        text.parse().map(Self::TradingDay)
    }
}
