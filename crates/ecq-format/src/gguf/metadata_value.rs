/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// 8 bits, no sign.
    U8(u8),
    /// 8 bits.
    I8(i8),
    /// 16 bits, no sign.
    U16(u16),
    /// 16 bits.
    I16(i16),
    /// 32 bits, no sign.
    U32(u32),
    /// 32 bits.
    I32(i32),
    /// Single precision.
    F32(f32),
    /// One byte, 0 or 1.
    Bool(bool),
    /// UTF-8.
    String(String),
    /// A string that is not UTF-8: to ggml strings are bytes.
    Bytes(Vec<u8>),
    /// Values of one type; arrays in an array may differ in theirs.
    Array(Vec<Value>),
    /// 64 bits, no sign.
    U64(u64),
    /// 64 bits.
    I64(i64),
    /// Double precision.
    F64(f64),
}

impl Value {
    /// The number of this type in a file.
    pub(super) fn id(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::String(_) | Self::Bytes(_) => 8,
            Self::Array(_) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }

    /// A whole number that is not negative, of any integer type.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U8(v) => Some(v.into()),
            Self::U16(v) => Some(v.into()),
            Self::U32(v) => Some(v.into()),
            Self::U64(v) => Some(v),
            Self::I8(v) => v.try_into().ok(),
            Self::I16(v) => v.try_into().ok(),
            Self::I32(v) => v.try_into().ok(),
            Self::I64(v) => v.try_into().ok(),
            _ => None,
        }
    }

    /// A float, or a whole number that is not negative as one.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::F32(v) => Some(v.into()),
            Self::F64(v) => Some(v),
            _ => self.as_u64().map(|v| v as f64),
        }
    }

    /// A truth value.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(v) = *self { Some(v) } else { None }
    }

    /// A string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(v) = self { Some(v) } else { None }
    }

    /// An array.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Self::Array(v) = self { Some(v) } else { None }
    }
}
