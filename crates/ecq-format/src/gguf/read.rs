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

/// Bytes of a file that are read before the first attempt to parse its header.
const FIRST_READ_BYTES: usize = 1 << 20;

/// A header that asks for more than this lies: no such file exists.
const MOST_FILE_BYTES: u64 = 1 << 48;

/// A tensor of a GGUF file: facts, checked against the file when the header was parsed.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufTensorInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: GgmlType,
    /// Dimensions as stored, 1 to 4 of them, perhaps zero: the first varies fastest.
    pub dims: Vec<u64>,
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

impl GgufTensorInfo {
    /// Weights of a row: the first dimension.
    pub fn cols(&self) -> usize {
        self.dims[0] as usize
    }

    /// Rows: the product of the other dimensions.
    pub fn rows(&self) -> usize {
        self.dims[1..].iter().product::<u64>() as usize
    }

    /// Bytes of a row, a whole number of blocks.
    pub fn row_bytes(&self) -> usize {
        self.cols() / self.ty.block_weights() * self.ty.block_bytes()
    }
}

/// A GGUF file: its header in memory, its tensors read when asked for.
#[derive(Debug)]
pub struct Gguf {
    header: GgufHeader,
    header_bytes: Vec<u8>,
    file_bytes: u64,
    source: Option<(PathBuf, File)>,
}

impl Gguf {
    /// Opens a file and checks its whole header.
    ///
    /// # Errors
    /// When it cannot be read, is not a sound GGUF v2 or v3 file, or passes `limits`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let io = |source| GgufError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        // The header's length is written nowhere: read twice as much until it parses.
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
                // Offsets are of one file: the one that reaches furthest says how long it was.
                Err(GgufError::PastEnd { tensor, needed, file_bytes, .. }) if needed < MOST_FILE_BYTES => {
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

    /// Bytes of the file, whatever they belong to.
    pub(super) fn read_bytes(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.read("padding", offset, len)
    }

    /// Parses the first bytes of a file that has `file_bytes` in all; tensors cannot be read from the result.
    ///
    /// # Errors
    /// [`GgufError::Truncated`] when the header goes on after `bytes`; others when it is not sound.
    pub fn parse(bytes: &[u8], file_bytes: u64, limits: &Limits) -> Result<Self> {
        let (header, data_start) = parse::header(bytes, file_bytes, limits)?;
        Ok(Self { header, header_bytes: bytes[..data_start].to_vec(), file_bytes, source: None })
    }

    /// Where the file is; empty where only the header was parsed.
    pub fn path(&self) -> &Path {
        self.source.as_ref().map_or(Path::new(""), |(path, _)| path)
    }

    /// 2 or 3.
    pub fn version(&self) -> u32 {
        self.header.version
    }

    /// All keys and values, in file order.
    pub fn metadata(&self) -> &[(String, Value)] {
        &self.header.metadata
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata().iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// All tensors, in file order.
    pub fn tensors(&self) -> &[GgufTensorInfo] {
        &self.header.tensors
    }

    /// The raw bytes before the tensor data, padding included.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// Length of the file in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// The bytes of a tensor, by a positioned read: nothing stays mapped.
    ///
    /// # Errors
    /// When the file cannot be read, or this came from [`parse`](Self::parse).
    pub fn read_tensor(&self, tensor: &GgufTensorInfo) -> Result<Vec<u8>> {
        self.read(&tensor.name, tensor.offset, tensor.bytes)
    }

    /// The bytes of `rows` rows of a tensor from `first_row` on.
    ///
    /// # Errors
    /// As [`read_tensor`](Self::read_tensor), and when the tensor does not have these rows.
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
        // A tensor of another file may reach past the end of this one.
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
