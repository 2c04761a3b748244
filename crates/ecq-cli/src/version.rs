//! The text of `ecq --version`.

use std::sync::OnceLock;

/// Version, commit of the source if known, and the instruction sets of this processor that ecq has code for.
///
/// Example: `0.1.0 (commit 0123abc, x86_64: avx2 fma avx512f)`.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        // Set by the build script.
        let commit = option_env!("ECQ_COMMIT").map_or(String::new(), |commit| format!("commit {commit}, "));
        let sets = match instruction_sets() {
            sets if sets.is_empty() => "no SIMD".to_owned(),
            sets => sets.join(" "),
        };
        format!("{} ({commit}{}: {sets})", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH)
    })
}

/// The target features of a list that the processor supports.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! supported {
    ($detected:ident: $($name:tt)*) => {{
        let mut names = Vec::new();
        $(if $detected!($name) { names.push($name); })*
        names
    }};
}

#[cfg(target_arch = "x86_64")]
fn instruction_sets() -> Vec<&'static str> {
    use std::arch::is_x86_feature_detected;
    supported!(is_x86_feature_detected: "avx2" "fma" "avx512f" "avx512bw" "avx512vnni")
}

#[cfg(target_arch = "aarch64")]
fn instruction_sets() -> Vec<&'static str> {
    use std::arch::is_aarch64_feature_detected;
    supported!(is_aarch64_feature_detected: "neon" "dotprod" "i8mm")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instruction_sets() -> Vec<&'static str> {
    Vec::new()
}
