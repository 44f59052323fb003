//! Keys in a checkpoint: columns of Polars as plain values, and back.

use crate::checkpoint::chains::{KeyColumn, KeyType, KeyValue};
use crate::error::Error;
use crate::plugin::keys::Keys;
use crate::plugin::refusal::Refusal;
use polars_core::prelude::{
    Categories, Column, DataFrame, DataType, FrozenCategories, Int128Chunked, IntoColumn,
    IntoSeries, NamedFrom, NewChunkedArray, PolarsResult, Series, TimeUnit, TimeZone,
};

const UNITS: [TimeUnit; 3] =
    [TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds];

/// The columns of the keys; only names before the first batch.
///
/// # Errors
/// A dtype that has no form in a checkpoint.
pub fn saved(keys: Option<&Keys>, by: &[String]) -> Result<Vec<KeyColumn>, Refusal> {
    match keys {
        Some(keys) => keys.seen().columns().iter().map(saved_column).collect(),
        None => Ok(by
            .iter()
            .map(|name| KeyColumn { name: name.clone(), dtype: None, values: Vec::new() })
            .collect()),
    }
}

/// The keys as a frame with a row for each; `None` before the first batch, and without keys.
///
/// # Errors
/// Columns that [`saved`] does not write.
pub fn frame_of(columns: &[KeyColumn]) -> Result<Option<DataFrame>, Refusal> {
    let damaged = || Error::CheckpointDamaged { why: "its keys do not fit" };
    if columns.iter().all(|column| column.dtype.is_none()) {
        return Ok(None);
    }
    let mut restored = Vec::new();
    for column in columns {
        let there = column_of(column).map_err(|_| damaged())?;
        // A value of another kind, or one that a cast changes, is written as another.
        if saved_column(&there).map_err(|_| damaged())? != *column {
            return Err(damaged().into());
        }
        restored.push(there);
    }
    let height = columns.first().map_or(0, |column| column.values.len());
    Ok(Some(DataFrame::new(height, restored)?))
}

fn unit(unit: TimeUnit) -> u8 {
    UNITS.iter().position(|other| *other == unit).map_or(u8::MAX, |place| place.to_le_bytes()[0])
}

fn type_of(dtype: &DataType) -> Option<KeyType> {
    Some(match dtype {
        DataType::Null => KeyType::Null,
        DataType::Boolean => KeyType::Boolean,
        DataType::Int8 => KeyType::Int8,
        DataType::Int16 => KeyType::Int16,
        DataType::Int32 => KeyType::Int32,
        DataType::Int64 => KeyType::Int64,
        DataType::Int128 => KeyType::Int128,
        DataType::UInt8 => KeyType::UInt8,
        DataType::UInt16 => KeyType::UInt16,
        DataType::UInt32 => KeyType::UInt32,
        DataType::UInt64 => KeyType::UInt64,
        DataType::String => KeyType::String,
        DataType::Binary => KeyType::Binary,
        DataType::Date => KeyType::Date,
        DataType::Time => KeyType::Time,
        DataType::Datetime(of, zone) => {
            KeyType::Datetime(unit(*of), zone.as_ref().map(ToString::to_string))
        }
        DataType::Duration(of) => KeyType::Duration(unit(*of)),
        DataType::Decimal(digits, scale) => {
            KeyType::Decimal(u8::try_from(*digits).ok()?, u8::try_from(*scale).ok()?)
        }
        DataType::Categorical(categories, _) if categories.is_global() => KeyType::Categorical,
        DataType::Enum(categories, _) => {
            let names = categories.categories();
            KeyType::Enum(names.values_iter().map(str::to_owned).collect())
        }
        _ => return None,
    })
}

