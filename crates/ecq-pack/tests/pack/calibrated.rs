//! Calibrated packing: the work is counted, rates are met, and interrupted runs resume to the same bytes.

use ecq_core::Limits;
use ecq_pack::source::{self, Source};
use ecq_pack::{
    CalibrationOptions, CalibrationText, CheckpointFormat, CheckpointOptions, Document, GridChoice, OwnText,
    PackError, PackOptions, PackReport, Progress, Target, export_checkpoint, pack_calibrated,
};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Cancels at the first update of a stage that is at least this far, in units of work of the stage.
struct CancelsAt {
    stage: &'static str,
    done: u64,
    state: Mutex<(&'static str, u64, bool)>,
}

impl CancelsAt {
    fn new(stage: &'static str, done: u64) -> Self {
        Self { stage, done, state: Mutex::new(("", 0, false)) }
    }
}

impl Progress for CancelsAt {
    fn begin(&self, stage: &'static str, _: u64) {
        let mut state = self.state.lock().unwrap();
        (state.0, state.1) = (stage, 0);
        state.2 |= stage == self.stage && self.done == 0;
    }
    fn advance(&self, work: u64, _: &str) {
        let mut state = self.state.lock().unwrap();
        state.1 += work;
        state.2 |= state.0 == self.stage && state.1 >= self.done;
    }
    fn end(&self) {}
    fn is_cancelled(&self) -> bool {
        self.state.lock().unwrap().2
    }
}

/// Two of the six layers of the embedded model.
struct Model {
    folder: tempfile::TempDir,
    source: Box<dyn Source>,
}

const TOKENS: usize = 256;
const WINDOW: usize = 64;

impl Model {
    fn new() -> Self {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
        let folder = tempfile::tempdir().unwrap();
        let [whole, layers] = ["whole", "layers"].map(|name| folder.path().join(name));
        let options = CheckpointOptions::new(CheckpointFormat::Safetensors);
        export_checkpoint(&tiny, &whole, &options, &Limits::default(), &()).unwrap();
        ecq_fixtures::checkpoint::first_layers(&whole, &layers, 2).unwrap();
        let source = source::open(&layers, &Limits::default()).unwrap();
        Self { folder, source }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Packs to the file `name`, whose calibration folder lies beside it, or only counts sizes.
    fn pack(
        &self,
        name: Option<&str>,
        options: PackOptions,
        reuse: bool,
        progress: &dyn Progress,
    ) -> Result<PackReport, PackError> {
        let text = "A sentence about a ship, a storm and a lighthouse. ".repeat(100);
        let calibration = CalibrationOptions {
            text: CalibrationText {
                documents: vec![Document { kind: "text".to_owned(), text }],
                own: OwnText::No,
            },
            tokens: TOKENS,
            distillation_tokens: TOKENS,
            sequence_length: WINDOW,
            seed: 0,
            reference_grid: None,
            reuse,
        };
        let work = self.file(&format!("{}.calibration", name.unwrap_or("dry")));
        let dest = name.map(|name| self.file(name));
        pack_calibrated(&*self.source, "layers", dest.as_deref(), &work, options, &calibration, progress)
    }
}

fn options(target: Target, embedding: GridChoice, resume: bool) -> PackOptions {
    PackOptions { linear: GridChoice::uniform(None), embedding, target, resume, ..PackOptions::default() }
}

#[test]
fn each_input_is_factored_once_and_each_matrix_rounded_and_encoded_once() {
    let model = Model::new();
    let keep = options(Target::Bpw(2.5), GridChoice::Keep, false);
    let report = model.pack(Some("kept.ecq"), keep, false, &()).unwrap();
    let work = report.calibration.unwrap();
    // Two blocks with four inputs and seven matrices each.
    assert_eq!((work.surveyed_inputs, work.survey_factorizations), (8, 8), "{work:?}");
    assert_eq!((work.inputs, work.factorizations), (8, 8), "{work:?}");
    assert_eq!((work.matrices, work.encoded, work.resumed), (14, 14, 0), "{work:?}");
    let linear = report.tensors.iter().filter(|tensor| tensor.kind == ecq_core::TensorKind::Linear);
    let weights: u64 = linear.map(|tensor| (tensor.rows * tensor.cols) as u64).sum();
    assert_eq!((work.weights, work.rounded_weights), (weights, weights), "{work:?}");
    let bpw = report.bpw_linear.unwrap();
    assert!((2.49..=2.5).contains(&bpw), "{bpw}");
    assert!(report.expected_kl.unwrap() > 0.0);
    // An eighth of the passages of the text is held out.
    let measured: Vec<_> = report.measured_kl.iter().map(|kl| (kl.text.as_str(), kl.tokens)).collect();
    assert_eq!(measured, [("text", 2 * WINDOW)]);
    // Distilled steps are kept only if they are better.
    let before = report.kl_before_distillation.unwrap();
    assert!(report.measured_kl[0].kl <= before, "{:?} {before}", report.measured_kl);
    // The embedding's moments are factored in the survey, and the factor is used again.
    let uniform = options(Target::Bpw(2.5), GridChoice::uniform(None), false);
    let report = model.pack(None, uniform, true, &()).unwrap();
    let work = report.calibration.unwrap();
    assert_eq!((work.surveyed_inputs, work.survey_factorizations), (9, 9), "{work:?}");
    assert_eq!((work.inputs, work.factorizations), (8, 8), "{work:?}");
    assert_eq!((work.matrices, work.encoded), (15, 15), "{work:?}");
    assert_eq!(work.rounded_weights, work.weights);
}

#[test]
fn a_run_interrupted_anywhere_resumes_to_the_same_bytes() {
    let model = Model::new();
    let of = |resume| {
        // Small matrices on other grids, so that the phases mix.
        let mut options = options(Target::Bpw(2.5), GridChoice::uniform(None), resume);
        options.add_override("k_proj=trellis:off").unwrap();
        options.add_override("1.*up_proj=grid:uniform:3").unwrap();
        options
    };
    model.pack(Some("whole.ecq"), of(false), false, &()).unwrap();
    let expected = std::fs::read(model.file("whole.ecq")).unwrap();
    // One run that is interrupted again and again: in the survey, before and in each block, among tensors
    // that are kept, and before the file is assembled.
    let tokens = TOKENS as u64;
    let points = [
        ("calibrating", 1),
        ("calibrating", tokens),
        ("quantizing sequentially", 0),
        ("quantizing sequentially", 1),
        ("quantizing sequentially", tokens),
        ("quantizing sequentially", tokens + 1),
        ("quantizing sequentially", 2 * tokens),
        ("distilling", tokens),
        ("packing", 1),
        ("assembling", 0),
    ];
    let mut resumed = Vec::new();
    for (stage, done) in points {
        let result = model.pack(Some("parts.ecq"), of(true), true, &CancelsAt::new(stage, done));
        match result {
            Err(PackError::Cancelled) => assert!(!model.file("parts.ecq").exists(), "{stage} {done}"),
            other => panic!("{stage} {done}: {other:?}"),
        }
    }
    let report = model.pack(Some("parts.ecq"), of(true), true, &()).unwrap();
    resumed.push(report.calibration.unwrap());
    assert!(std::fs::read(model.file("parts.ecq")).unwrap() == expected, "other bytes");
    assert_eq!((report.calibration.unwrap().resumed, report.calibration.unwrap().encoded), (15, 0));
    // Each of these points alone, so that part of the work is new.
    for (number, (stage, done)) in points.into_iter().enumerate().filter(|(i, _)| (2..9).contains(i)) {
        let name = format!("{number}.ecq");
        model.pack(Some(&name), of(true), true, &CancelsAt::new(stage, done)).unwrap_err();
        let report = model.pack(Some(&name), of(true), true, &()).unwrap();
        resumed.push(report.calibration.unwrap());
        assert!(std::fs::read(model.file(&name)).unwrap() == expected, "other bytes after {stage} {done}");
    }
    let counts: Vec<usize> = resumed.iter().map(|work| work.resumed).collect();
    println!("matrices that were resumed: {counts:?}");
    assert!(resumed.iter().all(|work| work.resumed + work.encoded == 15), "{resumed:?}");
    assert!(counts.iter().any(|&count| (1..15).contains(&count)), "{counts:?}");
}

#[test]
fn a_matrix_with_a_rate_of_its_own_and_a_whole_file_meet_their_targets() {
    let model = Model::new();
    let mut own = options(Target::Bpw(2.5), GridChoice::Keep, false);
    own.add_override("0.mlp.down_proj=grid:uniform:3.2").unwrap();
    own.add_override("1.mlp.up_proj=grid:uniform:2.1,trellis:off").unwrap();
    let report = model.pack(None, own, true, &()).unwrap();
    for (name, target) in [("0.mlp.down_proj", 3.2), ("1.mlp.up_proj", 2.1)] {
        let tensor = report.tensors.iter().find(|tensor| tensor.name.contains(name)).unwrap();
        println!("{name}: {:.4} of {target} bits", tensor.bpw);
        assert!((0.99 * target..=target).contains(&tensor.bpw), "{name}: {}", tensor.bpw);
    }
    for bytes in [1_000_000, 1_300_000] {
        let sized = options(Target::Size(bytes), GridChoice::uniform(None), false);
        let report = model.pack(None, sized, true, &()).unwrap();
        println!("{} of {bytes} bytes", report.file_bytes);
        assert!((bytes * 995 / 1000..=bytes).contains(&report.file_bytes), "{}", report.file_bytes);
        assert_eq!(report.calibration.unwrap().rounded_weights, report.calibration.unwrap().weights);
    }
}
