//! Quantization of checkpoints to `.ecq` files.

use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Callback, ProgressUpdate, Tally};
use crate::size::ByteSize;
use crate::text::Text;
use ecq_codec::encode::{ClassChoice, CodingChoice, TileChoice};
use ecq_core::{Coding, Limits};
use ecq_pack::source::{self, ArrayInfo, MemorySource, Source};
use ecq_pack::{
    CalibrationOptions, CalibrationText, Destination, GridChoice, PackError, PackOptions, PackReport, Target,
    TrellisChoice, pack, pack_calibrated,
};
use ecq_quant::{Levels, StepGranularity};
use std::error::Error as StdError;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Quantizes a checkpoint and writes it as an `.ecq` file.
///
/// By default, block projections are quantized on uniform grids to 4 bits per weight, and embedding and head
/// to 8-bit codes with a scale per row. [`write`](Self::write) and [`dry_run`](Self::dry_run) check the
/// options first.
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
    trellis: Option<Option<TrellisChoice>>,
    /// Encoding options, overrides, and whether to resume.
    base: PackOptions,
    text: Option<Text>,
    /// Whether to calibrate on the default text below 4 bits per weight if there is no `text`.
    by_default: bool,
    calibration: CalibrationOptions,
    folder: Option<PathBuf>,
    replace: bool,
    progress: Option<Box<Callback<'static>>>,
    /// Error message of the first invalid option.
    invalid: Option<String>,
}

