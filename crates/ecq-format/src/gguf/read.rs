//! Reader of GGUF files.

use super::error::GgufError;
use super::metadata_value::Value;
use super::parse;
use super::types::GgmlType;
use super::{Result, parse::GgufHeader};
use crate::file_type::describe_file_type;
use crate::read_at::read_exact_at;
use ecq_core::Limits;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// Number of bytes that are read before the first attempt to parse a header.
const FIRST_READ_BYTES: usize = 1 << 20;

/// A header that requires a longer file than this is invalid; its file is not truncated.
const MAX_FILE_BYTES: u64 = 1 << 48;

/// Properties of a tensor of a GGUF file, validated when the header was parsed.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufTensorInfo {
    /// The tensor's name.
    pub name: String,
    /// Element or block type.
    pub ty: GgmlType,
    /// 1 to 4 dimensions as stored, the fastest varying first. A dimension may be zero.
    pub dims: Vec<u64>,
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl GgufTensorInfo {
    /// Returns the number of weights of a row, the first dimension.
    pub fn cols(&self) -> usize {
        self.dims[0] as usize
    }

    /// Returns the number of rows, the product of the other dimensions.
    pub fn rows(&self) -> usize {
        self.dims[1..].iter().product::<u64>() as usize
    }

    /// Returns the size of a row in bytes.
    pub fn row_bytes(&self) -> usize {
        self.cols() / self.ty.block_weights() * self.ty.block_bytes()
    }
}

/// An open GGUF file. The header is in memory; tensors are read on request.
#[derive(Debug)]
pub struct Gguf {
    header: GgufHeader,
    header_bytes: Vec<u8>,
    file_bytes: u64,
    source: Option<(PathBuf, File)>,
}

impl Gguf {
    /// Opens a file and validates its header.
    ///
    /// # Errors
    /// [`GgufError`] if the file cannot be read, is not a valid GGUF file of version 2 or 3, or exceeds
    /// `limits`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let io = |source| GgufError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        // The format does not store the length of the header, so the read size is doubled until the header
        // parses.
        let mut bytes = Vec::new();
        let mut want = FIRST_READ_BYTES.min(limits.header_bytes);
        loop {
            (&mut file).take((want - bytes.len()) as u64).read_to_end(&mut bytes).map_err(io)?;
            if !bytes.starts_with(b"GGUF")
                && let Some(what) = describe_file_type(&bytes, file_bytes)
            {
                return Err(GgufError::NotGguf { path: path.to_owned(), what });
            }
            match Self::parse(&bytes, file_bytes, limits) {
                Err(GgufError::Truncated { .. }) if bytes.len() == want && want < limits.header_bytes => {
                    want = want.saturating_mul(2).min(limits.header_bytes);
                }
                Err(GgufError::Truncated { .. }) if (bytes.len() as u64) < file_bytes => {
                    return Err(GgufError::HeaderTooLong { limit: limits.header_bytes });
                }
                Err(GgufError::Truncated { what, .. }) => {
                    return Err(GgufError::HeaderCut { path: path.to_owned(), what, found: file_bytes });
                }
                // The tensor with the largest end offset determines the original length of a truncated file.
                Err(GgufError::PastEnd { tensor, needed, file_bytes, .. }) if needed < MAX_FILE_BYTES => {
                    let path = path.to_owned();
                    return Err(GgufError::FileTruncated {
                        path,
                        tensor,
                        found: file_bytes,
                        expected: needed,
                    });
                }
                result => {
                    let mut gguf = result?;
                    gguf.source = Some((path.to_owned(), file));
                    return Ok(gguf);
                }
            }
        }
    }

    /// Reads a range of the file.
    pub(super) fn read_bytes(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.read("padding", offset, len)
    }

    /// Parses the header in the first bytes of a file of `file_bytes` bytes. Tensors cannot be read from the
    /// result.
    ///
    /// # Errors
    /// [`GgufError::Truncated`] if the header continues after `bytes`; other variants if it is invalid or
    /// exceeds `limits`.
    pub fn parse(bytes: &[u8], file_bytes: u64, limits: &Limits) -> Result<Self> {
        let (header, data_start) = parse::parse_header(bytes, file_bytes, limits)?;
        Ok(Self { header, header_bytes: bytes[..data_start].to_vec(), file_bytes, source: None })
    }

    /// Returns the path of the file; empty if only the header was parsed.
    pub fn path(&self) -> &Path {
        self.source.as_ref().map_or(Path::new(""), |(path, _)| path)
    }

    /// Returns the version of the format: 2 or 3.
    pub fn version(&self) -> u32 {
        self.header.version
    }

    /// Returns all keys and values in the order of the file.
    pub fn metadata(&self) -> &[(String, Value)] {
        &self.header.metadata
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata().iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// Returns all tensors in the order of the header.
    pub fn tensors(&self) -> &[GgufTensorInfo] {
        &self.header.tensors
    }

    /// Returns the bytes before the tensor data, including padding.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// Returns the length of the file in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Reads the bytes of a tensor.
    ///
    /// # Errors
    /// [`GgufError::Io`] if the file cannot be read, and [`GgufError::HeaderOnly`] after
    /// [`parse`](Self::parse).
    pub fn read_tensor(&self, tensor: &GgufTensorInfo) -> Result<Vec<u8>> {
        self.read(&tensor.name, tensor.offset, tensor.bytes)
    }

    /// Reads the bytes of `rows` rows of a tensor, starting at row `first_row`.
    ///
    /// # Errors
    /// [`GgufError::Rows`] if the tensor does not have these rows, and the errors of
    /// [`read_tensor`](Self::read_tensor).
    pub fn read_rows(&self, tensor: &GgufTensorInfo, first_row: usize, rows: usize) -> Result<Vec<u8>> {
        if first_row.checked_add(rows).is_none_or(|end| end > tensor.rows()) {
            let (tensor, first, count, rows) = (tensor.name.clone(), first_row, rows, tensor.rows());
            return Err(GgufError::Rows { tensor, first, count, rows });
        }
        let row_bytes = tensor.row_bytes() as u64;
        self.read(&tensor.name, tensor.offset + first_row as u64 * row_bytes, rows as u64 * row_bytes)
    }

    fn read(&self, tensor: &str, offset: u64, len: u64) -> Result<Vec<u8>> {
        let Some((path, file)) = &self.source else {
            return Err(GgufError::HeaderOnly { tensor: tensor.to_owned() });
        };
        // `tensor` may belong to another file and extend past the end of this one.
        if offset.checked_add(len).is_none_or(|end| end > self.file_bytes) {
            let (tensor, file_bytes) = (tensor.to_owned(), self.file_bytes);
            let needed = offset.saturating_add(len);
            return Err(GgufError::PastEnd { tensor, offset, bytes: len, needed, file_bytes });
        }
        let mut bytes = vec![0; len as usize];
        read_exact_at(file, &mut bytes, offset)
            .map_err(|source| GgufError::Io { path: path.clone(), source })?;
        Ok(bytes)
    }
}
