//! Options of packing, and their syntax on the command line and in overrides.

use crate::calibrate::Calibration;
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::source::{Source, SourceTensor};
use ecq_codec::encode::{ClassChoice, CodingChoice, EncodeOptions, TileChoice};
use ecq_core::{Coding, TensorKind};
use ecq_quant::{Granularity, Levels};
use regex::Regex;
use std::sync::Arc;

/// Matrices with fewer weights have the scalar grid: what a trellis saves is as small as its longer entry.
const MIN_TRELLIS_WEIGHTS: u64 = 1 << 15;

/// Bits per weight below which a model is calibrated by default.
const CALIBRATED_BELOW: f64 = 4.0;

/// The target of the tensors on uniform grids together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Bits per weight, all bytes of these tensors counted, with side data and their part of the header.
    Bpw(f64),
    /// The largest size of the whole file in bytes.
    Size(u64),
    /// With calibration: the factor between step sizes and `1 / (sqrt(G[n]) R[k][k])`, where `G` are the
    /// second moments of output gradients and `R R^T` those of inputs.
    Factor(f64),
}

/// Options of packing a model.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// The grid of block projections.
    pub linear: GridChoice,
    /// The grid of embedding and head.
    pub embedding: GridChoice,
    /// The target of tensors on uniform grids without a rate of their own.
    pub target: Target,
    /// How codes are encoded.
    pub encode: EncodeOptions,
    /// Options, as pairs of key and value, for tensors whose name matches; later overrides take precedence.
    pub overrides: Vec<(Regex, Vec<(String, String)>)>,
    /// The calibration that the step sizes of uniform grids follow.
    pub calibration: Option<Arc<Calibration>>,
    /// Whether to continue an interrupted run with the same options.
    pub resume: bool,
}

impl Default for PackOptions {
    /// Keeps every tensor without loss.
    fn default() -> Self {
        Self {
            linear: GridChoice::Keep,
            embedding: GridChoice::Keep,
            target: Target::Bpw(4.0),
            encode: EncodeOptions::default(),
            overrides: Vec::new(),
            calibration: None,
            resume: false,
        }
    }
}

impl PackOptions {
    /// Returns options for block projections on uniform grids of 4 bits per weight, and embedding and head on
    /// 8-bit symmetric rows.
    pub fn quantizing() -> Self {
        Self {
            linear: GridChoice::uniform(None),
            embedding: GridChoice::Absmax { bits: 8, granularity: Granularity::Row },
            ..Self::default()
        }
    }

    /// Whether these options need calibration for good quality: the block projections are on uniform grids of
    /// fewer than 4 bits per weight, with grid points as levels.
    pub fn calibrates_by_default(&self, source: &dyn Source) -> bool {
        // Centroids are computed without calibration statistics.
        let GridChoice::Uniform { bpw, levels: Levels::Grid, .. } = self.linear else { return false };
        let bits = match (bpw, self.target) {
            (Some(bpw), _) => bpw,
            (None, Target::Bpw(bpw)) => bpw,
            (None, Target::Factor(_)) => return true,
            (None, Target::Size(bytes)) => {
                let weights = |kind: TensorKind| -> u64 {
                    source.tensors().iter().filter(|t| t.kind == kind).map(SourceTensor::weights).sum()
                };
                // Embedding and head take up to eight bits per weight.
                let rest = bytes.saturating_sub(weights(TensorKind::Embedding));
                8.0 * rest as f64 / weights(TensorKind::Linear).max(1) as f64
            }
        };
        bits < CALIBRATED_BELOW
    }

    /// Returns the grid of a tensor: that of its kind unless an override matches. Tensors other than block
    /// projections, embedding and head are kept.
    ///
    /// # Errors
    /// [`PackError::Option`] for an override that [`add_override`](Self::add_override) would refuse.
    pub fn grid_of(&self, tensor: &SourceTensor) -> Result<GridChoice> {
        let mut choice = match tensor.kind {
            TensorKind::Linear => self.linear,
            TensorKind::Embedding => self.embedding,
            TensorKind::Other => GridChoice::Keep,
        };
        for (_, pairs) in self.overrides.iter().filter(|(regex, _)| regex.is_match(&tensor.name)) {
            for (key, value) in pairs {
                set_grid(&mut choice, key, value)?;
            }
        }
        if let GridChoice::Uniform { trellis, .. } = &mut choice {
            *trellis = trellis.filter(|_| tensor.weights() >= MIN_TRELLIS_WEIGHTS);
            if let Some(trellis) = trellis {
                trellis.branch_tables = self.encode_options(&tensor.name)?.allows_branch_tables();
            }
        }
        Ok(choice)
    }

