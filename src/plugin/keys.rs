//! The key of each trade, where trades of several keys are interleaved.

use crate::plugin::inputs::no_dtype;
use crate::plugin::refusal::compute_error;
use crate::plugin::schema_text::twice;
use crate::threads::on_threads;
use polars_core::prelude::{
    BinaryOffsetChunked, Column, DataFrame, DataType, Field, IdxCa, IdxSize, IntoColumn, PlHashMap,
    PolarsResult, Series, row_encode::encode_rows_unordered,
};
use std::ops::Range;
use std::sync::Arc;

/// All keys so far, numbered in the order of their first trades.
#[derive(Clone, Debug)]
pub struct Keys {
    names: Vec<String>,
    numbers: PlHashMap<Vec<u8>, IdxSize>,
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
        let mut new = Arc::new(Self { names, numbers: PlHashMap::default(), seen: keys.clear() });
        Self::number(&mut new, keys, 1)?;
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

    /// Split rows by key, on at most so many threads.
    ///
    /// # Errors
    /// A column that has another dtype than before.
    pub fn split(self: &mut Arc<Self>, keys: &DataFrame, threads: usize) -> PolarsResult<ByKey> {
        let numbers = Self::number(self, keys, threads)?;
        let mut places: Vec<IdxSize> = vec![0; self.numbers.len()];
        let mut present = Vec::new();
        for number in &numbers {
            let count = &mut places[*number as usize];
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
            end += places[number];
            // From here on it is the place of the key's next row.
            places[number] = start;
            keys.push((number, start as usize..end as usize));
        }
        let mut rows = vec![0; numbers.len()];
        for (row, number) in (0..).zip(&numbers) {
            let place = &mut places[*number as usize];
            rows[*place as usize] = row;
            *place += 1;
        }
        Ok(ByKey { rows, keys })
    }

    /// The number of each row's key, looked up on at most so many threads; a new key gets the next
    /// number. Only a new key changes what other owners share.
    ///
    /// # Errors
    /// Those of Polars.
    pub fn number(
        self: &mut Arc<Self>,
        keys: &DataFrame,
        threads: usize,
    ) -> PolarsResult<Vec<IdxSize>> {
        const UNKNOWN: IdxSize = IdxSize::MAX;
        let rows = keys.height().div_ceil(threads).max(1);
        let known = Arc::clone(self);
        let look_up = |start: &mut usize| -> PolarsResult<_> {
            // A length in memory is below 2^63.
            let part = keys.slice(i64::try_from(*start).unwrap_or(i64::MAX), rows);
            let encoded = encode_rows_unordered(part.columns())?;
            let number = |key: &[u8]| known.numbers.get(key).copied().unwrap_or(UNKNOWN);
            let numbers: Vec<_> = of_rows(&encoded).map(number).collect();
            Ok((encoded, numbers))
        };
        let parts = on_threads((0..keys.height()).step_by(rows), &look_up);
        drop(known);
        let (mut new, mut all) = (Vec::new(), Vec::with_capacity(keys.height()));
        for part in parts {
            let (encoded, numbers) = part?;
            for (key, mut number) in of_rows(&encoded).zip(numbers) {
                if number == UNKNOWN {
                    let own = &mut Arc::make_mut(self).numbers;
                    // There are no more keys than rows, and Polars counts rows by the same type.
                    let next = IdxSize::try_from(own.len()).unwrap_or(UNKNOWN);
                    number = *own.entry_ref(key).or_insert(next);
                    if number == next {
                        new.push(IdxSize::try_from(all.len()).unwrap_or(UNKNOWN));
                    }
                }
                all.push(number);
            }
        }
        if !new.is_empty() {
            let new = keys.take(&IdxCa::from_vec("".into(), new))?;
            Arc::make_mut(self).seen.vstack_mut(&new)?;
        }
        Ok(all)
    }

    fn rows(&self, numbers: Vec<IdxSize>) -> PolarsResult<DataFrame> {
        if numbers.is_empty() {
            // Polars panics where it takes no row of an Array that came in several batches.
            return Ok(self.seen.clear());
        }
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

fn of_rows(encoded: &BinaryOffsetChunked) -> impl Iterator<Item = &[u8]> {
    encoded.downcast_iter().flat_map(|chunk| chunk.values_iter())
}
