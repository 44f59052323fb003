use super::*;
use crate::trades::{Column, TimeUnit};
use proptest::prelude::*;

/// Times and prices of the ten trades of the specification; two bars close, with rows 3 and 8.
const TIMES: [i64; 10] = [0, 1000, 1500, 3000, 3000, 4000, 4500, 6000, 8000, 9000];
const PRICES: [f64; 10] = [100.0, 100.5, 100.2, 101.0, 101.1, 100.8, 100.9, 100.6, 100.0, 100.3];
const ENDS: [usize; 2] = [3, 8];

/// The touch, the time and the return of an event.
type Result = Option<(Touch, i64, f64)>;

fn barriers(take_profit: i64, stop_loss: i64) -> Barriers {
    let fraction = |bps| (bps > 0).then(|| Threshold::new(bps).unwrap());
    Barriers { take_profit: fraction(take_profit), stop_loss: fraction(stop_loss) }
}

fn trades<'a>(times: &'a [i64], prices: &'a [f64]) -> Trades<'a> {
    Trades {
        timestamp: Some(Column::new("timestamp", times)),
        price: Some(Column::new("price", prices)),
        ..Trades::new(times.len(), TimeUnit::Milliseconds)
    }
}

fn results(labeller: &mut Labeller, is_end: bool) -> Vec<(u64, Vec<Result>)> {
    let mut all = Vec::new();
    while let Some((event, outcomes)) = labeller.take(is_end) {
        let of = |outcome: Outcome| (outcome.touch, outcome.time, outcome.ret);
        all.push((event.number, outcomes.map(|outcome| outcome.map(of)).collect()));
    }
    all
}

fn events(rows: &[usize], barriers: Barriers) -> Vec<Event> {
    let event = |(number, row): (u64, &usize)| Event { row: *row, number, chain: 0, barriers };
    (0..).zip(rows).map(event).collect()
}

/// The results of the two bars of the ten trades.
fn of_ten(take_profit: i64, stop_loss: i64, horizon: Horizon) -> [Result; 2] {
    let mut labeller = Labeller::new([horizon]);
    labeller.push(&trades(&TIMES, &PRICES), &events(&ENDS, barriers(take_profit, stop_loss)));
    let results = results(&mut labeller, true);
    [results[0].1[0], results[1].1[0]]
}

#[test]
fn the_ten_trades_have_their_labels() {
    use Horizon::{Bars, Span, Unlimited};
    let take_profit = Some((Touch::TakeProfit, 9000, 0.3 / 100.0));
    let end = |time, ret| Some((Touch::Horizon, time, ret));
    let stop_loss = Some((Touch::StopLoss, 8000, -1.0 / 101.0));
    for (take, stop, horizon, expected) in [
        (50, 50, Unlimited, [Some((Touch::TakeProfit, 3000, 0.1 / 101.0)), take_profit]),
        (200, 500, Unlimited, [stop_loss, take_profit]),
        (200, 1000, Unlimited, [None, take_profit]),
        (200, 500, Span(1000), [Some((Touch::Horizon, 4000, -0.2 / 101.0)), take_profit]),
        (200, 990, Bars(1), [stop_loss, take_profit]),
        (0, 991, Bars(1), [Some((Touch::Horizon, 8000, -1.0 / 101.0)), None]),
        (300, 200, Unlimited, [Some((Touch::StopLoss, 6000, -0.4 / 101.0)), take_profit]),
        (301, 200, Unlimited, [Some((Touch::StopLoss, 6000, -0.4 / 101.0)), None]),
        (0, 0, Span(999), [end(3000, 0.1 / 101.0), end(8000, 0.0)]),
        (0, 0, Span(1000), [end(4000, -0.2 / 101.0), None]),
        (0, 0, Span(5000), [end(8000, -1.0 / 101.0), None]),
    ] {
        let results = of_ten(take, stop, horizon);
        for (result, expected) in results.iter().zip(&expected) {
            let what = (take, stop, horizon);
            let touched = |result: &Result| result.map(|(touch, time, _)| (touch, time));
            assert_eq!(touched(result), touched(expected), "{what:?}");
            let ret = |result: &Result| result.map_or(0.0, |(.., ret)| ret);
            assert!((ret(result) - ret(expected)).abs() < 1e-15, "{what:?} {result:?}");
        }
    }
}

#[test]
fn barriers_are_rounded_away_from_the_price() {
    for (prices, barriers, touch, ret) in [
        ([972.0, 974.0, 975.0], barriers(250, 0), Touch::TakeProfit, 3.0 / 972.0),
        ([972.0, 970.0, 969.0], barriers(0, 250), Touch::StopLoss, -3.0 / 972.0),
    ] {
        let prices = prices.map(|units| units / 1e8);
        let mut labeller = Labeller::new([Horizon::Unlimited]);
        labeller.push(&trades(&[0, 1, 2], &prices), &events(&[0], barriers));

        assert_eq!(results(&mut labeller, true), [(0, vec![Some((touch, 2, ret))])]);
    }
}

