//! Options of packing, as words: one grammar for the command line and for overrides.

use crate::calibrate::Calibration;
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::source::SourceTensor;
use ecq_codec::encode::{ClassChoice, CodingChoice, EncodeOptions, TileChoice};
use ecq_core::{Coding, Kind};
use ecq_quant::{Granularity, Levels, StepGranularity};
use regex::Regex;
use std::sync::Arc;

/// How small the tensors on uniform grids become together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// So many bits per weight: all of their bytes, side data and header too.
    Bpw(f64),
    /// As many as leave the whole file at most so many bytes long.
    Size(u64),
    /// Where the model was watched: steps so many times those at which an error costs a unit.
    Factor(f64),
}

/// Options for a model: defaults and overrides by name.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// The grid of block projections.
    pub linear: GridChoice,
    /// The grid of embedding and head.
    pub embedding: GridChoice,
    /// What tensors on uniform grids without a rate of their own aim at.
    pub target: Target,
    /// For every tensor.
    pub encode: EncodeOptions,
    /// For tensors whose name the expression matches; later ones win.
    pub overrides: Vec<(Regex, Vec<(String, String)>)>,
    /// What errors cost, where the model was watched: uniform grids follow it.
    pub calibration: Option<Arc<Calibration>>,
    /// Go on where an interrupted run stopped.
    pub resume: bool,
}

impl Default for PackOptions {
    /// Lossless.
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
    /// Uniform grids of 4 bits a weight for block projections; embedding and head on 8-bit symmetric rows,
    /// their codes entropy coded.
    pub fn quantizing() -> Self {
        Self {
            linear: GridChoice::Uniform { bpw: None, steps: StepGranularity::Row, levels: Levels::Grid },
            embedding: GridChoice::Absmax { bits: 8, span: Granularity::Row },
            ..Self::default()
        }
    }

    /// The grid of a tensor: overrides first, then its kind's. Norms, biases and tables are kept.
    ///
    /// # Errors
    /// Never for overrides that [`add_override`](Self::add_override) took.
    pub fn grid_of(&self, tensor: &SourceTensor) -> Result<GridChoice> {
        let mut choice = match tensor.kind {
            Kind::Linear => self.linear,
            Kind::Embedding => self.embedding,
            Kind::Other => GridChoice::Keep,
        };
        for (_, pairs) in self.overrides.iter().filter(|(regex, _)| regex.is_match(&tensor.name)) {
            for (key, value) in pairs {
                set_grid(&mut choice, key, value)?;
            }
        }
        Ok(choice)
    }

    /// Checks that every override is for some tensor.
    ///
    /// # Errors
    /// Names the first one that matches none.
    pub fn check(&self, tensors: &[SourceTensor]) -> Result<()> {
        let useless =
            self.overrides.iter().find(|(regex, _)| !tensors.iter().any(|t| regex.is_match(&t.name)));
        let Some((regex, _)) = useless else { return Ok(()) };
        let mut names = tensors.iter().filter(|t| t.kind == Kind::Linear).map(|t| format!("{:?}", t.name));
        let example = names.next().map_or(String::new(), |name| format!("; there is {name}, for instance"));
        let why = format!("matches none of the {} tensors{example}", tensors.len());
        Err(PackError::Option { option: format!("override {}", regex.as_str()), why })
    }

    /// How a model is quantized, in words.
    pub fn recipe(&self) -> String {
        let mut words = format!("linear {}, embedding {}", self.linear, self.embedding);
        let shares = |choice: &GridChoice| matches!(choice, GridChoice::Uniform { bpw: None, .. });
        if shares(&self.linear) || shares(&self.embedding) {
            words += &match self.target {
                Target::Bpw(bpw) => format!(", {bpw} bits a weight"),
                Target::Size(bytes) => format!(", {bytes} bytes"),
                Target::Factor(factor) => format!(", steps of {factor}"),
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
    /// When it has no `=`, the expression does not compile, or an option is not understood.
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

    /// The options of one tensor.
    ///
    /// # Errors
    /// Never for overrides that [`add_override`](Self::add_override) took.
    pub fn of(&self, tensor: &str) -> Result<EncodeOptions> {
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

    /// A text that is equal for equal options, for the journal's key.
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

/// Sets an option of a grid from its words: `grid`, `steps`, `levels`; false if the option is none of them.
fn set_grid(choice: &mut GridChoice, key: &str, value: &str) -> Result<bool> {
    match key {
        "grid" => *choice = GridChoice::parse(value)?,
        "steps" => choice.set_steps(value)?,
        "levels" => choice.set_levels(value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Sets one option from its words: `coding`, `slowest`, `tile`, `lanes`, `hybrid`, `tables`, `classes`.
///
/// # Errors
/// When option or value is not understood; the message lists what is.
pub fn set(options: &mut EncodeOptions, key: &str, value: &str) -> Result<()> {
    let bad =
        |why: &str| PackError::Option { option: format!("{key} {value}"), why: format!("expected {why}") };
    match key {
        "coding" => {
            options.coding = match (value, coding(value)) {
                ("auto", _) => EncodeOptions::default().coding,
                (_, Some(coding)) => CodingChoice::Only(coding),
                _ => return Err(bad("rans, prefix, packed, archive or auto")),
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
            options.hybrid_percent = percent.ok_or_else(|| bad("a number of percent"))?;
        }
        "tables" => {
            let tables = value.parse().ok().filter(|n| (1..=256).contains(n));
            options.tables = tables.ok_or_else(|| bad("1 to 256"))?;
        }
        "classes" => {
            options.classes =
                classes(value).ok_or_else(|| bad("auto, off or RxC, 1 to 8 of rows and columns"))?;
        }
        _ => {
            return Err(bad(
                "one of the options coding, slowest, tile, lanes, hybrid, tables, classes, grid, steps, levels",
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
    fn overrides_apply_in_order_to_the_names_they_match() {
        let mut options = PackOptions::default();
        options.add_override("attn=coding:prefix,lanes:64").unwrap();
        options.add_override(r"attn_q\.=tile:block:64x128,hybrid:3.5,tables:2,classes:2x4").unwrap();
        assert_eq!(options.of("blk.0.ffn_up.weight").unwrap(), EncodeOptions::default());
        let k = options.of("blk.0.attn_k.weight").unwrap();
        assert_eq!(
            (k.coding, k.lanes, k.tile),
            (CodingChoice::Only(Coding::Prefix), Some(64), TileChoice::Auto)
        );
        let q = options.of("blk.0.attn_q.weight").unwrap();
        assert_eq!((q.tile, q.hybrid_percent, q.tables), (TileChoice::Block(64, 128), 3.5, 2));
        assert_eq!((k.classes, q.classes), (ClassChoice::Auto, ClassChoice::Only([2, 4])));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
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
        ] {
            assert!(matches!(options.add_override(text), Err(PackError::Option { .. })), "{text}");
        }
    }
}
