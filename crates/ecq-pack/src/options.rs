//! Options of lossless packing, as words: one grammar for the command line and for overrides.

use crate::encode::{CodingChoice, EncodeOptions, TileChoice};
use crate::error::{PackError, Result};
use ecq_core::Coding;
use regex::Regex;

/// Options for a model: a default and overrides by name.
#[derive(Debug, Clone, Default)]
pub struct PackOptions {
    /// For every tensor.
    pub encode: EncodeOptions,
    /// For tensors whose name the expression matches; later ones win.
    pub overrides: Vec<(Regex, Vec<(String, String)>)>,
    /// Go on where an interrupted run stopped.
    pub resume: bool,
}

impl PackOptions {
    /// Adds an override `REGEX=OPTION:VALUE[,OPTION:VALUE...]`, such as `attn_(q|k)=coding:prefix,lanes:64`.
    ///
    /// # Errors
    /// When it has no `=`, the expression does not compile, or an option is not understood.
    pub fn add_override(&mut self, text: &str) -> Result<()> {
        let bad = |why: String| PackError::Option { option: format!("--override {text}"), why };
        let Some((regex, options)) = text.rsplit_once('=') else {
            return Err(bad("expected REGEX=OPTION:VALUE[,OPTION:VALUE...]".to_owned()));
        };
        let regex = Regex::new(regex).map_err(|error| bad(error.to_string()))?;
        let mut pairs = Vec::new();
        for option in options.split(',') {
            let Some((key, value)) = option.split_once(':') else {
                return Err(bad(format!("{option:?} is not OPTION:VALUE")));
            };
            set(&mut EncodeOptions::default(), key, value)?;
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
                set(&mut options, key, value)?;
            }
        }
        Ok(options)
    }

    /// A text that is equal for equal options, for the journal's key.
    pub(crate) fn fingerprint(&self) -> String {
        format!("{:?} {:?}", self.encode, self.overrides)
    }
}

/// Sets one option from its words: `coding`, `slowest`, `tile`, `lanes`, `hybrid`, `tables`.
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
        _ => return Err(bad("one of the options coding, slowest, tile, lanes, hybrid, tables")),
    }
    Ok(())
}

fn coding(word: &str) -> Option<Coding> {
    [Coding::Packed, Coding::Prefix, Coding::Rans, Coding::Archive]
        .into_iter()
        .find(|&coding| crate::encode::name(coding) == word)
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
        options.add_override(r"attn_q\.=tile:block:64x128,hybrid:3.5,tables:2").unwrap();
        assert_eq!(options.of("blk.0.ffn_up.weight").unwrap(), EncodeOptions::default());
        let k = options.of("blk.0.attn_k.weight").unwrap();
        assert_eq!(
            (k.coding, k.lanes, k.tile),
            (CodingChoice::Only(Coding::Prefix), Some(64), TileChoice::Auto)
        );
        let q = options.of("blk.0.attn_q.weight").unwrap();
        assert_eq!((q.tile, q.hybrid_percent, q.tables), (TileChoice::Block(64, 128), 3.5, 2));
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
            "a=slowest:auto",
            "a=speed:9",
        ] {
            assert!(matches!(options.add_override(text), Err(PackError::Option { .. })), "{text}");
        }
    }
}
