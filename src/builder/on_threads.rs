//! A batch of one builder on several threads, with the bars of one thread to the last bit.
//!
//! Where a bar ends depends on the trades before, so each rule is asked on one thread, and reads
//! prices and times alone. What a bar holds does not: sums of rows are integers that merge exactly,
//! so threads check and sum ranges of rows, and the pieces between two cuts are merged in order.
//!
//! ```text
//! rows    ├──────── thread 1 ────────┼──────── thread 2 ────────┤
//! cuts            │         │                │
//! pieces  ├───────┼─────────┼────────┼───────┼──────────────────┤
//! bars    ├───────┼─────────┼────────────────┼─── still open ───┤
//! ```
//!
//! Rules see trades that are not checked yet. A bad row or a sum that is too large is left to
//! [`Builder::push`], which says which row it is.

use super::piece::Piece;
use super::{BLOCK, Builder, Chain, Ended};
use crate::bar::Bar;
use crate::check::Check;
use crate::error::Error;
use crate::lookback::Before;
use crate::needs::Needs;
use crate::rule::Rule;
use crate::threads::on_threads;
use crate::trades::Trades;
use std::ops::Range;
use std::sync::Arc;

/// How many rows are shared at a time: enough to pay for starting threads, and few enough to bound
/// the bars that wait for the last thread.
const SHARE: usize = 1 << 19;
/// Fewer rows than these are not worth a thread.
const WORTH_A_THREAD: usize = if cfg!(test) { BLOCK } else { 1 << 16 };

/// How many rows are folded on one thread first, to see how many bars they make.
const SAMPLE: usize = 4 * BLOCK;
/// Where bars have fewer rows than these, merging their pieces costs more than threads save.
const WORTH_A_PIECE: usize = if cfg!(test) { 0 } else { 512 };

/// Where a window has more rows than these, copying them from one share to the next costs more
/// than threads save.
const LONG_WINDOW: usize = SHARE / 16;

/// The end of a bar: its last row, and the number of its rule.
type Cut = (usize, usize);

/// Bars that ended, and the values of what came before each, if something looks back.
type EndedBars = (Vec<Ended>, Vec<Arc<Before>>);

/// What a thread has found in a range of rows.
struct Summed {
    /// The pieces between cuts, each with the row after it.
    pieces: Vec<(usize, Bar)>,
    check: Check,
}

