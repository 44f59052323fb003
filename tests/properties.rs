//! What must hold of the kernel for any trades, seen from outside.

// Numbers are small, and a panic is how a test fails.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unwrap_used
)]

use proptest::prelude::*;
use rangebar_polars::bar::Bar;
use rangebar_polars::builder::{Builder, Ended, MaxGap};
use rangebar_polars::checkpoint::{Checkpoint, LEVEL_BYTES};
use rangebar_polars::columns::{Group, OUTPUTS, Output, Scalar};
use rangebar_polars::error::Error;
use rangebar_polars::fixed::to_fixed;
use rangebar_polars::footprint::Footprint;
use rangebar_polars::levels::Tick;
use rangebar_polars::lookback::buckets::Vpin;
use rangebar_polars::lookback::{Back, Length, Lookback};
use rangebar_polars::needs::Needs;
use rangebar_polars::period::Period;
use rangebar_polars::reset::Reset;
use rangebar_polars::rule::{AnyRule, RangeRule, Rule, Threshold};
use rangebar_polars::trades::{Bits, Column, Layout, Role, Sides, TimeUnit, Trades};

/// Columns that own their values.
#[derive(Clone, Debug, Default)]
struct Owned {
    times: Vec<i64>,
    prices: Vec<f64>,
    quantities: Vec<f64>,
    sold: Vec<u8>,
    known: Vec<u8>,
    ids: Vec<i64>,
    lasts: Vec<i64>,
    all: Vec<u8>,
}

impl Owned {
    fn new(rows: &[(i64, i64, u32, bool, bool, i64)]) -> Self {
        let mut owned = Self::default();
        let (mut time, mut ticks) = (0, 100_000);
        for (row, &(wait, move_, quantity, sold, known, trades)) in rows.iter().enumerate() {
            time += wait;
            ticks = (ticks + move_).max(1);
            owned.times.push(time);
            owned.prices.push(ticks as f64 / 1e3);
            owned.quantities.push(f64::from(quantity) / 1e5);
            owned.ids.push(row as i64 * 10);
            owned.lasts.push(row as i64 * 10 + trades);
            for (bytes, set) in
                [(&mut owned.sold, sold), (&mut owned.known, known), (&mut owned.all, true)]
            {
                bytes.resize(row / 8 + 1, 0);
                bytes[row / 8] |= u8::from(set) << (row % 8);
            }
        }
        owned
    }

    fn trades(&self) -> Trades<'_> {
        let len = self.times.len();
        let bits = |bytes| Bits::new(bytes, 0, len);
        Trades {
            timestamp: Some(Column::new("timestamp", &self.times)),
            price: Some(Column::new("price", &self.prices)),
            quantity: Some(Column::new("quantity", &self.quantities)),
            is_buyer_maker: Some(Sides { sold: bits(&self.sold), known: Some(bits(&self.known)) }),
            agg_trade_id: Some(Column::new("agg_trade_id", &self.ids)),
            first_trade_id: Some(Column::new("first_trade_id", &self.ids)),
            last_trade_id: Some(Column::new("last_trade_id", &self.lasts)),
            ..Trades::new(len, TimeUnit::Milliseconds)
        }
    }
}

/// Rules of every kind that needs no column of its own.
const RULES: [&str; 16] = [
    "range-10",
    "range-100",
    "range-1000-nogate",
    "pricerange-0.5",
    "highlow-0.5",
    "cusum-100",
    "cusum-300-gate",
    "tick-7",
    "trade-20",
    "volume-5",
    "dollar-300-gate",
    "imbalance-tick-maker-3",
    "run-volume-tickrule-4",
    "runlength-dollar-maker-100",
    "ewmaimbalance-volume-tickrule-4-3-7-1-8-4",
    "ewmarun-tick-maker-10-none-20-2-40-10-gate",
];

fn owned() -> impl Strategy<Value = Owned> {
    let row = (0..3_i64, -400..400_i64, 0..2_000_u32, any::<bool>(), any::<bool>(), 0..5_i64);
    prop::collection::vec(row, 0..300).prop_map(|rows| Owned::new(&rows))
}

