//! Checks and conversions that the packed layouts of GPTQ, AWQ and MXFP4 share.

use crate::transpose::transpose;
use ecq_core::{AffineGroups, Biases, Codes, CoreError, FloatVec};

/// Checks the number of items of a tensor.
pub(crate) fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), CoreError> {
    if found == expected { Ok(()) } else { Err(CoreError::Length { what, found, expected }) }
}

/// Checks that `group_size` divides the number of columns.
pub(crate) fn check_group_size(group_size: usize, cols: usize) -> Result<(), CoreError> {
    if group_size > 0 && cols.is_multiple_of(group_size) {
        return Ok(());
    }
    let (found, expected) = (group_size as u64, "a divisor of the number of columns");
    Err(CoreError::Parameter { what: "group size", found, expected })
}

/// Checks that codes and grid are those of a layer with `outputs` rows and `inputs` columns, whose codes have
/// `bits` bits and whose groups have `group_size` columns.
pub(crate) fn check_codes(
    codes: &Codes,
    grid: &AffineGroups,
    [outputs, inputs]: [usize; 2],
    bits: u8,
    group_size: usize,
) -> Result<(), CoreError> {
    let found = (codes.rows(), codes.cols(), grid.bits, grid.group_size);
    if found != (outputs, inputs, bits, group_size) || codes.alphabet() > 1 << bits {
        return Err(CoreError::Shape { rows: codes.rows(), cols: codes.cols() });
    }
    grid.check(outputs, inputs)
}

/// Transposes floats from `[rows, cols]` to `[cols, rows]`.
pub(crate) fn transpose_floats(floats: &FloatVec, rows: usize, cols: usize) -> Result<FloatVec, CoreError> {
    let bytes = match floats.dtype().bytes() {
        2 => transpose::<2>(floats.as_bytes(), rows, cols),
        _ => transpose::<4>(floats.as_bytes(), rows, cols),
    };
    FloatVec::new(floats.dtype(), bytes)
}

/// Converts zero points `[groups, outputs]` to the biases of a grid; equal zero points become one.
pub(crate) fn biases_from_zeros(zeros: Vec<u8>, groups: usize, outputs: usize) -> Biases {
    match zeros.first() {
        Some(&first) if zeros.iter().all(|&zero| zero == first) => Biases::Zero(first),
        _ => Biases::Zeros(transpose::<1>(&zeros, groups, outputs)),
    }
}

/// Converts the biases of a grid to zero points `[groups, outputs]`.
///
/// # Errors
/// [`CoreError::Parameter`] if the grid has float biases.
pub(crate) fn zeros_from_biases(
    biases: &Biases,
    groups: usize,
    outputs: usize,
) -> Result<Vec<u8>, CoreError> {
    match biases {
        Biases::Zero(zero) => Ok(vec![*zero; groups * outputs]),
        Biases::Zeros(zeros) => Ok(transpose::<1>(zeros, outputs, groups)),
        Biases::PerGroup(biases) => {
            let (found, expected) = (biases.len() as u64, "none, because the layout has integer zero points");
            Err(CoreError::Parameter { what: "number of biases", found, expected })
        }
    }
}