impl<R: Rule + Clone + Send> Builder<R> {
    /// Fold a batch on at most so many threads; the bars and errors are those of [`Self::push`].
    ///
    /// A small batch, and any batch of a builder that resets, looks for gaps, looks far back, fills
    /// buckets of volume or needs the time above the first price, is folded on this thread alone.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_on(
        &mut self,
        threads: usize,
        trades: &Trades<'_>,
        emit: &mut impl FnMut(Ended, &Before),
    ) -> Result<(), Error> {
        let is_serial = self.reset.is_some()
            || self.max_gap.is_some()
            || self.lookback.as_ref().is_some_and(|lookback| {
                lookback.rows_of_window(trades).is_none_or(|rows| rows > LONG_WINDOW)
            })
            || self.piece.needs.contains(Needs::TIME_ABOVE);
        if threads < 2 || is_serial {
            return self.push(trades, emit);
        }
        for start in (0..trades.len).step_by(SHARE) {
            let share = trades.slice(start..trades.len.min(start + SHARE));
            let threads = threads.min(share.len / WORTH_A_THREAD);
            let sample = if threads > 1 { SAMPLE.min(share.len) } else { share.len };
            let mut bars = 0;
            self.push(&share.slice(0..sample), &mut |ended, before| {
                bars += 1;
                emit(ended, before);
            })?;
            let rest = share.slice(sample..share.len);
            let is_sparse = bars * WORTH_A_PIECE < sample && rest.len >= WORTH_A_THREAD;
            let ended =
                if is_sparse && threads > 1 { self.push_share(threads, &rest) } else { None };
            match ended {
                Some((ended, before)) => {
                    let mut before = before.iter();
                    for ended in ended {
                        emit(ended, before.next().map_or(&[], |before| before));
                    }
                }
                None => self.push(&rest, emit)?,
            }
        }
        Ok(())
    }

    /// The bars that end in these trades, and if it looks back, the values of each; `None`, and the
    /// builder as it was, if a row is bad or a sum is too large.
    fn push_share(&mut self, threads: usize, trades: &Trades<'_>) -> Option<EndedBars> {
        let mut chains = self.chains.clone();
        let cuts = find_cuts(threads, &mut chains, trades);
        let rows = trades.len.div_ceil(threads).next_multiple_of(BLOCK);
        let ranges = (0..trades.len).step_by(rows).map(|start| start..trades.len.min(start + rows));
        let (check, of) = (&self.check, self.piece);
        let found = on_threads(ranges, &|range| {
            sum(trades, range.clone(), check.after(trades, range.start), of, &cuts)
        });
        let (mut ended, first_row) = (Vec::with_capacity(cuts.len()), self.check.rows());
        let (mut cuts, mut check) = (cuts.iter().peekable(), self.check.clone());
        for summed in found {
            let Summed { pieces, check: next } = summed?;
            check = check.followed_by(&next);
            for (to, piece) in pieces {
                let piece = Some(piece);
                chains.iter_mut().try_for_each(|chain| chain.merge(Ok(&piece))).ok()?;
                while let Some(&(row, chain)) = cuts.next_if(|(row, _)| row + 1 == to) {
                    let bar = chains.get_mut(chain)?.open.take()?;
                    ended.push(Ended { bar, chain, row: first_row + row as u64, complete: true });
                }
            }
        }
        let mut before = Vec::new();
        if let Some(lookback) = &mut self.lookback {
            let is_opening = |(_, chain): &(usize, &Chain<R>)| chain.open.is_none();
            let opening = self.chains.iter().enumerate().filter(is_opening);
            let opening: Vec<_> = opening.map(|(number, _)| number).collect();
            let ends: Vec<_> = ended.iter().map(|ended| (ended.chain, ended.row)).collect();
            before = lookback.of_bars(threads, (trades, first_row), &opening, &ends)?;
            lookback.keep(trades, first_row);
        }
        (self.chains, self.check) = (chains, check);
        Some((ended, before))
    }
}

/// Every cut of these trades, in order of rows and then of rules.
fn find_cuts<R: Rule + Send>(
    threads: usize,
    chains: &mut [Chain<R>],
    trades: &Trades<'_>,
) -> Vec<Cut> {
    let of_a_thread = chains.len().div_ceil(threads).max(1);
    let groups = chains.chunks_mut(of_a_thread).enumerate();
    let find = |(group, chains): &mut (usize, &mut [Chain<R>])| {
        let mut cuts = Vec::new();
        for (number, chain) in chains.iter_mut().enumerate() {
            let mut from = 0;
            while let Some(row) = chain.rule.next_close(trades, from) {
                cuts.push((row, *group * of_a_thread + number));
                from = row + 1;
            }
        }
        cuts
    };
    let mut cuts = on_threads(groups, &find).concat();
    cuts.sort_unstable();
    cuts
}

