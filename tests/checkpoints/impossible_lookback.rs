//! States of what looks back that no trades lead to, one for each thing that is wrong with them.

use crate::impossible::{assert_accepted, assert_refused, state as any_state};
use crate::states::{builder, state_of};
use rangebar_polars::check::Check;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::columns::Scalar;
use rangebar_polars::lookback::buckets::{Filled, Vpin};
use rangebar_polars::lookback::past::{Kept, Row};
use rangebar_polars::lookback::{Back, Length};
use rangebar_polars::rule::{AnyRule, Rule};
use rangebar_polars::trades::{Bits, Column, Role, Sides, TimeUnit, Trades};
use std::slice::from_ref;

const UNIT: i64 = 100_000_000;
const MILLISECONDS: u64 = 1_000_000;
type Change = fn(&mut Checkpoint);

/// Eight trades of a unit each, a millisecond apart, with bars of five; of the windows these
/// columns are asked for, and VPIN of buckets of three units.
fn state(length: Length, columns: &[Role]) -> Checkpoint {
    let rule: AnyRule = "tick-5".parse().unwrap();
    let mut settings = Checkpoint {
        memory: rule.memory(),
        rule,
        reset: None,
        features: ["lookback_trade_count", "lookback_vwap"].map(str::to_owned).to_vec(),
        back: Back {
            length: Some(length),
            vpin: Some(Vpin { bucket_volume: 3 * UNIT, buckets: 2 }),
        },
        check: Check::default(),
        open: None,
        ..any_state()
    };
    settings.layout.as_mut().unwrap().columns = columns.to_vec();
    let times: Vec<_> = (0..8).collect();
    let prices = [100.0, 100.5, 100.2, 101.0, 101.1, 100.8, 100.9, 100.6];
    let has_sides = columns.contains(&Role::IsBuyerMaker);
    let quantities = [1.0; 8];
    let trades = Trades {
        timestamp: Some(Column::new("timestamp", &times)),
        price: Some(Column::new("price", &prices)),
        quantity: Some(Column::new("quantity", &quantities)),
        is_buyer_maker: has_sides
            .then(|| Sides { sold: Bits::new(&[0b0100_1001], 0, 8), known: None }),
        ..Trades::new(8, TimeUnit::Milliseconds)
    };
    let mut folded = builder(from_ref(&settings));
    folded.push(&trades, &mut |_, _| ()).unwrap();
    state_of(&folded, &settings)
}

const COLUMNS: [Role; 4] = [Role::Timestamp, Role::Price, Role::Quantity, Role::IsBuyerMaker];

fn assert_all_refused(state: &Checkpoint, changes: &[(&str, Change)]) {
    assert_accepted(state.clone());
    for (what, change) in changes {
        let mut other = state.clone();
        change(&mut other);
        assert_refused(what, &other);
    }
}

fn last(state: &mut Checkpoint) -> &mut Row {
    state.kept.rows.last_mut().unwrap()
}

#[test]
fn a_window_that_nobody_can_ask_for_is_refused() {
    let unused = |state: &mut Checkpoint| {
        (state.check, state.open, state.layout) = (Check::default(), None, None);
        (state.kept, state.filled, state.before) = (Kept::default(), Filled::default(), Vec::new());
    };
    let mut before = state(Length::Trades(6), &COLUMNS);
    unused(&mut before);
    assert_all_refused(
        &before,
        &[
            ("a window of no trade", |state| state.back.length = Some(Length::Trades(0))),
            ("a window of no time", |state| state.back.length = Some(Length::Span(0))),
            ("a window of too many trades", |state| {
                state.back.length = Some(Length::Trades(u64::MAX));
            }),
            ("a window without a column", |state| state.features = Vec::new()),
            ("columns without a window", |state| state.back.length = None),
            ("trades before the first one", |state| state.kept.first_time = Some(0)),
            ("an imbalance before the first trade", |state| state.filled.imbalances.push_back(1)),
            ("buckets of no volume", |state| {
                state.back.vpin = Some(Vpin { bucket_volume: 0, buckets: 2 });
            }),
            ("no bucket", |state| {
                state.back.vpin = Some(Vpin { bucket_volume: UNIT, buckets: 0 });
            }),
            ("a value without a bar", |state| state.before.push(None)),
        ],
    );
    before.features = Vec::new();
    (before.back.length, before.back.vpin) = (None, None);
    assert_accepted(before.clone());
    before.kept.first_time = Some(0);
    assert_refused("what is kept for no window", &before);
    assert_all_refused(
        &state(Length::Span(5 * MILLISECONDS), &COLUMNS),
        &[("a window of a part of the unit", |state| {
            state.back.length = Some(Length::Span(5 * MILLISECONDS + 1));
        })],
    );
}

