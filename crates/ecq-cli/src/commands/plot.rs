use crate::args::{Plot, PlotArgs, Quality, Rate};
use crate::chart::{Chart, Point, Series, draw};
use crate::exit::ExitCode;
use crate::out::outln;
use crate::{json, texts};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub fn run(args: &PlotArgs, json: bool) -> anyhow::Result<ExitCode> {
    let (svg, output, points, force, inputs) = match &args.plot {
        Plot::Rd { records, output, x, y, force } => {
            let (svg, points) = rate_and_quality_of(records, *x, *y)?;
            (svg, output, points, force, paths(records))
        }
        Plot::Modes { records, output, force } => {
            let series = series(records, memory_and_speed)?;
            let chart = Chart {
                title: "Memory against speed",
                x: "weights in memory, MB",
                y: "decode, tokens per second",
                joined: false,
            };
            (draw(&chart, &series), output, count(&series), force, paths(records))
        }
    };
    texts::write(output, svg.as_bytes(), &inputs, force.force)?;
    if json {
        json::print(&json!({ "plot": output.display().to_string(), "points": points }))?;
    } else {
        outln!("wrote {} with {points} points", output.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws the records of files; returns the chart and its number of points.
pub fn rate_and_quality_of(records: &[String], x: Rate, y: Quality) -> anyhow::Result<(String, usize)> {
    let series = series(records, |record| rate_and_quality(record, x, y))?;
    let chart = Chart { title: "Rate against quality", x: x.axis(), y: y.axis(), joined: true };
    Ok((draw(&chart, &series), count(&series)))
}

/// The paths of the record files.
fn paths(records: &[String]) -> Vec<PathBuf> {
    records.iter().map(|record| name_and_path(record).1).collect()
}

/// Splits `NAME=FILE`; without a name, the series is named after the file.
fn name_and_path(record: &str) -> (String, PathBuf) {
    match record.split_once('=') {
        Some((name, path)) => (name.to_owned(), PathBuf::from(path)),
        None => {
            let stem = Path::new(record).file_stem().map(|stem| stem.to_string_lossy().into_owned());
            (stem.unwrap_or_default(), PathBuf::from(record))
        }
    }
}

fn count(series: &[Series]) -> usize {
    series.iter().map(|series| series.points.len()).sum()
}

/// Groups records into series by name: the key `series` of a record if present, else the name of its file.
fn series(records: &[String], point: impl Fn(&Value) -> Option<Point>) -> anyhow::Result<Vec<Series>> {
    let mut all: Vec<Series> = Vec::new();
    for record in records {
        let (name, path) = name_and_path(record);
        let objects = read(&path)?;
        let mut found = 0;
        for object in &objects {
            let Some(point) = point(object) else { continue };
            found += 1;
            let name = object["series"].as_str().unwrap_or(&name);
            match all.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push(point),
                None => all.push(Series { name: name.to_owned(), points: vec![point] }),
            }
        }
        if found == 0 {
            bail!(
                "{}: none of its {} records has the quantities of both axes",
                path.display(),
                objects.len()
            );
        }
    }
    for series in &mut all {
        series.points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    Ok(all)
}

/// Reads the records of a file: one object, a list of objects, or one object per line. An object with a list
/// of results becomes one record per result.
fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let values = values.collect::<Result<Vec<Value>, _>>();
    let mut objects = Vec::new();
    for value in values.with_context(|| format!("{}: invalid JSON", path.display()))? {
        match value {
            Value::Array(list) => objects.extend(list),
            other => objects.push(other),
        }
    }
    let split = |object: Value| {
        let list = ["results", "modes"].iter().find_map(|key| object[*key].as_array());
        match list {
            Some(list) => {
                let with_outer = |one: &Value| {
                    let mut one = one.clone();
                    if let (Some(one), Some(outer)) = (one.as_object_mut(), object.as_object()) {
                        let rest = outer.iter().filter(|(_, value)| !value.is_array());
                        rest.for_each(|(key, value)| {
                            one.entry(key.clone()).or_insert_with(|| value.clone());
                        });
                    }
                    one
                };
                list.iter().map(with_outer).collect()
            }
            None => vec![object],
        }
    };
    Ok(objects.into_iter().flat_map(split).collect())
}

/// The file name of a path in a record.
fn name(record: &Value, key: &str) -> String {
    let path = record[key].as_str().unwrap_or_default();
    Path::new(path).file_name().map_or(path.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn rate_and_quality(record: &Value, x: Rate, y: Quality) -> Option<Point> {
    let number = |key: &str| record[key].as_f64();
    let rate = match x {
        Rate::Linear => number("bpw_linear")?,
        Rate::Total => number("bpw_total")?,
        Rate::Bytes => number("file_bytes")? / 1e6,
    };
    let value = number(y.key())?;
    let error = record["stderrs"][y.key()].as_f64().unwrap_or(0.0);
    Some(Point { x: rate, y: value, error, label: name(record, "model") })
}

fn memory_and_speed(record: &Value) -> Option<Point> {
    let mode = record["mode"].as_str()?;
    let label = match record["sequences"].as_u64() {
        Some(sequences) if sequences > 1 => format!("{mode}, {sequences} sequences"),
        _ => mode.to_owned(),
    };
    Some(Point {
        x: record["weight_bytes_resident"].as_f64()? / 1e6,
        y: record["decode_tokens_per_s"].as_f64()?,
        error: 0.0,
        label,
    })
}

impl Rate {
    fn axis(self) -> &'static str {
        match self {
            Self::Linear => "bits per weight of the block projections, side data included",
            Self::Total => "bits per weight of the whole file",
            Self::Bytes => "file size, MB",
        }
    }
}

impl Quality {
    /// The key in a record.
    fn key(self) -> &'static str {
        match self {
            Self::Kl => "kl",
            Self::Nll => "nll",
            Self::Perplexity => "perplexity",
            Self::Top1 => "top1",
        }
    }

    fn axis(self) -> &'static str {
        match self {
            Self::Kl => "KL(reference || model), nats per token",
            Self::Nll => "negative log-likelihood, nats per token",
            Self::Perplexity => "perplexity",
            Self::Top1 => "top-1 agreement with the reference model",
        }
    }
}
