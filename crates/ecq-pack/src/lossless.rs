//! A model in, an `.ecq` out, every code and every byte kept.

use crate::encode::{Plan, encode, encode_raw, name as coding_name};
use crate::error::{PackError, Result};
use crate::options::PackOptions;
use crate::progress::{Progress, in_batches};
use crate::report::{PackReport, TensorReport};
use crate::source::{Source, Tensor, TensorFacts};
use ecq_core::{EncodedTensor, Kind, Part};
use ecq_format::container::{ModelEntry, Source as SourceEntry, Spool, TensorBytes};
use rayon::prelude::*;
use safetensors::Dtype;
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

/// Vectors and small matrices of floats ride along as they are, so that any safetensors tool can read them.
const PLAIN_WEIGHTS: u64 = 1 << 16;

/// A tensor on its way into the file.
enum Packed {
    Encoded(EncodedTensor, Option<Plan>),
    Plain(Dtype, Vec<usize>, Vec<u8>),
}

/// Packs `source` into `dest`, or with `dest` absent only counts what it would take.
///
/// Tensors are read, coded and written a batch at a time; the codes of no more than one batch are in memory.
///
/// # Errors
/// When a tensor cannot be read or coded, or the file cannot be written; nothing is left under the final name.
pub fn pack(
    source: &dyn Source,
    source_name: &str,
    dest: Option<&Path>,
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<PackReport> {
    let start = Instant::now();
    let tensors = source.tensors();
    let mut spool = None;
    if let Some(dest) = dest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(source.fingerprint().as_bytes());
        hasher.update(options.fingerprint().as_bytes());
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        spool = Some(Spool::create(dest, &hasher.finalize().to_hex()[..32], options.resume)?);
    }
    let done = |name: &str| spool.as_ref().is_some_and(|spool: &Spool| spool.is_done(name));
    let todo: Vec<usize> = (0..tensors.len()).filter(|&i| !done(&tensors[i].name)).collect();
    let resumed = tensors.len() - todo.len();
    progress.begin("packing", todo.iter().map(|&i| tensors[i].bytes).sum());

    let mut plans = HashMap::new();
    let mut dry = HashMap::new();
    in_batches(
        &todo,
        |&i| tensors[i].bytes,
        |batch| {
            let packed = batch.par_iter().map(|&i| {
                let packed = pack_one(source, i, options);
                progress.advance(tensors[i].bytes, &tensors[i].name);
                packed.map_err(|error| match error {
                    named @ PackError::InTensor { .. } => named,
                    error => PackError::in_tensor(&tensors[i].name, error),
                })
            });
            let packed = packed.collect::<Result<Vec<_>>>()?;
            for (&i, packed) in batch.iter().zip(packed) {
                let name = &tensors[i].name;
                match (&mut spool, packed) {
                    (Some(spool), Packed::Encoded(tensor, plan)) => {
                        spool.push_encoded(name, &tensor)?;
                        plans.insert(name.clone(), plan);
                    }
                    (Some(spool), Packed::Plain(dtype, shape, bytes)) => {
                        spool.push_plain(name, dtype, &shape, &bytes)?;
                    }
                    (None, Packed::Encoded(tensor, plan)) => {
                        let parts =
                            tensor.parts.iter().map(|(part, bytes)| (part.name(), bytes.len() as u64));
                        dry.insert(name.clone(), TensorBytes { parts: parts.collect(), header_bytes: 0 });
                        plans.insert(name.clone(), plan);
                    }
                    (None, Packed::Plain(_, _, bytes)) => {
                        let parts = [("data", bytes.len() as u64)].into();
                        dry.insert(name.clone(), TensorBytes { parts, header_bytes: 0 });
                    }
                }
            }
            Ok(())
        },
    )?;
    progress.end();

    let files = source.ride_along()?;
    let mut report = PackReport::new(source.bytes(), resumed);
    let bytes = if let Some(mut spool) = spool {
        for (name, bytes) in files {
            let done = spool.is_done(&format!("ecq.file/{name}"));
            if !done {
                spool.push_file(&name, &bytes)?;
            }
        }
        progress.begin("assembling", 0);
        let summary = spool.finish(&ModelEntry {
            source: SourceEntry {
                format: source.format().to_owned(),
                file: source_name.to_owned(),
                bytes: source.bytes(),
            },
            order: tensors.iter().map(|tensor| tensor.name.clone()).collect(),
            writer: concat!("ecq ", env!("CARGO_PKG_VERSION")).to_owned(),
        })?;
        progress.end();
        report.file_bytes = summary.file_bytes;
        summary.tensors.into_iter().collect()
    } else {
        report.dry_run = true;
        report.file_bytes = dry.values().map(TensorBytes::total).sum();
        dry
    };
    for facts in tensors {
        let bytes = bytes.get(&facts.name).cloned().unwrap_or_default();
        let plan = plans.get(&facts.name).and_then(Option::as_ref);
        report.tensors.push(tensor_report(facts, &bytes, plan));
    }
    report.close(start);
    Ok(report)
}

