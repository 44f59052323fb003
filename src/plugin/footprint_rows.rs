//! The columns of footprints, which grow bar by bar.

use crate::bar::Bar;
use crate::fixed::to_f64;
use crate::footprint::{Footprint, FootprintOutput, Part};
use crate::levels::{Level, Levels, MAX_TICK, Tick};
use crate::plugin::refusal::compute_error;
use polars_arrow::array::{Array, BooleanArray, ListArray};
use polars_arrow::bitmap::{Bitmap, MutableBitmap};
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::offset::OffsetsBuffer;
use polars_core::prelude::{
    BooleanChunked, Float64Chunked, Int64Chunked, IntoSeries, NewChunkedArray, PlSmallStr,
    PolarsResult, Series, StructChunked,
};
use pyo3::FromPyObject;
use serde::Deserialize;

/// How a footprint is made, as Python passes it.
#[derive(Clone, Copy, Debug, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct FootprintOptions {
    /// The height of a level, in units of 1e-8.
    tick: i64,
    value_area: u8,
    imbalance: u32,
}

impl FootprintOptions {
    /// How a footprint is made.
    ///
    /// # Errors
    /// A tick outside its limits.
    pub fn footprint(self) -> PolarsResult<Footprint> {
        let Self { tick, value_area, imbalance } = self;
        let refused = || compute_error(&format!("tick is {tick} units: expected 1 to {MAX_TICK}"));
        let tick = Tick::new(tick).ok_or_else(refused)?;
        Ok(Footprint { tick, value_area, imbalance })
    }
}

/// The fields of a level that are null without sides.
pub const BY_SIDE: [&str; 4] = ["buy_volume", "sell_volume", "buy_imbalance", "sell_imbalance"];

/// The columns of the footprints of some bars.
#[derive(Clone, Debug)]
pub struct FootprintRows {
    footprint: Option<Footprint>,
    columns: Vec<(FootprintOutput, Cells)>,
}

/// The values of a column.
#[derive(Clone, Debug)]
enum Cells {
    Levels(Box<LevelRows>),
    Prices(Vec<Option<f64>>),
    Counts(Vec<Option<i64>>),
}

/// The levels of all bars, one after another.
#[derive(Clone, Debug, Default)]
struct LevelRows {
    /// For each bar, how many levels there are up to its last one.
    ends: Vec<i64>,
    prices: Vec<f64>,
    volumes: Vec<f64>,
    bought: Vec<f64>,
    sold: Vec<f64>,
    trades: Vec<i64>,
    buy_imbalances: MutableBitmap,
    sell_imbalances: MutableBitmap,
    /// Whether a level has sides.
    sides: MutableBitmap,
}

impl FootprintRows {
    /// These columns, without a row.
    pub fn new(
        footprint: Option<Footprint>,
        outputs: impl IntoIterator<Item = FootprintOutput>,
    ) -> Self {
        let empty = |output: FootprintOutput| {
            let cells = match output.part {
                Part::Footprint => Cells::Levels(Box::default()),
                Part::Poc | Part::ValueAreaLow | Part::ValueAreaHigh => Cells::Prices(Vec::new()),
                Part::BuyImbalanceCount | Part::SellImbalanceCount => Cells::Counts(Vec::new()),
            };
            (output, cells)
        };
        Self { footprint, columns: outputs.into_iter().map(empty).collect() }
    }

