//! What the documentation of the public types promises, on the embedded model.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

use ecq::{
    Coding, Element, Error, ErrorKind, ExportFormat, ExportOptions, File, FinishReason, Generation,
    GgufFileType, Message, Mode, Model, ModelOptions, ProgressUpdate, Quantizer, Sampling, Tensor, Text,
    TileChoice,
};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Model::options().threads(2).open(TINY).unwrap())
}

/// Two of the six layers of the embedded model, for tests of quantization, whose time grows with the weights.
fn small() -> &'static Path {
    static FILE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FILE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let [whole, layers, path] = ["whole", "layers", "small.ecq"].map(|name| folder.path().join(name));
        File::open(TINY).unwrap().export(&whole, ExportFormat::Safetensors).unwrap();
        ecq_fixtures::checkpoint::first_layers(&whole, &layers, 2).unwrap();
        Quantizer::new(&layers).unwrap().lossless().write(&path).unwrap();
        (folder, path)
    });
    path
}

/// A quantized copy of the small model.
fn quantized() -> &'static Path {
    static FILE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FILE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quantized.ecq");
        Quantizer::new(small()).unwrap().bpw(3.0).write(&path).unwrap();
        (folder, path)
    });
    path
}

fn fails<T>(result: Result<T, Error>) -> Error {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error,
    }
}

#[test]
fn everything_is_send_and_sync() {
    fn check<T: Send + Sync>() {}
    fn check_static<T: Send + Sync + 'static>() {}
    check_static::<(Error, File, Model, ModelOptions, Generation, Sampling, Quantizer)>();
    check_static::<(Text, Message, ecq::ByteSize)>();
    check_static::<(ecq::QuantizationReport, ecq::Evaluation, ecq::Verification)>();
    check::<(Tensor<'_>, ProgressUpdate<'_>)>();
}

#[test]
fn a_generation_has_the_tokens_of_the_engine() {
    use ecq::runtime::{
        Checkpoint, Engine, EngineOptions, LoadOptions, Request, SampleOptions, Tokenizer, backend,
    };
    let checkpoint = Checkpoint::open(Path::new(TINY), &ecq::Limits::default()).unwrap();
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint).unwrap());
    let cpu = Arc::new(backend::Cpu::new(backend::CpuOptions::default()).unwrap());
    let weights = ecq::runtime::Model::load(&checkpoint, cpu, LoadOptions::default()).unwrap();
    let mut engine =
        Engine::new(Arc::new(weights), Some(tokenizer.clone()), EngineOptions::default()).unwrap();
    let prompt = tokenizer.encode("It was a dark night", true).unwrap();
    for (sampling, options) in [
        (Sampling::greedy(), SampleOptions::GREEDY),
        (
            Sampling::new().seed(7),
            SampleOptions { temperature: 0.8, top_k: 40, top_p: 0.95, seed: 7, ..SampleOptions::GREEDY },
        ),
    ] {
        let request = Request {
            sampling: options,
            end_tokens: tokenizer.end_tokens().into(),
            ..Request::new(prompt.clone(), 24)
        };
        let expected = engine.complete(request, |_| ControlFlow::Continue(())).unwrap().remove(0);
        let mut generation = model().generate("It was a dark night", sampling.max_tokens(24)).unwrap();
        assert_eq!((generation.usage().prompt_tokens, generation.finish_reason()), (prompt.len(), None));
        let mut text = String::new();
        let mut items = 0;
        while let Some(piece) = generation.next() {
            text += &piece.unwrap();
            items += 1;
            assert_eq!(generation.tokens(), &expected.tokens[..generation.tokens().len()]);
            assert_eq!(generation.usage().new_tokens, generation.tokens().len());
        }
        assert_eq!((generation.tokens(), &text), (&expected.tokens[..], &expected.text));
        // An item for each token, and perhaps one for what was held back.
        assert!(items == expected.tokens.len() || items == expected.tokens.len() + 1);
        assert_eq!(generation.finish_reason(), Some(expected.reason));
        assert_eq!(generation.usage().new_tokens, expected.usage.new_tokens);
        assert!(generation.next().is_none());
    }
}

