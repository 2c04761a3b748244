//! Finds htscodecs (Debian: libhtscodecs-dev).
fn main() {
    println!("cargo:rustc-link-lib=htscodecs");
}
