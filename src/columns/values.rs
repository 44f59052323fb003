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

    #[test]
    fn values_computed_before_are_those_of_their_type() {
        let (int, float) = (Some(Scalar::Int(7)), Some(Scalar::Float(0.5)));
        let mut ints = Values::Int(Nullable::default());
        let mut floats = Values::Float(Nullable::default());
        let mut exact = Values::Exact(Nullable::default());
        for value in [int, float, None] {
            ints.push(value);
            floats.push(value);
            exact.push(value);
        }

        let nullable = |valid: u8| Some(vec![!0b111 | valid]);
        let of_ints = Nullable { values: vec![7, 0, 0], valid: nullable(0b001) };
        let of_floats = Nullable { values: vec![0.0, 0.5, 0.0], valid: nullable(0b010) };
        assert_eq!(ints, Values::Int(of_ints));
        assert_eq!(floats, Values::Float(of_floats));
        assert_eq!(exact, Values::Exact(Nullable { values: vec![0; 3], valid: nullable(0) }));
    }

    #[test]
    fn a_table_has_the_values_of_each_output_and_of_what_came_before() {
        use crate::columns::{OUTPUTS, Table};
        use crate::needs::Needs;
        use crate::trades::{Column, TimeUnit, Trades};

        let output = |name: &str| OUTPUTS.iter().find(|output| output.name == name).unwrap();
        let trades = Trades {
            timestamp: Some(Column::new("timestamp", &[0, 5])),
            price: Some(Column::new("price", &[2.0, 3.0])),
            quantity: Some(Column::new("quantity", &[1.0, 4.0])),
            ..Trades::new(2, TimeUnit::Milliseconds)
        };
        let needs = Needs::VOLUME.and(Needs::TURNOVER).and(Needs::TRADES);
        let bar = Bar::of(&trades, 0..2, needs).unwrap().unwrap();
        let names = ["volume", "turnover", "vwap", "duration_us", "lookback_vwap", "lookback_vpin"];
        let columns = |table: Table| {
            let back = [output("lookback_vpin"), output("lookback_vwap")];
            let mut table = table.with_values_of(&back);
            table.push(bar.clone(), &[Some(Scalar::Float(0.25)), None]);
            table.take().into_iter().map(|(_, values)| values).collect::<Vec<_>>()
        };
        let float = |value: f64| Values::Float(Nullable { values: vec![value], valid: None });
        let int = |value: i64| Values::Int(Nullable { values: vec![value], valid: None });
        let null = Values::Float(Nullable { values: vec![0.0], valid: Some(vec![!1]) });

        let rest = [float(2.8), int(5_000), null, float(0.25)];
        let sums = [float(5.0), float(14.0)];
        assert_eq!(columns(Table::new(names.map(output))), [&sums[..], &rest].concat());
        let exact = |value: i128| Values::Exact(Nullable { values: vec![value], valid: None });
        let sums = [exact(500_000_000), exact(140_000_000_000_000_000)];
        assert_eq!(columns(Table::exact(names.map(output))), [&sums[..], &rest].concat());
    }
}
