//! Whole numbers as times since 1970-01-01 00:00 UTC, and the unit in which they make sense.
//!
//! A number does not show its unit. Read in a wrong unit, a time of today lies in 1970 or in the
//! year 56,000, so a number is accepted as a time only from 1990 to 2100. No number is such a time
//! in two units, so the message about a refused number can name the unit that fits.

use crate::trades::TimeUnit;
use std::fmt;

/// Unit of a number that is a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochUnit {
    /// Seconds.
    Seconds,
    /// 1e-3 s
    Milliseconds,
    /// 1e-6 s
    Microseconds,
    /// 1e-9 s
    Nanoseconds,
}

/// 1990-01-01 and 2100-01-01 in seconds since 1970.
const PLAUSIBLE: std::ops::Range<i64> = 631_152_000..4_102_444_800;

impl EpochUnit {
    /// All units.
    pub const ALL: [Self; 4] =
        [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds];

    /// The unit with this name: "s", "ms", "us" or "ns".
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
        }
    }

    /// How many of this unit make a second.
    pub const fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }

    /// The unit of a column of such times. No column counts seconds, so they become milliseconds.
    pub const fn column_unit(self) -> TimeUnit {
        match self {
            Self::Seconds | Self::Milliseconds => TimeUnit::Milliseconds,
            Self::Microseconds => TimeUnit::Microseconds,
            Self::Nanoseconds => TimeUnit::Nanoseconds,
        }
    }

    /// The unit of a column that takes such times: that of the column `before`, which holds them
    /// without loss if it is not coarser, and their own otherwise.
    ///
    /// ```
    /// use rangebar_polars::epoch::EpochUnit;
    /// use rangebar_polars::trades::TimeUnit;
    ///
    /// let (fine, coarse) = (Some(TimeUnit::Microseconds), Some(TimeUnit::Milliseconds));
    /// assert_eq!(EpochUnit::Milliseconds.column_unit_after(fine), TimeUnit::Microseconds);
    /// assert_eq!(EpochUnit::Microseconds.column_unit_after(coarse), TimeUnit::Microseconds);
    /// ```
    pub fn column_unit_after(self, before: Option<TimeUnit>) -> TimeUnit {
        let own = self.column_unit();
        before.filter(|unit| unit.per_second() >= own.per_second()).unwrap_or(own)
    }

    /// The unit of the numbers in a column of times.
    pub const fn of_column(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Milliseconds => Self::Milliseconds,
            TimeUnit::Microseconds => Self::Microseconds,
            TimeUnit::Nanoseconds => Self::Nanoseconds,
        }
    }

    /// Whether `value` of this unit lies from 1990 to 2100.
    pub const fn is_plausible(self, value: i64) -> bool {
        let second = self.per_second();
        PLAUSIBLE.start * second <= value && value < PLAUSIBLE.end * second
    }

    /// The one unit in which `value` lies from 1990 to 2100, if there is one.
    ///
    /// ```
    /// use rangebar_polars::epoch::EpochUnit;
    ///
    /// assert_eq!(EpochUnit::fitting(1_723_075_200), Some(EpochUnit::Seconds));
    /// assert_eq!(EpochUnit::fitting(1_723_075_200_000_000), Some(EpochUnit::Microseconds));
    /// assert_eq!(EpochUnit::fitting(0), None);
    /// ```
    pub fn fitting(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.is_plausible(value))
    }
}

impl fmt::Display for EpochUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_plausible_time_in_one_unit_at_most() {
        for unit in EpochUnit::ALL {
            let (first, end) =
                (PLAUSIBLE.start * unit.per_second(), PLAUSIBLE.end * unit.per_second());
            for value in [first, first + 1, end - 1] {
                assert_eq!(EpochUnit::fitting(value), Some(unit), "{value} {unit}");
                let fitting = EpochUnit::ALL.into_iter().filter(|unit| unit.is_plausible(value));
                assert_eq!(fitting.count(), 1);
            }
            assert!(!unit.is_plausible(first - 1) && !unit.is_plausible(end));
            assert_eq!(EpochUnit::named(unit.name()), Some(unit));
        }
        for value in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(EpochUnit::fitting(value), None);
        }
        assert_eq!(EpochUnit::named("h"), None);
    }
}