impl Quantizer {
    /// Quantizes named arrays in memory: `read` returns the little-endian elements of the array with an index
    /// in `arrays`. Names are those of a Hugging Face checkpoint.
    ///
    /// `files` are attached to the output. A model needs `config.json` and `tokenizer.json` to be calibrated
    /// and to generate text.
    ///
    /// Every array is read at once to check it, and again when it is quantized; one array at a time is in
    /// memory for each thread.
    ///
    /// # Errors
    /// [`InvalidOption`](ErrorKind::InvalidOption) if two arrays have one name, an element type is unknown,
    /// or an array cannot be read or has another length than its shape says.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let dest = folder.path().join("model.ecq");
    /// let name = "model.layers.0.mlp.up_proj.weight".to_owned();
    /// let arrays = vec![ecq::ArrayInfo { name, dtype: "f32".to_owned(), shape: vec![64, 256] }];
    /// let weights: Vec<u8> = (0..64 * 256u32).flat_map(|i| (i as f32 * 0.7).sin().to_le_bytes()).collect();
    /// ecq::Quantizer::from_arrays(arrays, vec![], move |_| Ok(weights.clone()))?.bpw(3.0).write(&dest)?;
    /// # assert_eq!(ecq::File::open(&dest)?.tensors()[0].shape, [64, 256]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_arrays(
        arrays: Vec<ArrayInfo>,
        files: Vec<(String, Vec<u8>)>,
        read: impl Fn(usize) -> std::result::Result<Vec<u8>, Box<dyn StdError + Send + Sync>>
        + Send
        + Sync
        + 'static,
    ) -> Result<Self> {
        let source = MemorySource::new(arrays, files, Box::new(read))?;
        Ok(Self::of(PathBuf::new(), Box::new(source)))
    }

    /// Opens a checkpoint: a GGUF, safetensors or `.ecq` file, or a folder of safetensors files (floats, MLX,
    /// GPTQ, AWQ). Tensors are not read.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) or [`Io`](ErrorKind::Io) if the checkpoint cannot be read,
    /// [`WrongFormat`](ErrorKind::WrongFormat) if its format is unknown, [`Damaged`](ErrorKind::Damaged) if
    /// its header is invalid.
    pub fn new(checkpoint: impl AsRef<Path>) -> Result<Self> {
        let path = checkpoint.as_ref();
        Ok(Self::of(path.to_owned(), source::open(path, &Limits::default())?))
    }

    fn of(path: PathBuf, source: Box<dyn Source>) -> Self {
        Self {
            source,
            path,
            target: None,
            size: None,
            lossless: false,
            linear: None,
            embedding: None,
            steps: None,
            levels: None,
            trellis: None,
            base: PackOptions::default(),
            text: None,
            by_default: false,
            calibration: CalibrationOptions {
                text: CalibrationText::mixture(),
                tokens: CalibrationOptions::TOKENS,
                distillation_tokens: CalibrationOptions::DISTILLATION_TOKENS,
                sequence_length: CalibrationOptions::SEQUENCE_LENGTH,
                seed: 0,
                reference_grid: None,
                reuse: false,
            },
            folder: None,
            replace: false,
            progress: None,
            invalid: None,
        }
    }

    /// Target bits per weight of the block projections, side data included: 0.1 to 8, 4 by default.
    #[must_use]
    pub fn bpw(mut self, bits: f64) -> Self {
        self.target = Some(Target::Bpw(bits));
        self.size = None;
        if !(0.1..=8.0).contains(&bits) {
            self.set_invalid(format!("bits per weight is {bits}, expected 0.1 to 8"));
        }
        self
    }

    /// Target size of the whole file in bytes, a `u64` or text such as `"75MB"`; replaces [`bpw`](Self::bpw).
    /// The result is at most 0.1% smaller.
    #[must_use]
    pub fn size(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.target = None;
        self.size = Some(bytes.into());
        self
    }

    /// Converts the checkpoint without quantizing it: codes and floats are kept bit for bit.
    #[must_use]
    pub fn lossless(mut self) -> Self {
        self.lossless = true;
        self
    }

    /// Grid of block projections: `uniform` (the default), `uniform:BPW`, `affine:BITS[:GROUP]`,
    /// `absmax:BITS[:tensor|row|GROUP]` or `keep`.
    #[must_use]
    pub fn grid(mut self, grid: &str) -> Self {
        self.linear = self.parse(GridChoice::parse(grid));
        self
    }

    /// Grid of embedding and head: `BITS` (symmetric, one scale per row), or as [`grid`](Self::grid); by
    /// default `uniform` with calibration and `absmax:8:row` without.
    #[must_use]
    pub fn embedding(mut self, grid: &str) -> Self {
        self.embedding = self.parse(GridChoice::parse_embedding(grid));
        self
    }

    /// Granularity of the step sizes of uniform grids; per row by default.
    #[must_use]
    pub fn steps(mut self, granularity: StepGranularity) -> Self {
        self.steps = Some(granularity);
        self
    }

    /// Reconstruction levels of uniform grids: grid points (the default), or the mean of the weights with the
    /// code.
    #[must_use]
    pub fn levels(mut self, levels: Levels) -> Self {
        self.levels = Some(levels);
        self
    }

    /// Trellis of uniform grids: `on` (the default), `off`, or the phases `LAG` or `LAGxRESTART`.
    ///
    /// A trellis grid takes 0.11 to 0.15 bits per weight less than the scalar grid at an equal KL divergence.
    /// Matrices of fewer than 32,768 weights always have the scalar grid.
    #[must_use]
    pub fn trellis(mut self, trellis: &str) -> Self {
        self.trellis = self.parse(TrellisChoice::parse(trellis));
        self
    }

    /// Calibrates: runs the model on text to measure the cost of quantization errors, and rounds with error
    /// feedback.
    ///
    /// The model without loss and the activations of all tokens are on disk until the file is written; see
    /// [`calibration_folder`](Self::calibration_folder).
    #[must_use]
    pub fn calibrate(mut self, text: Text) -> Self {
        self.text = Some(text);
        self
    }

    /// Calibrates on [`Text::Default`] if the target is below 4 bits per weight, as the `ecq` command does,
    /// and [`calibrate`](Self::calibrate) is not called.
    #[must_use]
    pub fn calibrate_by_default(mut self) -> Self {
        self.by_default = true;
        self
    }

    /// Number of calibration tokens, 24576 by default.
    #[must_use]
    pub fn calibration_tokens(mut self, tokens: usize) -> Self {
        self.calibration.tokens = tokens;
        if tokens == 0 {
            self.set_invalid("calibration tokens is 0, expected 1 or more".to_owned());
        }
        self
    }

    /// Number of calibration tokens on which the row steps of the quantized model are trained at the end,
    /// 6144 by default; 0 for none.
    #[must_use]
    pub fn distillation_tokens(mut self, tokens: usize) -> Self {
        self.calibration.distillation_tokens = tokens;
        self
    }

    /// Length of calibration sequences in tokens: 512 by default, at most the context of the model.
    #[must_use]
    pub fn calibration_window(mut self, tokens: usize) -> Self {
        self.calibration.sequence_length = tokens;
        if tokens < 2 {
            self.set_invalid(format!("calibration window is {tokens} tokens, expected 2 or more"));
        }
        self
    }

    /// Keeps calibration statistics in this folder and reuses them for other rates. By default, a folder
    /// beside the output is used and removed at the end.
    #[must_use]
    pub fn calibration_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Finds the smallest file whose predicted KL divergence is no worse than that of this grid, for instance
    /// `affine:4:64`; replaces [`bpw`](Self::bpw). Requires [`calibrate`](Self::calibrate).
    #[must_use]
    pub fn match_grid(mut self, grid: &str) -> Self {
        self.calibration.reference_grid = self.parse(GridChoice::parse(grid));
        if let Some(GridChoice::Keep | GridChoice::Uniform { .. }) = self.calibration.reference_grid {
            self.set_invalid(format!(
                "the grid to match is {grid}, expected affine:BITS[:GROUP] or absmax:BITS[:tensor|row|GROUP]"
            ));
        }
        self
    }

    /// Random seed of calibration, 0 by default. It selects the passages of the text and the tokens of
    /// generated text. The same seed gives the same file.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.calibration.seed = seed;
        self
    }

    /// Coding of all tensors. By default, the smallest of packed, prefix and rANS is selected for each
    /// tensor.
    #[must_use]
    pub fn coding(mut self, coding: Coding) -> Self {
        self.base.encode.coding = CodingChoice::Only(coding);
        self
    }

    /// Selects for each tensor the smallest coding that decodes no slower than this one.
    #[must_use]
    pub fn slowest_coding(mut self, slowest: Coding) -> Self {
        self.base.encode.coding = CodingChoice::Smallest { slowest };
        self
    }

    /// Tile: the part of a matrix that decodes independently.
    #[must_use]
    pub fn tile(mut self, tile: TileChoice) -> Self {
        self.base.encode.tile = tile;
        self
    }

    /// Interleaved coder states per tile, 1 to 256. The default depends on the tile.
    #[must_use]
    pub fn lanes(mut self, lanes: u16) -> Self {
        self.base.encode.lanes = Some(lanes);
        if !(1..=256).contains(&lanes) {
            self.set_invalid(format!("lanes is {lanes}, expected 1 to 256"));
        }
        self
    }

    /// Maximum number of frequency tables per tensor: 1 to 256, 8 by default.
    #[must_use]
    pub fn tables(mut self, tables: usize) -> Self {
        self.base.encode.tables = tables;
        if !(1..=256).contains(&tables) {
            self.set_invalid(format!("tables is {tables}, expected 1 to 256"));
        }
        self
    }

    /// Classes of rows and columns that select the frequency table of a symbol in rANS coding.
    #[must_use]
    pub fn classes(mut self, classes: ClassChoice) -> Self {
        self.base.encode.classes = classes;
        self
    }

    /// Minimum saving of entropy coding, in percent of the packed codes; tensors that save less are stored
    /// packed. 1 by default.
    #[must_use]
    pub fn min_saving(mut self, percent: f64) -> Self {
        self.base.encode.hybrid_percent = percent;
        if !percent.is_finite() {
            self.set_invalid(format!("the minimum saving is {percent} percent, expected a number"));
        }
        self
    }

    /// Sets options of the tensors whose name matches a regular expression. If several overrides set an
    /// option, the last one applies.
    ///
    /// `options` is a list such as `grid:uniform:3.5,coding:prefix` of the options `grid`, `steps` (`model`,
    /// `tensor`, `row`), `levels` (`grid`, `centroid`), `trellis`, `coding` and `slowest` (`packed`,
    /// `prefix`, `rans`, `archive`), `tile` (`auto`, `matrix`, `row`, `rows:N`, `block:RxC`), `lanes`,
    /// `hybrid` (percent), `tables` and `classes` (`auto`, `off`, `RxC`).
    #[must_use]
    pub fn override_tensors(mut self, pattern: &str, options: &str) -> Self {
        let added = self.base.add_override(&format!("{pattern}={options}"));
        self.parse(added);
        self
    }

    /// Resumes an interrupted run with the same options, if there is one.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.base.resume = resume;
        self
    }

    /// Replaces an existing output once the new one is complete. By default, an existing output is an error.
    #[must_use]
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    /// Sets a callback for progress. It is called from any thread, one call at a time; [`ControlFlow::Break`]
    /// cancels the operation.
    #[must_use]
    pub fn progress(
        mut self,
        progress: impl Fn(&ProgressUpdate<'_>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Quantizes the checkpoint and writes `dest`.
    ///
    /// Unfinished work is stored in the folder `DEST.partial`. After an error or cancellation the folder
    /// remains, for [`resume`](Self::resume), and `dest` is not created.
    ///
    /// # Errors
    /// [`InvalidOption`](ErrorKind::InvalidOption) if an option is invalid, the rate cannot be reached, or
    /// `dest` exists (see [`replace`](Self::replace)), is an input or a folder;
    /// [`Cancelled`](ErrorKind::Cancelled); [`Damaged`](ErrorKind::Damaged) if a tensor of the checkpoint is
    /// invalid; [`Calibration`](ErrorKind::Calibration) if the model cannot be calibrated;
    /// [`Resume`](ErrorKind::Resume) if `DEST.partial` belongs to a run with other options or is in use;
    /// [`Io`](ErrorKind::Io).
    pub fn write(&self, dest: impl AsRef<Path>) -> Result<PackReport> {
        self.run(Some(dest.as_ref()))
    }

    /// Quantizes the checkpoint without writing a file. The report contains the exact sizes.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn dry_run(&self) -> Result<PackReport> {
        self.run(None)
    }

    fn run(&self, dest: Option<&Path>) -> Result<PackReport> {
        let text = match self.calibrates_by_default()? {
            true => Some(&Text::Default),
            false => self.text.as_ref(),
        };
        let options = self.options(text.is_some())?;
        if let Some(dest) = dest {
            let mut inputs = self.source.files();
            if let Some(Text::Files(files)) = text {
                inputs.extend_from_slice(files);
            }
            Destination::file(dest).replacing(self.replace).check(&inputs)?;
        }
        let tally = Tally::new(self.progress.as_deref());
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let source = &*self.source;
        let Some(text) = text else { return Ok(pack(source, &name, dest, &options, &tally)?) };
        let calibration = CalibrationOptions {
            text: text.read()?,
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
        // Beside the output: the survey takes long and must survive an interruption.
        let mut folder = dest.as_os_str().to_owned();
        folder.push(".calibration");
        let folder = PathBuf::from(folder);
        let report = pack_calibrated(source, &name, Some(dest), &folder, options, &calibration, &tally)?;
        std::fs::remove_dir_all(&folder).map_err(|error| Error::of_io(&folder, error))?;
        Ok(report)
    }

    fn calibrates_by_default(&self) -> Result<bool> {
        Ok(self.by_default
            && self.text.is_none()
            && !self.lossless
            && (self.calibration.reference_grid.is_some()
                || self.options(false)?.calibrates_by_default(&*self.source)))
    }

    fn options(&self, calibrated: bool) -> Result<PackOptions> {
        let invalid = |why: &str| Err(Error::of_kind(ErrorKind::InvalidOption, why));
        if let Some(why) = &self.invalid {
            return invalid(why);
        }
        if self.levels == Some(Levels::Centroid) && matches!(self.trellis, Some(Some(_))) {
            return invalid("centroids need the scalar grid: set trellis to off");
        }
        if !calibrated && self.calibration.reference_grid.is_some() {
            return invalid("matching a grid requires calibration");
        }
        if self.lossless {
            if self.target.is_some()
                || self.size.is_some()
                || self.linear.is_some()
                || self.embedding.is_some()
            {
                return invalid("lossless conversion has no rate, size or grid");
            }
            if self.text.is_some() {
                return invalid("lossless conversion has no calibration");
            }
            return Ok(self.base.clone());
        }
        let mut options = PackOptions {
            encode: self.base.encode,
            overrides: self.base.overrides.clone(),
            resume: self.base.resume,
            ..PackOptions::quantizing()
        };
        if calibrated {
            // Calibration measures the cost of errors in the embedding too.
            options.embedding = options.linear;
        }
        options.linear = self.linear.unwrap_or(options.linear);
        options.embedding = self.embedding.unwrap_or(options.embedding);
        for choice in [&mut options.linear, &mut options.embedding] {
            if let GridChoice::Uniform { steps, levels, trellis, .. } = choice {
                *steps = self.steps.unwrap_or(*steps);
                *levels = self.levels.unwrap_or(*levels);
                *trellis = match *levels {
                    Levels::Grid => self.trellis.unwrap_or(*trellis),
                    Levels::Centroid => None,
                };
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

    /// Returns the value, or `None` after recording the error.
    fn parse<T>(&mut self, parsed: std::result::Result<T, PackError>) -> Option<T> {
        parsed.map_err(|error| self.set_invalid(error.to_string())).ok()
    }

    fn set_invalid(&mut self, why: String) {
        self.invalid.get_or_insert(why);
    }
}

impl fmt::Debug for Quantizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quantizer").field("path", &self.path).finish_non_exhaustive()
    }
}
