//! The values of one column, as the buffers of Arrow hold them.

use super::{Compute, Output, Scalar};
use crate::bar::Bar;
use crate::fixed::{to_f64, turnover_to_f64};
use std::mem::take;

/// The values of one column, one for each bar.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Times and integers.
    Int(Nullable<i64>),
    /// Floats.
    Float(Nullable<f64>),
    /// Exact sums, at the scale of the output.
    Exact(Nullable<i128>),
}

/// Values, some of them null.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nullable<T> {
    /// One value for each row; that of a null is 0.
    pub values: Vec<T>,
    /// A bit for each row, the lowest of a byte first, that is set if the row has a value; `None`
    /// if all have. Bits after the last row are set.
    pub valid: Option<Vec<u8>>,
}

impl<T: Default> Nullable<T> {
    /// Add values; `None` is null.
    fn extend(&mut self, values: impl Iterator<Item = Option<T>>) {
        let (before, valid) = (self.values.len(), &mut self.valid);
        self.values.extend(values.enumerate().map(|(place, value)| {
            value.unwrap_or_else(|| {
                let row = before + place;
                let valid = valid.get_or_insert_default();
                valid.resize(row / 8 + 1, !0);
                valid[row / 8] &= !(1 << (row % 8));
                T::default()
            })
        }));
        if let Some(valid) = &mut self.valid {
            valid.resize(self.values.len().div_ceil(8), !0);
        }
    }
}

impl Values {
    /// Add the values of an output for some bars.
    pub(super) fn extend(&mut self, output: &Output, bars: &[Bar]) {
        let bars = bars.iter();
        match (output.compute, self) {
            (Compute::Time(value), Self::Int(values)) => {
                values.extend(bars.map(|bar| Some(value(bar))));
            }
            (Compute::Int(value), Self::Int(values)) => values.extend(bars.map(value)),
            (Compute::Float(value), Self::Float(values)) => values.extend(bars.map(value)),
            (Compute::Price(value), Self::Float(values)) => {
                values.extend(bars.map(|bar| Some(value(bar))));
            }
            (Compute::Volume(value), Self::Float(values)) => {
                values.extend(bars.map(|bar| value(bar).map(to_f64)));
            }
            (Compute::Turnover(value), Self::Float(values)) => {
                values.extend(bars.map(|bar| value(bar).map(turnover_to_f64)));
            }
            (Compute::Volume(value) | Compute::Turnover(value), Self::Exact(values)) => {
                values.extend(bars.map(value));
            }
            _ => unreachable!("made by Table::new or Table::exact"),
        }
    }

    /// Add a value that was computed before; one of another type counts as none.
    pub(super) fn push(&mut self, value: Option<Scalar>) {
        match self {
            Self::Int(values) => {
                let int = match value {
                    Some(Scalar::Int(value)) => Some(value),
                    _ => None,
                };
                values.extend(std::iter::once(int));
            }
            Self::Float(values) => {
                let float = match value {
                    Some(Scalar::Float(value)) => Some(value),
                    _ => None,
                };
                values.extend(std::iter::once(float));
            }
            Self::Exact(values) => values.extend(std::iter::once(None)),
        }
    }

    /// Take the values out, leaving none.
    pub(super) fn take(&mut self) -> Self {
        match self {
            Self::Int(values) => Self::Int(take(values)),
            Self::Float(values) => Self::Float(take(values)),
            Self::Exact(values) => Self::Exact(take(values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_marked_wherever_they_stand() {
        let rows: Vec<_> = (0..1_000_i64).map(|row| (row % 7 > 2).then_some(row)).collect();
        for size in [1, 7, 8, 9, 1_000] {
            let mut column = Nullable::default();
            rows.chunks(size).for_each(|rows| column.extend(rows.iter().copied()));

            let valid = column.valid.unwrap();
            assert_eq!(valid.len(), 125);
            for (row, value) in rows.iter().enumerate() {
                assert_eq!(valid[row / 8] >> (row % 8) & 1 == 1, value.is_some());
                assert_eq!(column.values[row], value.unwrap_or(0));
            }
        }
        let mut full = Nullable::default();
        full.extend([Some(1), Some(2)].into_iter());
        assert_eq!(full.valid, None);
    }
}
