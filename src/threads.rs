//! Threads of this crate's own, which end with the call: none of them waits for a pool.

use std::thread;

/// What a function returns for each argument, each on a thread of its own, the first on this one.
///
/// An argument whose thread the system does not start is passed to the function on this thread.
///
/// ```
/// let mut numbers = [1, 2, 3];
/// let doubled = rangebar_polars::threads::on_threads(numbers.iter_mut(), &|number| {
///     **number += 1;
///     **number * 2
/// });
/// assert_eq!(doubled, [4, 6, 8]);
/// assert_eq!(numbers, [2, 3, 4]);
/// ```
pub fn on_threads<A: Send, T: Send>(
    arguments: impl IntoIterator<Item = A>,
    function: &(impl Fn(&mut A) -> T + Sync),
) -> Vec<T> {
    let mut calls: Vec<_> = arguments.into_iter().map(|argument| (argument, None)).collect();
    let call = |(argument, result): &mut (A, Option<T>)| *result = Some(function(argument));
    if let Some((first, others)) = calls.split_first_mut() {
        thread::scope(|scope| {
            for other in others {
                // The scope joins the threads; those that do not start leave no result.
                drop(thread::Builder::new().spawn_scoped(scope, || call(other)));
            }
            call(first);
        });
    }
    let finished =
        |(mut argument, result): (A, Option<T>)| result.unwrap_or_else(|| function(&mut argument));
    calls.into_iter().map(finished).collect()
}