    /// Checks that every override matches a tensor.
    ///
    /// # Errors
    /// [`PackError::Option`] for the first override that matches none.
    pub fn check(&self, tensors: &[SourceTensor]) -> Result<()> {
        let unmatched =
            self.overrides.iter().find(|(regex, _)| !tensors.iter().any(|t| regex.is_match(&t.name)));
        let Some((regex, _)) = unmatched else { return Ok(()) };
        let mut names =
            tensors.iter().filter(|t| t.kind == TensorKind::Linear).map(|t| format!("{:?}", t.name));
        let example = names.next().map_or(String::new(), |name| format!("; one is named {name}"));
        let why = format!("matches none of the {} tensors{example}", tensors.len());
        Err(PackError::Option { option: format!("override {}", regex.as_str()), why })
    }

    /// Returns a description of the options, which the file stores as its recipe.
    pub fn recipe(&self) -> String {
        let mut words = format!("linear {}, embedding {}", self.linear, self.embedding);
        let has_shared_target = |choice: &GridChoice| matches!(choice, GridChoice::Uniform { bpw: None, .. });
        if has_shared_target(&self.linear) || has_shared_target(&self.embedding) {
            words += &match self.target {
                Target::Bpw(bpw) => format!(", {bpw} bits per weight"),
                Target::Size(bytes) => format!(", {bytes} bytes"),
                Target::Factor(factor) => format!(", step factor {factor}"),
            };
        }
        if let Some(calibration) = &self.calibration {
            words += &format!(", calibrated on {}", calibration.description());
        }
        for (regex, pairs) in &self.overrides {
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}:{value}")).collect();
            words += &format!(", {}={}", regex.as_str(), pairs.join(","));
        }
        words
    }

    /// Adds an override `REGEX=OPTION:VALUE[,OPTION:VALUE...]`, such as `attn_(q|k)=coding:prefix,lanes:64`.
    ///
    /// # Errors
    /// [`PackError::Option`] if there is no `=`, the regular expression is not valid, or an option or its
    /// value is unknown.
    pub fn add_override(&mut self, text: &str) -> Result<()> {
        let bad = |why: String| PackError::Option { option: format!("override {text}"), why };
        let Some((regex, options)) = text.rsplit_once('=') else {
            return Err(bad("expected REGEX=OPTION:VALUE[,OPTION:VALUE...]".to_owned()));
        };
        let regex = Regex::new(regex).map_err(|error| bad(error.to_string()))?;
        let mut pairs = Vec::new();
        for option in options.split(',') {
            let Some((key, value)) = option.split_once(':') else {
                return Err(bad(format!("{option:?} is not OPTION:VALUE")));
            };
            if !set_grid(&mut GridChoice::Keep, key, value)? {
                set(&mut EncodeOptions::default(), key, value)?;
            }
            pairs.push((key.to_owned(), value.to_owned()));
        }
        self.overrides.push((regex, pairs));
        Ok(())
    }

    /// Returns the options of encoding one tensor.
    ///
    /// # Errors
    /// [`PackError::Option`] for an override that [`add_override`](Self::add_override) would refuse.
    pub fn encode_options(&self, tensor: &str) -> Result<EncodeOptions> {
        let mut options = self.encode;
        for (_, pairs) in self.overrides.iter().filter(|(regex, _)| regex.is_match(tensor)) {
            for (key, value) in pairs {
                if !set_grid(&mut GridChoice::Keep, key, value)? {
                    set(&mut options, key, value)?;
                }
            }
        }
        Ok(options)
    }

    /// Returns a text that is equal for equal options, for the keys of resume journals.
    pub(crate) fn fingerprint(&self) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            self.encode,
            self.overrides,
            self.linear,
            self.embedding,
            self.target,
            self.calibration.as_ref().map(|calibration| calibration.description())
        )
    }
}

