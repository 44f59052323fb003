//! Can trades lead to this state of a run?
//!
//! Each function here is a conclusion from the prices, quantities and times that are admitted and
//! from the sums of the open bar: bounds within which no statistic is NaN and no sum overflows. None
//! refuses a state that trades can lead to.

use crate::bar::Bar;
use crate::fixed::to_fixed;
use crate::needs::Needs;
use crate::run::Run;
use crate::run::changes::Changes;
use crate::run::deltas::Deltas;
use crate::run::directions::Directions;
use crate::run::distance::Distance;
use crate::run::drawdowns::Drawdowns;
use crate::run::flows::Flows;
use crate::run::intervals::Intervals;
use crate::run::lags::Lags;
use crate::run::orders::Orders;
use crate::run::products::Products;
use crate::run::returns::Returns;
use crate::run::sizes::Sizes;
use crate::run::time_above::TimeAbove;
use crate::wide::Wide;

/// Whether an open bar has what these needs demand of its run, and trades can lead to it.
pub(super) fn has_run(bar: &Bar, needs: Needs) -> bool {
    let Some(run) = bar.run.as_deref() else { return needs.of_run() == Needs::NOTHING };
    let run_of = Of::new(bar);
    run.needs() != Needs::NOTHING
        && run.needs() == needs.of_run()
        && run_of.has_edge(run)
        && run.sizes.as_ref().is_none_or(|sizes| run_of.has_sizes(sizes))
        && run.changes.as_ref().is_none_or(|changes| run_of.has_changes(changes))
        && run.distance.as_ref().is_none_or(|distance| run_of.has_distance(distance, run))
        && run.returns.as_ref().is_none_or(|returns| run_of.has_returns(returns))
        && run.products.as_ref().is_none_or(|products| run_of.has_products(products))
        && run.lags.as_ref().is_none_or(|lags| run_of.has_lags(lags))
        && run.orders.as_ref().is_none_or(|orders| run_of.has_orders(orders))
        && run.drawdowns.as_ref().is_none_or(|drawdowns| run_of.has_drawdowns(drawdowns))
        && run.directions.as_ref().is_none_or(|directions| run_of.has_directions(directions))
        && run.flows.as_ref().is_none_or(|flows| run_of.has_flows(flows))
        && run.deltas.as_ref().is_none_or(|deltas| run_of.has_deltas(deltas))
        && run.intervals.as_ref().is_none_or(|intervals| run_of.has_intervals(intervals))
        && run.time_above.as_ref().is_none_or(|above| run_of.has_time_above(above))
}

/// What the open bar says of its run; prices at scale 1e8.
struct Of<'a> {
    bar: &'a Bar,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    elapsed: u64,
}

impl<'a> Of<'a> {
    fn new(bar: &'a Bar) -> Self {
        let prices = bar.price;
        let [open, high, low, close] =
            [prices.open, prices.high, prices.low, prices.close].map(to_fixed);
        let elapsed = bar.time.close.wrapping_sub(bar.time.open).cast_unsigned();
        Self { bar, open, high, low, close, elapsed }
    }

    /// The number of terms that reach so many rows back.
    fn terms(&self, rows: i64) -> i64 {
        (self.bar.rows - rows).max(0)
    }

    fn range(&self) -> i64 {
        self.high - self.low
    }

    /// The square of the range, for each term that reaches so many rows back.
    fn squared_ranges(&self, rows: i64) -> Wide {
        let range = Wide::from(self.range());
        Wide::from(self.terms(rows)) * range * range
    }

    fn has_edge(&self, run: &Run) -> bool {
        // An edge that is of no run may count more prices than it has.
        if !run.edge.is_of(self.bar.rows) {
            return false;
        }
        let (first, last) = (run.edge.first(), run.edge.last());
        first.first() == Some(&self.open)
            && last.last() == Some(&self.close)
            && first.iter().chain(last).all(|price| (self.low..=self.high).contains(price))
    }

    fn has_sizes(&self, sizes: &Sizes) -> bool {
        let volume = Wide::from(self.bar.volume);
        let (rows, largest) = (Wide::from(self.bar.rows), Wide::from(sizes.largest));
        let zero = Wide::default();
        let is_power = |power: Wide, below: Wide| zero <= power && power <= largest * below;
        zero <= largest
            && largest <= volume
            && volume <= largest * rows
            && is_power(sizes.squares, volume)
            && is_power(sizes.cubes, sizes.squares)
            && is_power(sizes.fourths, sizes.cubes)
            && volume * volume <= rows * sizes.squares
    }

