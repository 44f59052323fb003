//! Days that begin at a time of day in a time zone.
//!
//! The zones are those compiled into the library, so that the same trades have the same borders on
//! every machine. They know each change of the clocks up to 2100; after that the offset stays.

use crate::trades::TimeUnit;
use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use std::fmt;
use std::str::FromStr;

const DAY: i64 = 86_400;
/// Every offset from UTC, in seconds, is below this.
const WIDEST: i64 = 16 * 3_600;
/// 1800-01-01 and 2200-01-01 in seconds since 1970. Outside, no zone changes its offset.
const CHANGES: (i64, i64) = (-5_364_662_400, 7_258_118_400);

/// A day from one border to the next. The border of a date is the first instant at which the clocks
/// of the zone show the time of that date or a later one: if they skip it, the instant at which they
/// jump; if they show it twice, the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradingDay {
    /// Seconds since midnight.
    begin: i64,
    zone: Tz,
}

impl TradingDay {
    /// The first time of the day that follows the one of `time`; `None` if 64 bits do not hold it.
    ///
    /// ```
    /// use rangebar_polars::trades::TimeUnit;
    /// use rangebar_polars::trading_day::TradingDay;
    ///
    /// let day: TradingDay = "09:00@Asia/Tokyo".parse().unwrap();
    /// assert_eq!(day.end(-1, TimeUnit::Milliseconds), Some(0));
    /// assert_eq!(day.end(0, TimeUnit::Milliseconds), Some(86_400_000));
    /// ```
    pub fn end(self, time: i64, unit: TimeUnit) -> Option<i64> {
        let second = time.div_euclid(unit.per_second());
        let local = second + self.offset(second);
        let mut begin = local - local.rem_euclid(DAY) + self.begin;
        // Where clocks are set back, local times repeat, and the border of a date can be in the past
        // though its local time is not.
        loop {
            let border = self.first_at_or_after(begin);
            if border > second {
                return border.checked_mul(unit.per_second());
            }
            begin += DAY;
        }
    }

    /// The first second at which the clocks show this local second or a later one.
    fn first_at_or_after(self, local: i64) -> i64 {
        // At `from` the clocks show less, and until they are changed they run on.
        let mut from = local - WIDEST;
        loop {
            let offset = self.offset(from);
            let shown = local - offset;
            if shown <= from {
                return from;
            }
            if self.offset(shown) == offset {
                return shown;
            }
            // Clocks are not changed twice within two days, so there is one change between.
            let (mut before, mut after) = (from, shown);
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                if self.offset(middle) == offset {
                    before = middle;
                } else {
                    after = middle;
                }
            }
            from = after;
        }
    }

    /// Local time minus UTC at this second since 1970, in seconds.
    fn offset(self, second: i64) -> i64 {
        let second = second.clamp(CHANGES.0, CHANGES.1);
        DateTime::from_timestamp(second, 0).map_or(0, |at| {
            let offset = self.zone.offset_from_utc_datetime(&at.naive_utc());
            i64::from(offset.fix().local_minus_utc())
        })
    }
}

impl fmt::Display for TradingDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minute = self.begin / 60;
        write!(f, "{:02}:{:02}@{}", minute / 60, minute % 60, self.zone.name())
    }
}

/// The text of no day: its time or its zone is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTradingDay;

impl FromStr for TradingDay {
    type Err = NoTradingDay;

    fn from_str(text: &str) -> Result<Self, NoTradingDay> {
        let (time, zone) = text.split_once('@').ok_or(NoTradingDay)?;
        let (hour, minute) = time.split_once(':').ok_or(NoTradingDay)?;
        let part = |text: &str, most: i64| {
            let is_part = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = is_part.then(|| text.parse::<i64>().ok()).flatten();
            number.filter(|number| *number <= most).ok_or(NoTradingDay)
        };
        let begin = part(hour, 23)? * 3_600 + part(minute, 59)? * 60;
        Ok(Self { begin, zone: zone.parse().map_err(|_| NoTradingDay)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: TimeUnit = TimeUnit::Milliseconds;

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    #[test]
    fn a_border_is_where_clocks_first_show_the_time_or_a_later_one() {
        for (day, after, border) in [
            ("17:00@America/New_York", "2024-03-08T00:00:00Z", "2024-03-08T22:00:00Z"),
            ("17:00@America/New_York", "2024-03-10T00:00:00Z", "2024-03-10T21:00:00Z"),
            ("17:00@America/New_York", "2024-11-03T00:00:00Z", "2024-11-03T22:00:00Z"),
            ("02:30@America/New_York", "2024-03-10T00:00:00Z", "2024-03-10T07:00:00Z"),
            ("01:30@America/New_York", "2024-11-03T00:00:00Z", "2024-11-03T05:30:00Z"),
            // The second time that clocks show 01:30 is none.
            ("01:30@America/New_York", "2024-11-03T05:30:00Z", "2024-11-04T06:30:00Z"),
            ("01:30@America/New_York", "2024-11-03T06:10:00Z", "2024-11-04T06:30:00Z"),
            ("00:00@Asia/Kolkata", "2024-05-05T12:00:00Z", "2024-05-05T18:30:00Z"),
            // Samoa had no 2011-12-30.
            ("12:00@Pacific/Apia", "2011-12-30T00:00:00Z", "2011-12-30T10:00:00Z"),
            ("12:00@Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"),
        ] {
            let day: TradingDay = day.parse().unwrap();
            assert_eq!(day.end(ms(after), MS), Some(ms(border)), "{day} after {after}");
            assert_eq!(day.end(ms(border) - 1, MS), Some(ms(border)), "{day} before {border}");
        }
    }

    #[test]
    fn days_far_away_have_the_length_of_any_day_and_the_last_never_ends() {
        let day: TradingDay = "17:00@America/New_York".parse().unwrap();
        for time in [i64::MIN, i64::MIN / 3, -1 << 53, 1 << 53, i64::MAX / 3] {
            let end = day.end(time, MS).unwrap();
            assert!(end > time && end - time <= 86_400_000, "{time} {end}");
            assert_eq!(day.end(end, MS), Some(end + 86_400_000));
        }
        for unit in [MS, TimeUnit::Microseconds, TimeUnit::Nanoseconds] {
            assert_eq!(day.end(i64::MAX, unit), None);
        }
    }

    #[test]
    fn a_text_is_that_of_one_day() {
        for text in ["17:00@America/New_York", "00:00@UTC", "23:59@Etc/GMT+5"] {
            assert_eq!(text.parse::<TradingDay>().unwrap().to_string(), text);
        }
        for text in ["17:00", "24:00@UTC", "17:60@UTC", "7:00@UTC", "+7:00@UTC", "17:00@Nowhere"] {
            assert_eq!(text.parse::<TradingDay>(), Err(NoTradingDay), "{text}");
        }
    }
}
