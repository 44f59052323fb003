//! Labels: what became of the price after an event.
//!
//! An event is a trade, mostly the last one of a bar. The trades after it in order decide, whatever
//! their time: the first of them at or beyond a barrier touches it; or a horizon ends before.
//!
//! ```text
//! price  ────────────── take profit ──────────x     the touching trade, at its own price
//!        event ○ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~
//!        ────────────── stop loss ────────────┤     horizon
//! ```
//!
//! A label knows the future of its event, so no bar holds one. Events wait in two heaps, see
//! [`Waiting`]; the first touch is the same for each of several horizons, so these share them. What
//! is kept grows with the events from the oldest one that is open, because labels come out in the
//! order of events.

mod waiting;

use crate::fixed::to_fixed;
use crate::rule::Threshold;
use crate::trades::Trades;
use std::collections::VecDeque;
use std::collections::vec_deque::Drain;
use waiting::Waiting;

/// How far above and below the price of an event its barriers lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Barriers {
    /// The fraction above; `None` for no such barrier.
    pub take_profit: Option<Threshold>,
    /// The fraction below; `None` for no such barrier.
    pub stop_loss: Option<Threshold>,
}

/// Where the look at the trades after an event ends without a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Horizon {
    /// Nowhere.
    Unlimited,
    /// At the closing trade of so many bars later, of the same chain. A touch by that trade is one.
    Bars(usize),
    /// At the last trade that is not more than so many units of time later. It is known when a
    /// later trade is seen.
    Span(i64),
}

/// What ended the look at the trades after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// A price at or above the upper barrier.
    TakeProfit,
    /// A price at or below the lower barrier.
    StopLoss,
    /// The horizon.
    Horizon,
}

/// How the look at the trades after an event ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Why.
    pub touch: Touch,
    /// The time of the touching trade, or of the last trade of the horizon.
    pub time: i64,
    /// Its price less that of the event, over that of the event.
    pub ret: f64,
}

/// A trade after which the price is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its row among the trades it comes with.
    pub row: usize,
    /// The number that the caller gives it.
    pub number: u64,
    /// The chain of which it closes a bar.
    pub chain: usize,
    /// Its barriers.
    pub barriers: Barriers,
}

/// An event, without its outcomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Labelled {
    /// The number that the caller gave it.
    pub number: u64,
    /// The chain of which it closes a bar.
    pub chain: usize,
    /// Its time.
    pub time: i64,
    /// Its price.
    pub price: f64,
    /// How many of its horizons have no outcome yet.
    open: usize,
}

/// Finds the outcomes of events, over the trades of one key.
#[derive(Clone, Debug)]
pub struct Labeller {
    horizons: Vec<Horizon>,
    /// The events from the oldest one that was not taken; numbers count from the first of all.
    events: VecDeque<Labelled>,
    taken: u64,
    /// An outcome for each horizon of each event.
    outcomes: VecDeque<Option<Outcome>>,
    /// How many events are open.
    open: usize,
    waiting: Waiting,
    spans: Vec<Span>,
    /// The numbers of the last events of each chain, as many as the longest horizon has bars.
    closes: Vec<VecDeque<u64>>,
    /// Time and price of the last trade.
    last: Option<(i64, f64)>,
}

/// A horizon of time. Events come in the order of time, and so do their ends.
#[derive(Clone, Copy, Debug)]
struct Span {
    horizon: usize,
    units: i64,
    /// The number of the first event that may not have ended.
    next: u64,
}

impl Labeller {
    /// A labeller with an outcome of each event for each of these horizons.
    ///
    /// ```
    /// use rangebar_polars::label::{Barriers, Event, Horizon, Labeller, Touch};
    /// use rangebar_polars::rule::Threshold;
    /// use rangebar_polars::trades::{Column, TimeUnit, Trades};
    ///
    /// let trades = Trades {
    ///     timestamp: Some(Column::new("timestamp", &[0, 1000, 2000])),
    ///     price: Some(Column::new("price", &[100.0, 100.4, 100.6])),
    ///     ..Trades::new(3, TimeUnit::Milliseconds)
    /// };
    /// let barriers = Barriers { take_profit: Some(Threshold::new(500)?), stop_loss: None };
    /// let mut labeller = Labeller::new([Horizon::Unlimited, Horizon::Span(1500)]);
    /// labeller.push(&trades, &[Event { row: 0, number: 7, chain: 0, barriers }]);
    ///
    /// let (event, outcomes) = labeller.take(false).unwrap();
    /// let touches: Vec<_> = outcomes.map(|outcome| outcome.unwrap().touch).collect();
    /// assert_eq!((event.number, touches), (7, vec![Touch::TakeProfit, Touch::Horizon]));
    /// # Ok::<(), rangebar_polars::error::Error>(())
    /// ```
    pub fn new(horizons: impl IntoIterator<Item = Horizon>) -> Self {
        let horizons: Vec<_> = horizons.into_iter().collect();
        let spans = horizons.iter().enumerate().filter_map(|(horizon, length)| match *length {
            Horizon::Span(units) => Some(Span { horizon, units, next: 0 }),
            _ => None,
        });
        Self {
            spans: spans.collect(),
            horizons,
            events: VecDeque::new(),
            taken: 0,
            outcomes: VecDeque::new(),
            open: 0,
            waiting: Waiting::default(),
            closes: Vec::new(),
            last: None,
        }
    }

    /// Look at the next trades, whose events come in the order of their rows. The trades were
    /// checked.
    pub fn push(&mut self, trades: &Trades<'_>, events: &[Event]) {
        let (times, prices) = (trades.times(), trades.prices());
        let mut from = 0;
        for event in events {
            let end = event.row + 1;
            self.advance(&times[from..end], &prices[from..end]);
            self.close(event, times[event.row], prices[event.row]);
            from = end;
        }
        self.advance(&times[from..], &prices[from..]);
    }

