//! From a checkpoint to an `.ecq` file.

use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Listener, ProgressUpdate, Tally};
use crate::size::ByteSize;
use ecq_codec::encode::{ClassChoice, CodingChoice, TileChoice};
use ecq_core::{Coding, Limits};
use ecq_pack::source::{self, Source};
use ecq_pack::{
    CalibrationOptions, CalibrationText, Destination, GridChoice, PackError, PackOptions, PackReport, Target,
    pack, pack_calibrated,
};
use ecq_quant::{Levels, StepGranularity};
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Text to calibrate on.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// A mixed text that ships with the library: novels, speeches, manuals, source code.
    Default,
    /// What the model itself writes.
    Own,
    /// Text files in UTF-8; tokens are taken of all in turn.
    Files(Vec<PathBuf>),
    /// Texts; tokens are taken of all in turn.
    Documents(Vec<String>),
}

/// Makes an `.ecq` file of a checkpoint.
///
/// Without further options, block projections take 4 bits per weight on uniform grids, and embedding and head
/// 8-bit codes on symmetric rows before entropy coding. Options are checked when [`write`](Self::write) or
/// [`dry_run`](Self::dry_run) begins.
///
/// ```
/// use std::ops::ControlFlow;
/// # let folder = tempfile::tempdir()?;
/// # let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
/// # let dest = folder.path().join("model.ecq");
/// let report = ecq::Quantizer::new(checkpoint)?
///     .bpw(3.0)
///     .override_tensors("attn_v|v_proj", "grid:keep")
///     .progress(|update| {
///         eprintln!("{}: {} {}", update.step, update.done, update.unit);
///         ControlFlow::Continue(())
///     })
///     .write(&dest)?;
/// assert!(report.file_bytes < report.source_bytes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Quantizer {
    path: PathBuf,
    source: Box<dyn Source>,
    target: Option<Target>,
    size: Option<ByteSize>,
    lossless: bool,
    linear: Option<GridChoice>,
    embedding: Option<GridChoice>,
    steps: Option<StepGranularity>,
    levels: Option<Levels>,
    /// How codes are encoded, overrides, whether to resume.
    base: PackOptions,
    text: Option<Text>,
    calibration: CalibrationOptions,
    folder: Option<PathBuf>,
    replace: bool,
    progress: Option<Box<Listener<'static>>>,
    /// The first option that was not understood.
    wrong: Option<String>,
}

impl Quantizer {
    /// Opens a checkpoint: a GGUF, safetensors or `.ecq` file, or a folder of safetensors (floats, MLX, GPTQ,
    /// AWQ). No tensor is read yet.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) or [`Io`](ErrorKind::Io) when it cannot be read,
    /// [`WrongFormat`](ErrorKind::WrongFormat) when it is of no known format, [`Damaged`](ErrorKind::Damaged)
    /// when its header is not sound.
    pub fn new(checkpoint: impl AsRef<Path>) -> Result<Self> {
        let path = checkpoint.as_ref();
        Ok(Self {
            source: source::open(path, &Limits::default())?,
            path: path.to_owned(),
            target: None,
            size: None,
            lossless: false,
            linear: None,
            embedding: None,
            steps: None,
            levels: None,
            base: PackOptions::default(),
            text: None,
            calibration: CalibrationOptions {
                text: CalibrationText::Own,
                tokens: 16384,
                length: 512,
                seed: 0,
                like: None,
                reuse: false,
            },
            folder: None,
            replace: false,
            progress: None,
            wrong: None,
        })
    }

    /// Bits per weight of the tensors on uniform grids, all of their bytes counted: 0.1 to 8. Without it, 4.
    #[must_use]
    pub fn bpw(mut self, bits: f64) -> Self {
        self.target = Some(Target::Bpw(bits));
        self.size = None;
        if !(0.1..=8.0).contains(&bits) {
            self.refuse(format!("bits per weight is {bits}, expected 0.1 to 8"));
        }
        self
    }

    /// In place of a rate, the bytes that the whole file is to take: a `u64`, or text such as `"75MB"`. The
    /// file comes within a tenth of a percent of it.
    #[must_use]
    pub fn size(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.target = None;
        self.size = Some(bytes.into());
        self
    }

