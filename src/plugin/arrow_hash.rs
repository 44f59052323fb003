//! The hash of the rows of Arrow tables.

use crate::plugin::batch::bits;
use crate::plugin::refusal::compute_error;
use crate::row_hash::{ColumnHash, RowHash};
use polars_arrow::array::{Array, BooleanArray, PrimitiveArray, StructArray};
use polars_core::prelude::{ArrowDataType, ArrowField, PolarsResult};

impl RowHash {
    /// A hash of no rows with these columns.
    ///
    /// # Errors
    /// A column with a dtype that neither trades nor bars have.
    pub fn of(fields: &[ArrowField]) -> PolarsResult<Self> {
        let columns = fields.iter().map(|field| Ok((field.name.to_string(), kind(field)?)));
        Ok(Self::new(columns.collect::<PolarsResult<Vec<_>>>()?))
    }

    /// Add the rows of a table that has the columns of this hash.
    ///
    /// # Errors
    /// A column that is not stored as its dtype says.
    pub fn push_table(&mut self, table: &StructArray) -> PolarsResult<()> {
        let mut columns = self.columns().iter_mut().zip(table.values());
        columns.try_for_each(|(column, array)| push(column, array.as_ref()))
    }
}

/// The kind of the values of a column: equal bits of different kinds are different values.
fn kind(field: &ArrowField) -> PolarsResult<String> {
    match field.dtype() {
        dtype @ (ArrowDataType::Boolean | ArrowDataType::Int64 | ArrowDataType::Float64) => {
            Ok(format!("{dtype:?}"))
        }
        ArrowDataType::Decimal(digits, scale) => Ok(format!("Decimal({digits}, {scale})")),
        ArrowDataType::Timestamp(unit, zone) => {
            Ok(format!("Datetime({unit:?}, {})", zone.as_deref().unwrap_or("no zone")))
        }
        other => Err(compute_error(&format!(
            "column {:?} is stored as {other:?}: expected Boolean, Int64, Float64, Decimal or \
             Datetime",
            field.name.as_str()
        ))),
    }
}

fn push(column: &mut ColumnHash, array: &dyn Array) -> PolarsResult<()> {
    let any = array.as_any();
    let valid = array.validity().filter(|_| array.null_count() > 0).map(bits);
    if let Some(array) = any.downcast_ref::<PrimitiveArray<f64>>() {
        column.push_numbers(array.values(), valid, f64::to_le_bytes);
    } else if let Some(array) = any.downcast_ref::<PrimitiveArray<i64>>() {
        column.push_numbers(array.values(), valid, i64::to_le_bytes);
    } else if let Some(array) = any.downcast_ref::<PrimitiveArray<i128>>() {
        column.push_numbers(array.values(), valid, i128::to_le_bytes);
    } else if let Some(array) = any.downcast_ref::<BooleanArray>() {
        column.push_booleans(bits(array.values()), valid);
    } else {
        let (name, dtype) = (column.name(), array.dtype());
        return Err(compute_error(&format!("column {name:?} is stored as {dtype:?}")));
    }
    Ok(())
}
