//! A limit on a price, a quantity or a sum, in units of 1e-8.

use crate::fixed::SCALE;
use std::fmt;
use std::str::FromStr;

/// A limit: at least one unit of 1e-8, and at most 1e18.
///
/// Its text is a decimal without exponent, sign, or zeros that could be left out.
///
/// ```
/// use rangebar_polars::rule::limit::Limit;
///
/// let limit: Limit = "0.3".parse().unwrap();
/// assert_eq!(limit.units(), 30_000_000);
/// assert_eq!(limit.to_string(), "0.3");
/// assert!("0.30".parse::<Limit>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(i128);

/// The text or the number is not that of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLimit;

const DECIMALS: usize = 8;
#[allow(clippy::cast_possible_truncation)]
const WHOLE: i128 = SCALE as i128;

impl Limit {
    /// The largest limit, in units.
    pub const MAX: i128 = 10_i128.pow(26);

    /// A limit of so many units of 1e-8.
    ///
    /// # Errors
    /// [`NoLimit`] below 1 and above [`Self::MAX`].
    pub fn of_units(units: i128) -> Result<Self, NoLimit> {
        if (1..=Self::MAX).contains(&units) { Ok(Self(units)) } else { Err(NoLimit) }
    }

    /// The limit in units of 1e-8.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The limit in the units of turnover, 1e-16.
    pub const fn turnover_units(self) -> i128 {
        self.0 * WHOLE
    }

    /// The limit of so many units of turnover.
    ///
    /// # Errors
    /// As [`Self::of_units`].
    pub fn of_turnover_units(units: i128) -> Result<Self, NoLimit> {
        Self::of_units(units / WHOLE)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / WHOLE, self.0 % WHOLE);
        write!(f, "{whole}")?;
        if rest == 0 {
            return Ok(());
        }
        let decimals = format!("{rest:0DECIMALS$}");
        write!(f, ".{}", decimals.trim_end_matches('0'))
    }
}

impl FromStr for Limit {
    type Err = NoLimit;

    fn from_str(text: &str) -> Result<Self, NoLimit> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > DECIMALS {
            return Err(NoLimit);
        }
        let digits = format!("{whole}{decimals:0<DECIMALS$}");
        let limit = Self::of_units(digits.parse().map_err(|_| NoLimit)?)?;
        // A number has one text.
        if limit.to_string() == text { Ok(limit) } else { Err(NoLimit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_one_text() {
        for text in ["1", "0.00000001", "12.5", "1000000000000000000", "0.1", "100"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "0",
            "0.0",
            "01",
            "1.",
            ".5",
            "1.50",
            "1e5",
            "+1",
            "-1",
            "0.000000001",
            "1000000000000000000.1",
            " 1",
            "1_000",
            "٣",
        ] {
            assert_eq!(text.parse::<Limit>(), Err(NoLimit), "{text}");
        }
    }
}
