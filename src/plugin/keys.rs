//! The key of each trade, where trades of several keys are interleaved.

use crate::plugin::inputs::{no_dtype, twice};
use crate::plugin::refusal::compute_error;
use crate::threads::on_threads;
use polars_core::prelude::{
    BinaryOffsetChunked, Column, DataFrame, DataType, Field, IdxCa, IdxSize, IntoColumn, PlHashMap,
    PolarsResult, Series, row_encode::encode_rows_unordered,
};
use std::ops::Range;

/// All keys so far, numbered in the order of their first trades.
#[derive(Clone, Debug)]
pub struct Keys {
    names: Vec<String>,
    numbers: PlHashMap<Vec<u8>, IdxSize>,
    /// How many rows of the current batch each key has; 0 between batches.
    counts: Vec<IdxSize>,
    /// A row for each key.
    seen: DataFrame,
}

/// The rows of a batch, key after key.
#[derive(Debug, Default)]
pub struct ByKey {
    /// The rows of the first key, ascending, then those of the next key.
    pub rows: Vec<IdxSize>,
    /// The number of each key, ascending, and the range of its rows in `rows`.
    pub keys: Vec<(usize, Range<usize>)>,
}

impl Keys {
    /// No key yet; keys will be read from the columns with these names.
    ///
    /// # Errors
    /// A missing column, or one that holds floats.
    pub fn new(schema: &[Field], names: &[String]) -> PolarsResult<Self> {
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
        let seen = DataFrame::new(0, empty.collect::<PolarsResult<_>>()?)?;
        Ok(Self { names: names.to_vec(), numbers: PlHashMap::default(), counts: Vec::new(), seen })
    }

    /// The columns of the keys in a batch of `len` rows. `column` gives a column by its place in
    /// `schema`.
    ///
    /// # Errors
    /// A column that is missing.
    pub fn of_batch(
        &self,
        schema: &[Field],
        len: usize,
        column: impl Fn(usize) -> PolarsResult<Series>,
    ) -> PolarsResult<DataFrame> {
        let of = |name: &String| column(position(schema, name)?).map(IntoColumn::into_column);
        DataFrame::new(len, self.names.iter().map(of).collect::<PolarsResult<_>>()?)
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// Split rows by key, on at most so many threads.
    ///
    /// # Errors
    /// A column that has another dtype than before.
    pub fn split(&mut self, keys: &DataFrame, threads: usize) -> PolarsResult<ByKey> {
        let numbers = self.number(keys, threads)?;
        self.counts.resize(self.numbers.len(), 0);
        let mut present = Vec::new();
        for number in &numbers {
            let count = &mut self.counts[*number as usize];
            if *count == 0 {
                present.push(*number as usize);
            }
            *count += 1;
        }
        present.sort_unstable();
        let mut end = 0;
        let mut keys = Vec::with_capacity(present.len());
        for number in present {
            let start = end;
            end += self.counts[number];
            // From here on it is the place of the key's next row.
            self.counts[number] = start;
            keys.push((number, start as usize..end as usize));
        }
        let mut rows = vec![0; numbers.len()];
        for (row, number) in (0..).zip(&numbers) {
            let place = &mut self.counts[*number as usize];
            rows[*place as usize] = row;
            *place += 1;
        }
        for (number, _) in &keys {
            self.counts[*number] = 0;
        }
        Ok(ByKey { rows, keys })
    }

    /// The number of each row's key; a new key gets the next number.
    fn number(&mut self, keys: &DataFrame, threads: usize) -> PolarsResult<Vec<IdxSize>> {
        const UNKNOWN: IdxSize = IdxSize::MAX;
        let rows = keys.height().div_ceil(threads).max(1);
        let look_up = |start: &mut usize| -> PolarsResult<_> {
            // A length in memory is below 2^63.
            let part = keys.slice(i64::try_from(*start).unwrap_or(i64::MAX), rows);
            let encoded = encode_rows_unordered(part.columns())?;
            let number = |key: &[u8]| self.numbers.get(key).copied().unwrap_or(UNKNOWN);
            let numbers: Vec<_> = of_rows(&encoded).map(number).collect();
            Ok((encoded, numbers))
        };
        let known = on_threads((0..keys.height()).step_by(rows), &look_up);
        let (mut new, mut all) = (Vec::new(), Vec::with_capacity(keys.height()));
        for part in known {
            let (encoded, numbers) = part?;
            for (key, mut number) in of_rows(&encoded).zip(numbers) {
                if number == UNKNOWN {
                    // There are no more keys than rows, and Polars counts rows by the same type.
                    let next = IdxSize::try_from(self.numbers.len()).unwrap_or(UNKNOWN);
                    number = *self.numbers.entry_ref(key).or_insert(next);
                    if number == next {
                        new.push(IdxSize::try_from(all.len()).unwrap_or(UNKNOWN));
                    }
                }
                all.push(number);
            }
        }
        self.seen.vstack_mut(&keys.take(&IdxCa::from_vec("".into(), new))?)?;
        Ok(all)
    }

    /// The key columns for bars with these key numbers.
    ///
    /// # Errors
    /// A number that no key has.
    pub fn columns(&self, numbers: Vec<IdxSize>) -> PolarsResult<Vec<Column>> {
        Ok(self.seen.take(&IdxCa::from_vec("".into(), numbers))?.into_columns())
    }

    /// A key as text for messages.
    pub fn describe(&self, number: usize) -> String {
        let of = |column: &Column| {
            format!("{} {}", column.name(), column.get(number).unwrap_or_default())
        };
        self.seen.columns().iter().map(of).collect::<Vec<_>>().join(", ")
    }
}

fn of_rows(encoded: &BinaryOffsetChunked) -> impl Iterator<Item = &[u8]> {
    encoded.downcast_iter().flat_map(|chunk| chunk.values_iter())
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
