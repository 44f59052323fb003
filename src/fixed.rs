//! The one border between f64 and integers at scale 1e8.
//!
//! A price or quantity keeps the f64 of the input; it is compared and summed as `x * 1e8`, rounded
//! half away from zero. That is exact for values of up to 8 decimals below 2^25 and for whole
//! numbers below 2.3e10; larger values are as near as a f64 is. Rounding is monotone, so a
//! comparison of integers can be replaced by one of f64: [`lowest_reaching`] gives the exact
//! border.

/// One unit of a fixed number is 1 / `SCALE`.
pub const SCALE: f64 = 1e8;

/// 2^63: the first scaled value that an i64 does not hold.
pub const LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// The integer at scale 1e8 nearest to `x`, half away from zero, for `0 <= x * 1e8 < 2^63`.
///
/// Whole part and rest are rounded separately because adding 0.5 first would round
/// 0.49999999999999994 up.
///
/// ```
/// use rangebar_polars::fixed::to_fixed;
///
/// assert_eq!(to_fixed(50_125.0), 5_012_500_000_000);
/// assert_eq!(to_fixed(0.000_000_005), 1);
/// assert_eq!(to_fixed(0.000_000_004_999), 0);
/// ```
#[inline]
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
pub fn to_fixed(x: f64) -> i64 {
    let scaled = x * SCALE;
    let whole = scaled as i64;
    whole.saturating_add(i64::from(scaled - whole as f64 >= 0.5))
}

/// The bits of numbers below 2^51, in which small values are summed.
pub(crate) const SMALL_BITS: u64 = (1 << 51) - 1;

/// Write [`to_fixed`] of some values into `fixed`; returns all bits that are set in them.
pub(crate) fn fix(values: &[f64], fixed: &mut [i64]) -> u64 {
    let bits = fix_small(values, fixed);
    if bits <= SMALL_BITS {
        return bits;
    }
    fixed.iter_mut().zip(values).fold(0, |bits, (fixed, value)| {
        *fixed = to_fixed(*value);
        bits | fixed.cast_unsigned()
    })
}

/// As [`fix`]; if a bit above [`SMALL_BITS`] is set, `fixed` must not be used.
///
/// At 2^52 neighbouring f64 are 1 apart, so that adding it rounds, half to even, and leaves the
/// integer in the low bits. The part that was rounded off is known exactly, so a half that went
/// down to the even number is added again.
fn fix_small(values: &[f64], fixed: &mut [i64]) -> u64 {
    const ROUNDS: f64 = 4_503_599_627_370_496.0;
    let mut bits = 0;
    for (fixed, x) in fixed.iter_mut().zip(values) {
        let scaled = x * SCALE;
        let shifted = scaled + ROUNDS;
        #[allow(clippy::float_cmp)] // the rest is exact
        let went_down = scaled - (shifted - ROUNDS) == 0.5;
        let whole = shifted.to_bits().wrapping_sub(ROUNDS.to_bits());
        let whole = whole.wrapping_add(u64::from(went_down));
        *fixed = whole.cast_signed();
        // A value from 2^52 on, or below 0, has another exponent.
        bits |= whole;
    }
    bits
}

/// Whether `x` has more than 8 decimals: it is farther from a number of 8 decimals than rounding
/// errors of f64 can explain.
///
/// ```
/// use rangebar_polars::fixed::is_finer;
///
/// assert!(is_finer(1.2045e-7));
/// assert!(!is_finer(0.1 + 0.2));
/// ```
#[allow(clippy::cast_precision_loss)]
pub fn is_finer(x: f64) -> bool {
    const NOISE_ULPS: f64 = 8.0;
    const NOISE_UNITS: f64 = 0.005;
    let scaled = x * SCALE;
    let off = (scaled - to_fixed(x) as f64).abs();
    off > NOISE_UNITS && off > NOISE_ULPS * scaled * f64::EPSILON
}

/// A sum at scale 1e8 as f64, rounded once to the nearest and divided.
#[inline]
#[allow(clippy::cast_precision_loss)]
pub fn to_f64(sum: i128) -> f64 {
    nearest(sum) / SCALE
}

/// The f64 nearest to an integer, half to even, as `value as f64` is, in a fraction of the time: a
/// processor converts 64 bits at once, and 128 bits only by a function.
#[inline]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub(crate) fn nearest(value: i128) -> f64 {
    if let Ok(value) = i64::try_from(value) {
        return value as f64;
    }
    let magnitude = value.unsigned_abs();
    // The upper 63 bits; the lowest of them is set if a bit below is, so that halves are known.
    let shift = 65 - magnitude.leading_zeros();
    let is_inexact = magnitude.trailing_zeros() < shift;
    let upper = (magnitude >> shift) as i64 | i64::from(is_inexact);
    let power = f64::from_bits(u64::from(1023 + shift) << 52);
    (upper as f64 * power).copysign(if value < 0 { -1.0 } else { 1.0 })
}

/// A sum of price times quantity, at scale 1e16, as f64.
#[inline]
#[allow(clippy::cast_precision_loss)]
pub fn turnover_to_f64(sum: i128) -> f64 {
    nearest(sum) / (SCALE * SCALE)
}