#[test]
fn texts_end_as_sampling_says() {
    let whole: String = model()
        .generate("Once upon a time", Sampling::greedy().max_tokens(24))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let word = whole.split_whitespace().nth(4).unwrap();
    let mut stopped =
        model().generate("Once upon a time", Sampling::greedy().max_tokens(24).stop(word)).unwrap();
    let text: String = stopped.by_ref().collect::<Result<_, _>>().unwrap();
    assert_eq!(text, whole[..whole.find(word).unwrap()]);
    assert_eq!(stopped.finish_reason(), Some(FinishReason::StopString));
    // A token that is forbidden is not chosen.
    let mut greedy = model().generate("Once upon a time", Sampling::greedy().max_tokens(1)).unwrap();
    greedy.next().unwrap().unwrap();
    let first = greedy.tokens()[0];
    let forbidden = Sampling::greedy().max_tokens(1).logit_bias(first, f32::NEG_INFINITY);
    let mut other = model().generate("Once upon a time", forbidden).unwrap();
    other.next().unwrap().unwrap();
    assert_ne!(other.tokens(), [first]);
    // Without a limit, the context is one.
    let small = Model::options().threads(1).context(24).open(TINY).unwrap();
    let mut full = small.generate("Once upon a time", Sampling::greedy().ignore_end(true)).unwrap();
    full.by_ref().for_each(|piece| drop(piece.unwrap()));
    assert_eq!(full.finish_reason(), Some(FinishReason::ContextFull));
    assert!(full.usage().prompt_tokens + full.tokens().len() >= 24);
}

#[test]
fn a_cancelled_generation_keeps_what_was_read() {
    let mut generation = model().generate("The sea", Sampling::greedy().ignore_end(true)).unwrap();
    assert_eq!(generation.by_ref().take(3).filter(Result::is_ok).count(), 3);
    generation.cancel();
    assert!(generation.next().is_none());
    assert_eq!((generation.tokens().len(), generation.finish_reason()), (3, Some(FinishReason::Cancelled)));
}