    /// The first event that was not taken.
    pub fn first(&self) -> Option<&Labelled> {
        self.events.front()
    }

    /// Take the first event, with an outcome for each horizon, if it has all of them, or in any
    /// case if it is the end of the trades.
    pub fn take(&mut self, is_end: bool) -> Option<(Labelled, Drain<'_, Option<Outcome>>)> {
        let event = self.events.pop_front_if(|event| is_end || event.open == 0)?;
        self.taken += 1;
        self.open -= usize::from(event.open > 0);
        Some((event, self.outcomes.drain(..self.horizons.len())))
    }

    /// Look for touches and ends of spans among the next trades.
    fn advance(&mut self, times: &[i64], prices: &[f64]) {
        let mut from = 0;
        while from < times.len() {
            let mut to = times.len();
            if let Some(limit) = self.next_limit()
                && times[to - 1] > limit
            {
                to = from + times[from..].partition_point(|time| *time <= limit);
            }
            while let Some(row) = self.waiting.first_touch(&prices[from..to]) {
                from += row;
                self.touch(times[from], prices[from]);
                from += 1;
            }
            if to > 0 {
                self.last = Some((times[to - 1], prices[to - 1]));
            }
            if to < times.len() {
                self.end_spans(times[to]);
            }
            from = to;
        }
    }

    /// The time after which the next span has ended.
    fn next_limit(&mut self) -> Option<i64> {
        let mut next: Option<i64> = None;
        for span in &mut self.spans {
            // What was touched before needs no end.
            span.next = span.next.max(self.taken);
            while let Some(event) = self.events.get(place(span.next, self.taken)) {
                if event.open > 0 {
                    let limit = event.time.saturating_add(span.units);
                    next = Some(next.map_or(limit, |next| next.min(limit)));
                    break;
                }
                span.next += 1;
            }
        }
        next
    }

    /// End the spans that a trade at this time is beyond, at the trade before.
    fn end_spans(&mut self, time: i64) {
        let Some((last_time, last_price)) = self.last else { return };
        for number in 0..self.spans.len() {
            let Span { horizon, units, mut next } = self.spans[number];
            while let Some(event) = self.events.get(place(next, self.taken))
                && event.time.saturating_add(units) < time
            {
                self.end(next, horizon, last_time, last_price);
                next += 1;
            }
            self.spans[number].next = next;
        }
    }

    /// End what waits for this price.
    fn touch(&mut self, time: i64, price: f64) {
        while let Some((number, touch)) = self.waiting.pop(price) {
            let Some(at) = number.checked_sub(self.taken) else { continue };
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let Some(event) = self.events.get_mut(at).filter(|event| event.open > 0) else {
                continue;
            };
            let outcome = outcome(event.price, touch, time, price);
            event.open = 0;
            self.open -= 1;
            let horizons = self.horizons.len();
            for slot in self.outcomes.range_mut(at * horizons..(at + 1) * horizons) {
                slot.get_or_insert(outcome);
            }
        }
    }

    /// End a horizon of an event, unless there was a touch.
    fn end(&mut self, number: u64, horizon: usize, time: i64, price: f64) {
        let at = place(number, self.taken);
        let Some(event) = self.events.get_mut(at) else { return };
        let slot = &mut self.outcomes[at * self.horizons.len() + horizon];
        if slot.is_none() {
            *slot = Some(outcome(event.price, Touch::Horizon, time, price));
            event.open -= 1;
            self.open -= usize::from(event.open == 0);
        }
    }

    /// End the horizons that end with this bar, and add its closing trade.
    fn close(&mut self, event: &Event, time: i64, price: f64) {
        if self.closes.len() <= event.chain {
            self.closes.resize(event.chain + 1, VecDeque::new());
        }
        let mut closes = std::mem::take(&mut self.closes[event.chain]);
        let mut most = 0;
        for horizon in 0..self.horizons.len() {
            let Horizon::Bars(bars) = self.horizons[horizon] else { continue };
            most = most.max(bars);
            if let Some(before) = closes.len().checked_sub(bars) {
                self.end(closes[before], horizon, time, price);
            }
        }
        let number = self.taken + self.events.len() as u64;
        closes.push_back(number);
        while closes.len() > most {
            closes.pop_front();
        }
        self.closes[event.chain] = closes;
        self.add(event, number, time, price);
    }

    fn add(&mut self, event: &Event, number: u64, time: i64, price: f64) {
        let &Event { number: given, chain, barriers, .. } = event;
        let open = self.horizons.len();
        self.events.push_back(Labelled { number: given, chain, time, price, open });
        self.outcomes.extend(std::iter::repeat_n(None, open));
        self.open += 1;
        self.waiting.add(number, to_fixed(price), barriers);
        let (taken, events) = (self.taken, &self.events);
        let is_open = |number| events.get(place(number, taken)).is_some_and(|event| event.open > 0);
        self.waiting.forget_ended(self.open, is_open);
    }
}

/// The place of an event among those that were not taken; beyond them if it was.
fn place(number: u64, taken: u64) -> usize {
    number.checked_sub(taken).and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX)
}

/// The outcome of an event at the price `from` with a trade.
#[allow(clippy::cast_precision_loss)] // a difference and a price are rounded once each
fn outcome(from: f64, touch: Touch, time: i64, price: f64) -> Outcome {
    let (from, to) = (to_fixed(from), to_fixed(price));
    Outcome { touch, time, ret: (to - from) as f64 / from as f64 }
}

#[cfg(test)]
mod tests;