fn tensor_report(facts: &TensorFacts, bytes: &TensorBytes, plan: Option<&Plan>) -> TensorReport {
    let weights = facts.weights() as f64;
    let codes =
        [Part::Stream, Part::Index, Part::Table].map(|part| bytes.parts.get(part.name()).unwrap_or(&0));
    let codes_bits = 8.0 * codes.into_iter().sum::<u64>() as f64;
    TensorReport {
        name: facts.name.clone(),
        kind: facts.kind,
        rows: facts.rows,
        cols: facts.cols,
        dtype: facts.dtype.clone(),
        source_bytes: facts.bytes,
        bytes: bytes.total(),
        bpw: 8.0 * bytes.total() as f64 / weights,
        cross_entropy_bpw: plan.map(|plan| plan.cross_entropy_bits / weights),
        codes_bpw: plan.map(|_| codes_bits / weights),
        coding: plan.map(|plan| coding_name(plan.coding).to_owned()),
        reason: plan.map(|plan| plan.reason.clone()),
    }
}

fn pack_one(source: &dyn Source, index: usize, options: &PackOptions) -> Result<Packed> {
    let facts = &source.tensors()[index];
    match source.load(index)? {
        Tensor::Coded(codes, grid) => {
            let (tensor, plan) = encode(facts.kind, &codes, &grid, &options.of(&facts.name)?)?;
            Ok(Packed::Encoded(tensor, Some(plan)))
        }
        Tensor::Raw { dtype, fields, bytes } => {
            let plain = plain_dtype(&dtype);
            let small = facts.kind == Kind::Other || facts.weights() < PLAIN_WEIGHTS;
            let shape = if facts.rows == 1 { vec![facts.cols] } else { vec![facts.rows, facts.cols] };
            if let (Some(plain), true) = (plain, small) {
                return Ok(Packed::Plain(plain, shape, bytes));
            }
            let tensor = encode_raw(facts.kind, [facts.rows, facts.cols], &dtype, &bytes, &fields)?;
            let gain = 100.0 * (1.0 - tensor.bytes() as f64 / bytes.len() as f64);
            match plain {
                Some(plain) if gain < options.of(&facts.name)?.hybrid_percent => {
                    Ok(Packed::Plain(plain, shape, bytes))
                }
                _ => Ok(Packed::Encoded(tensor, None)),
            }
        }
    }
}

/// The safetensors type of a lower-case name.
fn plain_dtype(name: &str) -> Option<Dtype> {
    Some(match name {
        "f64" => Dtype::F64,
        "f32" => Dtype::F32,
        "f16" => Dtype::F16,
        "bf16" => Dtype::BF16,
        "i64" => Dtype::I64,
        "i32" => Dtype::I32,
        "i16" => Dtype::I16,
        "i8" => Dtype::I8,
        "u8" => Dtype::U8,
        _ => return None,
    })
}