#[test]
fn events_that_ended_at_their_horizon_do_not_stay_in_the_heaps() {
    let (times, prices): (Vec<_>, Vec<_>) = (0..10_000).map(|row| (row, 100.0)).unzip();
    let rows: Vec<_> = (0..10_000).collect();
    let mut labeller = Labeller::new([Horizon::Bars(5), Horizon::Span(7)]);
    labeller.push(&trades(&times, &prices), &events(&rows, barriers(500, 500)));

    assert_eq!(results(&mut labeller, false).len(), 9_992);
    assert!(labeller.waiting.len() < 500, "{}", labeller.waiting.len());
    assert_eq!((labeller.events.len(), labeller.outcomes.len()), (8, 16));
}

#[test]
fn events_wait_for_an_older_one_that_is_open() {
    let mut labeller = Labeller::new([Horizon::Unlimited]);
    let far = barriers(50_000, 50_000);
    let mut events = events(&[0, 1], barriers(500, 500));
    events[0].barriers = far;
    labeller.push(&trades(&[0, 1, 2], &[100.0, 100.0, 101.0]), &events);

    assert!(labeller.take(false).is_none());
    let numbers = results(&mut labeller, true).into_iter().map(|(number, of)| (number, of[0]));
    let touched: Vec<_> = numbers.map(|(number, result)| (number, result.is_some())).collect();
    assert_eq!(touched, [(0, false), (1, true)]);
}

/// The definition, one event and one horizon: every later trade is looked at.
fn naive(times: &[i64], prices: &[i64], events: &[Event], event: &Event, to: Horizon) -> Result {
    let (row, from) = (event.row, prices[event.row]);
    let fraction = |threshold: Option<Threshold>| {
        let bps = threshold?.decimal_bps();
        Some(((from * bps + 99_999) / 100_000).max(1))
    };
    let (up, down) = (fraction(event.barriers.take_profit), fraction(event.barriers.stop_loss));
    let own = events.iter().position(|other| other.number == event.number).unwrap();
    let later = events[own + 1..].iter().filter(|other| other.chain == event.chain);
    let last = match to {
        Horizon::Unlimited => None,
        Horizon::Bars(bars) => later.map(|other| other.row).nth(bars - 1),
        Horizon::Span(units) => {
            let beyond = times.iter().position(|time| *time > times[row] + units);
            beyond.map(|beyond| beyond - 1)
        }
    };
    #[allow(clippy::cast_precision_loss)]
    let at = |touch, j: usize| Some((touch, times[j], (prices[j] - from) as f64 / from as f64));
    let end = last.unwrap_or(times.len() - 1);
    for (j, price) in prices.iter().enumerate().take(end + 1).skip(row + 1) {
        if up.is_some_and(|up| *price >= from + up) {
            return at(Touch::TakeProfit, j);
        }
        if down.is_some_and(|down| *price <= from - down) {
            return at(Touch::StopLoss, j);
        }
    }
    last.and_then(|last| at(Touch::Horizon, last))
}

fn horizon() -> impl Strategy<Value = Horizon> {
    prop_oneof![
        Just(Horizon::Unlimited),
        (1..6_usize).prop_map(Horizon::Bars),
        (1..40_i64).prop_map(Horizon::Span),
    ]
}

proptest! {
    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn heaps_give_what_the_definition_gives(
        steps in prop::collection::vec((0..4_i64, -3..4_i64, 0..20_u8), 1..120),
        closes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..3_usize, 0..2_000_i64, 0..2_000_i64), 0..60),
        horizons in prop::collection::vec(horizon(), 1..4),
        chunk in 1..50_usize,
    ) {
        let (mut time, mut price) = (0, 10_000_i64);
        let walk = steps.iter().map(|(wait, step, jump)| {
            time += (wait - 1).max(0);
            price = (price + step * if *jump == 0 { 150 } else { 1 }).max(1);
            (time, price)
        });
        let (times, units): (Vec<_>, Vec<_>) = walk.unzip();
        let prices: Vec<_> = units.iter().map(|units| *units as f64 / 1e8).collect();
        let mut places: Vec<_> = closes
            .iter()
            .map(|(row, chain, up, down)| (row.index(times.len()), *chain, barriers(*up, *down)))
            .collect();
        places.sort_by_key(|(row, chain, _)| (*row, *chain));
        // A chain closes one bar at most with a trade.
        places.dedup_by_key(|(row, chain, _)| (*row, *chain));
        let all: Vec<_> = (0..)
            .zip(&places)
            .map(|(number, &(row, chain, barriers))| Event { row, number, chain, barriers })
            .collect();

        let mut labeller = Labeller::new(horizons.iter().copied());
        let mut found = Vec::new();
        for start in (0..times.len()).step_by(chunk) {
            let end = times.len().min(start + chunk);
            let here = all.iter().filter(|event| (start..end).contains(&event.row));
            let here: Vec<_> =
                here.map(|event| Event { row: event.row - start, ..*event }).collect();
            labeller.push(&trades(&times[start..end], &prices[start..end]), &here);
            found.extend(results(&mut labeller, false));
        }
        found.extend(results(&mut labeller, true));

        let expected: Vec<_> = all
            .iter()
            .map(|event| {
                let of = |to: &Horizon| naive(&times, &units, &all, event, *to);
                (event.number, horizons.iter().map(of).collect::<Vec<_>>())
            })
            .collect();
        prop_assert_eq!(found, expected);
    }
}
