//! States that no trades need have led to.

use crate::drawn::{LOWEST, RULES};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rangebar_polars::bar::{BySide, Side};
use rangebar_polars::builder::MaxGap;
use rangebar_polars::check::{Check, Last};
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::columns::Scalar;
use rangebar_polars::fixed::{LIMIT, SCALE};
use rangebar_polars::lookback::Length;
use rangebar_polars::lookback::buckets::Vpin;
use rangebar_polars::period::Period;
use rangebar_polars::reset::Reset;
use rangebar_polars::rule::flow::Last as LastOfRule;
use rangebar_polars::rule::{AnyRule, Memory, Rule};
use rangebar_polars::run::{Edge, Run};
use rangebar_polars::session::{Kind, Session};
use rangebar_polars::trades::Role;
use rangebar_polars::wide::Wide;

/// Change one thing in a state, anywhere in its type.
pub fn mutate(state: &mut Checkpoint, draw: &mut Draw) {
    let number = draw.number();
    let Some(bar) = &mut state.open else { return mutate_position(state, draw) };
    match draw.below(38) {
        0..6 => mutate_position(state, draw),
        6 => bar.time.open = draw.near(bar.time.open),
        7 => bar.time.close = draw.near(bar.time.close),
        8 => bar.price.open = draw.price(bar.price.open),
        9 => bar.price.high = draw.price(bar.price.high),
        10 => bar.price.low = draw.price(bar.price.low),
        11 => bar.price.close = draw.price(bar.price.close),
        12 => {
            let price = draw.price(bar.price.open);
            (bar.price.open, bar.price.high, bar.price.low, bar.price.close) =
                (price, price, price, price);
        }
        13 | 14 => bar.volume = draw.wide(bar.volume),
        15 | 16 => bar.turnover = draw.wide(bar.turnover),
        17 => bar.sides = draw.flip().then(BySide::default),
        18..21 => {
            let own = bar.sides.unwrap_or_default();
            let sides = bar.sides.insert(own);
            let side = if draw.flip() { &mut sides.buy } else { &mut sides.sell };
            *side = Side {
                volume: draw.wide(side.volume),
                turnover: draw.wide(side.turnover),
                trades: draw.near(side.trades),
            };
        }
        21 => bar.rows = draw.near(bar.rows),
        22 => bar.trades = draw.near(bar.trades),
        23 => bar.rows_with_trade_ids = draw.near(bar.rows_with_trade_ids),
        24 => bar.first_agg_trade_id = draw.flip().then_some(number),
        25 => bar.last_agg_trade_id = draw.flip().then_some(number),
        26 => {
            bar.rows = draw.near(bar.rows);
            bar.trades = bar.rows;
        }
        34..38 => mutate_lookback(state, draw),
        27..34 => {
            if let Some(run) = &mut bar.run {
                mutate_run(run, draw);
            } else {
                state.open = None;
            }
        }
        _ => state.open = None,
    }
}

/// Change something of what came before the open bar or the next one.
fn mutate_lookback(state: &mut Checkpoint, draw: &mut Draw) {
    let rows = &mut state.kept.rows;
    let place = draw.below(rows.len().max(1));
    match (draw.below(12), rows.get_mut(place)) {
        (0, Some(row)) => row.time = draw.near(row.time),
        (1, Some(row)) => row.price = draw.near(row.price),
        (2, Some(row)) => row.quantity = draw.near(row.quantity),
        (3, Some(row)) => row.sold = draw.flip().then(|| draw.flip()),
        (4, Some(row)) => {
            let row = *row;
            rows.insert(place, row);
        }
        (5, _) => {
            rows.pop();
        }
        (6, _) => state.kept.first_time = draw.flip().then(|| draw.near(0)),
        (7, _) => {
            let lengths = [Length::Trades(5), Length::Span(1_000_000), Length::Trades(0)];
            state.back.length = Some(lengths[draw.below(lengths.len())]);
        }
        (8, _) => state.filled.bought = draw.near(state.filled.bought),
        (9, _) => state.filled.imbalances.push_back(draw.near(1)),
        (10, _) => {
            let vpin = Vpin { bucket_volume: draw.near(1), buckets: 2 };
            state.back.vpin = draw.flip().then_some(vpin);
        }
        _ => {
            let values =
                [None, Some(Scalar::Int(draw.near(0))), Some(Scalar::Float(draw.price(1.0)))];
            let place = draw.below(state.before.len().max(1));
            if let Some(value) = state.before.get_mut(place) {
                *value = values[draw.below(values.len())];
            }
        }
    }
}

