//! The functions Polars calls by name, and the types they return.
//!
//! Each takes its trades as one struct, whose fields are the columns that are there. No arithmetic:
//! parse, call, wrap. `kwargs` must be called so, and the types come from functions, because the
//! attribute's plain `output_type` would let a panic through to C.

// The macro hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

use crate::columns::output;
use crate::plugin::aggregate;
use crate::plugin::fold::Bars;
use crate::plugin::inputs::Names;
use crate::plugin::options::Options;
use crate::plugin::refusal::compute_error;
use polars::prelude::{
    DataFrame, DataType, Field, IntoSeries, PolarsResult, Series, StructChunked,
};
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

/// What is asked of one feature.
#[derive(Deserialize)]
pub struct FeatureKwargs {
    name: String,
    columns: Names,
}

/// A struct of trades has a last field that is none of them and always there: without it Polars would
/// refuse a struct of none before we can say which columns are missing.
fn fields(inputs: &[Field]) -> PolarsResult<&[Field]> {
    match inputs {
        [field] if let DataType::Struct(fields) = field.dtype() => {
            Ok(&fields[..fields.len().saturating_sub(1)])
        }
        other => Err(compute_error(&format!("expected one struct of trades, got {other:?}"))),
    }
}

/// The columns of a struct of trades, and their schema.
fn trades(inputs: &[Series]) -> PolarsResult<(Vec<Field>, Vec<Series>)> {
    let [series] = inputs else {
        return Err(compute_error(&format!("expected one struct of trades, got {}", inputs.len())));
    };
    let schema = fields(&[series.field().into_owned()])?.to_vec();
    Ok((schema, series.struct_()?.fields_as_series()))
}

fn struct_of(frame: &DataFrame) -> PolarsResult<Series> {
    let (height, columns) = (frame.height(), frame.columns());
    StructChunked::from_columns("bars".into(), height, columns).map(IntoSeries::into_series)
}

fn bars_type(inputs: &[Field], kwargs: Options) -> PolarsResult<Field> {
    let mut bars = Bars::new(&kwargs)?;
    bars.bind(fields(inputs)?)?;
    Ok(struct_of(&bars.take()?)?.field().into_owned())
}

#[polars_expr(output_type_func_with_kwargs=bars_type)]
fn bars(inputs: &[Series], kwargs: Options) -> PolarsResult<Series> {
    let (schema, columns) = trades(inputs)?;
    let mut bars = Bars::new(&kwargs)?;
    let bound = bars.bind(&schema)?;
    bars.push(&bound, &schema, inputs[0].len(), |index| Ok(columns[index].clone()))?;
    struct_of(&bars.finish()?)
}

fn bar_id_type(inputs: &[Field], kwargs: Options) -> PolarsResult<Field> {
    Bars::new(&kwargs)?.bind(fields(inputs)?)?;
    Ok(Field::new("bar_id".into(), DataType::Int64))
}

#[polars_expr(output_type_func_with_kwargs=bar_id_type)]
fn bar_id(inputs: &[Series], kwargs: Options) -> PolarsResult<Series> {
    let (schema, columns) = trades(inputs)?;
    aggregate::bar_id(&schema, &columns, &kwargs).map(IntoSeries::into_series)
}

fn feature_type(inputs: &[Field], kwargs: FeatureKwargs) -> PolarsResult<Field> {
    let columns: Vec<_> = fields(inputs)?
        .iter()
        .map(|field| Series::new_empty(field.name().clone(), field.dtype()))
        .collect();
    aggregate(fields(inputs)?, &columns, &kwargs).map(|series| series.field().into_owned())
}

#[polars_expr(output_type_func_with_kwargs=feature_type)]
fn feature(inputs: &[Series], kwargs: FeatureKwargs) -> PolarsResult<Series> {
    let (schema, columns) = trades(inputs)?;
    aggregate(&schema, &columns, &kwargs)
}

fn aggregate(schema: &[Field], columns: &[Series], kwargs: &FeatureKwargs) -> PolarsResult<Series> {
    let unknown = || compute_error(&format!("no feature is called {:?}", kwargs.name));
    aggregate::feature(schema, columns, output(&kwargs.name).ok_or_else(unknown)?, &kwargs.columns)
}