#[test]
fn buckets_that_no_trades_can_fill_are_refused() {
    // Five were bought and three sold: the last two units lie in the third bucket.
    assert_all_refused(
        &state(Length::Trades(6), &COLUMNS),
        &[
            ("less bought than nothing", |state| state.filled.bought = -1),
            ("less sold than nothing", |state| state.filled.sold = -1),
            ("a full bucket of buys", |state| {
                (state.filled.bought, state.filled.sold) = (3 * UNIT, 0);
            }),
            ("a full bucket of sells", |state| {
                (state.filled.bought, state.filled.sold) = (0, 3 * UNIT);
            }),
            ("a full bucket of both", |state| {
                (state.filled.bought, state.filled.sold) = (2 * UNIT, UNIT);
            }),
            ("more buckets than are asked for", |state| {
                state.filled.imbalances.push_back(UNIT);
            }),
            ("an imbalance below 0", |state| state.filled.imbalances[0] = -UNIT),
            ("an imbalance above the volume", |state| state.filled.imbalances[0] = 5 * UNIT),
            ("an imbalance of half a trade's unit", |state| state.filled.imbalances[0] = UNIT + 1),
            ("buckets that nobody asked for", |state| {
                state.back.vpin = None;
                state.before.pop();
            }),
        ],
    );
    assert_all_refused(
        &state(Length::Trades(6), &COLUMNS[..3]),
        &[("buckets without sides", |state| state.filled.bought = 1)],
    );
}

#[test]
fn kept_trades_that_contradict_the_bar_are_refused() {
    let changes: [(&str, Change); 11] = [
        ("a price of 0", |state| state.kept.rows[0].price = 0),
        ("a quantity below 0", |state| state.kept.rows[0].quantity = -1),
        ("another last time", |state| {
            let early = state.kept.rows[4].time;
            last(state).time = early;
        }),
        ("times that go back", |state| state.kept.rows[0].time = 9),
        ("another close", |state| last(state).price += UNIT / 10),
        ("a price above the bar", |state| state.kept.rows[4].price = 200 * UNIT),
        ("a price below the bar", |state| state.kept.rows[4].price = UNIT),
        ("another open", |state| {
            let high = state.kept.rows[4].price;
            state.kept.rows[3].price = high;
        }),
        ("another opening time", |state| {
            let next = state.kept.rows[4].time;
            state.kept.rows[3].time = next;
        }),
        ("more volume than the bar", |state| last(state).quantity += 1),
        ("less volume than the bar", |state| last(state).quantity -= 1),
    ];
    assert_all_refused(&state(Length::Trades(6), &COLUMNS), &changes);
    // The window is shorter than the bar.
    let short = state(Length::Trades(2), &COLUMNS);
    assert_all_refused(
        &short,
        &[
            ("a trade before the bar", |state| state.kept.rows[0].time = 4),
            ("more volume than the bar", |state| last(state).quantity = 9 * UNIT),
            ("another close", |state| last(state).price += UNIT / 10),
        ],
    );
    let mut less = short;
    last(&mut less).quantity -= 1;
    assert_accepted(less);
    let columns = [Role::Timestamp, Role::Price];
    assert_all_refused(
        &state(Length::Trades(6), &columns),
        &[
            ("another quantity than 1", |state| state.kept.rows[0].quantity += 1),
            ("a side of no column", |state| state.kept.rows[0].sold = Some(true)),
        ],
    );
}