fn every_sum() -> Needs {
    OUTPUTS.iter().fold(Needs::NOTHING, |needs, output| needs.and(output.needs))
}

/// The names of the statistics of the trades of a bar.
fn statistics() -> Vec<String> {
    let outputs = OUTPUTS.iter().filter(|output| output.group == Group::Intra);
    outputs.map(|output| output.name.to_owned()).collect()
}

/// A footprint whose levels hold two or three of the drawn prices.
fn footprint() -> Footprint {
    Footprint { tick: Tick::new(250_000).unwrap(), value_area: 70, imbalance: 300 }
}

fn range_rule(decimal_bps: i64, same_time_gate: bool) -> RangeRule {
    RangeRule::new(Threshold::new(decimal_bps).unwrap(), same_time_gate)
}

/// What a builder emits, and the bars it leaves open.
fn fold<R: Rule>(mut builder: Builder<R>, batches: &[Trades<'_>]) -> (Vec<Ended>, Vec<Bar>) {
    let mut closed = Vec::new();
    for batch in batches {
        builder.push(batch, &mut |bar, _| closed.push(bar)).unwrap();
    }
    let open = builder.open_bars().map(|(_, bar)| bar.clone()).collect();
    (closed, open)
}

/// The outputs that look back.
fn lookbacks() -> Vec<&'static Output> {
    OUTPUTS.iter().filter(|output| output.looks_back()).collect()
}

/// The values of what came before a bar.
type Values = Vec<Option<Scalar>>;

/// The bars that ended and those that are open, with the values of what came before them.
type FoldedBack = (Vec<(Ended, Values)>, Vec<(Bar, Values)>);

/// What a builder emits, and the bars it leaves open, with the values of what came before them.
fn fold_back<R: Rule>(mut builder: Builder<R>, batches: &[Trades<'_>]) -> FoldedBack {
    let mut closed = Vec::new();
    for batch in batches {
        builder.push(batch, &mut |bar, before| closed.push((bar, before.to_vec()))).unwrap();
    }
    let with_values = |(chain, bar): (usize, &Bar)| (bar.clone(), builder.before(chain).to_vec());
    let open = builder.open_bars().map(with_values).collect();
    (closed, open)
}

fn pieces<'a>(trades: &Trades<'a>, cuts: &[prop::sample::Index]) -> Vec<Trades<'a>> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(trades.len + 1)).collect();
    cuts.extend([0, trades.len]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| trades.slice(cut[0]..cut[1])).collect()
}

/// A bar of every so many trades: another rule is this much code.
struct Every {
    trades: usize,
    left: usize,
}

impl Rule for Every {
    fn next_close(&mut self, trades: &Trades<'_>, from: usize) -> Option<usize> {
        if self.left > trades.len - from {
            self.left -= trades.len - from;
            return None;
        }
        let close = from + self.left - 1;
        self.cut_off();
        Some(close)
    }

