//! Telling how far long work is, and cutting it into pieces that fit in memory.

use crate::error::{PackError, Result};

/// Hears how far long work is; called from several threads.
pub trait Progress: Sync {
    /// A stage begins that will do `total_bytes` of work (0: unknown).
    fn begin(&self, stage: &'static str, total_bytes: u64);
    /// So many more bytes are done; the last of them were those of `tensor`.
    fn advance(&self, bytes: u64, tensor: &str);
    /// The stage ends.
    fn end(&self);
    /// Whether the work is to stop. It is asked before each piece of work; the work then ends with
    /// [`PackError::Cancelled`].
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Stops work that is cancelled.
pub(crate) fn check(progress: &dyn Progress) -> Result<()> {
    if progress.is_cancelled() { Err(PackError::Cancelled) } else { Ok(()) }
}

/// Tells nobody.
impl Progress for () {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self) {}
}

/// Source bytes that a batch may hold unless one item alone has more: enough small tensors to keep all
/// threads busy, few enough that their codes fit beside each other.
const BATCH_BYTES: u64 = 24 << 20;

/// Calls `one` with runs of `items` whose sizes add up to at most a batch, until the work is cancelled.
pub(crate) fn in_batches<T>(
    progress: &dyn Progress,
    items: &[T],
    bytes: impl Fn(&T) -> u64,
    mut one: impl FnMut(&[T]) -> Result<()>,
) -> Result<()> {
    let mut rest = items;
    while !rest.is_empty() {
        let mut sum = 0;
        let fits = rest.iter().take_while(|item| {
            sum += bytes(item);
            sum <= BATCH_BYTES
        });
        let (batch, after) = rest.split_at(fits.count().max(1));
        check(progress)?;
        one(batch)?;
        rest = after;
    }
    Ok(())
}