#[test]
fn windows_with_other_trades_than_they_need_are_refused() {
    assert_all_refused(
        &state(Length::Trades(6), &COLUMNS),
        &[
            ("a first time of a number", |state| state.kept.first_time = Some(2)),
            ("more trades than the number", |state| {
                let first = state.kept.rows[0];
                state.kept.rows.insert(0, first);
            }),
            ("fewer than the bar has", |state| {
                state.kept.rows.drain(..4);
            }),
            ("more trades than were seen", |state| {
                let first = state.kept.rows[0];
                state.back.length = Some(Length::Trades(9));
                state.kept.rows.splice(0..0, [first; 3]);
                state.before = vec![None; state.before.len()];
            }),
        ],
    );
    // As many as the bar has may be all, where a chain began with it.
    let mut few = state(Length::Trades(6), &COLUMNS);
    few.kept.rows.drain(..3);
    few.before = vec![None; few.before.len()];
    assert_accepted(few);
    assert_all_refused(
        &state(Length::Span(5 * MILLISECONDS), &COLUMNS),
        &[
            ("no first time", |state| state.kept.first_time = None),
            ("no trade", |state| state.kept.rows.clear()),
            ("a first time after the first trade", |state| state.kept.first_time = Some(4)),
            ("a first time before the window", |state| state.kept.first_time = Some(1)),
            ("a trade before the window", |state| {
                let row = Row { time: 2, ..state.kept.rows[0] };
                state.kept.rows.insert(0, row);
            }),
        ],
    );
    // A window that reaches beyond the first trade.
    assert_all_refused(
        &state(Length::Span(50 * MILLISECONDS), &COLUMNS),
        &[
            ("a first time before the first trade", |state| state.kept.first_time = Some(-1)),
            ("a first time after the first trade", |state| state.kept.first_time = Some(1)),
            ("fewer trades than the bar has", |state| {
                state.kept.rows.drain(..6);
                state.kept.first_time = Some(6);
            }),
        ],
    );
}

#[test]
fn values_that_no_window_has_are_refused() {
    // The count, the average price, and VPIN.
    let changes: [(&str, Change); 8] = [
        ("a value less", |state| {
            state.before.pop();
        }),
        ("a value more", |state| state.before.push(None)),
        ("a count of another type", |state| state.before[0] = Some(Scalar::Float(3.0))),
        ("a count below 0", |state| state.before[0] = Some(Scalar::Int(-1))),
        ("a price of another type", |state| state.before[1] = Some(Scalar::Int(3))),
        ("a price that is no number", |state| state.before[1] = Some(Scalar::Float(f64::NAN))),
        ("a share above 1", |state| state.before[2] = Some(Scalar::Float(1.1))),
        ("a share of -0", |state| state.before[2] = Some(Scalar::Float(-0.0))),
    ];
    assert_all_refused(&state(Length::Span(5 * MILLISECONDS), &COLUMNS), &changes);
    assert_all_refused(&state(Length::Trades(3), &COLUMNS), &changes);
    assert_all_refused(
        &state(Length::Trades(3), &COLUMNS),
        &[
            ("more trades than the number", |state| state.before[0] = Some(Scalar::Int(4))),
            ("fewer trades than the number", |state| state.before[0] = Some(Scalar::Int(2))),
        ],
    );
    assert_all_refused(
        &state(Length::Span(5 * MILLISECONDS), &COLUMNS),
        &[("more trades than there were", |state| state.before[0] = Some(Scalar::Int(6)))],
    );
    assert_all_refused(
        &state(Length::Trades(6), &COLUMNS),
        &[("a value of a window that is not full", |state| {
            state.before[1] = Some(Scalar::Float(100.0));
        })],
    );
}
