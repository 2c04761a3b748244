//! Damaged tensors are errors, as for decoders.

use super::matrices::{affine, codes, encoded, encoded_in_classes, uniform};
use ecq_codec::encode::{ClassChoice, TileChoice};
use ecq_codec::{CodecError, decode_codes};
use ecq_core::{Coding, EncodedTensor, FloatType, TensorPart};
use ecq_fixtures::Numbers;
use ecq_kernels::cpu::linear::{Activations, FusedLinear, Linear, Scratch};

#[test]
fn a_corrupt_stream_is_an_error_of_the_product() {
    let mut numbers = Numbers::new(8);
    let codes = codes(64, 64, 16, &mut numbers);
    let grid = affine(&codes, 32, FloatType::F16, false, &mut numbers);
    for coding in [Coding::Rans, Coding::Prefix] {
        let (entry, mut parts) = encoded(&codes, &grid, coding, TileChoice::Auto, 32).into_parts();
        let mut stream = parts[&TensorPart::Stream].to_vec();
        *stream.last_mut().unwrap() ^= 0x80;
        parts.insert(TensorPart::Stream, stream.into());
        let tensor = EncodedTensor::new(entry, parts).unwrap();
        let fused = FusedLinear::new(&tensor).unwrap();
        let x = Activations::i8(&[1.0; 64], 1, 64);
        let refused = fused.matmul(&x, 0..64, &mut [0.0; 64], &mut Scratch::new());
        assert!(matches!(refused, Err(CodecError::Tile { tile: 0, .. })), "{refused:?}");
    }
    let tensor = encoded(&codes, &grid, Coding::Archive, TileChoice::Auto, 32);
    assert!(matches!(FusedLinear::new(&tensor), Err(CodecError::Content { .. })));
}

#[test]
fn products_refuse_what_decoders_refuse() {
    let mut numbers = Numbers::new(9);
    let codes = codes(40, 64, 13, &mut numbers);
    let grid = uniform(&codes, true, true, false, true, &mut numbers);
    let sound =
        encoded_in_classes(&codes, &grid, Coding::Rans, TileChoice::Auto, 32, ClassChoice::Only([3, 2]));
    let mut refused = 0;
    for part in [TensorPart::Table, TensorPart::Index] {
        let bytes = &sound.parts()[&part];
        for at in 0..bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << (at % 8);
            for edited in [bytes[..at].to_vec(), flipped] {
                let (entry, mut parts) = sound.clone().into_parts();
                parts.insert(part, edited.into());
                let Ok(tensor) = EncodedTensor::new(entry, parts) else { continue };
                let decoded = decode_codes(&tensor);
                let fused = FusedLinear::new(&tensor);
                assert!(fused.is_ok() || decoded.is_err(), "{part:?} {at}: {fused:?}");
                refused += usize::from(fused.is_err());
            }
        }
    }
    assert!(
        refused >= sound.parts()[&TensorPart::Table].len(),
        "every cut of the tables is refused: {refused}"
    );
}
