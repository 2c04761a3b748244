//! Grids: how codes become weights.

use crate::array::array;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A grid: its kind, parameters and arrays.
#[pyclass(frozen, get_all, module = "ecq")]
pub struct Grid {
    kind: &'static str,
    parameters: Py<PyDict>,
    arrays: Py<PyDict>,
}

#[pymethods]
impl Grid {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<ecq.Grid {} {}>", self.kind, self.parameters.bind(py).repr()?))
    }
}

/// Collects the fields of a grid.
struct Fields<'py> {
    py: Python<'py>,
    rows: usize,
    parameters: Bound<'py, PyDict>,
    arrays: Bound<'py, PyDict>,
}

impl<'py> Fields<'py> {
    /// Floats with `rows` times a number of columns.
    fn floats(&self, name: &str, values: &ecq::FloatVec) -> PyResult<()> {
        self.matrix(name, values.to_f32())
    }

    fn matrix<T: numpy::Element>(&self, name: &str, values: Vec<T>) -> PyResult<()> {
        let shape = [self.rows, values.len() / self.rows.max(1)];
        self.arrays.set_item(name, array(self.py, values, &shape)?)
    }

    fn vector<T: numpy::Element>(&self, name: &str, values: Vec<T>) -> PyResult<()> {
        let shape = [values.len()];
        self.arrays.set_item(name, array(self.py, values, &shape)?)
    }

    fn affine(&self, grid: &ecq::AffineGroups) -> PyResult<()> {
        self.parameters.set_item("bits", grid.bits)?;
        self.parameters.set_item("group_size", grid.group_size)?;
        self.floats("scales", &grid.scales)?;
        match &grid.biases {
            ecq::Biases::PerGroup(biases) => self.floats("biases", biases),
            ecq::Biases::Zero(zero) => self.parameters.set_item("zero", zero),
            ecq::Biases::Zeros(zeros) => self.matrix("zeros", zeros.clone()),
        }
    }

    fn uniform(&self, grid: &ecq::UniformRows) -> PyResult<()> {
        self.parameters.set_item("zero", grid.zero)?;
        self.vector("steps", grid.steps.to_f32())?;
        if let Some(scales) = &grid.col_scales {
            self.vector("col_scales", scales.to_f32())?;
        }
        if let Some(levels) = &grid.levels {
            self.vector("levels", levels.to_f32())?;
        }
        self.vector("outlier_indices", grid.outliers.iter().map(|outlier| outlier.index).collect())?;
        self.vector("outlier_deltas", grid.outliers.iter().map(|outlier| outlier.delta).collect())
    }

    fn trellis(&self, grid: &ecq::TrellisRows) -> PyResult<()> {
        self.parameters.set_item("lag", grid.lag)?;
        self.parameters.set_item("restart", grid.restart)?;
        self.uniform(&grid.uniform)
    }

    fn super_blocks(&self, grid: &ecq::SuperBlocks) -> PyResult<()> {
        self.parameters.set_item("layout", grid.layout.name())?;
        self.floats("steps", &grid.steps)?;
        self.matrix("scales", grid.scales.clone())?;
        let Some(minima) = &grid.minima else { return Ok(()) };
        self.floats("minimum_steps", &minima.steps)?;
        self.matrix("minima", minima.values.clone())
    }
}

impl Grid {
    /// Converts a grid of a matrix with `rows` rows.
    pub fn of(py: Python<'_>, grid: &ecq::Grid, rows: usize) -> PyResult<Self> {
        let fields = Fields { py, rows, parameters: PyDict::new(py), arrays: PyDict::new(py) };
        let kind = kind(grid);
        match grid {
            ecq::Grid::AffineGroups(grid) => fields.affine(grid)?,
            ecq::Grid::UniformRows(grid) => fields.uniform(grid)?,
            ecq::Grid::TrellisRows(grid) => fields.trellis(grid)?,
            ecq::Grid::SuperBlocks(grid) => fields.super_blocks(grid)?,
            _ => {}
        }
        Ok(Self { kind, parameters: fields.parameters.unbind(), arrays: fields.arrays.unbind() })
    }
}

fn kind(grid: &ecq::Grid) -> &'static str {
    match grid {
        ecq::Grid::AffineGroups(_) => "affine_groups",
        ecq::Grid::UniformRows(_) => "uniform_rows",
        ecq::Grid::TrellisRows(_) => "trellis_rows",
        ecq::Grid::SuperBlocks(_) => "super_blocks",
        _ => "unknown",
    }
}

/// Returns the name of the kind of a grid in the header of a file.
pub fn entry_kind(grid: &ecq::GridEntry) -> &'static str {
    match grid {
        ecq::GridEntry::AffineGroups { .. } => "affine_groups",
        ecq::GridEntry::UniformRows { .. } => "uniform_rows",
        ecq::GridEntry::TrellisRows { .. } => "trellis_rows",
        ecq::GridEntry::SuperBlocks { .. } => "super_blocks",
        #[allow(unreachable_patterns, reason = "the enum may grow")]
        _ => "unknown",
    }
}
