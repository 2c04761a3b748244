use crate::args::ReportArgs;
use crate::exit::ExitCode;
use crate::out::outln;
use crate::progress::Bar;
use crate::{json, page, texts};
use ecq::encode::EncodeOptions;
use ecq::{Destination, Limits, SAMPLE_WEIGHTS, analyze::analyze, compare_grids, source};

pub fn run(args: &ReportArgs, json: bool) -> anyhow::Result<ExitCode> {
    let model = source::open(&args.model, &Limits::default())?;
    Destination::file(&args.output).replacing(args.force.force).check(&model.files())?;
    let analysis = analyze(&*model, &EncodeOptions::default(), &Bar::new(json))?;
    let most = if args.all { u64::MAX } else { SAMPLE_WEIGHTS };
    let grids = compare_grids(&*model, most, &Bar::new(json))?;
    let title = args.model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let page = page::report(&title, model.format(), &analysis, &grids);
    texts::write(&args.output, page.as_bytes(), &model.files(), args.force.force)?;
    if json {
        let report = args.output.display().to_string();
        json::print(&serde_json::json!({ "report": report, "analysis": analysis, "grids": grids }))?;
    } else {
        outln!("wrote {}", args.output.display());
    }
    Ok(ExitCode::SUCCESS)
}
