//! States of a run that no trades lead to: each contradicts the open bar in one thing.

use crate::impossible::{assert_accepted, assert_refused, state as any_state};
use crate::states::{builder, state_of};
use rangebar_polars::check::Check;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::columns::{Group, OUTPUTS};
use rangebar_polars::footprint::Footprint;
use rangebar_polars::levels::Tick;
use rangebar_polars::rule::{AnyRule, Rule};
use rangebar_polars::run::changes::Changes;
use rangebar_polars::run::deltas::Deltas;
use rangebar_polars::run::directions::Directions;
use rangebar_polars::run::distance::Distance;
use rangebar_polars::run::drawdowns::Drawdowns;
use rangebar_polars::run::flows::Flows;
use rangebar_polars::run::lags::Lags;
use rangebar_polars::run::sizes::Sizes;
use rangebar_polars::run::time_above::TimeAbove;
use rangebar_polars::run::{Edge, Run};
use rangebar_polars::trades::{Bits, Column, Role, Sides, TimeUnit, Trades};
use rangebar_polars::wide::Wide;
use std::slice::from_ref;

const UNIT: i64 = 100_000_000;
/// Prices of twelve trades, of 1 to 12 units, a millisecond apart; every third was sold.
pub const PRICES: [f64; 12] =
    [100.0, 100.5, 100.2, 101.0, 101.1, 100.8, 100.9, 100.6, 99.5, 99.8, 100.1, 100.4];