    /// Keeps every tensor as it is: the codes of a quantized checkpoint, the floats of another one.
    #[must_use]
    pub fn lossless(mut self) -> Self {
        self.lossless = true;
        self
    }

    /// The grid of block projections: `uniform`, `uniform:BPW`, `affine:BITS[:GROUP]`,
    /// `absmax:BITS[:tensor|row|GROUP]` or `keep`. Without it, `uniform`.
    #[must_use]
    pub fn grid(mut self, grid: &str) -> Self {
        self.linear = self.parse(GridChoice::parse(grid));
        self
    }

    /// The grid of embedding and head, in the same words. Without it, `absmax:8:row`, and `uniform` where the
    /// model is calibrated.
    #[must_use]
    pub fn embedding(mut self, grid: &str) -> Self {
        self.embedding = self.parse(GridChoice::parse(grid));
        self
    }

    /// What shares a step of uniform grids: the model, a tensor, or a row. Without it, a row.
    #[must_use]
    pub fn steps(mut self, span: StepGranularity) -> Self {
        self.steps = Some(span);
        self
    }

    /// What a code of a uniform grid stands for: its grid point, or the mean of the weights that have it.
    /// Without it, its grid point.
    #[must_use]
    pub fn levels(mut self, levels: Levels) -> Self {
        self.levels = Some(levels);
        self
    }

    /// Runs the model on text first, so that steps follow what errors cost and rounding makes good for
    /// earlier errors.
    ///
    /// This takes time and, until the file is written, a folder of about four bytes per weight
    /// ([`calibration_folder`](Self::calibration_folder)).
    #[must_use]
    pub fn calibrate(mut self, text: Text) -> Self {
        self.text = Some(text);
        self
    }

    /// Tokens to calibrate on. Without it, 16384.
    #[must_use]
    pub fn calibration_tokens(mut self, tokens: usize) -> Self {
        self.calibration.tokens = tokens;
        if tokens == 0 {
            self.refuse("calibration tokens is 0, expected 1 or more".to_owned());
        }
        self
    }

    /// Tokens of a sequence that is calibrated on. Without it, 512; the model's context at most.
    #[must_use]
    pub fn calibration_window(mut self, tokens: usize) -> Self {
        self.calibration.length = tokens;
        if tokens < 2 {
            self.refuse(format!("calibration window is {tokens} tokens, expected 2 or more"));
        }
        self
    }

    /// Keeps what is learned of the model in this folder, for runs at other rates. Without it, a folder
    /// beside the file is used and removed at the end.
    #[must_use]
    pub fn calibration_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// In place of a rate, makes block projections as small as they can be at no larger error than on this
    /// grid, for instance `affine:4:64`. It needs [`calibrate`](Self::calibrate).
    #[must_use]
    pub fn no_worse_than(mut self, grid: &str) -> Self {
        self.calibration.like = self.parse(GridChoice::parse(grid));
        if let Some(GridChoice::Keep | GridChoice::Uniform { .. }) = self.calibration.like {
            self.refuse(format!(
                "the grid to be no worse than is {grid}, expected affine:BITS[:GROUP] or \
                 absmax:BITS[:tensor|row|GROUP]"
            ));
        }
        self
    }

