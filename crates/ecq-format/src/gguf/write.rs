use super::error::GgufError;
use super::types::GgmlType;
use super::value::Value;
use super::{Gguf, TensorInfo};
use std::io::{self, Write};

/// Alignment of tensors in files that [`write`] writes.
const ALIGNMENT: u64 = 32;

/// A tensor to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorToWrite {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: GgmlType,
    /// Dimensions, the one that varies fastest first.
    pub dims: Vec<u64>,
}

impl TensorToWrite {
    fn bytes(&self) -> u64 {
        self.dims.iter().product::<u64>() / self.ty.block_weights() as u64 * self.ty.block_bytes() as u64
    }
}

/// Writes a GGUF v3 file; `bytes(i)` gives the bytes of `tensors[i]`, one tensor at a time.
///
/// # Errors
/// When writing fails, `bytes` does, or it gives another length than type and dimensions ask for.
pub fn write<E: From<GgufError> + From<io::Error>>(
    to: &mut impl Write,
    metadata: &[(String, Value)],
    tensors: &[TensorToWrite],
    bytes: impl FnMut(usize) -> Result<Vec<u8>, E>,
) -> Result<(), E> {
    let mut header = b"GGUF".to_vec();
    header.extend(3u32.to_le_bytes());
    header.extend((tensors.len() as u64).to_le_bytes());
    header.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        put_string(&mut header, key);
        header.extend(value.id().to_le_bytes());
        put_value(&mut header, value);
    }
    let mut offset = 0u64;
    for tensor in tensors {
        put_string(&mut header, &tensor.name);
        header.extend((tensor.dims.len() as u32).to_le_bytes());
        tensor.dims.iter().for_each(|d| header.extend(d.to_le_bytes()));
        header.extend(tensor.ty.id().to_le_bytes());
        header.extend(offset.to_le_bytes());
        offset = (offset + tensor.bytes()).next_multiple_of(ALIGNMENT);
    }
    if !tensors.is_empty() {
        header.resize(header.len().next_multiple_of(ALIGNMENT as usize), 0);
    }
    let mut start = header.len() as u64;
    let places = tensors.iter().map(|tensor| {
        let place = (start, tensor.bytes());
        start = (start + tensor.bytes()).next_multiple_of(ALIGNMENT);
        place
    });
    let places: Vec<_> = places.collect();
    write_at_places(to, &header, &places, start, bytes)
}

/// Writes a file with the header of `gguf` and the tensors at the places that it names, zeros between; with
/// the tensors of the file that `gguf` was read from this is that file, as long as its padding is zeros.
///
/// # Errors
/// As [`write`].
pub fn write_with_header<E: From<GgufError> + From<io::Error>>(
    to: &mut impl Write,
    gguf: &Gguf,
    mut bytes: impl FnMut(&TensorInfo) -> Result<Vec<u8>, E>,
) -> Result<(), E> {
    let mut in_order: Vec<&TensorInfo> = gguf.tensors().iter().collect();
    in_order.sort_by_key(|tensor| tensor.offset);
    let places: Vec<_> = in_order.iter().map(|tensor| (tensor.offset, tensor.bytes)).collect();
    write_at_places(to, gguf.header_bytes(), &places, gguf.file_bytes(), |i| bytes(in_order[i]))
}

fn write_at_places<E: From<GgufError> + From<io::Error>>(
    to: &mut impl Write,
    header: &[u8],
    places: &[(u64, u64)],
    end: u64,
    mut bytes: impl FnMut(usize) -> Result<Vec<u8>, E>,
) -> Result<(), E> {
    to.write_all(header)?;
    let mut at = header.len() as u64;
    for (i, &(offset, expected)) in places.iter().enumerate() {
        io::copy(&mut io::Read::take(io::repeat(0), offset - at), to)?;
        let tensor = bytes(i)?;
        if tensor.len() as u64 != expected {
            let found = tensor.len() as u64;
            return Err(GgufError::Length { what: "bytes of a tensor", found, expected }.into());
        }
        to.write_all(&tensor)?;
        at = offset + expected;
    }
    io::copy(&mut io::Read::take(io::repeat(0), end.saturating_sub(at)), to)?;
    to.flush()?;
    Ok(())
}

fn put_string(out: &mut Vec<u8>, string: &str) {
    out.extend((string.len() as u64).to_le_bytes());
    out.extend(string.as_bytes());
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(v) => out.push(*v),
        Value::I8(v) => out.push(*v as u8),
        Value::U16(v) => out.extend(v.to_le_bytes()),
        Value::I16(v) => out.extend(v.to_le_bytes()),
        Value::U32(v) => out.extend(v.to_le_bytes()),
        Value::I32(v) => out.extend(v.to_le_bytes()),
        Value::F32(v) => out.extend(v.to_le_bytes()),
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::String(v) => put_string(out, v),
        Value::Array(values) => {
            out.extend(values.first().map_or(4, Value::id).to_le_bytes());
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|v| put_value(out, v));
        }
        Value::U64(v) => out.extend(v.to_le_bytes()),
        Value::I64(v) => out.extend(v.to_le_bytes()),
        Value::F64(v) => out.extend(v.to_le_bytes()),
    }
}