fn trades_at(prices: &[f64], then: impl FnOnce(Trades<'_>)) {
    let rows = i64::try_from(prices.len()).unwrap();
    let ids: Vec<_> = (0..rows).collect();
    let quantities: Vec<_> = (1..=rows).map(|row| row as f64).collect();
    let sold = [0b0100_1001, 0b1001_0010];
    then(Trades {
        timestamp: Some(Column::new("timestamp", &ids)),
        price: Some(Column::new("price", prices)),
        quantity: Some(Column::new("quantity", &quantities)),
        is_buyer_maker: Some(Sides { sold: Bits::new(&sold, 0, prices.len()), known: None }),
        agg_trade_id: Some(Column::new("agg_trade_id", &ids)),
        first_trade_id: Some(Column::new("first_trade_id", &ids)),
        last_trade_id: Some(Column::new("last_trade_id", &ids)),
        ..Trades::new(prices.len(), TimeUnit::Milliseconds)
    });
}

/// The state after trades at these prices, with a footprint and all statistics.
pub fn state_at(prices: &[f64], has_sides: bool) -> Checkpoint {
    let rule: AnyRule = "tick-100".parse().unwrap();
    let statistics = OUTPUTS.iter().filter(|output| output.group == Group::Intra);
    let mut settings = Checkpoint {
        memory: rule.memory(),
        rule,
        reset: None,
        features: statistics.map(|output| output.name.to_owned()).collect(),
        footprint: Some(Footprint {
            tick: Tick::new(UNIT / 2).unwrap(),
            value_area: 70,
            imbalance: 300,
        }),
        check: Check::default(),
        open: None,
        ..any_state()
    };
    if !has_sides {
        let columns = &mut settings.layout.as_mut().unwrap().columns;
        columns.retain(|role| *role != Role::IsBuyerMaker);
    }
    let mut folded = builder(from_ref(&settings));
    trades_at(prices, |mut trades| {
        trades.is_buyer_maker = trades.is_buyer_maker.filter(|_| has_sides);
        folded.push(&trades, &mut |_, _| ()).unwrap();
    });
    state_of(&folded, &settings)
}

fn run(state: &mut Checkpoint) -> &mut Run {
    state.open.as_mut().unwrap().run.as_mut().unwrap()
}

/// Changes a part of a run.
type Change<Part> = fn(&mut Part);

/// Each change of this part of a run is refused.
fn assert_all_refused<Part>(
    state: &Checkpoint,
    part: fn(&mut Run) -> &mut Part,
    changes: &[(&str, Change<Part>)],
) {
    assert_accepted(state.clone());
    for (what, change) in changes {
        let mut other = state.clone();
        change(part(run(&mut other)));
        assert_refused(what, &other);
    }
}

fn edge_at(prices: &[f64]) -> Edge {
    run(&mut state_at(prices, true)).edge.clone()
}

#[test]
fn an_edge_of_other_prices_is_refused() {
    let state = state_at(&PRICES[..10], true);
    let with = |change: fn(&mut [f64])| {
        let mut prices = PRICES;
        change(&mut prices[..10]);
        let mut changed = state.clone();
        run(&mut changed).edge = edge_at(&prices[..10]);
        changed
    };

    assert_accepted(with(|_| ()));
    assert_refused("another first price", &with(|prices| prices[0] = 100.1));
    assert_refused("another last price", &with(|prices| prices[9] = 100.1));
    assert_refused("a price above the high", &with(|prices| prices[5] = 101.2));
    assert_refused("a price below the low", &with(|prices| prices[5] = 99.4));
    assert_refused("fewer prices", &{
        let mut changed = state.clone();
        run(&mut changed).edge = edge_at(&PRICES[..9]);
        changed
    });
}

#[test]
fn sizes_that_contradict_the_volume_are_refused() {
    // Twelve trades of 1 to 12 units; two of the same size have the least squares.
    let state = state_at(&PRICES, true);
    assert_all_refused::<Sizes>(
        &state,
        |run| run.sizes.as_mut().unwrap(),
        &[
            ("a largest below 0", |sizes| sizes.largest = -1),
            ("a largest above the volume", |sizes| sizes.largest = 79 * UNIT),
            ("a largest below the mean", |sizes| {
                (sizes.largest, sizes.cubes, sizes.fourths) =
                    (6 * UNIT, Wide::default(), Wide::default());
                sizes.squares = wide(78 * 6) * square();
            }),
            ("squares above the largest of all", |sizes| {
                sizes.squares = wide(78 * 12) * square() + wide(1);
            }),
            ("squares below 0", |sizes| sizes.squares = wide(-1)),
            ("squares below those of equal sizes", |sizes| {
                sizes.squares = wide(78 * 78 / 12) * square() - wide(1);
                (sizes.cubes, sizes.fourths) = (Wide::default(), Wide::default());
            }),
            ("cubes above the largest", |sizes| {
                sizes.cubes = sizes.squares * wide(12 * UNIT) + wide(1);
            }),
            ("cubes below 0", |sizes| {
                (sizes.cubes, sizes.fourths) = (wide(-1), Wide::default());
            }),
            ("fourth powers above the largest", |sizes| {
                sizes.fourths = sizes.cubes * wide(12 * UNIT) + wide(1);
            }),
            ("fourth powers below 0", |sizes| sizes.fourths = wide(-1)),
        ],
    );
}

fn wide(number: i64) -> Wide {
    Wide::from(number)
}

/// The square of a unit of quantity.
fn square() -> Wide {
    wide(UNIT) * wide(UNIT)
}

#[test]
fn changes_that_contradict_the_prices_are_refused() {
    // 7 ups and 4 downs.
    let state = state_at(&PRICES, true);
    assert_all_refused::<Changes>(
        &state,
        |run| run.changes.as_mut().unwrap(),
        &[
            ("fewer ups than none", |changes| (changes.ups, changes.downs) = (-1, 4)),
            ("fewer downs than none", |changes| (changes.ups, changes.downs) = (7, -1)),
            ("more changes than trades", |changes| changes.ups = 8),
            ("no first sign", |changes| (changes.first, changes.turns) = (0, 3)),
            ("no last sign", |changes| (changes.last, changes.turns) = (0, 3)),
            ("a first sign of 2", |changes| (changes.first, changes.turns) = (2, 3)),
            ("a sign of no change", |changes| {
                (changes.ups, changes.turns, changes.first, changes.last) = (0, 0, 1, 1);
            }),
            ("a sign down of no change", |changes| {
                (changes.downs, changes.turns, changes.first, changes.last) = (0, 0, -1, -1);
            }),
            ("fewer turns than none", |changes| changes.turns = -2),
            ("more turns than changes down", |changes| changes.turns = 10),
            ("as many turns as changes", |changes| {
                (changes.ups, changes.downs, changes.turns) = (4, 4, 8);
            }),
            ("an odd number of turns", |changes| changes.turns = 3),
        ],
    );
    assert_all_refused::<Distance>(
        &state,
        |run| run.distance.as_mut().unwrap(),
        &[
            ("less distance than changes", |distance| distance.sum = 10),
            ("less distance than from open to close", |distance| {
                distance.sum = i128::from(UNIT) * 4 / 10 - 1;
            }),
            ("more distance than the range", |distance| {
                distance.sum = i128::from(UNIT) * 16 / 10 * 11 + 1;
            }),
        ],
    );
}

#[test]
fn sums_of_products_beyond_the_range_are_refused() {
    let state = state_at(&PRICES, true);
    // The square of the range of 1.6.
    let range = || wide(UNIT / 10 * 16) * wide(UNIT / 10 * 16);
    assert_all_refused(
        &state,
        |run| &mut run.returns.as_mut().unwrap().squares,
        &[
            ("squares of returns below 0", |squares| *squares = wide(-1)),
            ("squares of returns beyond all prices", |squares| {
                *squares = (wide(11) << 230) + wide(1);
            }),
        ],
    );
    let products: fn(&mut Run) -> &mut Wide = |run| &mut run.products.as_mut().unwrap().sum;
    let most = wide(10) * range();
    for (sum, is_possible) in [
        (most, true),
        (most.negated(), true),
        (most + wide(1), false),
        ((most + wide(1)).negated(), false),
    ] {
        let mut changed = state.clone();
        *products(run(&mut changed)) = sum;
        if is_possible { assert_accepted(changed) } else { assert_refused("products", &changed) }
    }
    assert_all_refused::<Lags>(
        &state,
        |run| run.lags.as_mut().unwrap(),
        &[
            ("squares below 0", |lags| lags.squares = wide(-1)),
            ("squares of ten below 0", |lags| {
                (lags.squares_of_ten, lags.sum_of_ten) = (wide(-1), 0);
            }),
            ("squares beyond the range", |lags| {
                lags.squares = wide(11) * wide(16 * UNIT / 10) * wide(16 * UNIT / 10) + wide(1);
            }),
            ("squares of ten beyond the range", |lags| {
                lags.squares_of_ten =
                    wide(2) * wide(16 * UNIT / 10) * wide(16 * UNIT / 10) + wide(1);
            }),
            ("squares below that of the whole change", |lags| lags.squares = wide(1)),
            ("squares of ten below that of their sum", |lags| {
                (lags.squares_of_ten, lags.sum_of_ten) = (wide(1), 2);
            }),
        ],
    );
}

#[test]
fn orders_falls_and_directions_that_contradict_the_bar_are_refused() {
    let state = state_at(&PRICES, true);
    assert_all_refused(
        &state,
        |run| &mut run.orders.as_mut().unwrap().counts,
        &[
            ("an order less often than never", |counts| *counts = [-1, 11, 0, 0, 0, 0]),
            ("fewer orders than trades", |counts| *counts = [9, 0, 0, 0, 0, 0]),
        ],
    );
    assert_all_refused::<Drawdowns>(
        &state,
        |run| run.drawdowns.as_mut().unwrap(),
        &[
            ("another high", |drawdowns| drawdowns.high += 1),
            ("another low", |drawdowns| drawdowns.low -= 1),
            ("a fall below 0", |drawdowns| drawdowns.deepest = -0.0),
            ("a rise below 0", |drawdowns| drawdowns.highest = -0.0),
            ("a fall that is no number", |drawdowns| drawdowns.deepest = f64::NAN),
            ("a fall beyond the range", |drawdowns| drawdowns.deepest = 1.61 / 101.1),
            ("a rise beyond the range", |drawdowns| drawdowns.highest = 1.61 / 99.5),
        ],
    );
    assert_all_refused::<Directions>(
        &state,
        |run| run.directions.as_mut().unwrap(),
        &[
            ("a volume below 0", |directions| {
                (directions.before, directions.up) = (-1, directions.up + directions.before + 1);
            }),
            ("another volume", |directions| directions.up += 1),
            ("a direction of 2", |directions| directions.last = 2),
            ("a direction of -2", |directions| directions.last = -2),
            ("no direction after a change", |directions| directions.last = 0),
        ],
    );
    let mut still = state_at(&[100.0; 12], true);
    assert_accepted(still.clone());
    run(&mut still).directions.as_mut().unwrap().last = 1;
    assert_refused("a direction without a change", &still);
}

#[test]
fn flows_and_times_that_contradict_the_bar_are_refused() {
    let state = state_at(&PRICES, true);
    assert_all_refused::<Flows>(
        &state,
        |run| run.flows.as_mut().unwrap(),
        &[
            ("squares below 0", |flows| flows.squares = wide(-1)),
            ("squares beyond all quantities", |flows| {
                flows.squares = (wide(11) << 126) + wide(1);
            }),
            ("products beyond all quantities", |flows| {
                flows.products = (wide(11) << 126) + wide(1);
            }),
            ("products below all quantities", |flows| {
                flows.products = ((wide(11) << 126) + wide(1)).negated();
            }),
        ],
    );
    assert_all_refused::<Flows>(
        &state_at(&PRICES, false),
        |run| run.flows.as_mut().unwrap(),
        &[
            ("squares without sides", |flows| flows.squares = wide(1)),
            ("products without sides", |flows| flows.products = wide(1)),
            ("a first flow without sides", |flows| flows.first = 1),
        ],
    );
    assert_all_refused::<Deltas>(
        &state,
        |run| run.deltas.as_mut().unwrap(),
        &[
            ("another last delta", |deltas| deltas.last += 1),
            ("a greatest below the last", |deltas| deltas.greatest = deltas.last - 1),
            ("a greatest above what was bought", |deltas| deltas.greatest = 78 * i128::from(UNIT)),
            ("a least above 0", |deltas| deltas.least = 1),
            ("a least below what was sold", |deltas| deltas.least = -78 * i128::from(UNIT)),
        ],
    );
    assert_all_refused(
        &state,
        |run| &mut run.intervals.as_mut().unwrap().squares,
        &[
            ("intervals beyond the time", |squares| *squares = 122),
            ("intervals below equal ones", |squares| *squares = 10),
        ],
    );
    assert_all_refused::<TimeAbove>(
        &state,
        |run| run.time_above.as_mut().unwrap(),
        &[
            ("another first price", |above| above.first += 1),
            ("another last time", |above| above.last += 1),
            ("a last price that is not above", |above| above.is_above = !above.is_above),
            ("more time than there was", |above| above.above = 12),
        ],
    );
    let mut falling = state_at(&[100.0, 99.0, 99.5], true);
    run(&mut falling).time_above.as_mut().unwrap().above = 1;
    assert_refused("a time above the highest price", &falling);
}

#[test]
fn a_run_of_other_statistics_is_refused() {
    let state = state_at(&PRICES, true);
    let mut without = state.clone();
    without.open.as_mut().unwrap().run = None;
    let named = |names: &[&str]| Checkpoint {
        features: names.iter().map(|name| (*name).to_owned()).collect(),
        ..state.clone()
    };

    assert_refused("no run", &without);
    assert_refused("a run that nobody asked for", &named(&[]));
    assert_refused("a run of more", &named(&["intra_burstiness"]));
    without.features = Vec::new();
    assert_accepted(without);
}
