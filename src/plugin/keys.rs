//! The key of each trade, where trades of several keys are interleaved.

use crate::plugin::inputs::{no_dtype, twice};
use crate::plugin::refusal::compute_error;
use polars_core::prelude::{
    Column, DataFrame, DataType, Field, GroupsType, IdxCa, IdxSize, IntoColumn, PolarsResult,
    Series, row_encode::encode_rows_unordered,
};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// All keys so far, numbered in the order of their first trades.
#[derive(Clone, Debug)]
pub struct Keys {
    names: Vec<String>,
    numbers: HashMap<Vec<u8>, usize>,
    /// A row for each key.
    seen: DataFrame,
}

/// The rows of a batch, key after key.
#[derive(Debug, Default)]
pub struct ByKey {
    /// The rows of the first key, ascending, then those of the next key.
    pub rows: Vec<IdxSize>,
    /// The number of each key, and the range of its rows in `rows`.
    pub keys: Vec<(usize, Range<usize>)>,
}

impl Keys {
    /// No key yet; keys will be read from the columns with these names.
    ///
    /// # Errors
    /// A missing column, or one that holds floats.
    pub fn new(schema: &[Field], names: &[String]) -> PolarsResult<Arc<Self>> {
        let empty = names.iter().map(|name| {
            let dtype = schema[position(schema, name)?].dtype();
            if matches!(dtype, DataType::Unknown(_)) {
                return Err(compute_error(&no_dtype(name, "an Arrow type")));
            }
            if contains_float(dtype) {
                return Err(compute_error(&format!(
                    "column {name:?} is {dtype}: expected keys that are not floats (cast it: \
                     pl.col({name:?}).cast(pl.String))"
                )));
            }
            Ok(Series::new_empty(name.into(), dtype).into_column())
        });
        Self::of(&DataFrame::new(0, empty.collect::<PolarsResult<_>>()?)?)
    }

    /// The keys in the rows of a frame, numbered in their order. A key that repeats keeps its first
    /// number, so that there are fewer keys than rows.
    ///
    /// # Errors
    /// Those of Polars.
    pub fn of(keys: &DataFrame) -> PolarsResult<Arc<Self>> {
        let names = keys.columns().iter().map(|column| column.name().to_string()).collect();
        let mut new = Arc::new(Self { names, numbers: HashMap::new(), seen: keys.clear() });
        Self::number(&mut new, keys)?;
        Ok(new)
    }

    /// Check that the schema of a batch has the columns of the keys, with the same dtypes as before.
    ///
    /// # Errors
    /// A missing column, or one of another dtype.
    pub fn agree(&self, schema: &[Field]) -> PolarsResult<()> {
        for column in self.seen.columns() {
            let (name, dtype) = (column.name(), column.dtype());
            let given = schema[position(schema, name)?].dtype();
            if given != dtype {
                return Err(compute_error(&format!(
                    "column {name:?} is {given}: expected {dtype}, as in the trades before (cast \
                     it, or use another processor)"
                )));
            }
        }
        Ok(())
    }

    /// A row for each key.
    pub const fn seen(&self) -> &DataFrame {
        &self.seen
    }

    /// Split a batch of `len` rows by key. `column` gives a column by its place in `schema`.
    ///
    /// # Errors
    /// A column that is missing, or has another dtype than before.
    pub fn split(
        self: &mut Arc<Self>,
        schema: &[Field],
        len: usize,
        column: impl Fn(usize) -> PolarsResult<Series>,
    ) -> PolarsResult<ByKey> {
        let of = |name: &String| column(position(schema, name)?).map(IntoColumn::into_column);
        let keys = self.names.iter().map(of).collect::<PolarsResult<Vec<_>>>()?;
        let keys = DataFrame::new(len, keys)?;
        let grouped = keys.group_by_stable(self.names.iter())?;
        let (mut rows, mut ends) = (Vec::with_capacity(len), Vec::new());
        match &**grouped.get_groups() {
            GroupsType::Idx(groups) => {
                for (_, group) in groups {
                    rows.extend_from_slice(group);
                    ends.push(rows.len());
                }
            }
            GroupsType::Slice { groups, .. } => {
                for [first, len] in groups {
                    rows.extend(*first..first + len);
                    ends.push(rows.len());
                }
            }
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let ranges: Vec<_> = starts.zip(&ends).map(|(start, end)| start..*end).collect();
        let firsts = ranges.iter().map(|range| rows[range.start]).collect();
        let numbers = Self::number(self, &keys.take(&IdxCa::from_vec("".into(), firsts))?)?;
        Ok(ByKey { rows, keys: numbers.into_iter().zip(ranges).collect() })
    }

    /// The number of each of these keys; a new key gets the next number. Only a new key changes
    /// what other owners share.
    ///
    /// # Errors
    /// Those of Polars.
    pub fn number(self: &mut Arc<Self>, keys: &DataFrame) -> PolarsResult<Vec<usize>> {
        let encoded = encode_rows_unordered(keys.columns())?;
        let mut new = Vec::new();
        let mut numbers = Vec::with_capacity(keys.height());
        for (row, key) in (0..).zip(encoded.iter()) {
            let key = key.unwrap_or_default();
            let number = self.numbers.get(key).copied().unwrap_or_else(|| {
                let next = self.numbers.len();
                Arc::make_mut(self).numbers.insert(key.to_vec(), next);
                new.push(row);
                next
            });
            numbers.push(number);
        }
        if !new.is_empty() {
            let new = keys.take(&IdxCa::from_vec("".into(), new))?;
            Arc::make_mut(self).seen.vstack_mut(&new)?;
        }
        Ok(numbers)
    }

    fn rows(&self, numbers: Vec<IdxSize>) -> PolarsResult<DataFrame> {
        self.seen.take(&IdxCa::from_vec("".into(), numbers))
    }

    /// A key as text for messages.
    pub fn describe(&self, number: usize) -> String {
        let of = |column: &Column| {
            format!("{} {}", column.name(), column.get(number).unwrap_or_default())
        };
        self.seen.columns().iter().map(of).collect::<Vec<_>>().join(", ")
    }
}

/// The key columns for bars with these key numbers. Their dtype is unknown before the first batch.
///
/// # Errors
/// A number that no key has.
pub fn key_rows(
    keys: Option<&Keys>,
    by: &[String],
    numbers: Vec<IdxSize>,
) -> PolarsResult<DataFrame> {
    let unknown = |name: &String| Series::new_empty(name.into(), &DataType::Null).into_column();
    keys.map_or_else(
        || DataFrame::new(0, by.iter().map(unknown).collect()),
        |keys| keys.rows(numbers),
    )
}

fn position(schema: &[Field], name: &str) -> PolarsResult<usize> {
    let missing = || {
        let names = schema.iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
        compute_error(&format!(
            "no column {name:?} among the trades: they have [{}]",
            names.join(", ")
        ))
    };
    let mut named = (0..schema.len()).filter(|index| schema[*index].name() == name);
    let first = named.next().ok_or_else(missing)?;
    if named.next().is_some() { Err(compute_error(&twice(name, schema))) } else { Ok(first) }
}

fn contains_float(dtype: &DataType) -> bool {
    match dtype {
        DataType::List(inner) | DataType::Array(inner, _) => contains_float(inner),
        DataType::Struct(fields) => fields.iter().any(|field| contains_float(field.dtype())),
        other => other.is_float(),
    }
}
