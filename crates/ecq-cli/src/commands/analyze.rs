use crate::args::AnalyzeArgs;
use crate::exit::ExitCode;
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::table::{bytes, list, table, thousands};
use crate::{json, plot, texts};
use ecq::encode::EncodeOptions;
use ecq::{Destination, GridComparison, Limits, SAMPLE_WEIGHTS, analyze::analyze, compare_grids, source};

pub fn run(args: &AnalyzeArgs, json: bool) -> anyhow::Result<ExitCode> {
    let model = source::open(&args.model, &Limits::default())?;
    if let Some(path) = &args.plot {
        Destination::file(path).replacing(args.force.force).check(&model.files())?;
    }
    let analysis = analyze(&*model, &EncodeOptions::default(), &Bar::new(json))?;
    if let Some(path) = &args.plot {
        let title = args.model.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        texts::write(path, plot::analysis(&title, &analysis).as_bytes(), &model.files(), args.force.force)?;
    }
    let grids = if args.grids {
        let most = if args.all { u64::MAX } else { SAMPLE_WEIGHTS };
        Some(compare_grids(&*model, most, &Bar::new(json))?)
    } else {
        None
    };
    if json {
        match &grids {
            Some(grids) => json::print(&serde_json::json!({ "analysis": analysis, "grids": grids }))?,
            None => json::print(&analysis)?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.verbose {
        let headings = ["tensor", "type", "coding", "shape", "stored", "entropy", "side", "coded", "saved"];
        let mut rows = list(&headings, 3);
        for t in &analysis.tensors {
            rows.add_row([
                t.name.clone(),
                t.dtype.clone(),
                t.coding.clone().unwrap_or_default(),
                format!("{}x{}", t.rows, t.cols),
                format!("{:.3}", t.source_bpw),
                format!("{:.3}", t.entropy_bits),
                format!("{:.3}", t.side_bpw),
                format!("{:.3}", t.bpw),
                format!("{:.1}%", 100.0 * (1.0 - t.bpw / t.source_bpw)),
            ]);
        }
        outln!("{rows}");
    }
    let headings = ["kind", "tensors", "weights", "stored", "entropy", "side", "coded", "saved"];
    let mut rows = table(&headings, 1);
    for total in analysis.kinds.iter().chain([&analysis.total]) {
        rows.add_row([
            total.kind.map_or("all".to_owned(), |kind| format!("{kind:?}").to_lowercase()),
            total.tensors.to_string(),
            thousands(total.weights),
            format!("{:.3}", total.source_bpw),
            format!("{:.3}", total.entropy_bits),
            format!("{:.3}", total.side_bpw),
            format!("{:.3}", total.bpw),
            format!("{:.1}%", 100.0 * (1.0 - total.bpw / total.source_bpw)),
        ]);
    }
    outln!("{rows}");
    outln!("{}: {}", args.model.display(), bytes(analysis.source_bytes));
    paragraph(
        "bits per weight; stored: in the source; entropy: order-0 entropy of the codes; side: entropy-coded \
         scales and biases; coded: codes and side data in an .ecq file",
    );
    if let Some(grids) = &grids {
        print_grids(grids);
    }
    match &args.plot {
        Some(path) => outln!("wrote {}", path.display()),
        None if !args.verbose => outln!("(-v lists all tensors, --plot FILE.svg plots them)"),
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the comparison of grids with a legend.
fn print_grids(comparison: &GridComparison) {
    let headings = ["block projections", "grid", "entropy", "coded", "SQNR dB"];
    let mut rows = table(&headings, 2);
    for row in &comparison.grids {
        rows.add_row([
            row.what.clone(),
            row.grid.clone(),
            format!("{:.3}", row.entropy_bpw),
            format!("{:.3}", row.bpw),
            row.sqnr_db.map_or("exact".to_owned(), |db| format!("{db:.2}")),
        ]);
    }
    outln!("{rows}");
    if comparison.weights < comparison.all_weights {
        let (some, all) = (thousands(comparison.weights), thousands(comparison.all_weights));
        outln!("measured on a sample of {some} of {all} weights (--all uses all)");
    }
    paragraph(
        "entropy, coded: bits per weight; SQNR: signal to quantization noise ratio, about 6 dB per bit",
    );
}
