//! States that no trades lead to, one for each thing that is wrong with them.

use rangebar_polars::bar::{Bar, BySide, Prices, Side, Span};
use rangebar_polars::builder::MaxGap;
use rangebar_polars::check::{Check, Last};
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::error::Error;
use rangebar_polars::lookback::buckets::Filled;
use rangebar_polars::lookback::past::Kept;
use rangebar_polars::lookback::{Back, Length};
use rangebar_polars::period::Period;
use rangebar_polars::reset::Reset;
use rangebar_polars::rule::Memory;
use rangebar_polars::session::{Kind, Session};
use rangebar_polars::trades::{Layout, Role, TimeUnit};

const UNIT: i128 = 100_000_000;

/// Two trades at 100 made a bar; then 2 units were bought at 100 by two trades, 1 was sold at
/// 100.5 by one at the same time, and 3 of an unknown side changed hands at 99.8, 5 ms later.
pub fn state() -> Checkpoint {
    let side = |units: i128, cents: i128, trades| Side {
        volume: units * UNIT,
        turnover: units * UNIT * cents * UNIT / 100,
        trades,
    };
    Checkpoint {
        symbol: Some("BTCUSDT".to_owned()),
        rule: "range-1000".parse().unwrap(),
        memory: Memory::Nothing,
        max_gap: None,
        reset: Some(Reset::Period(Period::Day)),
        include_microstructure: true,
        include_incomplete: false,
        features: Vec::new(),
        footprint: None,
        back: Back::default(),
        filled: Filled::default(),
        before: Vec::new(),
        kept: Kept::default(),
        layout: Some(Layout {
            unit: TimeUnit::Milliseconds,
            zone: None,
            columns: Role::ALL.to_vec(),
        }),
        check: Check::at(5, Some(Last { time: 5, id: Some(9) }), Some(9)),
        session: None,
        open: Some(Bar {
            time: Span { open: 0, close: 5, unit: TimeUnit::Milliseconds },
            price: Prices { open: 100.0, high: 100.5, low: 99.8, close: 99.8 },
            volume: 6 * UNIT,
            turnover: (2 * 10_000 + 10_050 + 3 * 9_980) * UNIT * UNIT / 100,
            sides: Some(BySide { buy: side(2, 10_000, 2), sell: side(1, 10_050, 1) }),
            rows: 3,
            trades: 4,
            rows_with_trade_ids: 2,
            first_agg_trade_id: Some(7),
            last_agg_trade_id: Some(9),
            run: None,
            levels: None,
        }),
    }
}

/// The state with another open bar.
fn with_bar(change: impl FnOnce(&mut Bar)) -> Checkpoint {
    let mut state = state();
    state.open.as_mut().map(change).unwrap();
    state
}

/// The state after a trade that opened a bar.
fn opened(change: impl FnOnce(&mut Bar)) -> Checkpoint {
    let mut state = with_bar(|bar| {
        let Some(sides) = &mut bar.sides else { return };
        sides.sell = Side::default();
        bar.time.open = bar.time.close;
        bar.price = Prices { open: 100.0, high: 100.0, low: 100.0, close: 100.0 };
        (bar.volume, bar.turnover) = (sides.buy.volume, sides.buy.turnover);
        (bar.rows, bar.trades, bar.rows_with_trade_ids) = (1, 2, 1);
        bar.first_agg_trade_id = bar.last_agg_trade_id;
    });
    state.open.as_mut().map(change).unwrap();
    state
}

fn with_check(rows: u64, time: Option<i64>, id: Option<i64>, last: Option<i64>) -> Checkpoint {
    let check = Check::at(rows, time.map(|time| Last { time, id }), last);
    Checkpoint { check, ..state() }
}

fn without(role: Role) -> Checkpoint {
    let mut state = state();
    let layout = state.layout.as_mut().unwrap();
    layout.columns.retain(|other| *other != role);
    state
}

pub fn assert_accepted(state: Checkpoint) {
    assert_eq!(Checkpoint::from_bytes(&state.to_bytes().unwrap()), Ok(state));
}

pub fn assert_refused(what: &str, state: &Checkpoint) {
    let refused = Error::CheckpointDamaged { why: "such a state cannot be" };
    assert_eq!(Checkpoint::from_bytes(&state.to_bytes().unwrap()), Err(refused), "{what}");
}

#[test]
fn a_state_that_trades_lead_to_is_accepted() {
    let whole = with_check(5, Some(5), Some(9), Some(9));
    for state in [state(), opened(|_| ()), Checkpoint { open: None, ..whole }] {
        assert_accepted(state);
    }
}

