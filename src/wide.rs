//! Exact sums that 128 bits do not hold.
//!
//! The fourth power of the largest quantity has 252 bits, and what is computed from the sums of such
//! powers has four times as many bits more as the number of trades has. 512 bits hold all of it for
//! any chain.

use bnum::cast::{As, CastFrom};
use bnum::types::I512;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Mul, Shl, Sub};

/// A signed integer of 512 bits. Most values fit 128 bits, which a processor computes with much
/// faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<u8>", try_from = "Vec<u8>")]
pub enum Wide {
    /// A value that 128 bits hold.
    Narrow(i128),
    /// A value that they do not hold.
    Broad(I512),
}

/// How many bytes a [`Wide`] has.
const BYTES: usize = 64;

/// Why bytes are not a [`Wide`].
const TOO_LONG: &str = "an integer has more than 64 bytes";

impl Wide {
    fn new(value: I512) -> Self {
        let narrow = i128::cast_from(value);
        if I512::cast_from(narrow) == value { Self::Narrow(narrow) } else { Self::Broad(value) }
    }

    fn broad(self) -> I512 {
        match self {
            Self::Narrow(value) => I512::cast_from(value),
            Self::Broad(value) => value,
        }
    }

    /// The result of an operation: in 128 bits, if they hold the values and the result.
    #[inline]
    fn with(
        self,
        other: Self,
        narrow: impl Fn(i128, i128) -> Option<i128>,
        broad: impl Fn(I512, I512) -> I512,
    ) -> Self {
        let result = match (self, other) {
            (Self::Narrow(one), Self::Narrow(other)) => narrow(one, other),
            _ => None,
        };
        result.map_or_else(|| Self::new(broad(self.broad(), other.broad())), Self::Narrow)
    }

    /// The f64 nearest to it, half to even.
    pub fn nearest(self) -> f64 {
        match self {
            Self::Narrow(value) => crate::fixed::nearest(value),
            Self::Broad(value) => {
                let magnitude: f64 = value.unsigned_abs().as_();
                if self.is_negative() { -magnitude } else { magnitude }
            }
        }
    }

    /// Whether it is 0.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// Whether it is below 0.
    pub fn is_negative(self) -> bool {
        self < Self::default()
    }

    /// Minus it.
    #[must_use]
    pub fn negated(self) -> Self {
        Self::default() - self
    }

    /// The integer that is this finite float without its fraction.
    pub fn truncated(value: f64) -> Self {
        Self::new(I512::cast_from(value))
    }
}

impl Default for Wide {
    fn default() -> Self {
        Self::Narrow(0)
    }
}

impl Ord for Wide {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Narrow(one), Self::Narrow(other)) => one.cmp(other),
            (one, other) => one.broad().cmp(&other.broad()),
        }
    }
}

impl PartialOrd for Wide {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<i128> for Wide {
    fn from(value: i128) -> Self {
        Self::Narrow(value)
    }
}

impl From<i64> for Wide {
    fn from(value: i64) -> Self {
        Self::Narrow(value.into())
    }
}

impl From<u128> for Wide {
    fn from(value: u128) -> Self {
        i128::try_from(value).map_or_else(|_| Self::Broad(I512::cast_from(value)), Self::Narrow)
    }
}

impl Add for Wide {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.with(other, i128::checked_add, I512::wrapping_add)
    }
}

impl AddAssign for Wide {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        if let (Self::Narrow(own), Self::Narrow(other)) = (&mut *self, other)
            && let Some(sum) = own.checked_add(other)
        {
            *own = sum;
            return;
        }
        *self = *self + other;
    }
}

impl Sub for Wide {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.with(other, i128::checked_sub, I512::wrapping_sub)
    }
}

impl Mul for Wide {
    type Output = Self;