    fn cut_off(&mut self) {
        self.left = self.trades;
    }
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same_bars(
        owned in owned(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        rules in prop::sample::subsequence(RULES.to_vec(), 1..RULES.len()),
        day: bool,
        max_gap in prop::option::of(1..3_u64),
    ) {
        let trades = owned.trades();
        let builder = || {
            let rules = rules.iter().map(|rule| rule.parse::<AnyRule>().unwrap());
            Builder::new(rules, every_sum())
                .reset_at(day.then_some(Reset::Period(Period::Day)), None)
                .cut_off_after(max_gap.map(|gap| MaxGap(gap * 1_000_000)))
        };

        let whole = fold(builder(), &[trades]);

        prop_assert_eq!(fold(builder(), &pieces(&trades, &cuts)), whole);
    }

    #[test]
    fn several_rules_in_one_pass_are_each_alone(owned in owned(), same_time_gate: bool) {
        let trades = owned.trades();
        let rules = [10, 100, 1_000].map(|decimal_bps| range_rule(decimal_bps, same_time_gate));

        let (together, _) = fold(Builder::new(rules.clone(), every_sum()), &[trades]);

        for (chain, rule) in rules.into_iter().enumerate() {
            let (alone, _) = fold(Builder::new([rule], every_sum()), &[trades]);
            let of_chain = together.iter().filter(|closed| closed.chain == chain);
            let bars: Vec<_> = of_chain.map(|closed| (&closed.bar, closed.row)).collect();
            prop_assert_eq!(bars, alone.iter().map(|closed| (&closed.bar, closed.row)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn bars_hold_every_trade_once(owned in owned(), same_time_gate: bool) {
        let trades = owned.trades();

        let (closed, open) = fold(Builder::new([range_rule(100, same_time_gate)], every_sum()), &[trades]);

        let bars: Vec<_> = closed.iter().map(|closed| &closed.bar).chain(&open).collect();
        let volume: i128 = owned.quantities.iter().map(|x| i128::from(to_fixed(*x))).sum();
        prop_assert_eq!(bars.iter().map(|bar| bar.volume).sum::<i128>(), volume);
        prop_assert_eq!(bars.iter().map(|bar| bar.rows).sum::<i64>(), trades.len as i64);
        let counts: i64 = owned.ids.iter().zip(&owned.lasts).map(|(a, b)| b - a + 1).sum();
        prop_assert_eq!(bars.iter().map(|bar| bar.trades).sum::<i64>(), counts);
        for bar in bars {
            let sides = bar.sides.unwrap();
            prop_assert!(sides.buy.volume + sides.sell.volume <= bar.volume);
            prop_assert!(sides.buy.turnover + sides.sell.turnover <= bar.turnover);
            prop_assert!(bar.price.low <= bar.price.open && bar.price.close <= bar.price.high);
        }
    }

    #[test]
    fn a_rule_of_ten_lines_makes_bars_of_so_many_trades(
        owned in owned(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        trades in 1..20_usize,
    ) {
        let builder = Builder::new([Every { trades, left: trades }], every_sum());

        let (closed, open) = fold(builder, &pieces(&owned.trades(), &cuts));

        prop_assert!(closed.iter().all(|closed| closed.bar.rows == trades as i64));
        prop_assert_eq!(closed.len(), owned.times.len() / trades);
        let left = open.first().map_or(0, |bar| bar.rows);
        prop_assert_eq!(left as usize, owned.times.len() % trades);
    }

    #[test]
    fn a_checkpoint_at_any_trade_changes_nothing(
        owned in owned(),
        rule in prop::sample::select(RULES.to_vec()),
        at: prop::sample::Index,
        day: bool,
        gap in prop::option::of(1..3_u64),
        length in prop::sample::select(vec![Length::Trades(40), Length::Span(20_000_000)]),
    ) {
        let trades = owned.trades();
        let rule: AnyRule = rule.parse().unwrap();
        let (at, reset) = (at.index(trades.len + 1), day.then_some(Reset::Period(Period::Day)));
        let max_gap = gap.map(|gap| MaxGap(gap * 1_000_000));
        let rules = [rule, "range-10".parse().unwrap(), "tick-3".parse().unwrap()];
        let vpin = Vpin { bucket_volume: 1_000_000_000, buckets: 3 };
        let back = Back { length: Some(length), vpin: Some(vpin) };
        let new = || {
            let builder = Builder::new(rules.clone(), every_sum());
            let builder = builder.reset_at(reset, None).cut_off_after(max_gap);
            builder
                .with_levels(Some(footprint().tick))
                .looking_back(Some(Lookback::new(back, lookbacks(), rules.len())))
        };
        let (whole, open) = fold_back(new(), &[trades]);
        let mut before = new();
        let (mut closed, _) = fold_back(before.clone(), &[trades.slice(0..at)]);
        before.push(&trades.slice(0..at), &mut |_, _| ()).unwrap();
        let (mut chains, mut states) = (Vec::new(), Vec::new());
        let of_window = || lookbacks().into_iter().filter(|output| output.group == Group::Lookback);
        let names = || of_window().map(|output| output.name.to_owned());
        for (number, (begun, (rule, open))) in rules.iter().zip(before.chains()).enumerate() {
            let checkpoint = Checkpoint {
                symbol: Some("BTCUSDT".to_owned()),
                rule: begun.clone(),
                memory: rule.memory(),
                max_gap,
                reset,
                include_microstructure: true,
                include_incomplete: false,
                features: statistics().into_iter().chain(names()).collect(),
                footprint: Some(footprint()),
                back,
                layout: Some(Layout {
                    unit: TimeUnit::Milliseconds,
                    zone: Some("UTC".to_owned()),
                    columns: Role::ALL.to_vec(),
                }),
                check: before.check().clone(),
                session: None,
                open: open.cloned(),
                before: open.map_or_else(Vec::new, |_| before.before(number).to_vec()),
                kept: before.kept(TimeUnit::Milliseconds),
                filled: before.filled(),
            };

            let bytes = checkpoint.to_bytes().unwrap();
            let restored = Checkpoint::from_bytes(&bytes).unwrap();

            let levels = open.and_then(|bar| bar.levels.as_ref()).map_or(0, |levels| levels.len());
            let kept = restored.kept.rows.len();
            prop_assert!(bytes.len() < 2_500 + levels * LEVEL_BYTES + kept * 12);
            prop_assert_eq!(&restored, &checkpoint);
            chains.push((restored.rule(), restored.open.clone()));
            states.push(restored);
        }
        let after = Builder::resume(chains, before.check().clone(), every_sum());
        let after = after.reset_at(reset, None).cut_off_after(max_gap);
        let after = after.with_levels(Some(footprint().tick));
        let after = after.looking_back(Checkpoint::lookback(&states, &lookbacks()));
        let (rest, still_open) = fold_back(after, &[trades.slice(at..trades.len)]);
        closed.extend(rest);
        prop_assert_eq!(closed, whole);
        prop_assert_eq!(still_open, open);
    }

    #[test]
    fn the_quick_check_and_the_rows_agree(
        owned in owned(),
        row: prop::sample::Index,
        bad in prop::sample::select(vec![0, 1, 2, 3, 4]),
    ) {
        prop_assume!(!owned.times.is_empty());
        let mut owned = owned;
        let row = row.index(owned.times.len());
        match bad {
            0 => owned.prices[row] = f64::NAN,
            1 => owned.quantities[row] = -1.0,
            2 => owned.times[row] -= 5,
            3 => owned.ids[row] -= 11,
            _ => owned.lasts[row] = -1,
        }
        let quick = owned.trades();
        // Nulls among the ids, even if there are none, mean that the rows are read one by one.
        let valid = Some(Bits::new(&owned.all, 0, quick.len));
        let slow = Trades {
            agg_trade_id: quick.agg_trade_id.map(|ids| Column { valid, ..ids }),
            ..quick
        };
        let check = |trades: &Trades<'_>| -> Result<(), Error> {
            Builder::new([range_rule(100, true)], every_sum()).push(trades, &mut |_, _| ())
        };

        prop_assert_eq!(check(&quick).map_err(|e| e.to_string()), check(&slow).map_err(|e| e.to_string()));
    }
}

#[test]
fn a_turnover_beyond_128_bits_is_refused_at_its_row_however_it_is_cut() {
    let mut owned = Owned::new(&[(1, 0, 0, true, true, 0); 200]);
    owned.prices.fill(9e10);
    owned.quantities.fill(9e9);
    // 8.1e36 a trade at scale 1e16: the 22nd is over 2^127.
    for size in [1, 7, 64, 200] {
        let trades = owned.trades();
        let mut builder = Builder::new([range_rule(100, true)], every_sum());
        let mut pieces = (0..200).step_by(size).map(|at| trades.slice(at..200.min(at + size)));

        let error = pieces.find_map(|piece| builder.push(&piece, &mut |_, _| ()).err());

        assert_eq!(
            error.unwrap().to_string(),
            "turnover of the bar overflows at row 21: the limit is 17014118346046923173168.73 (128 \
             bits at 16 decimals) (rescale the columns)"
        );
    }
}