#[test]
fn an_open_bar_that_contradicts_itself_is_refused() {
    type Change = fn(&mut Bar);
    let changes: [(&str, Change); 27] = [
        ("a price of 0", |bar| bar.price.low = 0.0),
        ("a price that counts as 0", |bar| bar.price.low = 4.9e-9),
        ("a price that is too large", |bar| bar.price.high = 1e300),
        ("no price", |bar| bar.price.high = f64::NAN),
        ("a low above the close", |bar| {
            quantities_of_0(bar);
            bar.price.low = 99.9;
        }),
        ("a high below the open", |bar| {
            quantities_of_0(bar);
            bar.price.high = 99.9;
        }),
        ("a turnover below that of the low", |bar| bar.turnover -= 601 * UNIT * UNIT),
        ("a turnover above that of the high", |bar| bar.turnover += 101 * UNIT * UNIT),
        ("a side's turnover below the low", |bar| side(bar).turnover = 1),
        ("a side's turnover above the high", |bar| side(bar).turnover *= 2),
        ("a rest with another turnover", |bar| bar.turnover += 3 * UNIT * UNIT),
        ("a volume without turnover", |bar| bar.turnover = 0),
        ("a turnover without volume", |bar| bar.volume = 0),
        ("a volume below 0", |bar| bar.volume = -1),
        ("a side's volume below 0", |bar| side(bar).volume = -1),
        ("a side's volume without a trade", |bar| side(bar).trades = 0),
        ("a side with more trades than all", |bar| side(bar).trades = 5),
        ("a side with fewer trades than none", |bar| side(bar).trades = -1),
        ("a volume of more than its trades", |bar| {
            (bar.volume, bar.turnover) = ((3 * UNIT) << 64, (300 * UNIT * UNIT) << 64);
        }),
        ("no side", |bar| bar.sides = None),
        ("no trade", |bar| bar.rows = 0),
        ("more trades than were seen", |bar| bar.rows = 6),
        ("more trades with ids than trades", |bar| bar.rows_with_trade_ids = 4),
        ("fewer trades with ids than none", |bar| bar.rows_with_trade_ids = -1),
        ("fewer individual trades than trades", |bar| {
            quantities_of_0(bar);
            bar.trades = 2;
        }),
        ("several trades a record without ids", |bar| bar.rows_with_trade_ids = 0),
        ("a price between two trades", |bar| {
            (bar.rows, bar.price.low) = (2, 99.5);
        }),
    ];
    for (what, change) in changes {
        assert_refused(what, &with_bar(change));
    }
}

fn quantities_of_0(bar: &mut Bar) {
    (bar.volume, bar.turnover, bar.sides) = (0, 0, Some(BySide::default()));
}

fn side(bar: &mut Bar) -> &mut Side {
    &mut bar.sides.as_mut().unwrap().sell
}

#[test]
fn times_and_ids_that_contradict_one_another_are_refused() {
    type Change = fn(&mut Bar);
    let changes: [(&str, Change); 9] = [
        ("a close before the open", |bar| bar.time.open = 6),
        ("another last time", |bar| bar.time.close = 4),
        ("another day", |bar| bar.time.open = -1),
        ("more time than 64 bits hold", |bar| bar.time.open = i64::MIN),
        ("another last id", |bar| bar.last_agg_trade_id = Some(8)),
        ("an id that stands still", |bar| {
            (bar.time.open, bar.first_agg_trade_id) = (5, Some(9));
        }),
        ("a first id above the last known", |bar| {
            bar.time.open = 5;
            (bar.first_agg_trade_id, bar.last_agg_trade_id) = (Some(10), None);
        }),
        ("a close beyond a limit", |bar| {
            bar.price.close = 101.0;
            bar.price.high = 101.0;
        }),
        ("a close at the lower limit", |bar| {
            (bar.price.close, bar.price.low) = (99.0, 99.0);
        }),
    ];
    for (what, change) in changes {
        assert_refused(what, &with_bar(change));
    }
    let without_reset = Checkpoint { reset: None, ..with_bar(|bar| bar.time.open = i64::MIN) };
    assert_refused("more time than 64 bits hold", &without_reset);
}

#[test]
fn a_bar_of_one_trade_that_has_two_is_refused() {
    type Change = fn(&mut Bar);
    let changes: [(&str, Change); 6] = [
        ("two times", |bar| bar.time.open = 4),
        ("two prices", |bar| (bar.price.open, bar.price.high) = (100.1, 100.1)),
        ("a high", |bar| bar.price.high = 100.1),
        ("two ids", |bar| bar.first_agg_trade_id = Some(8)),
        ("a side with less volume than none", |bar| {
            let sell = Side { volume: -UNIT, turnover: -100 * UNIT * UNIT, trades: 0 };
            bar.sides = Some(BySide { sell, ..BySide::default() });
        }),
        ("two sides", |bar| {
            bar.trades = 3;
            side(bar).trades = 1;
        }),
    ];
    for (what, change) in changes {
        assert_refused(what, &opened(change));
    }
}

#[test]
fn a_price_beyond_a_limit_is_of_the_opening_time_and_needs_the_guard() {
    let beyond = with_bar(|bar| bar.price.high = 102.0);
    let unguarded = Checkpoint { rule: "range-1000-nogate".parse().unwrap(), ..beyond.clone() };

    assert_accepted(beyond);
    assert_refused("a high that would have closed the bar", &unguarded);
}

