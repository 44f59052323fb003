//! A bar ends where a column of the caller says so, or where its sum reaches a limit.

use crate::bar::Bar;
use crate::rule::guard::Guard;
use crate::rule::{Memory, Rule};
use crate::trades::{Extra, Trades};

/// The rule of a condition: a bar closes at the first record where the column is true. Null is not
/// true.
#[derive(Clone, Debug, PartialEq)]
pub struct WhenRule {
    pub(super) name: Option<String>,
    /// The place of its column among those that rules bring along.
    pub(super) column: usize,
    guard: Guard,
}

/// The rule of a sum: a bar closes at the first record with which the sum of the column over the
/// bar, an f64 that begins at 0, is the limit or more. Null adds nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct SumRule {
    pub(super) name: Option<String>,
    /// The place of its column among those that rules bring along.
    pub(super) column: usize,
    pub(super) limit: f64,
    guard: Guard,
    sum: f64,
}

impl WhenRule {
    /// The rule for the column at this place.
    pub const fn new(
        name: Option<String>,
        column: usize,
        prevent_same_timestamp_close: bool,
    ) -> Self {
        Self { name, column, guard: Guard::new(prevent_same_timestamp_close) }
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }
}

impl SumRule {
    /// The rule for the column at this place and a finite limit above 0.
    pub const fn new(
        name: Option<String>,
        column: usize,
        limit: f64,
        prevent_same_timestamp_close: bool,
    ) -> Self {
        Self { name, column, limit, guard: Guard::new(prevent_same_timestamp_close), sum: 0.0 }
    }

    /// Whether no trade of the opening time may close a bar.
    pub const fn prevents_same_timestamp_close(&self) -> bool {
        self.guard.prevents()
    }
}

impl Rule for WhenRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let times = trades.times();
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        let Some(Extra::Flags(flags)) = trades.extra(self.column) else { return None };
        let mut start = from;
        while start < trades.len {
            let known = flags.known.map_or(!0, |known| known.word(start));
            let mut word = flags.set.word(start) & known;
            while word != 0 {
                let row = start + word.trailing_zeros() as usize;
                if self.guard.lets(times[row]) {
                    self.guard.close();
                    return Some(row);
                }
                word &= word - 1;
            }
            start += 64;
        }
        None
    }

    fn cut_off(&mut self) {
        self.guard.close();
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, _: u64) -> bool {
        self.cut_off();
        if let Some(bar) = open {
            self.guard.open(bar.time.open);
        }
        *memory == Memory::Nothing
    }
}

impl Rule for SumRule {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        let times = trades.times();
        if from == trades.len {
            return None;
        }
        self.guard.open(times[from]);
        let Some(Extra::Numbers(numbers)) = trades.extra(self.column) else { return None };
        for (row, time) in times.iter().enumerate().skip(from) {
            self.sum += numbers.get(row).unwrap_or(0.0);
            if self.sum >= self.limit && self.guard.lets(*time) {
                self.cut_off();
                return Some(row);
            }
        }
        None
    }

    fn cut_off(&mut self) {
        self.guard.close();
        self.sum = 0.0;
    }

    fn memory(&self) -> Memory {
        Memory::Sum(self.sum)
    }

    fn resume(&mut self, open: Option<&Bar>, memory: &Memory, _: u64) -> bool {
        self.cut_off();
        let Memory::Sum(sum) = *memory else { return false };
        self.sum = sum;
        let is_open = open.is_none_or(|bar| {
            self.guard.open(bar.time.open);
            self.sum < self.limit || !self.guard.lets(bar.time.close)
        });
        sum.is_finite() && (open.is_some() || sum == 0.0) && is_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::AnyRule;
    use crate::trades::{Bits, Column, Flags, TimeUnit};
    use proptest::option;
    use proptest::prelude::*;

    fn bits(of: impl ExactSizeIterator<Item = bool>) -> Vec<u8> {
        let mut bytes = vec![0; of.len() / 8 + 1];
        for (row, is_set) in of.enumerate() {
            bytes[row / 8] |= u8::from(is_set) << (row % 8);
        }
        bytes
    }

    /// The rows that close a bar, of trades in two batches.
    fn closes(mut rule: AnyRule, trades: &Trades<'_>, cut: usize) -> Vec<usize> {
        let mut closes = Vec::new();
        for (first, end) in [(0, cut), (cut, trades.len)] {
            let mut from = 0;
            while let Some(row) = rule.next_close(&trades.slice(first..end), from) {
                closes.push(first + row);
                from = row + 1;
            }
        }
        closes
    }

    proptest! {
        #[test]
        fn a_bar_closes_where_the_column_or_its_sum_says_so(
            rows in prop::collection::vec((0..2_i64, option::of((0..2_i32, any::<bool>()))), 0..200),
            cut in 0..200_usize,
            prevents in any::<bool>(),
            by_sum in any::<bool>(),
        ) {
            let times: Vec<_> = rows
                .iter()
                .scan(0, |time, row| {
                    *time += row.0;
                    Some(*time)
                })
                .collect();
            let known = bits(rows.iter().map(|row| row.1.is_some()));
            // What lies under a null is read by nobody.
            let set = bits(rows.iter().map(|row| row.1.is_none_or(|(_, is_set)| is_set)));
            let numbers: Vec<_> = rows.iter().map(|row| row.1.map_or(9.0, |(n, _)| n.into())).collect();
            let known = Some(Bits::new(&known, 0, rows.len()));
            let flags = Flags { set: Bits::new(&set, 0, rows.len()), known };
            let extras = [
                Extra::Flags(flags),
                Extra::Numbers(Column { valid: known, ..Column::new("n", &numbers) }),
            ];
            let trades = Trades {
                timestamp: Some(Column::new("timestamp", &times)),
                extras: &extras,
                ..Trades::new(rows.len(), TimeUnit::Milliseconds)
            };
            let rule = if by_sum {
                AnyRule::Sum(SumRule::new(None, 0, 3.0, prevents))
            } else {
                AnyRule::When(WhenRule::new(None, 1, prevents))
            };
            let rule = rule.with_extra_at(usize::from(by_sum));
            let (mut expected, mut open, mut sum) = (Vec::new(), None, 0);
            for (row, &(_, value)) in rows.iter().enumerate() {
                let open_time = *open.get_or_insert(times[row]);
                sum += value.map_or(0, |(number, _)| number);
                let ends = if by_sum { sum >= 3 } else { value.is_some_and(|(_, is_set)| is_set) };
                if ends && !(prevents && open_time == times[row]) {
                    expected.push(row);
                    (open, sum) = (None, 0);
                }
            }

            prop_assert_eq!(rule.extra(), Some((usize::from(by_sum), !by_sum)));
            prop_assert_eq!(rule.prevents_same_timestamp_close(), prevents);
            prop_assert_eq!(closes(rule, &trades, cut.min(rows.len())), expected);
        }
    }
}