/// Check and sum the rows of a range; `None` if a row is bad or a sum is too large.
fn sum(
    trades: &Trades<'_>,
    rows: Range<usize>,
    mut check: Check,
    of: Piece,
    cuts: &[Cut],
) -> Option<Summed> {
    let mut pieces = Vec::new();
    let mut open = Chain { rule: (), open: None, cut: None };
    let first = cuts.partition_point(|(row, _)| *row < rows.start);
    let mut ends = cuts[first..].iter().map(|(row, _)| row + 1).peekable();
    for start in rows.clone().step_by(BLOCK) {
        let block = start..rows.end.min(start + BLOCK);
        check.admit(&trades.slice(block.clone())).ok()?;
        let mut from = start;
        while from < block.end {
            let end = ends.next_if(|end| *end <= block.end);
            let to = end.unwrap_or(block.end);
            if to > from {
                open.merge(of.bar(trades, from..to).as_ref()).ok()?;
            }
            // Another rule may have cut at the same row.
            if let Some(piece) = open.open.take_if(|_| end.is_some()) {
                pieces.push((to, piece));
            }
            from = to;
        }
        // Other rules may have cut at the last row of the block.
        while ends.next_if(|end| *end <= block.end).is_some() {}
    }
    if let Some(piece) = open.open {
        pieces.push((rows.end, piece));
    }
    Some(Summed { pieces, check })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{OUTPUTS, Output, Scalar, output};
    use crate::lookback::past::Kept;
    use crate::lookback::{Back, Length, Lookback};
    use crate::rule::AnyRule;
    use crate::trades::{Bits, Column, Sides, TimeUnit};
    use proptest::prelude::*;

    const ROWS: usize = 10 * BLOCK + 100;

    /// Columns of trades that follow from a seed.
    struct Owned {
        times: Vec<i64>,
        prices: Vec<f64>,
        quantities: Vec<f64>,
        bits: Vec<u8>,
        ids: Vec<i64>,
    }

    impl Owned {
        /// Trades that rise and fall by up to `step` hundredths, `ties` of them at one time.
        fn new(seed: u64, step: i32, ties: i32) -> Self {
            let mut state = seed | 1;
            let mut below = |bound: i32| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                i32::try_from(state >> 33).unwrap() % bound
            };
            let mut cents = 1_000_000;
            let mut owned = Self {
                times: Vec::new(),
                prices: Vec::new(),
                quantities: Vec::new(),
                bits: (0..ROWS).map(|_| u8::try_from(below(256)).unwrap()).collect(),
                ids: (0..).take(ROWS).collect(),
            };
            let mut time = 0;
            for _ in 0..ROWS {
                time += i64::from(below(ties) == 0);
                cents = (cents + below(2 * step + 1) - step).max(1);
                owned.times.push(time);
                owned.prices.push(f64::from(cents) / 100.0);
                owned.quantities.push(f64::from(below(1_000)) / 1e3);
            }
            owned
        }

        fn trades(&self, ids: bool) -> Trades<'_> {
            let bits = |skipped| Bits::new(&self.bits[skipped..], 0, ROWS);
            let column = Column::new("id", &self.ids);
            Trades {
                timestamp: Some(Column::new("timestamp", &self.times)),
                price: Some(Column::new("price", &self.prices)),
                quantity: Some(Column::new("quantity", &self.quantities)),
                is_buyer_maker: Some(Sides { sold: bits(0), known: Some(bits(9)) }),
                agg_trade_id: ids.then_some(Column { valid: Some(bits(77)), ..column }),
                first_trade_id: Some(column),
                last_trade_id: Some(Column { valid: Some(bits(5)), ..column }),
                ..Trades::new(ROWS, TimeUnit::Milliseconds)
            }
        }
    }

    const RULES: [&str; 12] = [
        "range-1",
        "range-10",
        "range-100-nogate",
        "range-5000",
        "highlow-1",
        "cusum-100",
        "tick-1000",
        "trade-3000-gate",
        "volume-200",
        "dollar-2000000",
        "imbalance-tick-maker-50",
        "ewmarun-volume-tickrule-400-none-1000-100-4000-400",
    ];

    const LENGTHS: [Option<Length>; 7] = [
        None,
        Some(Length::Trades(1)),
        Some(Length::Trades(300)),
        Some(Length::Trades(3_000)),
        Some(Length::Trades(LONG_WINDOW as u64 + 1)),
        Some(Length::Span(40_000_000)),
        Some(Length::Span(700_000_000)),
    ];

    const BEFORE: [&str; 3] = ["lookback_trade_count", "lookback_vwap", "lookback_kaufman_er"];

    fn builder(rules: &[&str], length: Option<Length>) -> Builder<AnyRule> {
        // The time above the first price is added on one thread.
        let is_shared = |output: &&Output| !output.needs.contains(Needs::TIME_ABOVE);
        let outputs = OUTPUTS.iter().filter(is_shared);
        let needs = outputs.fold(Needs::NOTHING, |needs, output| needs.and(output.needs));
        let of_window = BEFORE.iter().filter_map(|name| output(name)).collect();
        let back = Back { length, vpin: None };
        Builder::new(rules.iter().map(|rule| rule.parse().unwrap()), needs)
            .looking_back(length.map(|_| Lookback::new(back, of_window, rules.len())))
    }

    /// The bars with what came before each, what is open then, what is kept, the check, and the
    /// error of two batches with the same trades.
    type Folded = (
        Vec<(Ended, Vec<Option<Scalar>>)>,
        Vec<(Bar, Vec<Option<Scalar>>)>,
        Option<Kept>,
        Check,
        Vec<Option<Error>>,
    );

    fn folded(threads: usize, mut builder: Builder<AnyRule>, batches: &[Trades<'_>]) -> Folded {
        let (mut ended, mut errors) = (Vec::new(), Vec::new());
        for batch in batches {
            let emit = &mut |bar, before: &Before| ended.push((bar, before.to_vec()));
            let pushed = if threads == 1 {
                builder.push(batch, emit)
            } else {
                builder.push_on(threads, batch, emit)
            };
            let error = pushed.err();
            let is_bad = error.is_some();
            errors.push(error);
            if is_bad {
                break;
            }
        }
        let values = |(chain, bar): (usize, &Bar)| (bar.clone(), builder.before(chain).to_vec());
        let open = builder.open_bars().map(values).collect();
        // After an error, a builder is not used again.
        let is_good = errors.iter().all(Option::is_none);
        let kept = is_good.then(|| builder.kept(TimeUnit::Milliseconds));
        (ended, open, kept, builder.check, errors)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_number_of_threads_gives_the_bars_of_one(
            seed: u64,
            step in 1..200_i32,
            ties in 1..20_i32,
            threads in 2..9_usize,
            rules in prop::sample::subsequence(RULES.to_vec(), 1..5),
            ids: bool,
            cut in 0..ROWS,
            length in prop::sample::select(LENGTHS.to_vec()),
        ) {
            let owned = Owned::new(seed, step, ties);
            let trades = owned.trades(ids);
            let batches = [trades.slice(0..cut), trades.slice(cut..ROWS)];

            let one = folded(1, builder(&rules, length), &batches);

            prop_assert!(one.4.iter().all(Option::is_none), "{:?}", one.4);
            prop_assert_eq!(folded(threads, builder(&rules, length), &batches), one);
        }

        #[test]
        fn a_bad_row_is_the_error_of_one_thread(
            seed: u64,
            threads in 2..9_usize,
            row in 0..ROWS,
            second in 0..ROWS,
            kind in 0..4,
            rules in prop::sample::subsequence(RULES.to_vec(), 1..4),
            length in prop::sample::select(LENGTHS.to_vec()),
        ) {
            let mut owned = Owned::new(seed, 50, 3);
            for row in [row, second] {
                match kind {
                    0 => owned.prices[row] = f64::NAN,
                    1 => owned.quantities[row] = -1.0,
                    2 => owned.times[row] = -1,
                    _ => (owned.prices[row], owned.quantities[row]) = (9e10, 9e10),
                }
            }
            let trades = owned.trades(false);

            // As texts, because NaN differs from itself.
            let on = |threads| {
                format!("{:?}", folded(threads, builder(&rules, length), &[trades]))
            };

            prop_assert_eq!(on(threads), on(1));
        }
    }
}
