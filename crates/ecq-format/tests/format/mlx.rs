//! Packing of MLX against golden files that MLX wrote (`data/make_mlx_fixture.py`).

use ecq_core::{Biases, Codes, CoreError, FloatType, FloatVec};
use ecq_format::mlx::{pack, supports_bits, unpack, unpack_weight, unpacked_cols};
use safetensors::SafeTensors;

#[test]
fn codes_are_packed_and_unpacked_as_mlx_does() {
    let bytes = include_bytes!("../data/mlx-packed.safetensors");
    let file = SafeTensors::deserialize(bytes).unwrap();
    for bits in [2u8, 3, 4, 5, 6, 8] {
        let packed = file.tensor(&format!("{bits}.packed")).unwrap();
        let expected = file.tensor(&format!("{bits}.codes")).unwrap();
        let [rows, words] = packed.shape() else { panic!("a matrix") };
        let codes = unpack(bits, *rows, packed.data()).unwrap();
        assert_eq!([codes.rows(), codes.cols()], expected.shape(), "{bits} bits");
        assert_eq!(codes.symbols(), expected.data(), "{bits} bits");
        assert_eq!(unpacked_cols(*words, bits), Some(codes.cols()));
        assert_eq!(pack(bits, &codes).unwrap(), packed.data(), "{bits} bits");
    }
}

#[test]
fn unsupported_grids_of_mlx_are_refused() {
    assert_eq!((0..=16).filter(|&bits| supports_bits(bits)).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 8]);
    let parameter = |result: Result<_, CoreError>| match result {
        Err(CoreError::Parameter { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(parameter(unpack(7, 1, &[0; 28])), "bits");
    assert_eq!(parameter(unpack(4, 3, &[0; 16])), "packed bytes");
    assert_eq!(parameter(unpack(4, 0, &[0; 16])), "packed bytes");
    assert!(matches!(unpack(4, 1, &[]), Err(CoreError::Shape { rows: 1, cols: 0 })));
    assert_eq!(parameter(unpack(3, 1, &[0; 16])), "packed bytes");
    assert_eq!(unpacked_cols(usize::MAX, 4), None);
    let codes = |cols, alphabet| Codes::new(1, cols, alphabet, vec![0; cols]).unwrap();
    let packed = |bits, codes: &Codes| parameter(pack(bits, codes).map(|_| codes.clone()));
    assert_eq!(packed(1, &codes(32, 2)), "bits");
    assert_eq!(packed(4, &codes(32, 17)), "alphabet");
    assert_eq!(packed(4, &codes(40, 16)), "columns");
}

#[test]
fn codes_scales_and_biases_must_match() {
    let floats = |n: usize| FloatVec::new(FloatType::Bf16, vec![0; 2 * n]).unwrap();
    let packed = pack(3, &Codes::new(2, 64, 8, vec![5; 128]).unwrap()).unwrap();
    let (codes, grid) = unpack_weight(3, 32, 2, &packed, floats(4), floats(4)).unwrap();
    assert_eq!((codes.rows(), codes.cols(), codes.symbols()[77]), (2, 64, 5));
    assert!(matches!(&grid.biases, Biases::PerGroup(biases) if biases.len() == 4));
    assert!(matches!(
        unpack_weight(3, 32, 2, &packed, floats(4), floats(3)),
        Err(CoreError::Length { what: "biases", found: 3, expected: 4 })
    ));
    assert!(matches!(
        unpack_weight(3, 64, 2, &packed, floats(4), floats(4)),
        Err(CoreError::Length { what: "scales", .. })
    ));
    assert!(matches!(
        unpack_weight(3, 48, 2, &packed, floats(4), floats(4)),
        Err(CoreError::Parameter { what: "group size", .. })
    ));
    assert!(unpack_weight(3, 0, 2, &packed, floats(4), floats(4)).is_err());
}
