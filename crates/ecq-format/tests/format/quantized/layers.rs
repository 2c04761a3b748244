//! Packing and unpacking of single layers of GPTQ and AWQ.

use super::golden::{assert_is, data, halves};
use ecq_core::{AffineGroups, Biases, Codes, CoreError};
use ecq_format::{awq, gptq};
use safetensors::SafeTensors;
use std::fs;

#[test]
fn gptq_is_unpacked_and_packed_as_by_autogptq() {
    let bytes = fs::read(data("gptq-packed.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for bits in [2u8, 3, 4, 8] {
        let tensor = |name: &str| file.tensor(&format!("{bits}.{name}")).unwrap().data().to_vec();
        let packed = gptq::GptqTensors {
            qweight: tensor("qweight"),
            qzeros: tensor("qzeros"),
            scales: halves(&tensor("scales")),
        };
        let layer =
            gptq::GptqLayer { bits, group_size: 32, inputs: 64, outputs: 32, version: gptq::GptqVersion::V1 };
        let (codes, grid) = layer.unpack(&packed).unwrap();
        assert_is(&file, &bits.to_string(), &codes, &grid);
        assert_eq!(layer.pack(&codes, &grid).unwrap(), packed, "{bits} bits");
        // Version 2 differs only in the stored zero points.
        let second = gptq::GptqLayer { version: gptq::GptqVersion::V2, ..layer };
        let repacked = second.pack(&codes, &grid).unwrap();
        assert_ne!(repacked.qzeros, packed.qzeros);
        assert_eq!(second.unpack(&repacked).unwrap(), (codes, grid), "{bits} bits");
    }
}

#[test]
fn awq_is_unpacked_and_packed_as_by_autoawq() {
    let bytes = fs::read(data("awq-packed.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |name: &str| file.tensor(&format!("4.{name}")).unwrap().data().to_vec();
    let packed = awq::AwqTensors {
        qweight: tensor("qweight"),
        qzeros: tensor("qzeros"),
        scales: halves(&tensor("scales")),
    };
    let layer = awq::AwqLayer { group_size: 32, inputs: 64, outputs: 32 };
    let (codes, grid) = layer.unpack(&packed).unwrap();
    assert_is(&file, "4", &codes, &grid);
    assert_eq!(layer.pack(&codes, &grid).unwrap(), packed);
}

#[test]
fn equal_zero_points_become_one() {
    let layer =
        gptq::GptqLayer { bits: 4, group_size: 8, inputs: 16, outputs: 8, version: gptq::GptqVersion::V1 };
    let packed =
        gptq::GptqTensors { qweight: vec![0x5a; 64], qzeros: vec![0x77; 8], scales: halves(&[0; 32]) };
    let (codes, grid) = layer.unpack(&packed).unwrap();
    assert_eq!(grid.biases, Biases::Zero(8));
    assert_eq!(layer.pack(&codes, &grid).unwrap(), packed);
    let layer = awq::AwqLayer { group_size: 8, inputs: 16, outputs: 8 };
    let (codes, grid) = layer
        .unpack(&awq::AwqTensors { qweight: vec![0x5a; 64], qzeros: vec![0x77; 8], scales: halves(&[0; 32]) })
        .unwrap();
    assert_eq!(grid.biases, Biases::Zero(7));
    assert_eq!(layer.pack(&codes, &grid).unwrap().qzeros, [0x77; 8]);
}

#[test]
fn unsupported_layers_are_refused() {
    let what = |result: Result<_, CoreError>| match result {
        Err(CoreError::Parameter { what, .. } | CoreError::Length { what, .. }) => what,
        Err(CoreError::Shape { .. }) => "shape",
        other => panic!("{other:?}"),
    };
    let valid =
        gptq::GptqLayer { bits: 4, group_size: 8, inputs: 16, outputs: 8, version: gptq::GptqVersion::V1 };
    let packed =
        gptq::GptqTensors { qweight: vec![0x11; 64], qzeros: vec![0x37; 8], scales: halves(&[0; 32]) };
    let (codes, grid) = valid.unpack(&packed).unwrap();
    let unpack = |layer: gptq::GptqLayer, packed: &gptq::GptqTensors| what(layer.unpack(packed).map(|_| ()));
    assert_eq!(unpack(gptq::GptqLayer { bits: 5, ..valid }, &packed), "bits");
    assert_eq!(unpack(gptq::GptqLayer { group_size: 5, ..valid }, &packed), "group size");
    assert_eq!(unpack(gptq::GptqLayer { group_size: 0, ..valid }, &packed), "group size");
    assert_eq!(unpack(gptq::GptqLayer { inputs: 24, bits: 3, ..valid }, &packed), "input features");
    assert_eq!(unpack(gptq::GptqLayer { outputs: 12, bits: 8, ..valid }, &packed), "output features");
    assert_eq!(unpack(gptq::GptqLayer { outputs: 0, ..valid }, &packed), "output features");
    let huge = gptq::GptqLayer { outputs: 1 << 62, inputs: 1 << 60, group_size: 1 << 60, ..valid };
    assert_eq!(unpack(huge, &packed), "output features");
    let huge = gptq::GptqLayer { outputs: 1 << 40, inputs: 1 << 40, ..valid };
    assert_eq!(unpack(huge, &packed), "shape");
    assert_eq!(
        unpack(valid, &gptq::GptqTensors { qweight: vec![0; 60], ..packed.clone() }),
        "bytes of qweight"
    );
    assert_eq!(unpack(valid, &gptq::GptqTensors { qzeros: vec![0; 4], ..packed.clone() }), "bytes of qzeros");
    assert_eq!(unpack(valid, &gptq::GptqTensors { scales: halves(&[0; 30]), ..packed.clone() }), "scales");
    let doubtful = gptq::GptqTensors { qzeros: vec![0x3f; 8], ..packed.clone() };
    assert_eq!(unpack(valid, &doubtful), "stored zero point");
    assert!(gptq::GptqLayer { version: gptq::GptqVersion::V2, ..valid }.unpack(&doubtful).is_ok());

    let pack = |codes: &Codes, grid: &AffineGroups| what(valid.pack(codes, grid).map(|_| ()));
    let other = Codes::new(16, 8, 16, vec![0; 128]).unwrap();
    assert_eq!(pack(&other, &grid), "shape");
    let zero = |biases| AffineGroups { biases, ..grid.clone() };
    assert_eq!(pack(&codes, &zero(Biases::Zero(0))), "zero point");
    assert_eq!(pack(&codes, &zero(Biases::Zero(16))), "zero point");
    assert_eq!(pack(&codes, &zero(Biases::PerGroup(halves(&[0; 32])))), "number of biases");
    assert_eq!(pack(&codes, &zero(Biases::Zeros(vec![1; 3]))), "zero points");

    let valid = awq::AwqLayer { group_size: 8, inputs: 16, outputs: 8 };
    let packed = awq::AwqTensors { qweight: vec![0x11; 64], qzeros: vec![0x37; 8], scales: halves(&[0; 32]) };
    let unpack = |layer: awq::AwqLayer, packed: &awq::AwqTensors| what(layer.unpack(packed).map(|_| ()));
    assert_eq!(unpack(awq::AwqLayer { group_size: 0, ..valid }, &packed), "group size");
    assert_eq!(unpack(awq::AwqLayer { outputs: 12, ..valid }, &packed), "output features");
    assert_eq!(unpack(awq::AwqLayer { outputs: 0, ..valid }, &packed), "shape");
    assert_eq!(
        unpack(valid, &awq::AwqTensors { qweight: vec![0; 60], ..packed.clone() }),
        "bytes of qweight"
    );
    assert_eq!(unpack(valid, &awq::AwqTensors { qzeros: vec![0; 60], ..packed.clone() }), "bytes of qzeros");
    assert_eq!(unpack(valid, &awq::AwqTensors { scales: halves(&[0; 2]), ..packed.clone() }), "scales");
    let pack = |codes: &Codes, grid: &AffineGroups| what(valid.pack(codes, grid).map(|_| ()));
    assert_eq!(pack(&other, &grid), "shape");
    assert_eq!(pack(&codes, &zero(Biases::Zero(16))), "zero point");
}
