use super::error::GgufError;
use super::metadata_value::Value;
use super::padding::NonzeroPadding;
use super::types::GgmlType;
use super::{Gguf, GgufTensorInfo, Result, parse};
use ecq_core::Limits;
use std::io::{self, Write};

/// Name, type and dimensions of a tensor to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorToWrite {
    /// The tensor's name.
    pub name: String,
    /// Element or block type.
    pub ty: GgmlType,
    /// 1 to 4 dimensions, the fastest varying first.
    pub dims: Vec<u64>,
}

/// Writes a GGUF file of version 3.
///
/// `bytes(i)` returns the bytes of `tensors[i]` and is called for one tensor at a time. The alignment is
/// `general.alignment` of `metadata`, or 32. An empty array is written as an array of u32.
///
/// # Errors
/// [`GgufError`] if the header would be invalid or the length of a tensor does not match its type and
/// dimensions; the errors of `bytes` and of `to`.
pub fn write<E: From<GgufError> + From<io::Error>>(
    to: &mut impl Write,
    metadata: &[(String, Value)],
    tensors: &[TensorToWrite],
    mut bytes: impl FnMut(usize) -> std::result::Result<Vec<u8>, E>,
) -> std::result::Result<(), E> {
    // Tensors are written in the order of their offsets, which is the order of `tensors`.
    let mut next = 0..tensors.len();
    let bytes = |_: &GgufTensorInfo| next.next().map_or(Ok(Vec::new()), &mut bytes);
    write_with_header(to, &layout(metadata, tensors)?, &NonzeroPadding::default(), bytes)
}

/// Writes a file with the header of `gguf`, its tensors at the offsets in the header, and `padding` between
/// and after them; all other bytes are zero.
///
/// With the tensors and the padding of the file from which `gguf` was read, the result is that file, byte for
/// byte.
///
/// # Errors
/// [`GgufError::Length`] if the length of a tensor does not match the header; the errors of `bytes` and of
/// `to`.
pub fn write_with_header<E: From<GgufError> + From<io::Error>>(
    to: &mut impl Write,
    gguf: &Gguf,
    padding: &NonzeroPadding,
    mut bytes: impl FnMut(&GgufTensorInfo) -> std::result::Result<Vec<u8>, E>,
) -> std::result::Result<(), E> {
    let mut in_order: Vec<&GgufTensorInfo> = gguf.tensors().iter().collect();
    in_order.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    to.write_all(gguf.header_bytes())?;
    let mut at = gguf.header_bytes().len() as u64;
    for tensor in in_order {
        padding.write(to, at..tensor.offset)?;
        let data = bytes(tensor)?;
        if data.len() as u64 != tensor.bytes {
            let found = data.len() as u64;
            return Err(GgufError::Length { what: "bytes of a tensor", found, expected: tensor.bytes }.into());
        }
        to.write_all(&data)?;
        at = tensor.offset + tensor.bytes;
    }
    padding.write(to, at..gguf.file_bytes())?;
    to.flush()?;
    Ok(())
}

/// Builds the header of a file to write. The result comes from the parser, so an invalid header is never
/// written.
pub(super) fn layout(metadata: &[(String, Value)], tensors: &[TensorToWrite]) -> Result<Gguf> {
    let alignment = parse::alignment(metadata)?;
    let mut header = b"GGUF".to_vec();
    header.extend(3u32.to_le_bytes());
    header.extend((tensors.len() as u64).to_le_bytes());
    header.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        put_string(&mut header, key.as_bytes());
        header.extend(value.id().to_le_bytes());
        if !has_one_element_type(value) {
            return Err(GgufError::MixedArray { key: key.clone() });
        }
        put_value(&mut header, value);
    }
    // Saturated sizes exceed the limits, so the parser reports the tensor that is too large.
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

/// Returns whether the elements of each (nested) array have one type.
fn has_one_element_type(value: &Value) -> bool {
    value.as_array().is_none_or(|values| {
        values.iter().all(|value| value.id() == values[0].id() && has_one_element_type(value))
    })
}
