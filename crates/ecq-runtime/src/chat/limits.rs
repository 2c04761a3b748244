//! Resource limits of templates, which come from untrusted files.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

type Result<T> = std::result::Result<T, Error>;

/// Maximum steps of a rendering.
pub(super) const FUEL: u64 = 5_000_000;
/// Maximum bytes of one text or list.
pub(super) const MAX_VALUE_BYTES: usize = 64 << 20;
/// Maximum bytes of all texts and lists of a rendering together, including temporary ones.
const MAX_TOTAL_BYTES: usize = 512 << 20;
/// Maximum values visited while measuring values stored in namespaces.
const MAX_VISITS: usize = 20_000_000;
/// Maximum bytes of a template; the largest known ones have about 30,000.
pub(super) const MAX_SOURCE_BYTES: usize = 4 << 20;
/// Maximum depth of calls (macros, recursive loops).
pub(super) const MAX_CALL_DEPTH: usize = 200;
/// Maximum depth of lists in a namespace, because minijinja drops values recursively.
const MAX_NAMESPACE_DEPTH: usize = 60;
/// Maximum number of values inside one value of a namespace.
const MAX_NAMESPACE_VALUES: usize = 200_000;

/// Resources used by the current rendering.
#[derive(Default)]
struct Usage {
    bytes: usize,
    visits: usize,
}

/// Charges bytes that a template allocates at once.
pub(super) fn charge(state: &mut State, bytes: usize) -> Result<()> {
    let Usage { bytes: all, .. } = state.get_or_insert_extension(Usage::default());
    *all = all.saturating_add(bytes);
    if bytes > MAX_VALUE_BYTES || *all > MAX_TOTAL_BYTES {
        Err(limit_error("it produces too much text"))
    } else {
        Ok(())
    }
}

/// Returns the error for exceeding a limit.
pub(super) fn limit_error(why: &str) -> Error {
    Error::new(ErrorKind::OutOfFuel, format!("the template is stopped: {why}"))
}

/// Checks a value before it is stored in a namespace; only there can values grow without bound.
pub(super) fn namespace_value(state: &mut State, value: Value) -> Result<Value> {
    // A lazy iterator would keep all values that it is computed from.
    let value = match value.kind() {
        ValueKind::Iterable => Value::from(value.try_iter()?.checked().collect::<Result<Vec<Value>>>()?),
        _ => value,
    };
    let mut left = MAX_NAMESPACE_VALUES;
    visit(&value, 0, &mut left)?;
    let Usage { visits, .. } = state.get_or_insert_extension(Usage::default());
    *visits += MAX_NAMESPACE_VALUES - left;
    if *visits > MAX_VISITS { Err(limit_error("it stores too much in a namespace")) } else { Ok(value) }
}

fn visit(value: &Value, depth: usize, left: &mut usize) -> Result<()> {
    if depth > MAX_NAMESPACE_DEPTH || *left == 0 {
        return Err(limit_error("a value stored in a namespace is too large"));
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
