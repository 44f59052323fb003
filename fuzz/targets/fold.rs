//! Any trades, cut anywhere and continued from checkpoints, have the bars and the errors of one
//! pass.

#![no_main]

#[allow(dead_code)] // the targets use parts of it
#[path = "../../tests/checkpoints/drawn.rs"]
mod drawn;
#[allow(dead_code)] // the same
#[path = "../../tests/checkpoints/states.rs"]
mod states;

use arbitrary::Arbitrary;
use drawn::{Drawn, LOWEST, Owned, RULES};
use libfuzzer_sys::fuzz_target;
use rangebar_polars::bar::Bar;
use rangebar_polars::builder::{Builder, Ended, MaxGap};
use rangebar_polars::check::Check;
use rangebar_polars::checkpoint::Checkpoint;
use rangebar_polars::checkpoint::chains::Chains;
use rangebar_polars::columns::{Group, OUTPUTS, Output, Scalar};
use rangebar_polars::footprint::Footprint;
use rangebar_polars::levels::Tick;
use rangebar_polars::lookback::buckets::{Filled, Vpin};
use rangebar_polars::lookback::past::Kept;
use rangebar_polars::lookback::{Back, Length};
use rangebar_polars::rule::{AnyRule, Memory};
use rangebar_polars::trades::{Layout, Role, TimeUnit, Trades};
use states::{before, builder, chains, states};

const RESETS: [&str; 6] = ["day", "week", "month", "year", "column", "17:00@America/New_York"];
const UNITS: [TimeUnit; 3] =
    [TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds];
const GAPS: [u64; 3] = [1, 1_000_000, 5_000_000_000];
const TICKS: [i64; 5] = [1, 7, 100_000, 10_000_000_000, 1_000_000_000_000_000];
const LENGTHS: [Length; 5] = [
    Length::Trades(1),
    Length::Trades(5),
    Length::Trades(1_000),
    Length::Span(1_000_000),
    Length::Span(90_000_000_000),
];
const BUCKETS: [i64; 4] = [1, 30_000_000, 700_000_000, 9_000_000_000_000_000_000];
const STARTS: [(i64, f64); 5] = [
    (1_700_000_000_000, 100.0),
    (1_700_000_000_000_000, 50_000.0),
    (-3, LOWEST),
    (i64::MIN, 1e-8),
    (i64::MAX - (1 << 40), 9.2e10),
];
const WAITS: [i64; 8] = [0, 0, 1, 999, 1_000_000, 86_400_000, 86_400_000_000, i64::MAX / 5];
const QUANTITIES: [f64; 8] = [1.0, 0.0, 4e-9, 1e-8, 0.1, 3.7, 22_517_999.0, 9.2e10];

#[derive(Debug, Arbitrary)]
struct Case {
    rules: [u8; 3],
    reset: Option<u8>,
    gap: Option<u8>,
    tick: Option<u8>,
    window: Option<u8>,
    bucket: Option<u8>,
    statistics: bool,
    unit: u8,
    columns: u8,
    start: u8,
    fault: Option<(u8, u8)>,
    /// The row after a cut, and whether a checkpoint is saved and read there.
    cuts: Vec<(u8, bool)>,
    trades: Vec<Trade>,
}

#[derive(Debug, Arbitrary)]
struct Trade {
    wait: u8,
    /// Steps of the price of about 0.01 %.
    steps: i8,
    quantity: u8,
    is_sold: Option<bool>,
    step_of_id: Option<i8>,
    counted: Option<(i8, u8)>,
}

impl Trade {
    fn drawn(&self) -> Drawn {
        let factor = match self.steps {
            i8::MAX => 2.0,
            i8::MIN => 0.3,
            steps => 1.0 + f64::from(steps) * 1e-4,
        };
        let id = |first: i8, shift: u8| i64::from(first) << (shift % 57);
        let counted = self.counted.map(|(first, more)| (id(first, more), i64::from(more)));
        (
            WAITS[usize::from(self.wait) % WAITS.len()],
            factor,
            QUANTITIES[usize::from(self.quantity) % QUANTITIES.len()],
            self.is_sold,
            self.step_of_id.map(i64::from),
            counted,
        )
    }
}

