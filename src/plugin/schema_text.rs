//! Schemas in messages.

use polars_core::prelude::Field;

/// The columns of a schema with their dtypes.
pub fn listed(schema: &[Field]) -> String {
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