    /// Where random numbers start: which passages are calibrated on, and which tokens the model writes for
    /// itself. Without it, 0; the same seed gives the same file.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.calibration.seed = seed;
        self
    }

    /// Codes every tensor in this way. Without it, the smallest of packed, prefix and rANS is taken for each.
    #[must_use]
    pub fn coding(mut self, coding: Coding) -> Self {
        self.base.encode.coding = CodingChoice::Only(coding);
        self
    }

    /// Takes for each tensor the smallest coding that is no slower to decode than this one.
    #[must_use]
    pub fn slowest_coding(mut self, slowest: Coding) -> Self {
        self.base.encode.coding = CodingChoice::Smallest { slowest };
        self
    }

    /// The unit of a matrix that decodes on its own.
    #[must_use]
    pub fn tile(mut self, tile: TileChoice) -> Self {
        self.base.encode.tile = tile;
        self
    }

    /// Interleaved coder states of a tile, 1 to 256. Without it, the tile's default.
    #[must_use]
    pub fn lanes(mut self, lanes: u16) -> Self {
        self.base.encode.lanes = Some(lanes);
        if !(1..=256).contains(&lanes) {
            self.refuse(format!("lanes is {lanes}, expected 1 to 256"));
        }
        self
    }

    /// Frequency tables of a tensor at most, 1 to 256. Without it, 8.
    #[must_use]
    pub fn tables(mut self, tables: usize) -> Self {
        self.base.encode.tables = tables;
        if !(1..=256).contains(&tables) {
            self.refuse(format!("tables is {tables}, expected 1 to 256"));
        }
        self
    }

    /// Classes of rows and columns that choose a symbol's table, where the coding is rANS.
    #[must_use]
    pub fn classes(mut self, classes: ClassChoice) -> Self {
        self.base.encode.classes = classes;
        self
    }

    /// What an entropy coder must save, in percent of the packed codes, to be used in place of packed codes.
    /// Without it, 1.
    #[must_use]
    pub fn least_saving(mut self, percent: f64) -> Self {
        self.base.encode.hybrid_percent = percent;
        if !percent.is_finite() {
            self.refuse(format!("the least saving is {percent} percent, expected a number"));
        }
        self
    }

    /// Sets options for the tensors whose name a regular expression matches; of several overrides of an
    /// option the last one wins.
    ///
    /// `options` is a list such as `grid:uniform:3.5,coding:prefix`, of the options `grid`, `steps` (`model`,
    /// `tensor`, `row`), `levels` (`grid`, `centroid`), `coding` and `slowest` (`packed`, `prefix`, `rans`,
    /// `archive`), `tile` (`auto`, `matrix`, `row`, `rows:N`, `block:RxC`), `lanes`, `hybrid` (percent),
    /// `tables` and `classes` (`auto`, `off`, `RxC`).
    #[must_use]
    pub fn override_tensors(mut self, pattern: &str, options: &str) -> Self {
        let added = self.base.add_override(&format!("{pattern}={options}"));
        self.parse(added);
        self
    }

    /// Goes on where an interrupted run with the same options stopped, if there was one.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.base.resume = resume;
        self
    }

    /// Replaces a file that is there, once the new one is complete. Without it, such a file is an error.
    #[must_use]
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    /// Hears how far the work is, one update at a time, from any thread; [`ControlFlow::Break`] cancels it.
    #[must_use]
    pub fn progress(
        mut self,
        progress: impl Fn(&ProgressUpdate<'_>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Writes the file.
    ///
    /// Work in progress lies in the folder `DEST.partial`; `dest` appears when it is complete. The folder
    /// stays behind when the work is cancelled or fails, for [`resume`](Self::resume).
    ///
    /// # Errors
    /// [`InvalidOption`](ErrorKind::InvalidOption) when an option has a value that it cannot have, the rate
    /// is out of reach, or `dest` is there (see [`replace`](Self::replace)), an input, or a folder,
    /// [`Cancelled`](ErrorKind::Cancelled), [`Damaged`](ErrorKind::Damaged) when a tensor of the checkpoint
    /// cannot be read, [`Calibration`](ErrorKind::Calibration) when the model cannot be calibrated,
    /// [`Resume`](ErrorKind::Resume) when `DEST.partial` belongs to a run with other options or is in use,
    /// [`Io`](ErrorKind::Io). Nothing is left under `dest`.
    pub fn write(&self, dest: impl AsRef<Path>) -> Result<PackReport> {
        self.run(Some(dest.as_ref()))
    }

    /// Does all the work but writes nothing: the report is that of the file, to the byte.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn dry_run(&self) -> Result<PackReport> {
        self.run(None)
    }

    fn run(&self, dest: Option<&Path>) -> Result<PackReport> {
        let options = self.options()?;
        if let Some(dest) = dest {
            let mut inputs = self.source.files();
            if let Some(Text::Files(files)) = &self.text {
                inputs.extend_from_slice(files);
            }
            Destination::file(dest).replacing(self.replace).check(&inputs)?;
        }
        let tally = Tally::new(self.progress.as_deref());
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let source = &*self.source;
        let Some(text) = &self.text else { return Ok(pack(source, &name, dest, &options, &tally)?) };
        let calibration = CalibrationOptions {
            text: calibration_text(text)?,
            reuse: options.resume || self.folder.is_some(),
            ..self.calibration.clone()
        };
        if let Some(folder) = &self.folder {
            return Ok(pack_calibrated(source, &name, dest, folder, options, &calibration, &tally)?);
        }
        let Some(dest) = dest else {
            let folder = tempfile::tempdir().map_err(|error| Error::of_io(&std::env::temp_dir(), error))?;
            return Ok(pack_calibrated(source, &name, None, folder.path(), options, &calibration, &tally)?);
        };
        // Beside the file, for it is as large as the model and outlives an interruption.
        let mut folder = dest.as_os_str().to_owned();
        folder.push(".calibration");
        let folder = PathBuf::from(folder);
        let report = pack_calibrated(source, &name, Some(dest), &folder, options, &calibration, &tally)?;
        std::fs::remove_dir_all(&folder).map_err(|error| Error::of_io(&folder, error))?;
        Ok(report)
    }

    fn options(&self) -> Result<PackOptions> {
        let wrong = |why: &str| Err(Error::of_kind(ErrorKind::InvalidOption, why));
        if let Some(why) = &self.wrong {
            return wrong(why);
        }
        if self.text.is_none() && self.calibration.like.is_some() {
            return wrong("to be no worse than a grid needs calibration");
        }
        if self.lossless {
            if self.target.is_some()
                || self.size.is_some()
                || self.linear.is_some()
                || self.embedding.is_some()
            {
                return wrong("a lossless file has no rate, size or grid of its own");
            }
            if self.text.is_some() {
                return wrong("a lossless file is not calibrated");
            }
            return Ok(self.base.clone());
        }
        let mut options = PackOptions {
            encode: self.base.encode,
            overrides: self.base.overrides.clone(),
            resume: self.base.resume,
            ..PackOptions::quantizing()
        };
        if self.text.is_some() {
            // Where the model is watched, the embedding's errors are weighed as all others are.
            options.embedding = options.linear;
        }
        options.linear = self.linear.unwrap_or(options.linear);
        options.embedding = self.embedding.unwrap_or(options.embedding);
        for choice in [&mut options.linear, &mut options.embedding] {
            if let GridChoice::Uniform { steps, levels, .. } = choice {
                *steps = self.steps.unwrap_or(*steps);
                *levels = self.levels.unwrap_or(*levels);
            }
        }
        options.target = match (&self.size, self.target) {
            (Some(size), _) => match size.bytes("size")? {
                0 => return Err(Error::option("size", "0 bytes", "1 or more")),
                bytes => Target::Size(bytes),
            },
            (None, target) => target.unwrap_or(options.target),
        };
        Ok(options)
    }

    /// The value, or nothing after it is noted that it was not understood.
    fn parse<T>(&mut self, parsed: std::result::Result<T, PackError>) -> Option<T> {
        parsed.map_err(|error| self.refuse(error.to_string())).ok()
    }

    fn refuse(&mut self, why: String) {
        self.wrong.get_or_insert(why);
    }
}

impl fmt::Debug for Quantizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quantizer").field("path", &self.path).finish_non_exhaustive()
    }
}

fn calibration_text(text: &Text) -> Result<CalibrationText> {
    Ok(match text {
        Text::Default => CalibrationOptions::default_text(),
        Text::Own => CalibrationText::Own,
        Text::Files(paths) => {
            let read = |path: &PathBuf| {
                let text = std::fs::read_to_string(path).map_err(|error| Error::of_io(path, error))?;
                Ok((path.display().to_string(), text))
            };
            CalibrationText::Texts(paths.iter().map(read).collect::<Result<_>>()?)
        }
        Text::Documents(texts) => {
            let named = texts.iter().enumerate().map(|(i, text)| (format!("text {i}"), text.clone()));
            CalibrationText::Texts(named.collect())
        }
    })
}
