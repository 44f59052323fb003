//! Which columns of a schema are the trades, and whether their dtypes can be read.
//!
//! A schema is checked once, before any row is read, so that a plan or an expression refuses it
//! while it is being built.

use crate::plugin::refusal::compute_error;
use crate::trades::{Layout, Role, TimeUnit};
use polars_core::prelude as pl;
use polars_core::prelude::{DataType, Field, PolarsResult};
use std::collections::HashMap;

/// The user's names for the columns, by the default name of each role. An optional role without a
/// name is not read.
pub type Names = HashMap<String, String>;

/// The columns of a schema that are read, in the order of their roles.
#[derive(Clone, Debug)]
pub struct Inputs {
    columns: Vec<Input>,
    extras: Vec<ExtraInput>,
    unit: TimeUnit,
    zone: Option<String>,
}

/// One column of a schema that is read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its role.
    pub role: Role,
    /// Its name.
    pub name: pl::PlSmallStr,
    /// Its place in the schema.
    pub index: usize,
}

/// A column of a schema that a rule brings along.
#[derive(Clone, Debug)]
pub struct ExtraInput {
    /// Its name.
    pub name: pl::PlSmallStr,
    /// Its place in the schema.
    pub index: usize,
    /// Whether it is one of conditions, and not of numbers.
    pub is_flags: bool,
}

impl Inputs {
    /// Find the columns of the roles for which `reads` is true.
    ///
    /// # Errors
    /// A missing column, or one with a dtype that cannot be read; the message lists the columns and
    /// shows the cast.
    pub fn resolve(
        schema: &[Field],
        names: &Names,
        reads: impl Fn(Role) -> bool,
    ) -> PolarsResult<Self> {
        let (columns, extras, unit) = (Vec::new(), Vec::new(), TimeUnit::Microseconds);
        let mut inputs = Self { columns, extras, unit, zone: None };
        for role in Role::ALL.into_iter().filter(|role| reads(*role)) {
            let Some(name) = names.get(role.name()) else { continue };
            let mut found = (0..schema.len()).filter(|index| schema[*index].name() == name);
            let first = found.next();
            if found.next().is_some() {
                return Err(compute_error(&twice(name, schema)));
            }
            let Some(index) = first else {
                if role.is_optional() && name == role.name() {
                    continue;
                }
                return Err(compute_error(&missing(role, name, schema)));
            };
            let dtype = schema[index].dtype();
            if *dtype == DataType::Null && role.is_optional() {
                continue;
            }
            if !accepts(role, dtype) {
                return Err(compute_error(&wrong_dtype(role, name, dtype, schema)));
            }
            if let DataType::Datetime(unit, zone) = dtype {
                inputs.unit = match unit {
                    pl::TimeUnit::Milliseconds => TimeUnit::Milliseconds,
                    pl::TimeUnit::Microseconds => TimeUnit::Microseconds,
                    pl::TimeUnit::Nanoseconds => TimeUnit::Nanoseconds,
                };
                inputs.zone = zone.as_ref().map(ToString::to_string);
            }
            inputs.columns.push(Input { role, name: name.into(), index });
        }
        Ok(inputs)
    }

    /// Check that every column that the user renamed is in the schema, read or not. A column with
    /// its default name may be absent.
    ///
    /// # Errors
    /// The first missing column.
    pub fn check_named(schema: &[Field], names: &Names) -> PolarsResult<()> {
        for role in Role::ALL {
            if let Some(name) = names.get(role.name()).filter(|name| *name != role.name())
                && schema.iter().all(|field| field.name() != name)
            {
                return Err(compute_error(&missing(role, name, schema)));
            }
        }
        Ok(())
    }

    /// Check that the columns that rules require are among those found.
    ///
    /// # Errors
    /// The first that is missing.
    pub fn require(
        &self,
        schema: &[Field],
        names: &Names,
        required: impl Fn(Role) -> bool,
    ) -> PolarsResult<()> {
        let is_there = |role| self.columns.iter().any(|input| input.role == role);
        match Role::ALL.into_iter().find(|role| required(*role) && !is_there(*role)) {
            Some(role) => {
                let name = names.get(role.name()).map_or(role.name(), String::as_str);
                Err(compute_error(&required_by_rule(role, name, schema)))
            }
            None => Ok(()),
        }
    }

    /// Find the columns that rules bring along, each with whether it is one of conditions.
    ///
    /// # Errors
    /// A column of another dtype.
    pub fn add_extras<'a>(
        &mut self,
        schema: &[Field],
        extras: impl Iterator<Item = (&'a String, bool)>,
    ) -> PolarsResult<()> {
        for (name, is_flags) in extras {
            let mut found = (0..schema.len()).filter(|index| schema[*index].name() == name);
            let first = found.next();
            if found.next().is_some() {
                return Err(compute_error(&twice(name, schema)));
            }
            let Some(index) = first else {
                return Err(compute_error(&missing_extra(name, schema)));
            };
            let dtype = schema[index].dtype();
            let fits = if is_flags { *dtype == DataType::Boolean } else { dtype.is_numeric() };
            if !fits {
                return Err(compute_error(&wrong_extra(dtype, is_flags)));
            }
            self.extras.push(ExtraInput { name: name.into(), index, is_flags });
        }
        Ok(())
    }

    /// The columns that rules bring along.
    pub fn extras(&self) -> &[ExtraInput] {
        &self.extras
    }

    /// The columns, in the order of their roles.
    pub fn columns(&self) -> &[Input] {
        &self.columns
    }

    /// The unit of the times.
    pub const fn unit(&self) -> TimeUnit {
        self.unit
    }