    fn has_changes(&self, changes: &Changes) -> bool {
        let Changes { ups, downs, turns, first, last } = *changes;
        if ups < 0 || downs < 0 || self.terms(1) - ups < downs {
            return false;
        }
        let moves = ups + downs;
        let is_sign = |sign: i8| match sign {
            0 => moves == 0,
            1 => ups > 0,
            -1 => downs > 0,
            _ => false,
        };
        is_sign(first)
            && is_sign(last)
            && (0..=2 * ups.min(downs)).contains(&turns)
            && turns < moves.max(1)
            && (first == last) == (turns % 2 == 0)
    }

    /// Whether so many changes as are known to be none of 0, or all, can be so far together.
    fn has_distance(&self, distance: &Distance, run: &Run) -> bool {
        let changes = run.changes.as_ref().map(|changes| changes.ups + changes.downs);
        let change = (i128::from(self.close) - i128::from(self.open)).abs();
        let least = change.max(changes.unwrap_or(0).into());
        let most = i128::from(changes.unwrap_or(self.terms(1))) * i128::from(self.range());
        (least..=most).contains(&distance.sum)
    }

    fn has_returns(&self, returns: &Returns) -> bool {
        // No return is above that from the lowest to the highest price of all.
        const MOST_BITS: u32 = 2 * (63 + 52);
        let most = Wide::from(self.terms(1)) << MOST_BITS;
        !returns.squares.is_negative() && returns.squares <= most
    }

    fn has_products(&self, products: &Products) -> bool {
        let most = self.squared_ranges(2);
        products.sum <= most && products.sum.negated() <= most
    }

    fn has_lags(&self, lags: &Lags) -> bool {
        let total = Wide::from(self.close - self.open);
        let of_ten = Wide::from(lags.sum_of_ten);
        !lags.squares.is_negative()
            && !lags.squares_of_ten.is_negative()
            && lags.squares <= self.squared_ranges(1)
            && lags.squares_of_ten <= self.squared_ranges(10)
            && total * total <= Wide::from(self.terms(1)) * lags.squares
            && of_ten * of_ten <= Wide::from(self.terms(10)) * lags.squares_of_ten
    }

    fn has_orders(&self, orders: &Orders) -> bool {
        let counts = orders.counts.iter().map(|count| i128::from(*count));
        orders.counts.iter().all(|count| *count >= 0)
            && counts.sum::<i128>() == i128::from(self.terms(2))
    }

    #[allow(clippy::cast_precision_loss)]
    fn has_drawdowns(&self, drawdowns: &Drawdowns) -> bool {
        let ratio = |price: i64| self.range() as f64 / price as f64;
        let is_within = |value: f64, most: f64| value.is_sign_positive() && value <= most;
        (drawdowns.high, drawdowns.low) == (self.high, self.low)
            && is_within(drawdowns.deepest, ratio(self.high))
            && is_within(drawdowns.highest, ratio(self.low))
    }

    fn has_directions(&self, directions: &Directions) -> bool {
        let Directions { before, up, down, last } = *directions;
        let sum = before.checked_add(up).and_then(|sum| sum.checked_add(down));
        [before, up, down].into_iter().all(|volume| volume >= 0)
            && sum == Some(self.bar.volume)
            && (-1..=1).contains(&last)
            && (last != 0 || (up, down) == (0, 0))
            && (last == 0 || self.range() > 0)
    }

    fn has_flows(&self, flows: &Flows) -> bool {
        let most = Wide::from(self.terms(1)) << (2 * 63);
        !flows.squares.is_negative()
            && flows.squares <= most
            && flows.products <= most
            && flows.products.negated() <= most
            && (self.bar.sides.is_some()
                || (flows.squares.is_zero() && flows.products.is_zero() && flows.first == 0))
    }

    fn has_deltas(&self, deltas: &Deltas) -> bool {
        let sides = self.bar.sides.unwrap_or_default();
        let (bought, sold) = (sides.buy.volume, sides.sell.volume);
        deltas.last == bought - sold
            && (deltas.last.max(0)..=bought).contains(&deltas.greatest)
            && (-sold..=deltas.last.min(0)).contains(&deltas.least)
    }

    fn has_intervals(&self, intervals: &Intervals) -> bool {
        let square = u128::from(self.elapsed) * u128::from(self.elapsed);
        let squares = Wide::from(intervals.squares);
        intervals.squares <= square && Wide::from(square) <= Wide::from(self.terms(1)) * squares
    }

    fn has_time_above(&self, above: &TimeAbove) -> bool {
        above.first == self.open
            && above.last == self.bar.time.close
            && above.is_above == (self.close > self.open)
            && above.above <= self.elapsed
            && (above.above == 0 || self.high > self.open)
    }
}
