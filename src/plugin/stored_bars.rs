//! Bars in the form of stores, and the columns that are computed from them when they are read.

use crate::bar::{Bar, BySide, Prices, Span};
use crate::columns::{Compute, OUTPUTS, Output, Table, output};
use crate::plugin::bar_rows::{column, exact_dtype};
use crate::plugin::refusal::compute_error;
use polars_core::prelude::{DataFrame, DataType, PolarsResult, Series, TimeUnit, TimeZone};
use std::collections::HashMap;

/// How many bars are read together, so that they fit a cache.
const SLICE: usize = 1024;

/// How a value of a stored column becomes part of a bar.
enum Setter {
    Int(fn(&mut Bar, i64)),
    Float(fn(&mut Bar, f64)),
    Exact(fn(&mut Bar, i128)),
}

/// The setter of a stored output; `None` for any other.
#[rustfmt::skip]
fn setter(name: &str) -> Option<Setter> {
    Some(match name {
        "open_time" => Setter::Int(|bar, time| bar.time.open = time),
        "close_time" => Setter::Int(|bar, time| bar.time.close = time),
        "open" => Setter::Float(|bar, price| bar.price.open = price),
        "high" => Setter::Float(|bar, price| bar.price.high = price),
        "low" => Setter::Float(|bar, price| bar.price.low = price),
        "close" => Setter::Float(|bar, price| bar.price.close = price),
        "volume" => Setter::Exact(|bar, sum| bar.volume = sum),
        "turnover" => Setter::Exact(|bar, sum| bar.turnover = sum),
        "buy_volume" => Setter::Exact(|bar, sum| sides(bar).buy.volume = sum),
        "sell_volume" => Setter::Exact(|bar, sum| sides(bar).sell.volume = sum),
        "buy_turnover" => Setter::Exact(|bar, sum| sides(bar).buy.turnover = sum),
        "sell_turnover" => Setter::Exact(|bar, sum| sides(bar).sell.turnover = sum),
        "individual_trade_count" => Setter::Int(|bar, count| bar.trades = count),
        "agg_record_count" => Setter::Int(|bar, count| bar.rows = count),
        "buy_trade_count" => Setter::Int(|bar, count| sides(bar).buy.trades = count),
        "sell_trade_count" => Setter::Int(|bar, count| sides(bar).sell.trades = count),
        "first_agg_trade_id" => Setter::Int(|bar, id| bar.first_agg_trade_id = Some(id)),
        "last_agg_trade_id" => Setter::Int(|bar, id| bar.last_agg_trade_id = Some(id)),
        "record_count_with_trade_ids" => Setter::Int(|bar, count| bar.rows_with_trade_ids = count),
        _ => return None,
    })
}

fn sides(bar: &mut Bar) -> &mut BySide {
    bar.sides.get_or_insert_default()
}

/// The columns of bars with these names, in this order, from bars in the form of stores. A column
/// that is not an output is returned unchanged.
///
/// # Errors
/// A stored column that is absent or has another dtype.
pub fn derive(stored: &DataFrame, names: &[String]) -> PolarsResult<DataFrame> {
    let outputs = names.iter().filter_map(|name| output(name)).filter(|output| is_computed(output));
    let outputs: Vec<_> = outputs.collect();
    let mut table = Table::new(outputs.iter().copied());
    for start in (0..stored.height()).step_by(SLICE) {
        let rows = stored.slice(start.try_into().unwrap_or(i64::MAX), SLICE);
        bars(&rows, &outputs)?.into_iter().for_each(|bar| table.push(bar, &[]));
    }
    let mut computed = HashMap::new();
    for (output, values) in table.take() {
        computed.insert(output.name, column(output, values, &time_dtype())?);
    }
    let pick = |name: &String| match computed.remove(name.as_str()) {
        Some(series) => Ok(series.into()),
        None => stored.column(name).cloned(),
    };
    let columns = names.iter().map(pick).collect::<PolarsResult<Vec<_>>>()?;
    DataFrame::new(stored.height(), columns)
}

/// Whether an output has another column in frames than in stores, or is computed from stored ones.
fn is_computed(output: &Output) -> bool {
    let is_exact = matches!(output.compute, Compute::Volume(_) | Compute::Turnover(_));
    is_exact || !(output.is_stored() || output.needs_trades())
}

/// The dtype of stored times.
fn time_dtype() -> DataType {
    DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
}

/// The bars, with the values that these outputs need.
fn bars(stored: &DataFrame, outputs: &[&'static Output]) -> PolarsResult<Vec<Bar>> {
    let height = if outputs.is_empty() { 0 } else { stored.height() };
    let mut bars = vec![UNKNOWN; height];
    for sum in OUTPUTS.iter().filter(|sum| outputs.iter().any(|output| output.needs_stored(sum))) {
        let series = stored.column(sum.name)?.as_materialized_series();
        match setter(sum.name) {
            Some(Setter::Int(set)) => {
                let times = matches!(sum.compute, Compute::Time(_)).then(time_dtype);
                let dtype = times.unwrap_or(DataType::Int64);
                let values = with_dtype(series, &dtype)?.to_physical_repr();
                fill(&mut bars, values.i64()?.iter(), set);
            }
            Some(Setter::Float(set)) => fill(&mut bars, series.f64()?.iter(), set),
            Some(Setter::Exact(set)) => {
                let dtype = exact_dtype(sum);
                fill(&mut bars, with_dtype(series, &dtype)?.decimal()?.physical().iter(), set);
            }
            None => return Err(compute_error(&format!("column {:?} is not stored", sum.name))),
        }
    }
    Ok(bars)
}

fn with_dtype<'a>(series: &'a Series, dtype: &DataType) -> PolarsResult<&'a Series> {
    let (name, got) = (series.name().as_str(), series.dtype());
    let unlike = || compute_error(&format!("column {name:?} is {got}: expected {dtype}"));
    if got == dtype { Ok(series) } else { Err(unlike()) }
}

fn fill<T>(bars: &mut [Bar], values: impl Iterator<Item = Option<T>>, set: fn(&mut Bar, T)) {
    for (bar, value) in bars.iter_mut().zip(values) {
        if let Some(value) = value {
            set(bar, value);
        }
    }
}

/// A bar without values.
const UNKNOWN: Bar = Bar {
    time: Span { open: 0, close: 0, unit: crate::trades::TimeUnit::Microseconds },
    price: Prices { open: 0.0, high: 0.0, low: 0.0, close: 0.0 },
    volume: 0,
    turnover: 0,
    sides: None,
    rows: 0,
    trades: 0,
    rows_with_trade_ids: 0,
    first_agg_trade_id: None,
    last_agg_trade_id: None,
    run: None,
    levels: None,
};
