//! The unit of times, and a time as text.

use chrono::DateTime;
use std::fmt;

/// Unit of the time column, since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// 1e-3 s
    Milliseconds,
    /// 1e-6 s
    Microseconds,
    /// 1e-9 s
    Nanoseconds,
}

impl TimeUnit {
    /// How many of this unit make a second.
    pub const fn per_second(self) -> i64 {
        match self {
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
        })
    }
}

/// A time as text for messages, in UTC.
pub(crate) struct Moment(pub i64, pub TimeUnit);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = *self;
        let (moment, form) = match unit {
            TimeUnit::Milliseconds => {
                (DateTime::from_timestamp_millis(value), "%Y-%m-%d %H:%M:%S%.3f")
            }
            TimeUnit::Microseconds => {
                (DateTime::from_timestamp_micros(value), "%Y-%m-%d %H:%M:%S%.6f")
            }
            TimeUnit::Nanoseconds => {
                (Some(DateTime::from_timestamp_nanos(value)), "%Y-%m-%d %H:%M:%S%.9f")
            }
        };
        match moment {
            Some(moment) => write!(f, "{}", moment.format(form)),
            None => write!(f, "{value} {unit} since 1970"),
        }
    }
}
