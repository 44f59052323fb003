//! The expressions, and the types they return.
//!
//! Each takes its trades as one struct, whose fields are the columns of the trades. Nothing is
//! computed here.

use crate::columns::output;
use crate::plugin::bar_id;
use crate::plugin::feature;
use crate::plugin::fold::Fold;
use crate::plugin::footprint_rows::FootprintOptions;
use crate::plugin::inputs::Names;
use crate::plugin::options::Options;
use crate::plugin::refusal::compute_error;
use polars_core::prelude::{
    DataFrame, DataType, Field, IntoSeries, PolarsResult, Series, StructChunked,
};
use serde::Deserialize;

/// The arguments of a feature.
#[derive(Deserialize)]
pub struct FeatureKwargs {
    name: String,
    columns: Names,
    /// How the footprint is made that is wanted instead.
    footprint: Option<FootprintOptions>,
}

/// The fields of a struct of trades without the last one, which is no column of the trades. Python
/// adds it because Polars refuses a struct without fields, and we could not report the missing
/// columns.
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

/// The field of [`bars`].
///
/// # Errors
/// A schema that is refused.
pub fn bars_type(inputs: &[Field], kwargs: &Options) -> PolarsResult<Field> {
    let mut fold = Fold::new(kwargs)?;
    fold.bind(fields(inputs)?)?;
    Ok(struct_of(&fold.take()?)?.field().into_owned())
}

/// The bars of a struct of trades, each as a struct.
///
/// # Errors
/// A schema that is refused, or the first bad row.
pub fn bars(inputs: &[Series], kwargs: &Options) -> PolarsResult<Series> {
    let (schema, columns) = trades(inputs)?;
    let mut fold = Fold::new(kwargs)?;
    let bound = fold.bind(&schema)?;
    fold.push(&bound, &schema, inputs[0].len(), |index| Ok(columns[index].clone()))?;
    struct_of(&fold.finish()?)
}

/// The field of [`bar_id`].
///
/// # Errors
/// A schema that is refused.
pub fn bar_id_type(inputs: &[Field], kwargs: &Options) -> PolarsResult<Field> {
    Fold::new(kwargs)?.bind(fields(inputs)?)?;
    Ok(Field::new("bar_id".into(), DataType::Int64))
}

/// The number of the bar that each trade belongs to.
///
/// # Errors
/// A schema that is refused, or the first bad row.
pub fn bar_id(inputs: &[Series], kwargs: &Options) -> PolarsResult<Series> {
    let (schema, columns) = trades(inputs)?;
    bar_id::bar_id(&schema, &columns, kwargs).map(IntoSeries::into_series)
}

/// The field of [`feature`].
///
/// # Errors
/// A schema that is refused.
pub fn feature_type(inputs: &[Field], kwargs: &FeatureKwargs) -> PolarsResult<Field> {
    let columns: Vec<_> = fields(inputs)?
        .iter()
        .map(|field| Series::new_empty(field.name().clone(), field.dtype()))
        .collect();
    compute(fields(inputs)?, &columns, kwargs).map(|series| series.field().into_owned())
}

/// A feature of all these trades.
///
/// # Errors
/// A schema that is refused, or the first bad row.
pub fn feature(inputs: &[Series], kwargs: &FeatureKwargs) -> PolarsResult<Series> {
    let (schema, columns) = trades(inputs)?;
    compute(&schema, &columns, kwargs)
}

fn compute(schema: &[Field], columns: &[Series], kwargs: &FeatureKwargs) -> PolarsResult<Series> {
    if let Some(footprint) = kwargs.footprint {
        return feature::footprint(schema, columns, footprint.footprint()?, &kwargs.columns);
    }
    let unknown = || compute_error(&format!("no feature is called {:?}", kwargs.name));
    feature::feature(schema, columns, output(&kwargs.name).ok_or_else(unknown)?, &kwargs.columns)
}