#[test]
fn threads_get_the_tokens_that_they_get_alone() {
    let prompts =
        ["Once upon a time", "The King", "It is a truth", "In the beginning was", "We", "A machine"];
    let write = |prompt: &str| {
        let sampling = Sampling::new().seed(3).max_tokens(20).ignore_end(true);
        let mut generation = model().clone().generate(prompt, sampling).unwrap();
        generation.by_ref().for_each(|piece| drop(piece.unwrap()));
        generation.tokens().to_vec()
    };
    let alone: Vec<_> = prompts.iter().map(|prompt| write(prompt)).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = prompts.iter().map(|prompt| scope.spawn(|| write(prompt))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(together, alone);
    // One thread may read several in any order.
    let sampling = || Sampling::new().seed(3).max_tokens(20).ignore_end(true);
    let mut a = model().generate(prompts[0], sampling()).unwrap();
    let mut b = model().generate(prompts[1], sampling()).unwrap();
    for _ in 0..5 {
        a.next();
    }
    b.by_ref().for_each(drop);
    a.by_ref().for_each(drop);
    assert_eq!([a.tokens(), b.tokens()], [&alone[0][..], &alone[1][..]]);
}

#[test]
fn logits_are_those_that_choose_the_next_token() {
    let logits = model().logits("Once upon a time").unwrap();
    assert_eq!(logits.len(), model().vocabulary());
    let mut greedy =
        model().generate("Once upon a time", Sampling::greedy().ignore_end(true).max_tokens(1)).unwrap();
    greedy.next().unwrap().unwrap();
    assert_eq!(ecq::runtime::argmax(&logits), Some(greedy.tokens()[0]));
}

#[test]
fn text_becomes_tokens_and_text_again() {
    let tokens = model().tokenize("Once upon a time").unwrap();
    assert_eq!(model().detokenize(&tokens).unwrap().trim(), "Once upon a time");
    let sampling = || Sampling::greedy().max_tokens(4);
    let by_text = model().generate("Once upon a time", sampling()).unwrap().collect::<Result<String, _>>();
    let by_tokens = model().generate_tokens(tokens, sampling()).unwrap().collect::<Result<String, _>>();
    assert_eq!(by_text.unwrap(), by_tokens.unwrap());
}

#[test]
fn options_of_a_model_take_effect_and_leave_the_tokens() {
    let write = |model: &Model| {
        let mut generation = model.generate("The King", Sampling::greedy().max_tokens(12)).unwrap();
        generation.by_ref().for_each(|piece| drop(piece.unwrap()));
        generation.tokens().to_vec()
    };
    let expected = write(model());
    let fused = Model::options().mode(Mode::Fused).threads(1).open(TINY).unwrap();
    assert_eq!(fused.mode().0, Mode::Fused);
    assert_eq!(write(&fused), expected);
    let drafted = Model::options().memory(64 << 20).draft(TINY).draft_tokens(3).open(TINY).unwrap();
    let mut generation = drafted.generate("The King", Sampling::greedy().max_tokens(12)).unwrap();
    generation.by_ref().for_each(|piece| drop(piece.unwrap()));
    assert_eq!(generation.tokens(), expected);
    assert!(generation.usage().accepted_tokens > 0);
}

#[test]
fn a_model_is_as_far_from_itself_as_from_nothing() {
    let text =
        "Once upon a time there was a king who had three sons, and the youngest of them was called Jack. "
            .repeat(4);
    let alone = model().evaluate(&text, None).unwrap();
    let itself = model().evaluate(&text, Some(model())).unwrap();
    assert!(alone.kl.is_none() && alone.tokens > 50);
    assert_eq!(alone.nll, itself.nll);
    assert!(itself.kl.unwrap().mean.abs() < 1e-9 && itself.top1.unwrap().mean == 1.0);
    let (before, after) = (Model::open(small()).unwrap(), Model::open(quantized()).unwrap());
    assert!(after.evaluate(&text, Some(&before)).unwrap().kl.unwrap().mean > 1e-4);
}

#[test]
fn a_file_tells_what_it_holds() {
    let file = File::open(quantized()).unwrap();
    let info = file.info();
    assert_eq!(info.file_bytes, std::fs::metadata(quantized()).unwrap().len());
    assert!(info.recipe.is_some() && info.bits_per_weight() < 10.0);
    let name = "model.layers.0.self_attn.q_proj.weight";
    let tensor = file.tensor(name).unwrap();
    let (weights, codes, grid) = (tensor.to_f32().unwrap(), tensor.codes().unwrap(), tensor.grid().unwrap());
    assert_eq!([codes.rows(), codes.cols()], [tensor.info().rows, tensor.info().cols]);
    let mut row = vec![0.0; codes.cols()];
    grid.dequantize_row(1, &codes.symbols()[codes.cols()..2 * codes.cols()], &mut row);
    assert_eq!(row, weights[codes.cols()..2 * codes.cols()]);
    assert_eq!(tensor.info().alphabet, Some(codes.alphabet()));
    // What was not quantized is the source's, every bit.
    let source = File::open(small()).unwrap();
    let norm = "model.norm.weight";
    assert_eq!(source.tensor(norm).unwrap().to_f32().unwrap(), file.tensor(norm).unwrap().to_f32().unwrap());
    let floats = source.tensor(name).unwrap();
    assert_eq!(floats.to_f32().unwrap().len(), weights.len());
    assert_eq!(fails(floats.codes()).kind(), ErrorKind::Unsupported);
    assert_eq!(fails(tensor.bytes()).kind(), ErrorKind::Unsupported);
    assert!(!source.attached("config.json").unwrap().is_empty());
    assert_eq!(fails(source.attached("nothing.json")).kind(), ErrorKind::NotFound);
    let verified = file.verify().unwrap();
    assert_eq!(verified.tensors, file.tensors().len());
    assert!(verified.codes >= weights.len() as u64);
    assert!(file.verify_against(small()).unwrap().ok);
    let cancelled = fails(file.verify_with(|_| ControlFlow::Break(())));
    assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
}

#[test]
fn exports_are_models_again() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("floats");
    let file = File::open(TINY).unwrap();
    let cancelled = file.export_with(&dest, ExportFormat::Safetensors, |_| ControlFlow::Break(()));
    assert_eq!(fails(cancelled).kind(), ErrorKind::Cancelled);
    assert!(!dest.exists());
    assert!(file.export(&dest, ExportFormat::Safetensors).unwrap().dequantized.is_empty());
    let again = folder.path().join("again.ecq");
    Quantizer::new(&dest).unwrap().lossless().write(&again).unwrap();
    assert!(File::open(&again).unwrap().verify_against(TINY).unwrap().ok);
    let gguf = fails(file.export(folder.path().join("x.gguf"), ExportFormat::Gguf));
    assert_eq!(gguf.kind(), ErrorKind::Export);
    // On a grid of MLX, and with options that are not of the format.
    let mlx = folder.path().join("mlx");
    let options = ExportOptions::new(ExportFormat::Mlx).grid(8, 32);
    let requantized = file.export(&mlx, options).unwrap().requantized.unwrap();
    assert!(requantized.tensors > 0 && requantized.error.relative_error.unwrap() < 0.02, "{requantized:?}");
    for wrong in [
        ExportOptions::new(ExportFormat::Mlx).file_type(GgufFileType::Q4_K_M),
        ExportOptions::new(ExportFormat::Safetensors).grid(4, 64),
        ExportOptions::new(ExportFormat::Mlx).grid(7, 64),
    ] {
        let error = fails(file.export(folder.path().join("wrong"), wrong));
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
    }
}

