use super::error::GgufError;
use super::metadata_value::Value;
use super::padding::NonzeroPadding;
use super::types::GgmlType;
use super::{Gguf, GgufTensorInfo, Result, parse};
use ecq_core::Limits;
use std::io::{self, Write};

/// A tensor to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorToWrite {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: GgmlType,
    /// Dimensions, 1 to 4 of them, the one that varies fastest first.
    pub dims: Vec<u64>,
}

/// Writes a GGUF v3 file with the alignment that `metadata` names (32 where it names none); `bytes(i)`
/// gives the bytes of `tensors[i]`, one tensor at a time. An empty array is written as one of u32.
///
/// # Errors
/// When the reader would refuse the header, `bytes` fails or gives another length than type and dimensions
/// ask for, or writing fails.
pub fn write<E: From<GgufError> + From<io::Error>>(
    to: &mut impl Write,
    metadata: &[(String, Value)],
    tensors: &[TensorToWrite],
    mut bytes: impl FnMut(usize) -> std::result::Result<Vec<u8>, E>,
) -> std::result::Result<(), E> {
    // In the order of their places, which is that of `tensors`.
    let mut next = 0..tensors.len();
    let bytes = |_: &GgufTensorInfo| next.next().map_or(Ok(Vec::new()), &mut bytes);
    write_with_header(to, &layout(metadata, tensors)?, &NonzeroPadding::default(), bytes)
}

/// Writes a file with the header of `gguf` and the tensors at the places that it names, between and after
/// them `gaps`, zeros where those are silent; with tensors and gaps of the file that `gguf` was read from
/// this is that file, byte for byte.
///
/// # Errors
/// When `bytes` fails or gives another length than the header names, or writing fails.
pub fn write_with_header<E: From<GgufError> + From<io::Error>>(
    to: &mut impl Write,
    gguf: &Gguf,
    gaps: &NonzeroPadding,
    mut bytes: impl FnMut(&GgufTensorInfo) -> std::result::Result<Vec<u8>, E>,
) -> std::result::Result<(), E> {
    let mut in_order: Vec<&GgufTensorInfo> = gguf.tensors().iter().collect();
    in_order.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    to.write_all(gguf.header_bytes())?;
    let mut at = gguf.header_bytes().len() as u64;
    for tensor in in_order {
        gaps.write(to, at..tensor.offset)?;
        let data = bytes(tensor)?;
        if data.len() as u64 != tensor.bytes {
            let found = data.len() as u64;
            return Err(GgufError::Length { what: "bytes of a tensor", found, expected: tensor.bytes }.into());
        }
        to.write_all(&data)?;
        at = tensor.offset + tensor.bytes;
    }
    gaps.write(to, at..gguf.file_bytes())?;
    to.flush()?;
    Ok(())
}

/// The header of a file to be written, parsed: what the reader refuses is never written.
pub(super) fn layout(metadata: &[(String, Value)], tensors: &[TensorToWrite]) -> Result<Gguf> {
    let alignment = parse::alignment(metadata)?;
    let mut header = b"GGUF".to_vec();
    header.extend(3u32.to_le_bytes());
    header.extend((tensors.len() as u64).to_le_bytes());
    header.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        put_string(&mut header, key.as_bytes());
        header.extend(value.id().to_le_bytes());
        if !is_of_one_type(value) {
            return Err(GgufError::MixedArray { key: key.clone() });
        }
        put_value(&mut header, value);
    }
    // Saturated sizes pass no limit, so that the parser names the tensor that is too large.
    let mut data_bytes = 0u64;
    for tensor in tensors {
        put_string(&mut header, tensor.name.as_bytes());
        header.extend((tensor.dims.len() as u32).to_le_bytes());
        tensor.dims.iter().for_each(|d| header.extend(d.to_le_bytes()));
        header.extend(tensor.ty.id().to_le_bytes());
        header.extend(data_bytes.to_le_bytes());
        let weights = tensor.dims.iter().fold(1u64, |n, &d| n.saturating_mul(d));
        let bytes =
            (weights / tensor.ty.block_weights() as u64).saturating_mul(tensor.ty.block_bytes() as u64);
        let end = data_bytes.saturating_add(bytes);
        data_bytes = end.checked_next_multiple_of(alignment).unwrap_or(u64::MAX - alignment + 1);
    }
    if !tensors.is_empty() {
        header.resize(header.len().next_multiple_of(alignment as usize), 0);
    }
    let file_bytes = (header.len() as u64).saturating_add(data_bytes);
    let limits = Limits { tensors: tensors.len(), header_bytes: header.len(), ..Limits::default() };
    Gguf::parse(&header, file_bytes, &limits)
}

fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    out.extend((string.len() as u64).to_le_bytes());
    out.extend(string);
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(v) => out.push(*v),
        Value::I8(v) => out.extend(v.to_le_bytes()),
        Value::U16(v) => out.extend(v.to_le_bytes()),
        Value::I16(v) => out.extend(v.to_le_bytes()),
        Value::U32(v) => out.extend(v.to_le_bytes()),
        Value::I32(v) => out.extend(v.to_le_bytes()),
        Value::F32(v) => out.extend(v.to_le_bytes()),
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::String(v) => put_string(out, v.as_bytes()),
        Value::Bytes(v) => put_string(out, v),
        Value::Array(values) => {
            out.extend(values.first().map_or(4, Value::id).to_le_bytes());
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| put_value(out, value));
        }
        Value::U64(v) => out.extend(v.to_le_bytes()),
        Value::I64(v) => out.extend(v.to_le_bytes()),
        Value::F64(v) => out.extend(v.to_le_bytes()),
    }
}

fn is_of_one_type(value: &Value) -> bool {
    value
        .as_array()
        .is_none_or(|values| values.iter().all(|value| value.id() == values[0].id() && is_of_one_type(value)))
}
