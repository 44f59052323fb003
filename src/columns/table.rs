//! Bars turned into columns.

use super::{Compute, Nullable, Output, Scalar, Values};
use crate::bar::Bar;

/// How many bars are turned into columns together: so few that they fit a cache.
const PENDING: usize = 128;

/// Bars turned into columns as they close.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(&'static Output, Values)>,
    pending: Vec<Bar>,
    /// For each value of what came before a bar, the place of its column, if it has one.
    before: Vec<Option<usize>>,
}

impl Table {
    /// A table of these outputs without a row, in which sums are floats.
    pub fn new(outputs: impl IntoIterator<Item = &'static Output>) -> Self {
        let empty = |output: &'static Output| match output.compute {
            Compute::Time(_) | Compute::Int(_) => (output, Values::Int(Nullable::default())),
            _ => (output, Values::Float(Nullable::default())),
        };
        let columns = outputs.into_iter().map(empty).collect();
        Self { columns, pending: Vec::new(), before: Vec::new() }
    }

    /// The same table, whose rows are given the values of these outputs of what came before a bar.
    #[must_use]
    pub fn with_values_of(self, outputs: &[&'static Output]) -> Self {
        let place = |wanted: &&'static Output| {
            self.columns.iter().position(|(output, _)| output.name == wanted.name)
        };
        Self { before: outputs.iter().map(place).collect(), ..self }
    }

    /// A table of these outputs without a row, in which sums are exact.
    pub fn exact(outputs: impl IntoIterator<Item = &'static Output>) -> Self {
        let mut table = Self::new(outputs);
        for (output, values) in &mut table.columns {
            if matches!(output.compute, Compute::Volume(_) | Compute::Turnover(_)) {
                *values = Values::Exact(Nullable::default());
            }
        }
        table
    }

    /// Add a row: a bar, and the values of what came before it, in the order of
    /// [`Self::with_values_of`].
    pub fn push(&mut self, bar: Bar, before: &[Option<Scalar>]) {
        for (place, value) in self.before.iter().zip(before) {
            if let Some((_, values)) = place.and_then(|place| self.columns.get_mut(place)) {
                values.push(*value);
            }
        }
        self.pending.push(bar);
        if self.pending.len() == PENDING {
            self.compute();
        }
    }

    /// Compute the columns of the pending bars.
    fn compute(&mut self) {
        let of_bars = |(output, _): &&mut (&Output, _)| !output.looks_back();
        for (output, values) in self.columns.iter_mut().filter(of_bars) {
            values.extend(output, &self.pending);
        }
        self.pending.clear();
    }

    /// Take the rows out, leaving none.
    pub fn take(&mut self) -> Vec<(&'static Output, Values)> {
        self.compute();
        let take = |(output, values): &mut (&'static Output, Values)| (*output, values.take());
        self.columns.iter_mut().map(take).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::output;
    use crate::needs::Needs;
    use crate::trades::{Column, TimeUnit, Trades};

    #[test]
    fn a_table_has_a_row_for_each_bar_until_it_is_taken() {
        let trades = Trades {
            timestamp: Some(Column::new("timestamp", &[7])),
            price: Some(Column::new("price", &[2.5])),
            quantity: Some(Column::new("quantity", &[1.0])),
            ..Trades::new(1, TimeUnit::Milliseconds)
        };
        let bar = Bar::of(&trades, 0..1, Needs::PRICE).unwrap().unwrap();
        let wanted = ["open_time", "open"].map(|name| output(name).unwrap());
        let mut table = Table::new(wanted);

        table.push(bar.clone(), &[]);
        table.push(bar, &[]);

        let values: Vec<_> = table.take().into_iter().map(|(_, values)| values).collect();
        assert_eq!(
            values,
            [
                Values::Int(Nullable { values: vec![7; 2], valid: None }),
                Values::Float(Nullable { values: vec![2.5; 2], valid: None })
            ]
        );
        assert!(table.take().iter().all(|(_, values)| match values {
            Values::Int(column) => column.values.is_empty(),
            Values::Float(column) => column.values.is_empty(),
            Values::Exact(column) => column.values.is_empty(),
        }));
    }
}
