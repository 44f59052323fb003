//! Which prices rose and which fell, as bits.

use crate::group::first;

/// Whether the price rose or fell with each of up to 64 rows: a bit for each row, the first lowest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moves {
    pub rises: u64,
    pub falls: u64,
    pub rows: usize,
}

/// The direction of the last change of each row, and of the row before it, as bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directed {
    pub rising: u64,
    pub falling: u64,
    pub was_rising: u64,
    pub was_falling: u64,
}

impl Moves {
    /// Those of these changes of the price.
    pub fn of(changes: &[i64]) -> Self {
        let rises = negative(changes.iter().map(|change| -change));
        Self { rises, falls: negative(changes.iter().copied()), rows: changes.len() }
    }

    /// The same after a row without a change.
    pub const fn after_first(self) -> Self {
        Self { rises: self.rises << 1, falls: self.falls << 1, rows: self.rows + 1 }
    }

    /// The direction of each row, the last change before all of them having this sign.
    pub fn directed(&self, last: i8) -> Directed {
        let flat = first(self.rows) & !(self.rises | self.falls);
        // In a sum of two numbers the carry of a bit continues where one of them has the next bit, as
        // a direction continues where the price stays.
        let carried = |moves: u64, before: bool| {
            let carries = moves | flat;
            let sum = carries.wrapping_add(moves).wrapping_add(before.into());
            sum ^ carries ^ moves
        };
        let (was_rising, was_falling) =
            (carried(self.rises, last > 0), carried(self.falls, last < 0));
        let rising = self.rises | (flat & was_rising);
        let falling = self.falls | (flat & was_falling);
        Directed { rising, falling, was_rising, was_falling }
    }

    /// The sign of the first change; 0 if there is none.
    pub fn first(&self) -> i8 {
        self.sign((self.rises | self.falls).trailing_zeros())
    }

    /// The sign of the last change; 0 if there is none.
    pub fn last(&self) -> i8 {
        self.sign((self.rises | self.falls).checked_ilog2().unwrap_or(u64::BITS))
    }

    fn sign(&self, row: u32) -> i8 {
        let is_set = |bits: u64| i8::from(bits.checked_shr(row).is_some_and(|bits| bits & 1 == 1));
        is_set(self.rises) - is_set(self.falls)
    }
}

/// Which of up to 64 numbers are below 0, as bits.
pub(super) fn negative(numbers: impl DoubleEndedIterator<Item = i64>) -> u64 {
    numbers.rev().fold(0, |bits, number| bits << 1 | number.cast_unsigned() >> 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_direction_stays_until_the_price_moves_the_other_way(
            changes in prop::collection::vec(-2..=2_i64, 0..=64),
            last in -1..=1_i8,
        ) {
            let moves = Moves::of(&changes);
            let found = moves.directed(last);
            let bit = |bits: u64, row: usize| bits >> row & 1 == 1;
            let (mut before, mut signs) = (last, Vec::new());
            for (row, change) in changes.iter().enumerate() {
                let sign = i8::from(*change > 0) - i8::from(*change < 0);
                prop_assert_eq!((bit(moves.rises, row), bit(moves.falls, row)), (sign > 0, sign < 0));
                prop_assert_eq!(bit(found.was_rising, row), before > 0);
                prop_assert_eq!(bit(found.was_falling, row), before < 0);
                before = if sign == 0 { before } else { sign };
                prop_assert_eq!((bit(found.rising, row), bit(found.falling, row)), (before > 0, before < 0));
                signs.push(sign);
            }
            signs.retain(|sign| *sign != 0);
            prop_assert_eq!(moves.first(), signs.first().copied().unwrap_or(0));
            prop_assert_eq!(moves.last(), signs.last().copied().unwrap_or(0));
        }
    }
}
