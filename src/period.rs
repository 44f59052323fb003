//! The periods after which a chain of bars can start again, in UTC.

use crate::trades::TimeUnit;
use chrono::{Datelike, NaiveDate};

/// A period of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
    /// From the first of January to the next.
    Year,
}

/// Days in 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097;

impl Period {
    /// The period with this name: "day", "week", "month" or "year".
    pub fn named(name: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month, Self::Year]
            .into_iter()
            .find(|period| period.name() == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The first time of the period that follows the one of `time`; `None` if 64 bits do not hold
    /// it.
    ///
    /// ```
    /// use rangebar_polars::period::Period;
    /// use rangebar_polars::trades::TimeUnit;
    ///
    /// let day = 86_400_000;
    /// assert_eq!(Period::Day.end(-1, TimeUnit::Milliseconds), Some(0));
    /// assert_eq!(Period::Week.end(0, TimeUnit::Milliseconds), Some(4 * day)); // a Thursday
    /// assert_eq!(Period::Month.end(0, TimeUnit::Milliseconds), Some(31 * day));
    /// assert_eq!(Period::Year.end(-1, TimeUnit::Milliseconds), Some(0));
    /// ```
    pub fn end(self, time: i64, unit: TimeUnit) -> Option<i64> {
        let per_day = unit.per_second() * 86_400;
        let day = time.div_euclid(per_day);
        let next = match self {
            Self::Day => day + 1,
            // Day 0 was a Thursday, three days after a Monday.
            Self::Week => (day + 3).div_euclid(7) * 7 + 4,
            Self::Month | Self::Year => self.next_first(day)?,
        };
        next.checked_mul(per_day)
    }

    /// The first day of the next month or year. Days are moved into the first cycle after 1970,
    /// because the library's years end long before 64 bits do.
    fn next_first(self, day: i64) -> Option<i64> {
        let in_cycle = i32::try_from(day.rem_euclid(CYCLE)).ok()?;
        let date = NaiveDate::from_epoch_days(in_cycle)?;
        let next = match (self, date.month()) {
            (Self::Month, month) if month < 12 => {
                NaiveDate::from_ymd_opt(date.year(), month + 1, 1)?
            }
            _ => NaiveDate::from_ymd_opt(date.year() + 1, 1, 1)?,
        };
        Some(i64::from(next.to_epoch_days()) + day.div_euclid(CYCLE) * CYCLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_where_the_calendar_says_in_any_unit_and_century() {
        let ordinal = |date: NaiveDate| i64::from(date.to_epoch_days());
        for unit in [TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds] {
            let per_day = unit.per_second() * 86_400;
            for day in (-100_000..100_000).step_by(11) {
                let date = NaiveDate::from_epoch_days(day).unwrap();
                let next = |wanted: &dyn Fn(NaiveDate) -> bool| {
                    date.iter_days().skip(1).find(|date| wanted(*date)).map(ordinal)
                };
                for (period, end) in [
                    (Period::Day, next(&|_| true)),
                    (Period::Week, next(&|date| date.weekday() == chrono::Weekday::Mon)),
                    (Period::Month, next(&|date| date.day() == 1)),
                    (Period::Year, next(&|date| date.ordinal() == 1)),
                ] {
                    let expected = end.map(|day| day * per_day);
                    let first = i64::from(day) * per_day;
                    assert_eq!(period.end(first, unit), expected, "{period:?} {date}");
                    assert_eq!(period.end(first + per_day - 1, unit), expected);
                }
            }
        }
    }

    #[test]
    fn a_period_that_64_bits_do_not_hold_never_ends() {
        for period in [Period::Day, Period::Week, Period::Month, Period::Year] {
            assert_eq!(period.end(i64::MAX, TimeUnit::Milliseconds), None);
            assert!(period.end(i64::MIN, TimeUnit::Milliseconds).is_some());
        }
    }
}