    /// Add the row of a bar that has levels.
    pub fn push(&mut self, bar: &Bar) {
        let (Some(footprint), Some(levels)) = (self.footprint, &bar.levels) else { return };
        let wants = |wanted: &[Part]| self.columns.iter().any(|(of, _)| wanted.contains(&of.part));
        let area = wants(&[Part::ValueAreaLow, Part::ValueAreaHigh])
            .then(|| footprint.value_area(levels))
            .flatten();
        let flags: Vec<_> =
            if wants(&[Part::Footprint, Part::BuyImbalanceCount, Part::SellImbalanceCount]) {
                footprint.imbalances(levels).collect()
            } else {
                Vec::new()
            };
        let count = |is_there: fn(&(bool, bool)) -> bool| {
            let flagged = flags.iter().filter(|flags| is_there(flags)).count();
            bar.sides.map(|_| i64::try_from(flagged).unwrap_or(i64::MAX))
        };
        let price = |place: usize| levels.number(place).map(|number| footprint.price(number));
        for (output, cells) in &mut self.columns {
            match (output.part, cells) {
                (Part::Poc, Cells::Prices(prices)) => {
                    prices.push(footprint.poc(levels).and_then(price));
                }
                (Part::ValueAreaLow, Cells::Prices(prices)) => {
                    prices.push(area.and_then(|(low, _)| price(low)));
                }
                (Part::ValueAreaHigh, Cells::Prices(prices)) => {
                    prices.push(area.and_then(|(_, high)| price(high)));
                }
                (Part::BuyImbalanceCount, Cells::Counts(counts)) => {
                    counts.push(count(|(buys, _)| *buys));
                }
                (_, Cells::Counts(counts)) => counts.push(count(|(_, sells)| *sells)),
                (_, Cells::Levels(rows)) => {
                    rows.extend(footprint, levels, &flags, bar.sides.is_some());
                }
                (_, Cells::Prices(_)) => unreachable!("made by FootprintRows::new"),
            }
        }
    }

    /// The columns, in order.
    ///
    /// # Errors
    /// Those of Polars.
    pub fn into_columns(self) -> PolarsResult<Vec<Series>> {
        let column = |(output, cells): (FootprintOutput, Cells)| {
            let name = PlSmallStr::from(output.name);
            match cells {
                Cells::Levels(rows) => rows.into_series(name),
                Cells::Prices(prices) => {
                    Ok(Float64Chunked::from_iter_options(name, prices.into_iter()).into_series())
                }
                Cells::Counts(counts) => {
                    Ok(Int64Chunked::from_iter_options(name, counts.into_iter()).into_series())
                }
            }
        };
        self.columns.into_iter().map(column).collect()
    }
}

impl LevelRows {
    fn extend(
        &mut self,
        footprint: Footprint,
        levels: &Levels,
        flags: &[(bool, bool)],
        has_sides: bool,
    ) {
        for ((number, level), (buys, sells)) in levels.iter().zip(flags) {
            let Level { volume, bought, sold, trades } = *level;
            self.prices.push(footprint.price(*number));
            self.volumes.push(to_f64(volume));
            self.bought.push(to_f64(bought));
            self.sold.push(to_f64(sold));
            // They are a part of the trades of the bar, which 64 bits hold.
            self.trades.push(i64::try_from(trades).unwrap_or(i64::MAX));
            self.buy_imbalances.push(*buys);
            self.sell_imbalances.push(*sells);
            self.sides.push(has_sides);
        }
        // A length in memory is below 2^63.
        self.ends.push(i64::try_from(self.prices.len()).unwrap_or(i64::MAX));
    }

    fn into_series(self, name: PlSmallStr) -> PolarsResult<Series> {
        let sides = Bitmap::from(self.sides);
        let sides = (sides.unset_bits() > 0).then_some(sides);
        let height = self.prices.len();
        let float = |name: &str, values: Vec<f64>| {
            Float64Chunked::from_vec_validity(name.into(), values, sides.clone()).into_series()
        };
        let flag = |name: &str, flags: MutableBitmap| {
            let array = BooleanArray::new(ArrowDataType::Boolean, flags.into(), sides.clone());
            BooleanChunked::with_chunk(name.into(), array).into_series()
        };
        let fields = [
            Float64Chunked::from_vec("price".into(), self.prices).into_series(),
            Float64Chunked::from_vec("volume".into(), self.volumes).into_series(),
            float(BY_SIDE[0], self.bought),
            float(BY_SIDE[1], self.sold),
            Int64Chunked::from_vec("individual_trade_count".into(), self.trades).into_series(),
            flag(BY_SIDE[2], self.buy_imbalances),
            flag(BY_SIDE[3], self.sell_imbalances),
        ];
        let levels = StructChunked::from_series(name.clone(), height, fields.iter())?;
        let levels = levels.into_series().rechunk();
        let values: Box<dyn Array> = levels.chunks()[0].clone();
        let ends = [vec![0], self.ends].concat();
        let list = ListArray::<i64>::new(
            ListArray::<i64>::default_datatype(values.dtype().clone()),
            OffsetsBuffer::try_from(ends)?,
            values,
            None,
        );
        Series::try_from((name, list.boxed()))
    }
}
