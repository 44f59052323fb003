//! The columns of a schema that rules and a reset bring along, and whether their dtypes can be read.

use crate::plugin::refusal::compute_error;
use crate::plugin::schema_text::{listed, twice};
use crate::session::Kind;
use polars_core::prelude as pl;
use polars_core::prelude::{DataType, Field, PolarsResult};

/// What the values of a column mean that a rule or a reset brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Conditions.
    Flags,
    /// Numbers.
    Numbers,
    /// Values whose changes begin a new chain.
    Sessions(Kind),
}

/// A column of a schema that a rule or a reset brings along.
#[derive(Clone, Debug)]
pub struct ExtraInput {
    /// Its name.
    pub name: pl::PlSmallStr,
    /// Its place in the schema.
    pub index: usize,
    /// What its values mean.
    pub meaning: Meaning,
}

impl ExtraInput {
    /// The column of a rule: one of conditions, or of numbers.
    ///
    /// # Errors
    /// A missing column, or one of another dtype.
    pub fn of_rule(schema: &[Field], name: &str, is_flags: bool) -> PolarsResult<Self> {
        let index = place_of(name, "the rule", schema)?;
        let dtype = schema[index].dtype();
        let fits = if is_flags { *dtype == DataType::Boolean } else { dtype.is_numeric() };
        if !fits {
            return Err(compute_error(&wrong_extra(dtype, is_flags)));
        }
        let meaning = if is_flags { Meaning::Flags } else { Meaning::Numbers };
        Ok(Self { name: name.into(), index, meaning })
    }

    /// The column whose changes begin a new chain.
    ///
    /// # Errors
    /// A missing column, or one of another dtype.
    pub fn of_reset(schema: &[Field], name: &str) -> PolarsResult<Self> {
        let index = place_of(name, "reset", schema)?;
        let dtype = schema[index].dtype();
        let kind = kind_of(dtype).ok_or_else(|| compute_error(&wrong_sessions(dtype)))?;
        Ok(Self { name: name.into(), index, meaning: Meaning::Sessions(kind) })
    }
}

/// The place of a column that a rule or a reset brings along.
fn place_of(name: &str, needed_by: &str, schema: &[Field]) -> PolarsResult<usize> {
    let mut found = (0..schema.len()).filter(|index| schema[*index].name() == name);
    let first = found.next();
    if found.next().is_some() {
        return Err(compute_error(&twice(name, schema)));
    }
    first.ok_or_else(|| {
        let columns = listed(schema);
        compute_error(&format!(
            "{needed_by} needs a column {name:?}, and the trades have [{columns}]"
        ))
    })
}

/// What the values of a dtype are, if their changes can begin a new chain.
fn kind_of(dtype: &DataType) -> Option<Kind> {
    Some(match dtype {
        DataType::Boolean => Kind::Flag,
        DataType::UInt64 => Kind::Unsigned,
        DataType::Int128 | DataType::UInt128 => return None,
        dtype if dtype.is_integer() => Kind::Whole,
        DataType::Date => Kind::Date,
        DataType::Datetime(pl::TimeUnit::Milliseconds, _) => Kind::Milliseconds,
        DataType::Datetime(pl::TimeUnit::Microseconds, _) => Kind::Microseconds,
        DataType::Datetime(pl::TimeUnit::Nanoseconds, _) => Kind::Nanoseconds,
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => Kind::Text,
        _ => return None,
    })
}

fn wrong_sessions(dtype: &DataType) -> String {
    let cast = if dtype.is_numeric() || *dtype == DataType::Null { "Int64" } else { "String" };
    format!(
        "the column of reset is {dtype}: expected Boolean, an integer of up to 64 bits, Date, \
         Datetime, String, Categorical or Enum (cast it: .cast(pl.{cast}))"
    )
}

fn wrong_extra(dtype: &DataType, is_flags: bool) -> String {
    if is_flags {
        format!(
            "the expression of WhenRule is {dtype}: expected Boolean (compare it, or cast it: \
             .cast(pl.Boolean))"
        )
    } else {
        format!(
            "the expression of SumRule is {dtype}: expected a number (cast it: .cast(pl.Float64))"
        )
    }
}
