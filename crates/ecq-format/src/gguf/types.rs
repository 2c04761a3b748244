/// Element and block types of ggml (`enum ggml_type` in `ggml.h`).
#[allow(missing_docs, non_camel_case_types, reason = "the variants have the names of ggml")]
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GgmlType {
    F32,
    F16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q8_1,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    Q8_K,
    Iq2Xxs,
    Iq2Xs,
    Iq3Xxs,
    Iq1S,
    Iq4Nl,
    Iq3S,
    Iq2S,
    Iq4Xs,
    I8,
    I16,
    I32,
    I64,
    F64,
    Iq1M,
    Bf16,
    Tq1_0,
    Tq2_0,
    Mxfp4,
    Nvfp4,
    Q1_0,
}

/// Type, number in a file, name, weights per block, and the widths in bytes of the fields of a block. Bytes
/// with the same role, such as all code bytes, form one field because they share a distribution.
type Row = (GgmlType, u32, &'static str, usize, &'static [usize]);

const TYPES: [Row; 34] = {
    use GgmlType::*;
    [
        (F32, 0, "f32", 1, &[1, 1, 1, 1]),
        (F16, 1, "f16", 1, &[1, 1]),
        (Q4_0, 2, "q4_0", 32, &[1, 1, 16]),
        (Q4_1, 3, "q4_1", 32, &[1, 1, 1, 1, 16]),
        (Q5_0, 6, "q5_0", 32, &[1, 1, 4, 16]),
        (Q5_1, 7, "q5_1", 32, &[1, 1, 1, 1, 4, 16]),
        (Q8_0, 8, "q8_0", 32, &[1, 1, 32]),
        (Q8_1, 9, "q8_1", 32, &[1, 1, 1, 1, 32]),
        (Q2_K, 10, "q2_k", 256, &[16, 64, 1, 1, 1, 1]),
        (Q3_K, 11, "q3_k", 256, &[32, 64, 12, 1, 1]),
        (Q4_K, 12, "q4_k", 256, &[1, 1, 1, 1, 4, 4, 4, 128]),
        (Q5_K, 13, "q5_k", 256, &[1, 1, 1, 1, 4, 4, 4, 32, 128]),
        (Q6_K, 14, "q6_k", 256, &[128, 64, 16, 1, 1]),
        (Q8_K, 15, "q8_k", 256, &[1, 1, 1, 1, 256, 32]),
        (Iq2Xxs, 16, "iq2_xxs", 256, &[1, 1, 64]),
        (Iq2Xs, 17, "iq2_xs", 256, &[1, 1, 64, 8]),
        (Iq3Xxs, 18, "iq3_xxs", 256, &[1, 1, 64, 32]),
        (Iq1S, 19, "iq1_s", 256, &[1, 1, 32, 16]),
        (Iq4Nl, 20, "iq4_nl", 32, &[1, 1, 16]),
        (Iq3S, 21, "iq3_s", 256, &[1, 1, 64, 8, 32, 4]),
        (Iq2S, 22, "iq2_s", 256, &[1, 1, 64, 8, 8]),
        (Iq4Xs, 23, "iq4_xs", 256, &[1, 1, 2, 4, 128]),
        (I8, 24, "i8", 1, &[1]),
        (I16, 25, "i16", 1, &[1, 1]),
        (I32, 26, "i32", 1, &[1, 1, 1, 1]),
        (I64, 27, "i64", 1, &[1, 1, 1, 1, 1, 1, 1, 1]),
        (F64, 28, "f64", 1, &[1, 1, 1, 1, 1, 1, 1, 1]),
        (Iq1M, 29, "iq1_m", 256, &[32, 16, 8]),
        (Bf16, 30, "bf16", 1, &[1, 1]),
        (Tq1_0, 34, "tq1_0", 256, &[48, 4, 1, 1]),
        (Tq2_0, 35, "tq2_0", 256, &[64, 1, 1]),
        (Mxfp4, 39, "mxfp4", 32, &[1, 16]),
        (Nvfp4, 40, "nvfp4", 64, &[4, 32]),
        (Q1_0, 41, "q1_0", 128, &[1, 1, 16]),
    ]
};

impl GgmlType {
    fn row(self) -> &'static Row {
        &TYPES[self as usize]
    }

    /// Returns the type with this number in a file.
    pub fn from_id(id: u32) -> Option<Self> {
        TYPES.iter().find(|row| row.1 == id).map(|row| row.0)
    }

    /// Returns the type with this name, such as `q4_k`.
    pub fn from_name(name: &str) -> Option<Self> {
        TYPES.iter().find(|row| row.2 == name).map(|row| row.0)
    }

    /// Returns the number of the type in a file.
    pub fn id(self) -> u32 {
        self.row().1
    }

    /// Returns the name in lower case, such as `q4_k`.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Returns the number of weights in a block.
    pub fn block_weights(self) -> usize {
        self.row().3
    }

    /// Returns the size of a block in bytes.
    pub fn block_bytes(self) -> usize {
        self.block_fields().iter().sum()
    }

    /// Returns the widths in bytes of the fields of a block.
    pub fn block_fields(self) -> &'static [usize] {
        self.row().4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for row in &TYPES {
            assert_eq!(row.0.row().1, row.1);
            assert_eq!(GgmlType::from_id(row.1), Some(row.0));
            assert_eq!(GgmlType::from_name(row.2), Some(row.0));
        }
    }

    #[test]
    fn block_sizes_are_those_of_ggml() {
        let sizes = [
            (GgmlType::Q4_0, 18),
            (GgmlType::Q4_1, 20),
            (GgmlType::Q5_0, 22),
            (GgmlType::Q5_1, 24),
            (GgmlType::Q8_0, 34),
            (GgmlType::Q8_1, 36),
            (GgmlType::Q2_K, 84),
            (GgmlType::Q3_K, 110),
            (GgmlType::Q4_K, 144),
            (GgmlType::Q5_K, 176),
            (GgmlType::Q6_K, 210),
            (GgmlType::Q8_K, 292),
            (GgmlType::Iq2Xxs, 66),
            (GgmlType::Iq2Xs, 74),
            (GgmlType::Iq3Xxs, 98),
            (GgmlType::Iq1S, 50),
            (GgmlType::Iq4Nl, 18),
            (GgmlType::Iq3S, 110),
            (GgmlType::Iq2S, 82),
            (GgmlType::Iq4Xs, 136),
            (GgmlType::Iq1M, 56),
            (GgmlType::Tq1_0, 54),
            (GgmlType::Tq2_0, 66),
            (GgmlType::Mxfp4, 17),
            (GgmlType::Nvfp4, 36),
            (GgmlType::Q1_0, 18),
        ];
        for (ty, bytes) in sizes {
            assert_eq!(ty.block_bytes(), bytes, "{}", ty.name());
        }
    }
}