    #[inline]
    fn mul(self, other: Self) -> Self {
        // Most factors have 64 bits, whose product needs no check.
        if let (Self::Narrow(one), Self::Narrow(other)) = (self, other)
            && let (Ok(one), Ok(other)) = (i64::try_from(one), i64::try_from(other))
        {
            return Self::Narrow(i128::from(one) * i128::from(other));
        }
        self.with(other, i128::checked_mul, I512::wrapping_mul)
    }
}

impl Shl<u32> for Wide {
    type Output = Self;

    fn shl(self, bits: u32) -> Self {
        if self.is_zero() { self } else { Self::new(self.broad().wrapping_shl(bits)) }
    }
}

/// Its bytes, the lowest first, without those at the end that only repeat its sign.
impl From<Wide> for Vec<u8> {
    fn from(value: Wide) -> Self {
        let mut bytes = value.broad().to_le_bytes().to_vec();
        let sign = if value.is_negative() { 0xff } else { 0 };
        while let [.., before, last] = bytes[..]
            && last == sign
            && (before ^ sign) < 0x80
        {
            bytes.pop();
        }
        bytes
    }
}

impl TryFrom<Vec<u8>> for Wide {
    type Error = &'static str;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        let is_negative = bytes.last().is_some_and(|last| *last >= 0x80);
        let mut whole = [if is_negative { 0xff } else { 0 }; BYTES];
        whole.get_mut(..bytes.len()).ok_or(TOO_LONG)?.copy_from_slice(&bytes);
        Ok(Self::new(I512::from_le_bytes(whole)))
    }
}

/// Below this, 64 values have a sum of 64 bits, and 64 products of two of them one of 128.
pub(crate) const SMALL: u64 = 1 << 57;

/// All bits that are set in these values.
pub(crate) fn bits_of(values: &[i64]) -> u64 {
    values.iter().fold(0, |bits, value| bits | value.cast_unsigned())
}

/// The sum of the products of up to 64 pairs; `are_small` if all factors are, in size.
#[inline]
pub(crate) fn sum_of_products(ones: &[i64], others: &[i64], are_small: bool) -> Wide {
    let products = ones.iter().zip(others).map(|(a, b)| i128::from(*a) * i128::from(*b));
    if are_small {
        return Wide::from(products.sum::<i128>());
    }
    products.fold(Wide::default(), |sum, product| sum + Wide::from(product))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_as_few_as_hold_the_value_and_give_it_back() {
        let large = Wide::from(i128::MAX) << 300;
        for value in [Wide::default(), Wide::from(127_i64), Wide::from(-128_i64), large] {
            let bytes = Vec::from(value);
            assert_eq!(Wide::try_from(bytes), Ok(value));
        }
        let len = |value: i64| Vec::from(Wide::from(value)).len();
        assert_eq!([0, 127, 128, -128, -129].map(len), [1, 1, 2, 1, 2]);
        assert_eq!(Wide::try_from(vec![0; 65]), Err(TOO_LONG));
    }

    #[test]
    fn the_nearest_float_of_a_half_is_the_even_one() {
        let half = |low: i64| (Wide::from(1_i64) << 200) + (Wide::from(1_i64) << 147) + low.into();
        let power = |bits: i32| 2_f64.powi(bits);

        let nearest = |wide: Wide| Some(wide.nearest());
        assert_eq!(nearest(half(0)), Some(power(200)));
        assert_eq!(nearest(half(1)), Some(power(200) + power(148)));
        assert_eq!(nearest(half(1).negated()), Some(-(power(200) + power(148))));
        assert_eq!(nearest(half(-1)), Some(power(200)));
    }

    #[test]
    fn products_of_any_size_have_an_exact_sum() {
        let small = SMALL.cast_signed() - 1;
        for (a, b) in [(3, -5), (small, -small), (i64::MAX, i64::MIN), (i64::MAX, i64::MAX)] {
            let are_small = a.unsigned_abs().max(b.unsigned_abs()) < SMALL;
            let one = Wide::from(i128::from(a) * i128::from(b));
            assert_eq!(sum_of_products(&[a; 64], &[b; 64], are_small), one << 6);
        }
    }
}