#[test]
fn a_cancelled_quantization_leaves_no_file_and_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    // Two batches and more, so that there is something to resume from.
    let gguf = folder.path().join("model.gguf");
    std::fs::write(&gguf, ecq_fixtures::finite_gguf(2048, 2048)).unwrap();
    let (whole, dest) = (folder.path().join("whole.ecq"), folder.path().join("dest.ecq"));
    // One tensor of each batch is quantized, which takes most of the time; the others keep their grids.
    let kept = "token_embd|attn_[kvo]|ffn_gate|ffn_up";
    let quantizer = || Quantizer::new(&gguf).unwrap().bpw(3.5).override_tensors(kept, "grid:keep");
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = heard.clone();
    let report = quantizer().progress(move |update| {
        assert!(update.total.is_none_or(|total| update.done <= total), "{update:?}");
        counted.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    let report = report.write(&whole).unwrap();
    assert_eq!(report.file_bytes, quantizer().dry_run().unwrap().file_bytes);
    assert!(heard.load(Ordering::Relaxed) > report.tensors.len());
    let partial = folder.path().join("dest.ecq.partial");
    // At once, in the middle of packing, and when all tensors are packed.
    type Stop = fn(&ProgressUpdate) -> bool;
    let stops: [Stop; 3] = [
        |_| true,
        |update| update.step == "packing" && update.total.is_some_and(|total| update.done > total / 2),
        |update| update.step == "assembling",
    ];
    for stop in stops {
        let cancelled = quantizer().resume(true).progress(move |update| match stop(update) {
            false => ControlFlow::Continue(()),
            true => ControlFlow::Break(()),
        });
        let error = fails(cancelled.write(&dest));
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        assert!(!dest.exists() && partial.exists());
    }
    let resumed = quantizer().resume(true).write(&dest).unwrap();
    assert!(resumed.resumed_tensors > 0);
    assert!(std::fs::read(&dest).unwrap() == std::fs::read(&whole).unwrap());
    assert!(!partial.exists());
}

#[test]
fn a_calibrated_quantization_can_be_cancelled_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, dest) = (folder.path().join("whole.ecq"), folder.path().join("dest.ecq"));
    let quantizer = || {
        let text = Text::Documents(vec!["A sentence about a ship, a storm and a lighthouse. ".repeat(60)]);
        Quantizer::new(small())
            .unwrap()
            .bpw(2.5)
            .calibrate(text)
            .calibration_tokens(128)
            .calibration_window(64)
    };
    quantizer().write(&whole).unwrap();
    let cancelled = quantizer().resume(true).progress(|update| match (update.step, update.done) {
        ("calibrating", 1..) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert_eq!(fails(cancelled.write(&dest)).kind(), ErrorKind::Cancelled);
    assert!(!dest.exists());
    quantizer().resume(true).write(&dest).unwrap();
    assert!(std::fs::read(&dest).unwrap() == std::fs::read(&whole).unwrap());
    assert!(!folder.path().join("dest.ecq.calibration").exists());
}

#[test]
fn options_of_a_quantizer_take_effect() {
    let dry = |quantizer: Quantizer| quantizer.dry_run().unwrap();
    let new = || Quantizer::new(small()).unwrap();
    assert!((dry(new().bpw(2.0)).bpw_linear.unwrap() - 2.0).abs() < 0.01);
    let sized = dry(new().size("1.9MB"));
    assert!(sized.file_bytes.abs_diff(1_900_000) <= 1900, "{} bytes", sized.file_bytes);
    let packed =
        dry(new().grid("affine:4:32").coding(Coding::Packed).tile(TileChoice::Rows(8)).embedding("keep"));
    assert!(packed.tensors.iter().any(|tensor| tensor.coding.as_deref() == Some("packed")));
    assert!(packed.bpw_embedding.unwrap() > 8.5);
    let kept = dry(new().override_tensors("v_proj", "grid:keep"));
    let of_v = |tensor: &&ecq::TensorReport| tensor.name.contains("v_proj");
    assert!(kept.tensors.iter().filter(of_v).all(|tensor| tensor.sqnr_db.is_none()));
    assert!(dry(new().lossless()).tensors.iter().all(|tensor| tensor.sqnr_db.is_none()));
}

#[test]
fn wrong_options_are_named_in_words() {
    let new = || Quantizer::new(TINY).unwrap();
    let wrong = [
        new().bpw(12.0),
        new().bpw(f64::NAN),
        new().size("small"),
        new().size(0),
        new().grid("affine:1"),
        new().embedding("9"),
        new().lanes(0),
        new().tables(257),
        new().min_saving(f64::INFINITY),
        new().override_tensors("(", "grid:keep"),
        new().override_tensors("a", "speed:9"),
        new().calibrate(Text::Default).match_grid("uniform"),
        new().match_grid("affine:4"),
        new().calibration_tokens(0),
        new().calibration_window(1),
        new().lossless().bpw(3.0),
        new().lossless().calibrate(Text::SelfGenerated),
    ];
    for quantizer in wrong {
        let error = fails(quantizer.dry_run());
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
        assert!(!error.to_string().contains("--"), "{error}");
    }
    let short = new().calibrate(Text::Documents(vec!["short".to_owned()])).dry_run();
    let error = fails(short);
    assert!(error.kind() == ErrorKind::Calibration && !error.to_string().contains("--"), "{error}");
    assert_eq!(
        fails(new().calibrate(Text::Files(vec!["none.txt".into()])).dry_run()).kind(),
        ErrorKind::NotFound
    );
    let wrong = [
        Model::options().memory("lots").open(TINY),
        Model::options().context(0).open(TINY),
        Model::options().context(1 << 40).open(TINY),
        Model::options().sequences(0).open(TINY),
        Model::options().cache(Element::U32).open(TINY),
        Model::options().mode(Mode::Async).open(TINY),
        Model::options().draft(TINY).draft_tokens(0).open(TINY),
    ];
    for model in wrong {
        let error = fails(model);
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
    }
    let error = fails(Model::options().memory("lots").open(TINY));
    assert!(error.to_string().contains("memory") && error.to_string().contains("4GiB"), "{error}");
    let wrong = [
        Sampling::greedy().temperature(-1.0),
        Sampling::greedy().top_p(0.0),
        Sampling::greedy().min_p(2.0),
        Sampling::greedy().repetition_penalty(0.0),
        Sampling::greedy().logit_bias(u32::MAX, 1.0),
        Sampling::greedy().logit_bias(0, f32::NAN),
        Sampling::greedy().stop(""),
    ];
    for sampling in wrong {
        let error = fails(model().generate("The", sampling));
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
    }
    assert_eq!(fails(model().generate_tokens(vec![], Sampling::greedy())).kind(), ErrorKind::InvalidOption);
    assert_eq!(
        fails(model().generate_tokens(vec![u32::MAX], Sampling::greedy())).kind(),
        ErrorKind::InvalidOption
    );
}

#[test]
fn errors_have_kinds_and_causes() {
    use std::error::Error as _;
    for error in [
        fails(Model::open("no/such.ecq")),
        fails(File::open("no/such.ecq")),
        fails(Quantizer::new("no/such.gguf")),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error.to_string().contains("such") && error.source().unwrap().is::<std::io::Error>(),
            "{error}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    for bytes in [&b"GGUF and more"[..], b"nothing that is known", b""] {
        std::fs::write(&other, bytes).unwrap();
        assert_eq!(fails(File::open(&other)).kind(), ErrorKind::WrongFormat);
        assert_eq!(fails(Model::open(&other)).kind(), ErrorKind::WrongFormat);
    }
    std::fs::write(&other, b"12345678 is no length").unwrap();
    assert_eq!(fails(Quantizer::new(&other)).kind(), ErrorKind::WrongFormat);
    // A damaged tensor is named, with its place.
    let mut bytes = std::fs::read(quantized()).unwrap();
    let file = File::open(quantized()).unwrap();
    let end = bytes.len() - 1000;
    bytes[end / 2] ^= 1;
    std::fs::write(&other, &bytes).unwrap();
    let damaged = File::open(&other).unwrap();
    let error = fails(damaged.verify());
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let name = error.tensor().unwrap();
    assert!(file.tensors().iter().any(|tensor| tensor.name == name), "{name}");
    assert!(error.offset().unwrap() <= end as u64 / 2);
    let same = fails(damaged.tensor(name).unwrap().to_f32());
    assert_eq!((same.kind(), same.tensor(), same.offset()), (ErrorKind::Damaged, Some(name), error.offset()));
    assert!(error.get_ref().is_some_and(|cause| cause.is::<ecq::format::container::ContainerError>()));
    let loaded = fails(Model::open(&other));
    assert_eq!((loaded.kind(), loaded.tensor().is_some()), (ErrorKind::Damaged, true), "{loaded:?}");
    // Cut short.
    std::fs::write(&other, &bytes[..end]).unwrap();
    assert_eq!(fails(File::open(&other)).kind(), ErrorKind::Damaged);
    let unknown = fails(file.tensor("no.such.tensor"));
    assert_eq!((unknown.kind(), unknown.tensor()), (ErrorKind::UnknownTensor, Some("no.such.tensor")));
    let small = Model::options().context(8).threads(1).open(TINY).unwrap();
    let long = fails(small.generate(&"once upon a time ".repeat(20), Sampling::greedy()));
    assert_eq!(long.kind(), ErrorKind::ContextFull);
    let no_chat = fails(model().chat(&[Message::user("Hello")], Sampling::greedy()));
    assert_eq!(no_chat.kind(), ErrorKind::Unsupported);
}