/// Change something in the state of the bar's run.
fn mutate_run(run: &mut Run, draw: &mut Draw) {
    let (near, sum) = (draw.near(1), draw.wide(1));
    match draw.below(13) {
        0 => run.lags = None,
        1 => run.edge = Edge::default(),
        2 => {
            if let Some(sizes) = &mut run.sizes {
                let sums = &mut [&mut sizes.squares, &mut sizes.cubes, &mut sizes.fourths];
                mutate_one(sums, draw);
                sizes.largest = if draw.flip() { near } else { sizes.largest };
            }
        }
        3 => {
            if let Some(changes) = &mut run.changes {
                match draw.below(3) {
                    0 => changes.ups = draw.near(changes.ups),
                    1 => changes.turns = draw.near(changes.turns),
                    _ => changes.last = draw.one(&any::<i8>()),
                }
            }
        }
        4 => {
            if let Some(returns) = &mut run.returns {
                mutate_one(&mut [&mut returns.squares], draw);
            }
        }
        5 => {
            if let Some(products) = &mut run.products {
                mutate_one(&mut [&mut products.sum], draw);
            }
        }
        6 => {
            if let Some(lags) = &mut run.lags {
                mutate_one(&mut [&mut lags.squares, &mut lags.squares_of_ten], draw);
                lags.sum_of_ten = if draw.flip() { sum } else { lags.sum_of_ten };
            }
        }
        7 => {
            if let Some(distance) = &mut run.distance {
                distance.sum = draw.wide(distance.sum);
            }
        }
        _ => mutate_order(run, draw),
    }
}

/// Change something that depends on the order of trades.
fn mutate_order(run: &mut Run, draw: &mut Draw) {
    let (near, sum) = (draw.near(1), draw.wide(1));
    match draw.below(5) {
        0 => {
            if let Some(orders) = &mut run.orders {
                let count = &mut orders.counts[draw.below(6)];
                *count = draw.near(*count);
            }
        }
        1 => {
            if let Some(drawdowns) = &mut run.drawdowns {
                drawdowns.deepest = draw.price(drawdowns.deepest);
                drawdowns.high = if draw.flip() { near } else { drawdowns.high };
            }
        }
        2 => {
            if let Some(directions) = &mut run.directions {
                directions.up = draw.wide(directions.up);
                directions.last = if draw.flip() { 1 } else { directions.last };
            }
        }
        3 => {
            if let Some(deltas) = &mut run.deltas {
                deltas.greatest = draw.wide(deltas.greatest);
                deltas.least = if draw.flip() { sum } else { deltas.least };
            }
        }
        _ => {
            if let Some(above) = &mut run.time_above {
                above.above = draw.near(above.above.cast_signed()).cast_unsigned();
            }
        }
    }
}

/// Change one of some sums.
fn mutate_one(sums: &mut [&mut Wide], draw: &mut Draw) {
    let sum = &mut *sums[draw.below(sums.len())];
    let shift = u32::try_from(draw.below(400)).unwrap();
    let all = [
        *sum + Wide::from(draw.near(0)),
        sum.negated(),
        *sum << shift,
        Wide::from(draw.near(0)) << shift,
    ];
    *sum = all[draw.below(all.len())];
}

/// Change something that the rule remembers.
fn mutate_memory(memory: &mut Memory, draw: &mut Draw) {
    match memory {
        Memory::Nothing => *memory = Memory::Sum(draw.price(1.0)),
        Memory::Prices { low, high } => {
            let price = if draw.flip() { low } else { high };
            *price = draw.price(*price);
        }
        Memory::Sides { buys, sells, last } => mutate_sides(buys, sells, last, draw),
        Memory::Expectations { buys, sells, last, decayed, expected, limit, seen } => {
            match draw.below(5) {
                0 => mutate_sides(buys, sells, last, draw),
                1 => {
                    let sum = &mut decayed[draw.below(3)];
                    *sum = draw.price(*sum);
                }
                2 => *expected = draw.price(*expected),
                3 => *limit = draw.flip().then(|| draw.price(limit.unwrap_or(1.0))),
                _ => *seen = draw.near(seen.cast_signed()).cast_unsigned(),
            }
        }
        Memory::Sum(sum) => *sum = draw.price(*sum),
    }
}