fn dtype_of(key_type: &KeyType) -> PolarsResult<DataType> {
    let unit = |place: &u8| {
        let unit = UNITS.get(usize::from(*place)).copied();
        unit.ok_or_else(|| crate::plugin::refusal::compute_error("an unknown unit"))
    };
    Ok(match key_type {
        KeyType::Null => DataType::Null,
        KeyType::Boolean => DataType::Boolean,
        KeyType::Int8 => DataType::Int8,
        KeyType::Int16 => DataType::Int16,
        KeyType::Int32 => DataType::Int32,
        KeyType::Int64 => DataType::Int64,
        KeyType::Int128 => DataType::Int128,
        KeyType::UInt8 => DataType::UInt8,
        KeyType::UInt16 => DataType::UInt16,
        KeyType::UInt32 => DataType::UInt32,
        KeyType::UInt64 => DataType::UInt64,
        KeyType::String => DataType::String,
        KeyType::Binary => DataType::Binary,
        KeyType::Date => DataType::Date,
        KeyType::Time => DataType::Time,
        KeyType::Datetime(of, zone) => {
            DataType::Datetime(unit(of)?, TimeZone::opt_try_new(zone.as_deref())?)
        }
        KeyType::Duration(of) => DataType::Duration(unit(of)?),
        KeyType::Decimal(digits, scale) => {
            DataType::Decimal(usize::from(*digits), usize::from(*scale))
        }
        KeyType::Categorical => DataType::from_categories(Categories::global()),
        KeyType::Enum(names) => DataType::from_frozen_categories(FrozenCategories::new(
            names.iter().map(String::as_str),
        )?),
    })
}

/// A column as plain values.
fn saved_column(column: &Column) -> Result<KeyColumn, Refusal> {
    let name = column.name();
    let dtype = type_of(column.dtype()).ok_or_else(|| Error::KeyType {
        column: name.to_string(),
        dtype: column.dtype().to_string(),
        // Polars casts no list to text.
        text: if column.dtype().is_nested() {
            format!("pl.struct({name:?}).struct.json_encode().alias({name:?})")
        } else {
            format!("pl.col({name:?}).cast(pl.String)")
        },
    })?;
    let series = column.as_materialized_series();
    let values = match dtype {
        KeyType::Null => vec![KeyValue::Null; series.len()],
        KeyType::String | KeyType::Categorical | KeyType::Enum(_) => {
            let text = |value: Option<&str>| {
                value.map_or(KeyValue::Null, |text| KeyValue::Text(text.to_owned()))
            };
            series.cast(&DataType::String)?.str()?.iter().map(text).collect()
        }
        KeyType::Binary => {
            let bytes = |value: Option<&[u8]>| {
                value.map_or(KeyValue::Null, |bytes| KeyValue::Bytes(bytes.to_vec()))
            };
            series.binary()?.iter().map(bytes).collect()
        }
        _ => {
            let whole = |value: Option<i128>| value.map_or(KeyValue::Null, KeyValue::Whole);
            let physical = series.to_physical_repr().cast(&DataType::Int128)?;
            physical.i128()?.iter().map(whole).collect()
        }
    };
    Ok(KeyColumn { name: column.name().to_string(), dtype: Some(dtype), values })
}

/// Plain values as a column.
fn column_of(column: &KeyColumn) -> PolarsResult<Column> {
    let KeyColumn { name, dtype, values } = column;
    let dtype = dtype.as_ref().unwrap_or(&KeyType::Null);
    let wanted = dtype_of(dtype)?;
    let series = match dtype {
        KeyType::Null => Series::full_null(name.into(), values.len(), &DataType::Null),
        KeyType::String | KeyType::Categorical | KeyType::Enum(_) => {
            let text = |value: &KeyValue| match value {
                KeyValue::Text(text) => Some(text.clone()),
                _ => None,
            };
            Series::new(name.into(), values.iter().map(text).collect::<Vec<_>>()).cast(&wanted)?
        }
        KeyType::Binary => {
            let bytes = |value: &KeyValue| match value {
                KeyValue::Bytes(bytes) => Some(bytes.clone()),
                _ => None,
            };
            Series::new(name.into(), values.iter().map(bytes).collect::<Vec<_>>())
        }
        _ => {
            let whole = |value: &KeyValue| match value {
                KeyValue::Whole(whole) => Some(*whole),
                _ => None,
            };
            let whole = Int128Chunked::from_iter_options(name.into(), values.iter().map(whole));
            match wanted {
                DataType::Decimal(digits, scale) => {
                    whole.into_decimal(digits, scale)?.into_series()
                }
                DataType::Int128 => whole.into_series(),
                _ => whole.into_series().strict_cast(&wanted.to_physical())?.cast(&wanted)?,
            }
        }
    };
    Ok(series.into_column())
}
