//! Checksums of the container: the first eight bytes of the BLAKE3 hash, in hexadecimal.

/// Returns the checksum of `bytes`, 16 hexadecimal digits.
pub(super) fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).as_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
