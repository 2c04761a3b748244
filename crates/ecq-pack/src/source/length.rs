//! Whether a safetensors file is as long as its header says.

use crate::error::PackError;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Headers are no longer than this.
const MOST_HEADER_BYTES: u64 = 100_000_000;

/// The error that a cut file deserves; `None` when the file is as long as its header says, or has no header
/// to believe.
pub(crate) fn truncation(path: &Path) -> Option<PackError> {
    let mut file = File::open(path).ok()?;
    let found = file.metadata().ok()?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let header_bytes = Some(u64::from_le_bytes(length)).filter(|&n| (2..=MOST_HEADER_BYTES).contains(&n))?;
    let cut = |expected: u64| PackError::Truncated { path: path.to_owned(), found, expected };
    if found < 8 + header_bytes {
        // What follows the header is not known.
        return Some(cut(8 + header_bytes));
    }
    let mut header = Vec::new();
    file.take(header_bytes).read_to_end(&mut header).ok()?;
    let header: Value = serde_json::from_slice(&header).ok()?;
    let ends = header.as_object()?.iter().filter_map(|(_, tensor)| tensor["data_offsets"][1].as_u64());
    let expected = ends.max().unwrap_or(0).checked_add(8 + header_bytes)?;
    (found < expected).then(|| cut(expected))
}