fn settings(case: &Case) -> Vec<Checkpoint> {
    let place = |number: u8, len: usize| usize::from(number) % len;
    let rule: AnyRule = RULES[0].parse().unwrap();
    let optional = |role: &Role| case.columns >> (*role as u8) & 1 == 1;
    let columns = Role::ALL.into_iter().filter(|role| !role.is_optional() || optional(role));
    let length = case.window.map(|number| LENGTHS[place(number, LENGTHS.len())]);
    let vpin = case.bucket.map(|number| Vpin {
        bucket_volume: BUCKETS[place(number, BUCKETS.len())],
        buckets: 1 + u32::from(number),
    });
    let is_asked = |output: &&Output| match output.group {
        Group::Intra => case.statistics,
        Group::Lookback => length.is_some(),
        _ => false,
    };
    let names = OUTPUTS.iter().filter(is_asked).map(|output| output.name.to_owned());
    let any = Checkpoint {
        symbol: None,
        rule,
        reset: case.reset.map(|number| RESETS[place(number, RESETS.len())].parse().unwrap()),
        max_gap: case.gap.map(|number| MaxGap(GAPS[place(number, GAPS.len())])),
        include_microstructure: true,
        include_incomplete: false,
        features: names.collect(),
        footprint: case.tick.map(|number| Footprint {
            tick: Tick::new(TICKS[place(number, TICKS.len())]).unwrap(),
            value_area: 70,
            imbalance: 300,
        }),
        layout: Some(Layout {
            unit: UNITS[place(case.unit, UNITS.len())],
            zone: (case.columns & 1 == 1).then(|| "UTC".to_owned()),
            columns: columns.collect(),
        }),
        back: Back { length, vpin },
        check: Check::default(),
        session: None,
        open: None,
        memory: Memory::Nothing,
        before: Vec::new(),
        kept: Kept::default(),
        filled: Filled::default(),
    };
    let mut rules: Vec<_> = case.rules.map(|number| RULES[place(number, RULES.len())]).to_vec();
    rules.sort_unstable();
    rules.dedup();
    before(&any, &rules)
}

fn owned(case: &Case) -> Owned {
    let drawn: Vec<_> = case.trades.iter().map(Trade::drawn).collect();
    let (time, price) = STARTS[usize::from(case.start) % STARTS.len()];
    let mut owned = Owned::after(time, None, price, &drawn);
    if let Some((row, kind)) = case.fault
        && !drawn.is_empty()
    {
        let row = usize::from(row) % drawn.len();
        match kind % 4 {
            0 => owned.prices[row] = f64::NAN,
            1 => owned.prices[row] = -1.0,
            2 => owned.prices[row] = 1e300,
            _ => owned.times[row] = owned.times[row].wrapping_sub(1_000),
        }
    }
    owned
}

/// What ended and what came before it, what is open, and the error, if there is one.
type Result = (Vec<(Ended, Vec<Option<Scalar>>)>, Vec<Bar>, Option<String>);

/// Fold pieces, after some of which a checkpoint is saved and read.
fn fold(settings: &[Checkpoint], pieces: &[(Trades<'_>, bool)]) -> Result {
    let mut folded: Builder<AnyRule> = builder(settings);
    let mut ended = Vec::new();
    let mut error = None;
    for (trades, is_saved) in pieces {
        if let Err(found) =
            folded.push(trades, &mut |bar, before| ended.push((bar, before.to_vec())))
        {
            error = Some(found.to_string());
            break;
        }
        if *is_saved {
            let saved = chains(settings.to_vec(), vec![states(&folded, settings)], false);
            let bytes = saved.to_bytes().unwrap();
            let restored = Chains::from_bytes(&bytes).unwrap();
            assert_eq!(restored.to_bytes().as_ref(), Ok(&bytes));
            folded = builder(&restored.states[0]);
        }
    }
    // After an error a builder is not used.
    let open = folded.open_bars().map(|(_, bar)| bar.clone());
    let open = if error.is_none() { open.collect() } else { Vec::new() };
    (ended, open, error)
}

fuzz_target!(|case: Case| {
    let (settings, owned) = (settings(&case), owned(&case));
    let extras = owned.extras(&settings[0]);
    let trades = owned.trades(settings[0].layout.as_ref().unwrap(), &extras);
    let mut cuts = case.cuts;
    cuts.sort_unstable();
    let mut from = 0;
    let mut pieces = Vec::new();
    for (cut, is_saved) in cuts.into_iter().chain([(u8::MAX, false)]) {
        let to = if cut == u8::MAX { trades.len } else { usize::from(cut).clamp(from, trades.len) };
        pieces.push((trades.slice(from..to), is_saved));
        from = to;
    }
    let whole = fold(&settings, &[(trades, false)]);

    assert_eq!(fold(&settings, &pieces), whole);
});
