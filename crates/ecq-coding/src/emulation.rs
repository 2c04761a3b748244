//! Smaller sets of test cases for processors that are emulated.

/// Returns every `step`-th case if the environment variable `ECQ_EMULATED` is set (`cargo run -p xtask --
/// arm` sets it), and prints the reduction; otherwise returns all cases.
pub(crate) fn cases<T>(what: &str, all: Vec<T>, step: usize) -> Vec<T> {
    if std::env::var_os("ECQ_EMULATED").is_none() {
        return all;
    }
    println!("ECQ_EMULATED: {} of {} {what}", all.len().div_ceil(step), all.len());
    all.into_iter().step_by(step).collect()
}