/// The smallest f64 from 0 on whose [`to_fixed`] is `value` or more.
///
/// ```
/// use rangebar_polars::fixed::{lowest_reaching, to_fixed};
///
/// let border = lowest_reaching(5_012_500_000_000);
/// assert_eq!(to_fixed(border), 5_012_500_000_000);
/// assert_eq!(to_fixed(border.next_down()), 5_012_499_999_999);
/// ```
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn lowest_reaching(value: i64) -> f64 {
    if value <= 0 {
        return 0.0;
    }
    // The smallest scaled f64 that rounds to `value`: the half below, or beyond 2^52, where every
    // f64 is whole, the first that is not below.
    let nearest = value as f64;
    let border = match value <= 1 << 52 {
        true => nearest - 0.5,
        false if (nearest as i64) < value => nearest.next_up(),
        false => nearest,
    };
    // Products and quotients are rounded, so the border may be some steps away.
    let is_reaching = |x: f64| x * SCALE >= border;
    let mut x = border / SCALE;
    while !is_reaching(x) {
        x = x.next_up();
    }
    while is_reaching(x.next_down()) {
        x = x.next_down();
    }
    x
}

/// The largest f64 whose [`to_fixed`] is `value` or less: below 0 if `value` is, and infinity if it
/// is the largest i64.
pub fn highest_within(value: i64) -> f64 {
    value.checked_add(1).map_or(f64::INFINITY, |above| lowest_reaching(above).next_down())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero_and_exact_at_eight_decimals() {
        for (x, expected) in [
            (0.0, 0),
            (-0.0, 0),
            (1e-8, 1),
            (0.000_003_99, 399),
            (100.000_000_01, 10_000_000_001),
            (33_554_431.999_999_99, 3_355_443_199_999_999),
            (22_999_999_999.0, 2_299_999_999_900_000_000),
            (0.499_999_999_999_999_94 / SCALE, 0),
        ] {
            assert_eq!(to_fixed(x), expected, "{x}");
        }
    }

    #[test]
    #[allow(clippy::cast_precision_loss, clippy::float_cmp)]
    fn the_nearest_float_is_that_of_a_cast() {
        let mut state: u128 = 5;
        for n in 0..200_000_u32 {
            state = state.wrapping_mul(0x2d99_787d_926d_4695).wrapping_add(u128::from(n) * 2 + 1);
            let value = (state >> (n % 128)).cast_signed();
            for value in [value, -(value >> 1), value & !((1 << (n % 70)) - 1)] {
                assert_eq!(nearest(value), value as f64, "{value}");
            }
        }
        let half = |bits: u32, low: i128| (1 << bits) + (1 << (bits - 53)) + low;
        for bits in 60..126 {
            for low in [-1, 0, 1] {
                let value = half(bits, low);
                assert_eq!(nearest(value), value as f64, "{value}");
                assert_eq!(nearest(-value), -value as f64, "{value}");
            }
        }
        for value in [i128::MAX, i128::MIN, i128::from(i64::MAX) + 1, i128::from(i64::MIN) - 1] {
            assert_eq!(nearest(value), value as f64);
        }
    }

    #[test]
    fn a_group_rounds_like_one_value() {
        let values: Vec<f64> = (0..64_u32)
            .map(|i| f64::from(i * i * i) * 0.013_579_246_8 + f64::from(i % 4) * 0.5e-8)
            .chain([2.5e-8, 3.5e-8, 0.5e-8, 1.5e-8, 22_517_998.136_852_47])
            .collect();
        for values in [&values[..64], &values[5..]] {
            let mut fixed = [0; 64];
            let bits = fix(values, &mut fixed);
            assert_eq!(bits, fixed.iter().fold(0, |bits, fixed| bits | fixed.cast_unsigned()));
            assert!(bits <= SMALL_BITS);
            assert!(values.iter().zip(fixed).all(|(x, fixed)| to_fixed(*x) == fixed));
        }
        let mut fixed = [0; 2];
        assert_eq!(fix(&[1.0, 22_517_998.136_852_48], &mut fixed), (1 << 51) + 100_000_000);
        assert_eq!(fixed, [100_000_000, 1 << 51]);
    }

    #[test]
    fn a_value_is_finer_than_eight_decimals_if_no_rounding_error_explains_it() {
        for x in [1.2045e-7, 0.000_009_725, 100.000_000_001, 1.000_000_000_1, 0.4e-8] {
            assert!(is_finer(x), "{x}");
        }
        for x in [1e-8, 0.000_009_72, 0.1 + 0.2, 100.1 * 3.0, 33_554_431.999_999_99, 3e10] {
            assert!(!is_finer(x), "{x}");
        }
        // More steps of f64 than one rounding has, and less than a unit has of noise.
        let sum: f64 = [0.1; 1_000].iter().sum();
        assert!(!is_finer(sum), "{sum}");
        // Half a unit, which is one step of f64.
        let large = 40_000_000.000_000_01;
        assert!(!is_finer(large), "{large}");
        assert_eq!(((large * SCALE).fract() * 2.0).to_bits(), 1_f64.to_bits());
    }

    #[test]
    fn borders_are_the_first_and_last_f64_that_round_to_a_value() {
        let around = |bit: u32| (1_i64 << bit) - 1..(1 << bit) + 4;
        let others = [399, 10_000, 5_012_500_000_000, i64::MAX / 3, i64::MAX - 1024];
        for value in (1..63).flat_map(around).chain(others) {
            let reaching = lowest_reaching(value);
            assert!(to_fixed(reaching) >= value && to_fixed(reaching.next_down()) < value);
            let within = highest_within(value);
            assert!(to_fixed(within) <= value && to_fixed(within.next_up()) > value);
        }
        assert!(highest_within(i64::MAX).is_infinite());
        for value in [0, -1, i64::MIN] {
            assert_eq!(lowest_reaching(value).to_bits(), 0);
        }
        for value in [-1, -2, i64::MIN] {
            assert!(highest_within(value) < 0.0);
        }
    }
}