#[test]
fn a_position_that_contradicts_the_trades_is_refused() {
    let closed = |rows| Checkpoint { open: None, ..with_check(rows, Some(5), None, None) };
    let unused = |state| Checkpoint { layout: None, ..state };
    let nothing = Checkpoint { open: None, ..with_check(0, None, None, None) };
    let idless = |id, last| {
        let check = Check::at(5, Some(Last { time: 5, id }), last);
        Checkpoint { check, open: None, ..without(Role::AggTradeId) }
    };
    let before = |rows, reset| Checkpoint { reset, ..with_check(rows, Some(5), Some(9), Some(9)) };
    for state in
        [nothing.clone(), unused(nothing.clone()), before(4, Some(Reset::Period(Period::Week)))]
    {
        assert_accepted(state);
    }
    for (what, state) in [
        ("a last time without a trade", with_check(0, Some(5), None, None)),
        ("trades without a last time", with_check(5, None, None, None)),
        (
            "an id without a trade",
            Checkpoint { check: Check::at(0, None, Some(1)), ..nothing.clone() },
        ),
        ("too many trades", closed((1 << 62) + 1)),
        ("far too many trades", closed(u64::MAX)),
        ("a bar of one trade", closed(1)),
        ("a bar of one trade before", before(4, None)),
        ("an open bar before the first trade", with_check(0, None, None, None)),
        ("a last id and none of all", with_check(5, Some(5), Some(9), None)),
        ("a last id and another of all", with_check(5, Some(5), Some(9), Some(8))),
        ("no last id after a first one", {
            let mut state = with_bar(|bar| bar.last_agg_trade_id = None);
            state.check = Check::at(5, Some(Last { time: 5, id: None }), None);
            state
        }),
        ("an id of no column", idless(None, Some(9))),
        ("ids of no column", idless(Some(9), Some(9))),
        ("no layout", unused(state())),
        ("no layout after trades", unused(closed(5))),
    ] {
        assert_refused(what, &state);
    }
}

#[test]
fn a_state_before_any_trade_that_has_something_is_refused() {
    type Change = fn(&mut Checkpoint);
    let changes: [(&str, Change); 5] = [
        ("a gap of 0", |state| state.max_gap = Some(MaxGap(0))),
        ("a rule that remembers", |state| state.memory = Memory::Sum(1.0)),
        ("a last value", |state| state.session = Some(Session::Null)),
        ("a feature of all", |state| state.features = vec!["vwap".to_owned()]),
        ("a window without a column", |state| state.back.length = Some(Length::Trades(1))),
    ];
    for layout in [None, state().layout] {
        let before = Checkpoint { layout, open: None, ..with_check(0, None, None, None) };
        assert_accepted(before.clone());
        for (what, change) in changes {
            let mut state = before.clone();
            change(&mut state);
            assert_refused(what, &state);
        }
    }
}

#[test]
fn a_last_value_that_no_column_has_is_refused() {
    let with = |session: Option<Session>| Checkpoint {
        reset: Some(Reset::Column { place: 0 }),
        session,
        ..state()
    };
    for session in [
        Session::Null,
        Session::Number(Kind::Flag, 1),
        Session::Number(Kind::Date, -1),
        Session::Number(Kind::Unsigned, -1),
        Session::Text("x".repeat(128)),
    ] {
        assert_accepted(with(Some(session)));
    }
    let reset = Some("17:00@America/New_York".parse().unwrap());
    for (what, state) in [
        ("no value of a column", with(None)),
        ("a flag of 2", with(Some(Session::Number(Kind::Flag, 2)))),
        ("a date beyond 32 bits", with(Some(Session::Number(Kind::Date, 1 << 31)))),
        ("a text that is a number", with(Some(Session::Number(Kind::Text, 0)))),
        ("a value without a column", Checkpoint { reset: None, ..with(Some(Session::Null)) }),
        ("a value of a day", Checkpoint { reset, ..with(Some(Session::Null)) }),
    ] {
        assert_refused(what, &state);
    }
}

#[test]
fn a_feature_that_bars_have_without_it_is_refused() {
    let named = |names: &[&str], include_microstructure| Checkpoint {
        features: names.iter().map(|name| (*name).to_owned()).collect(),
        include_microstructure,
        ..state()
    };

    assert_accepted(named(&["vwap", "ofi"], false));
    for names in
        [&["ofi", "vwap", "ofi"][..], &["open"], &["lookback_vpin"], &["none"], &["lookback_vwap"]]
    {
        assert_refused(names[0], &named(names, false));
    }
    assert_refused("a feature of all", &named(&["ofi"], true));
}

#[test]
fn a_layout_that_contradicts_the_trades_is_refused() {
    for role in Role::ALL {
        assert_refused(role.name(), &without(role));
    }
}
