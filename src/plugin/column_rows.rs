//! The table of columns as Python reads it.

use crate::columns::{Compute, Group, OUTPUTS, Output};
use crate::footprint::{FOOTPRINT_OUTPUTS, FootprintOutput};
use crate::plugin::bar_rows::exact_dtype;
use crate::plugin::footprint_rows::{BY_SIDE, FootprintRows};
use crate::plugin::refusal::compute_error;
use crate::trades::Role;
use polars_core::prelude::{DataType, PolarsResult};

/// One line of the table of columns: name, group, dtype, columns read, formula, when it is null,
/// the dtype in stores, the stored columns it is computed from.
pub type Row = (
    &'static str,
    &'static str,
    &'static str,
    Vec<&'static str>,
    &'static str,
    &'static str,
    Option<String>,
    Vec<&'static str>,
);

/// Every line of the table.
pub fn rows() -> Vec<Row> {
    OUTPUTS.iter().map(row).chain(FOOTPRINT_OUTPUTS.iter().map(footprint_row)).collect()
}

fn row(output: &Output) -> Row {
    let group = match output.group {
        Group::Bar => "bar",
        Group::Sum => "sum",
        Group::Feature => "feature",
        Group::Intra => "intra",
        Group::Lookback => "lookback",
        Group::Vpin => "vpin",
        Group::Stored => "stored",
    };
    let dtype = match output.compute {
        Compute::Time(_) => "as the input",
        Compute::Int(_) => "Int64",
        _ => "Float64",
    };
    let stored = match (output.compute, exact_dtype(output)) {
        _ if !output.is_stored() => None,
        (Compute::Volume(_) | Compute::Turnover(_), DataType::Decimal(digits, scale)) => {
            Some(format!("Decimal({digits}, {scale})"))
        }
        _ => Some(dtype.to_string()),
    };
    let reads = Role::ALL.into_iter().filter(|role| output.needs.reads(*role)).map(Role::name);
    let of = OUTPUTS.iter().filter(|other| output.needs_stored(other)).map(|other| other.name);
    let (reads, of) = (reads.collect(), of.collect());
    (output.name, group, dtype, reads, output.formula, output.null_when, stored, of)
}

fn footprint_row(output: &FootprintOutput) -> Row {
    let reads = Role::ALL.into_iter().filter(|role| output.needs.reads(*role)).map(Role::name);
    let (reads, null_when) = (reads.collect(), output.null_when);
    (output.name, "footprint", output.dtype, reads, output.formula, null_when, None, Vec::new())
}

/// The name and the dtype of each field of the levels of a footprint, and whether it is null without
/// sides.
///
/// # Errors
/// Those of Polars.
pub fn level_fields() -> PolarsResult<Vec<(String, &'static str, bool)>> {
    let columns = FootprintRows::new(None, FOOTPRINT_OUTPUTS).into_columns()?;
    let levels = columns.iter().find_map(|column| column.dtype().inner_dtype());
    let Some(DataType::Struct(fields)) = levels else {
        return Err(compute_error("a footprint has no levels"));
    };
    let named = fields.iter().map(|field| {
        let dtype = match field.dtype() {
            DataType::Boolean => "Boolean",
            DataType::Int64 => "Int64",
            DataType::Float64 => "Float64",
            other => return Err(compute_error(&format!("a level has a field of {other}"))),
        };
        let name = field.name().to_string();
        let is_by_side = BY_SIDE.contains(&name.as_str());
        Ok((name, dtype, is_by_side))
    });
    named.collect()
}
