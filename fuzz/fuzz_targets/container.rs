//! Arbitrary bytes as an .ecq file: open it and decode all tensors. The limits are small, so that large sizes
//! in a header are rejected independently of the memory of the machine.
#![no_main]

use ecq::codec::{decode_codes, decode_grid, decode_raw};
use ecq::format::container::EcqFile;
use ecq::{Limits, TensorContent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { tensor_weights: 1 << 16, tensors: 64, header_bytes: 1 << 20, file_bytes: 1 << 20 };
    let Ok(file) = EcqFile::parse(bytes::Bytes::copy_from_slice(bytes), &limits) else { return };
    let _ = file.verify_seal(|_| {});
    let _ = file.summary();
    for name in file.files() {
        let _ = file.file(name);
    }
    for name in file.names() {
        let _ = file.check(name);
        match file.encoded(name) {
            Ok(tensor) if matches!(tensor.entry().content, TensorContent::Codes { .. }) => {
                let _ = decode_grid(&tensor);
                let _ = decode_codes(&tensor);
            }
            Ok(tensor) => drop(decode_raw(&tensor)),
            Err(_) => drop(file.plain(name)),
        }
    }
});