/// Sets the option `grid`, `steps`, `levels` or `trellis` of a grid; returns false for any other key.
fn set_grid(choice: &mut GridChoice, key: &str, value: &str) -> Result<bool> {
    match key {
        "grid" => *choice = GridChoice::parse(value)?,
        "steps" => choice.set_steps(value)?,
        "levels" => choice.set_levels(value)?,
        "trellis" => choice.set_trellis(value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Sets an encoding option: `coding`, `slowest`, `tile`, `lanes`, `hybrid`, `tables` or `classes`.
///
/// # Errors
/// [`PackError::Option`] for any other key or an invalid value; the message lists the valid ones.
pub fn set(options: &mut EncodeOptions, key: &str, value: &str) -> Result<()> {
    let bad =
        |why: &str| PackError::Option { option: format!("{key} {value}"), why: format!("expected {why}") };
    match key {
        "coding" => {
            options.coding = match (value, coding(value)) {
                ("auto", _) => EncodeOptions::default().coding,
                (_, Some(coding)) => CodingChoice::Only(coding),
                _ => return Err(bad("rans, prefix, packed, archive, tuples or auto")),
            }
        }
        "slowest" => {
            let slowest = coding(value).ok_or_else(|| bad("packed, prefix, rans or archive"))?;
            options.coding = CodingChoice::Smallest { slowest };
        }
        "tile" => options.tile = tile(value).ok_or_else(|| bad("auto, matrix, row, rows:N or block:RxC"))?,
        "lanes" => {
            let lanes = value.parse().ok().filter(|n| (1..=256).contains(n));
            options.lanes = Some(lanes.ok_or_else(|| bad("1 to 256"))?);
        }
        "hybrid" => {
            let percent = value.parse().ok().filter(|p: &f64| p.is_finite());
            options.hybrid_percent = percent.ok_or_else(|| bad("a percentage"))?;
        }
        "tables" => {
            let tables = value.parse().ok().filter(|n| (1..=256).contains(n));
            options.tables = tables.ok_or_else(|| bad("1 to 256"))?;
        }
        "classes" => {
            options.classes =
                classes(value).ok_or_else(|| bad("auto, off or RxC with 1 to 8 row and column classes"))?;
        }
        _ => {
            return Err(bad(
                "coding, slowest, tile, lanes, hybrid, tables, classes, grid, steps, levels or trellis",
            ));
        }
    }
    Ok(())
}

fn coding(word: &str) -> Option<Coding> {
    Coding::ALL.into_iter().find(|coding| coding.name() == word)
}

fn classes(word: &str) -> Option<ClassChoice> {
    let count = |word: &str| word.parse::<u8>().ok().filter(|n| (1..=8).contains(n));
    match word {
        "auto" => Some(ClassChoice::Auto),
        "off" => Some(ClassChoice::Off),
        _ => {
            let (rows, cols) = word.split_once('x')?;
            Some(ClassChoice::Only([count(rows)?, count(cols)?]))
        }
    }
}

fn tile(word: &str) -> Option<TileChoice> {
    let positive = |word: &str| word.parse::<usize>().ok().filter(|&n| n > 0);
    match word {
        "auto" => Some(TileChoice::Auto),
        "matrix" => Some(TileChoice::Matrix),
        "row" => Some(TileChoice::Row),
        _ => match word.split_once(':')? {
            ("rows", n) => positive(n).map(TileChoice::Rows),
            ("block", size) => {
                let (rows, cols) = size.split_once('x')?;
                Some(TileChoice::Block(positive(rows)?, positive(cols)?))
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_apply_in_order_to_matching_names() {
        let mut options = PackOptions::default();
        options.add_override("attn=coding:prefix,lanes:64").unwrap();
        options.add_override(r"attn_q\.=tile:block:64x128,hybrid:3.5,tables:2,classes:2x4").unwrap();
        assert_eq!(options.encode_options("blk.0.ffn_up.weight").unwrap(), EncodeOptions::default());
        let k = options.encode_options("blk.0.attn_k.weight").unwrap();
        assert_eq!(
            (k.coding, k.lanes, k.tile),
            (CodingChoice::Only(Coding::Prefix), Some(64), TileChoice::Auto)
        );
        let q = options.encode_options("blk.0.attn_q.weight").unwrap();
        assert_eq!((q.tile, q.hybrid_percent, q.tables), (TileChoice::Block(64, 128), 3.5, 2));
        assert_eq!((k.classes, q.classes), (ClassChoice::Auto, ClassChoice::Only([2, 4])));
    }

    #[test]
    fn invalid_overrides_are_refused() {
        let mut options = PackOptions::default();
        for text in [
            "nothing",
            "(=coding:rans",
            "a=coding",
            "a=coding:zip",
            "a=lanes:0",
            "a=lanes:257",
            "a=tile:rows:0",
            "a=tile:block:3",
            "a=hybrid:x",
            "a=tables:0",
            "a=classes:9x1",
            "a=classes:4",
            "a=classes:0x4",
            "a=slowest:auto",
            "a=speed:9",
            "a=trellis:5",
        ] {
            assert!(matches!(options.add_override(text), Err(PackError::Option { .. })), "{text}");
        }
    }
}
