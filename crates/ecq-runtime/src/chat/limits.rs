//! What a template may make: it comes from a file.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

type Result<T> = std::result::Result<T, Error>;

/// Steps that a template may take.
pub(super) const FUEL: u64 = 5_000_000;
/// Bytes of one text or list that it may make.
pub(super) const MAX_TEXT: usize = 64 << 20;
/// Bytes of text and lists that it may make altogether, most of which live only for a moment.
const MAX_MADE: usize = 512 << 20;
/// Values that it may look at to find out how large others are.
const MAX_VISITS: usize = 20_000_000;
/// Bytes of a template; the largest known ones have some 30 thousand.
pub(super) const MAX_SOURCE: usize = 4 << 20;
/// Calls within calls: macros, recursive loops.
pub(super) const MAX_CALLS: usize = 200;
/// Lists within lists that a namespace may keep. Values of minijinja are dropped by recursion.
const KEPT_DEPTH: usize = 60;
/// Values that one value in a namespace may hold.
const KEPT_VALUES: usize = 200_000;

/// What this rendering made so far, and what it looked at.
#[derive(Default)]
struct Made {
    bytes: usize,
    visits: usize,
}

/// Counts bytes that a template makes at once.
pub(super) fn made(state: &mut State, bytes: usize) -> Result<()> {
    let Made { bytes: all, .. } = state.get_or_insert_extension(Made::default());
    *all = all.saturating_add(bytes);
    if bytes > MAX_TEXT || *all > MAX_MADE { Err(refused("it makes too much text")) } else { Ok(()) }
}

/// The error for what would take too much memory or time.
pub(super) fn refused(why: &str) -> Error {
    Error::new(ErrorKind::OutOfFuel, format!("the template is stopped: {why}"))
}

/// A value as a namespace may keep it: only there values can grow without end.
pub(super) fn kept(state: &mut State, value: Value) -> Result<Value> {
    // What is computed when it is looked at would be kept with all that it is computed from.
    let value = match value.kind() {
        ValueKind::Iterable => Value::from(value.try_iter()?.checked().collect::<Result<Vec<Value>>>()?),
        _ => value,
    };
    let mut left = KEPT_VALUES;
    visit(&value, 0, &mut left)?;
    let Made { visits, .. } = state.get_or_insert_extension(Made::default());
    *visits += KEPT_VALUES - left;
    if *visits > MAX_VISITS { Err(refused("it keeps too much in a namespace")) } else { Ok(value) }
}

fn visit(value: &Value, depth: usize, left: &mut usize) -> Result<()> {
    if depth > KEPT_DEPTH || *left == 0 {
        return Err(refused("what it keeps in a namespace is too large"));
    }
    *left -= 1;
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            for item in value.try_iter()?.checked() {
                visit(&item?, depth + 1, left)?;
            }
        }
        ValueKind::Map => {
            for key in value.try_iter()?.checked() {
                visit(&value.get_item(&key?)?, depth + 1, left)?;
            }
        }
        _ => {}
    }
    Ok(())
}