    /// The layout of the trades.
    pub fn layout(&self) -> Layout {
        let columns = self.columns.iter().map(|input| input.role).collect();
        Layout { unit: self.unit, zone: self.zone.clone(), columns }
    }
}

fn accepts(role: Role, dtype: &DataType) -> bool {
    match role {
        Role::Timestamp => matches!(dtype, DataType::Datetime(..)),
        Role::Price | Role::Quantity => dtype.is_numeric(),
        Role::IsBuyerMaker => *dtype == DataType::Boolean,
        Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId => dtype.is_integer(),
    }
}

fn listed(schema: &[Field]) -> String {
    let one = |field: &Field| format!("{}: {}", field.name(), field.dtype());
    schema.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The message about a name that two columns have, so that it is unknown which one is meant.
pub fn twice(name: &str, schema: &[Field]) -> String {
    let names = schema.iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
    format!(
        "two columns are called {name:?} among [{}]: expected one of that name (select the columns \
         of the trades, or rename one)",
        names.join(", ")
    )
}

/// The message about a column that is read and that Polars has no dtype for.
pub fn no_dtype(name: &str, stored: &str) -> String {
    format!(
        "column {name:?} is stored as {stored}, for which Polars has no dtype (cast it, or select \
         the columns that are read)"
    )
}

/// The message about trades without ids, which say which of them were counted already.
pub const NO_IDS: &str = "overlap=\"skip\" finds by agg_trade_id the trades that were counted, and these have none (say \
     which column it is: columns=TradeColumns(agg_trade_id=\"...\"), or leave out yourself the trades \
     that were counted, up to processor.position)";

fn missing(role: Role, name: &str, schema: &[Field]) -> String {
    let role = role.name();
    format!(
        "no column {name:?} among the trades: they have [{}] (say which it is: \
         columns=TradeColumns({role}=\"...\"))",
        listed(schema)
    )
}

fn required_by_rule(role: Role, name: &str, schema: &[Field]) -> String {
    let remedy = match role {
        Role::IsBuyerMaker => {
            "say which it is: columns=TradeColumns(is_buyer_maker=\"...\"), or give the rule \
             side=\"tick_rule\""
        }
        _ => {
            "say which they are: columns=TradeColumns(first_trade_id=\"...\", last_trade_id=\"...\"), \
             or count records: TickRule(n)"
        }
    };
    format!("the rule needs a column {name:?}, and the trades have [{}] ({remedy})", listed(schema))
}

fn missing_extra(name: &str, schema: &[Field]) -> String {
    format!("the rule needs a column {name:?}, and the trades have [{}]", listed(schema))
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

fn wrong_dtype(role: Role, name: &str, dtype: &DataType, schema: &[Field]) -> String {
    let column = format!("pl.col({name:?})");
    let expected = match role {
        Role::Timestamp => "Datetime",
        Role::Price | Role::Quantity => "a number",
        Role::IsBuyerMaker => "Boolean",
        Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId => "an integer",
    };
    let remedy = match (role, dtype) {
        (Role::Timestamp, dtype) if dtype.is_integer() => {
            format!(
                "cast it from its own unit: pl.from_epoch({name:?}, time_unit=\"s\") where today is \
                 a number of 10 digits, \"ms\" of 13, \"us\" of 16, \"ns\" of 19"
            )
        }
        (Role::Timestamp, dtype) if dtype.is_numeric() => {
            format!(
                "cast it; where it counts seconds: pl.from_epoch(({column} * \
                 1_000_000).round().cast(pl.Int64), time_unit=\"us\")"
            )
        }
        (Role::Timestamp, DataType::String) => format!("cast it: {column}.str.to_datetime()"),
        (Role::Timestamp, DataType::Date) => "a date has no time of day: give the time of each \
                                              trade"
            .to_string(),
        (Role::IsBuyerMaker, DataType::String) => {
            format!(
                "true is where the aggressor sold: {column}.str.to_lowercase() == \"sell\", with the \
                 text that the column has for a seller"
            )
        }
        (Role::IsBuyerMaker, dtype) if dtype.is_numeric() => {
            format!(
                "true is where the aggressor sold: of 0 and 1 {column}.cast(pl.Boolean), of -1 and \
                 1 {column} < 0"
            )
        }
        (Role::Price | Role::Quantity, DataType::String | DataType::Boolean) => {
            format!("cast it: {column}.cast(pl.Float64)")
        }
        (Role::AggTradeId | Role::FirstTradeId | Role::LastTradeId, dtype)
            if dtype.is_numeric() || *dtype == DataType::String =>
        {
            format!("cast it: {column}.cast(pl.Int64)")
        }
        (Role::Price | Role::Quantity, DataType::Categorical(..) | DataType::Enum(..)) => {
            format!("cast it: {column}.cast(pl.String).cast(pl.Float64)")
        }
        _ => format!("name another column: columns=TradeColumns({}=\"...\")", role.name()),
    };
    format!(
        "column {name:?} is {dtype}: expected {expected} among the trades [{}] ({remedy})",
        listed(schema)
    )
}

/// The dtype of times.
///
/// # Errors
/// A zone that Polars does not know.
pub fn time_dtype(layout: &Layout) -> PolarsResult<DataType> {
    let unit = match layout.unit {
        TimeUnit::Milliseconds => pl::TimeUnit::Milliseconds,
        TimeUnit::Microseconds => pl::TimeUnit::Microseconds,
        TimeUnit::Nanoseconds => pl::TimeUnit::Nanoseconds,
    };
    Ok(DataType::Datetime(unit, pl::TimeZone::opt_try_new(layout.zone.as_deref())?))
}