fn mutate_sides(buys: &mut i128, sells: &mut i128, last: &mut Option<LastOfRule>, draw: &mut Draw) {
    match draw.below(3) {
        0 => *buys = draw.wide(*buys),
        1 => *sells = draw.wide(*sells),
        _ => {
            let price = draw.near(last.map_or(1, |last| last.price));
            let sold = draw.flip().then(|| draw.flip());
            *last = draw.flip().then_some(LastOfRule { price, sold });
        }
    }
}

/// Change something that is not the open bar.
fn mutate_position(state: &mut Checkpoint, draw: &mut Draw) {
    let (rows, last, last_id) = (state.check.rows(), state.check.last(), state.check.last_id());
    let time = last.map_or(0, |last| last.time);
    let shift = draw.near(0);
    match draw.below(18) {
        0 => state.symbol = Some("x".repeat(draw.below(140))),
        1 => state.max_gap = draw.one(&option::of(any::<u64>().prop_map(MaxGap))),
        2 => {
            let rule: AnyRule = draw.one(&select(RULES.to_vec())).parse().unwrap();
            if draw.flip() {
                state.memory = rule.memory();
            }
            state.rule = rule;
        }
        16 => state.reset = draw.flip().then_some(Reset::Column { place: 0 }),
        17 => {
            let sessions = [
                Session::Null,
                Session::Number(Kind::Flag, draw.near(0)),
                Session::Number(Kind::Date, draw.near(0)),
                Session::Number(Kind::Text, 0),
                Session::Text("x".repeat(draw.below(140))),
            ];
            state.session = draw.flip().then(|| sessions[draw.below(sessions.len())].clone());
        }
        12..16 => mutate_memory(&mut state.memory, draw),
        3 => state.reset = draw.flip().then_some(Reset::Period(Period::Day)),
        4 => state.layout = None,
        5 => {
            if let Some(layout) = &mut state.layout {
                let role = Role::ALL[draw.below(Role::ALL.len())];
                layout.columns.retain(|other| *other != role);
            }
        }
        7 => state.check = Check::at(rows, None, last_id),
        8 => state.check = Check::at(rows, last, draw.flip().then(|| draw.near(0))),
        9 => {
            let id = draw.flip().then(|| draw.near(0));
            state.check = Check::at(rows, Some(Last { time: draw.near(time), id }), id);
        }
        10 => {
            let id = last.and_then(|last| last.id);
            let moved = |time: i64| time.wrapping_add(shift);
            state.check = Check::at(rows, Some(Last { time: moved(time), id }), last_id);
            if let Some(bar) = &mut state.open {
                (bar.time.open, bar.time.close) = (moved(bar.time.open), moved(bar.time.close));
            }
        }
        _ => state.check = Check::at(draw.near(rows.cast_signed()).cast_unsigned(), last, last_id),
    }
}

/// Draws numbers: small ones, limits, neighbours of a value.
pub struct Draw(pub TestRunner);

impl Draw {
    pub fn one<T>(&mut self, of: &impl Strategy<Value = T>) -> T {
        of.new_tree(&mut self.0).unwrap().current()
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.one(&(0..end))
    }

    fn flip(&mut self) -> bool {
        self.one(&any::<bool>())
    }

    fn number(&mut self) -> i64 {
        self.one(&select(vec![i64::MIN, -1, 0, 1, 2, 7, 1 << 40, 1 << 61, i64::MAX - 1, i64::MAX]))
    }

    fn near(&mut self, value: i64) -> i64 {
        let (number, small) = (self.number(), self.one(&(-3..4_i64)));
        let any = self.one(&any::<i64>());
        let all = [number, any, value.wrapping_add(small), value.wrapping_mul(2), value / 2];
        all[self.below(all.len())]
    }

    fn wide(&mut self, value: i128) -> i128 {
        let near = i128::from(self.near(0));
        let all = [
            near,
            value.wrapping_add(near.signum()),
            value.wrapping_mul(2),
            value / 2,
            i128::MAX,
            i128::MIN,
            value.wrapping_neg(),
            near << 60,
        ];
        all[self.below(all.len())]
    }

    fn price(&mut self, price: f64) -> f64 {
        let any = f64::from_bits(self.near(0).cast_unsigned());
        let all = [
            any,
            price.next_up(),
            price.next_down(),
            price * 1.000_5,
            price * 0.999_5,
            -price,
            0.0,
            4.9e-9,
            LOWEST,
            1e300,
            LIMIT / SCALE,
            f64::NAN,
            f64::INFINITY,
        ];
        all[self.below(all.len())]
    }
}
