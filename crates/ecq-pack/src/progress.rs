//! Reports of progress, and loops over tensors in batches that fit in memory.

use crate::error::{PackError, Result};
use crate::source::Source;
use rayon::prelude::*;

/// Receives the progress of a long operation; called from several threads.
pub trait Progress: Sync {
    /// A stage begins. `total_bytes` is its amount of work: bytes, or tokens in stages that run the model; 0
    /// if unknown.
    fn begin(&self, stage: &'static str, total_bytes: u64);
    /// `bytes` more units of work are done; the last of them belong to `tensor`.
    fn advance(&self, bytes: u64, tensor: &str);
    /// The stage ends.
    fn end(&self);
    /// Returns whether the operation should stop. It is called before each unit of work; the operation then
    /// returns [`PackError::Cancelled`].
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Returns [`PackError::Cancelled`] if the operation should stop.
pub(crate) fn check(progress: &dyn Progress) -> Result<()> {
    if progress.is_cancelled() { Err(PackError::Cancelled) } else { Ok(()) }
}

/// Ignores all progress.
impl Progress for () {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self) {}
}

/// Source bytes per batch (more only if a single tensor has more): enough small tensors to keep all threads
/// busy, few enough that their codes fit in memory together.
const BATCH_BYTES: u64 = 24 << 20;

/// Calls `map` for the tensors `indices` of `source` in parallel, and `consume` with the results in order.
///
/// Tensors are processed in batches of about 24 MiB of source bytes, so that the results of one batch at most
/// are in memory. The whole is one stage of `progress`, in bytes of the source.
///
/// # Errors
/// [`PackError::Cancelled`], an error of `map` as [`PackError::InTensor`], or an error of `consume`.
pub(crate) fn map_tensors<T: Send>(
    source: &dyn Source,
    indices: &[usize],
    stage: &'static str,
    progress: &dyn Progress,
    map: impl Fn(usize) -> Result<T> + Sync,
    mut consume: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let tensors = source.tensors();
    progress.begin(stage, indices.iter().map(|&i| tensors[i].bytes).sum());
    let mut rest = indices;
    while !rest.is_empty() {
        let mut sum = 0;
        let fits = rest.iter().take_while(|&&i| {
            sum += tensors[i].bytes;
            sum <= BATCH_BYTES
        });
        let (batch, after) = rest.split_at(fits.count().max(1));
        check(progress)?;
        let results = batch.par_iter().map(|&i| {
            check(progress)?;
            let result = map(i).map_err(|error| error.with_tensor(&tensors[i].name))?;
            progress.advance(tensors[i].bytes, &tensors[i].name);
            Ok(result)
        });
        for (&i, result) in batch.iter().zip(results.collect::<Result<Vec<T>>>()?) {
            consume(i, result)?;
        }
        rest = after;
    }
    progress.end();
    Ok(())
}
