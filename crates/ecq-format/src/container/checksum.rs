//! Checksums: the first eight bytes of BLAKE3, in hexadecimal.

pub(super) fn checksum(bytes: &[u8]) -> String {
    hex(&blake3::hash(bytes).as_bytes()[..8])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
