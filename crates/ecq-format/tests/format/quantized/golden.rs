//! Golden files that MLX, AutoGPTQ and AutoAWQ wrote (`data/make_*_fixture*.py`), and edited copies.

use ecq_core::{AffineGroups, Biases, Codes, FloatType, FloatVec, Grid, Limits};
use ecq_format::checkpoint::{Checkpoint, CheckpointError as E, Weight};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

pub fn halves(bytes: &[u8]) -> FloatVec {
    FloatVec::new(FloatType::F16, bytes.to_vec()).unwrap()
}

/// Returns the weights of codes on a grid, row-major.
pub fn dequantized(codes: &Codes, grid: &AffineGroups) -> Vec<f32> {
    let grid = Grid::AffineGroups(grid.clone());
    let mut weights = vec![0.0; codes.symbols().len()];
    for (row, (symbols, weights)) in
        codes.symbols().chunks(codes.cols()).zip(weights.chunks_mut(codes.cols())).enumerate()
    {
        grid.dequantize_row(row, symbols, weights);
    }
    weights
}

/// Asserts that codes, zero points and weights are those of the golden file.
pub fn assert_is(file: &SafeTensors, prefix: &str, codes: &Codes, grid: &AffineGroups) {
    let expected = |name: &str| file.tensor(&format!("{prefix}.{name}")).unwrap();
    assert_eq!([codes.rows(), codes.cols()], expected("codes").shape());
    assert_eq!(codes.symbols(), expected("codes").data(), "{prefix} bits");
    assert!(
        matches!(&grid.biases, Biases::Zeros(zeros) if zeros == expected("zeros").data()),
        "{prefix} bits"
    );
    let weights: Vec<u8> = dequantized(codes, grid).iter().flat_map(|w| w.to_le_bytes()).collect();
    assert_eq!(weights, expected("weight").data(), "{prefix} bits");
}

pub fn find<'a>(weights: &'a [Weight], end: &str) -> &'a Weight {
    weights.iter().find(|weight| weight.name.ends_with(end)).unwrap()
}

/// A copy of a golden checkpoint with an edited configuration or edited tensors.
pub struct Edited {
    pub folder: tempfile::TempDir,
    pub tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
    pub config: serde_json::Value,
}

impl Edited {
    pub fn of(fixture: &str) -> Self {
        let bytes = fs::read(data(fixture).join("model.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |(name, view): (String, safetensors::tensor::TensorView)| {
            (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        };
        let tensors = file.tensors().into_iter().map(tensor).collect();
        let config = serde_json::from_slice(&fs::read(data(fixture).join("config.json")).unwrap()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), tensors, config }
    }

    pub fn tensor(&mut self, end: &str) -> &mut (Dtype, Vec<usize>, Vec<u8>) {
        let found = self.tensors.iter_mut().find(|(name, _)| name.ends_with(end));
        found.unwrap().1
    }

    pub fn remove(mut self, end: &str) -> Self {
        self.tensors.retain(|name, _| !name.ends_with(end));
        self
    }

    /// Changes type and shape of a tensor; its data get the matching length.
    pub fn shaped(mut self, end: &str, dtype: Dtype, shape: &[usize]) -> Self {
        let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
        let tensor = self.tensor(end);
        tensor.2.resize(bytes, 0);
        (tensor.0, tensor.1) = (dtype, shape.to_vec());
        self
    }

    pub fn set(mut self, pointer: &str, value: serde_json::Value) -> Self {
        *self.config.pointer_mut(pointer).unwrap() = value;
        self
    }

    pub fn open(&self) -> Checkpoint {
        let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name.clone(), safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let file = safetensors::serialize(views, None).unwrap();
        fs::write(self.folder.path().join("model.safetensors"), file).unwrap();
        if !self.config.is_null() {
            fs::write(self.folder.path().join("config.json"), self.config.to_string()).unwrap();
        }
        Checkpoint::open(self.folder.path(), &Limits::default()).unwrap()
    }

    pub fn weights(&self) -> Result<Vec<Weight>, E> {
        let checkpoint = self.open();
        checkpoint.weights(&checkpoint.quantization()?)
    }
}
