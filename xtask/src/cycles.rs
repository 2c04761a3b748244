use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The crates of the workspace and which of them each depends on, with the kinds of the dependency.
#[derive(Debug, Default, PartialEq, Eq)]
struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

/// Prints the crates of the workspace in layers, each of crates that depend only on layers before it;
/// dependencies of tests and build scripts count.
///
/// # Errors
/// When crates depend on each other in a circle: the error names it.
pub fn run() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")])
        .output()
        .context("cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let graph = Graph::of(&serde_json::from_slice(&output.stdout).context("cargo metadata")?)?;
    for (number, layer) in graph.layers()?.iter().enumerate() {
        println!("layer {number}");
        for name in layer {
            println!("{}", format!("  {name:<14}{}", graph.uses(name)).trim_end());
        }
    }
    Ok(())
}

impl Graph {
    /// What `cargo metadata` says of the crates of the workspace; other crates are left out.
    fn of(metadata: &Value) -> anyhow::Result<Self> {
        let packages = metadata["packages"].as_array().context("metadata without packages")?;
        let name =
            |value: &Value| value["name"].as_str().map(str::to_owned).context("a package without a name");
        let ours = packages.iter().map(name).collect::<anyhow::Result<BTreeSet<_>>>()?;
        let mut graph = Self(ours.iter().map(|name| (name.clone(), BTreeMap::new())).collect());
        for package in packages {
            let uses = graph.0.entry(name(package)?).or_default();
            for dependency in package["dependencies"].as_array().into_iter().flatten() {
                let on = name(dependency)?;
                if ours.contains(&on) {
                    let kind = dependency["kind"].as_str().unwrap_or("normal");
                    uses.entry(on).or_default().insert(kind.to_owned());
                }
            }
        }
        Ok(graph)
    }

    /// The crates in layers.
    fn layers(&self) -> anyhow::Result<Vec<Vec<&str>>> {
        let mut left: BTreeSet<&str> = self.0.keys().map(String::as_str).collect();
        let mut layers = Vec::new();
        while !left.is_empty() {
            let waits = |name: &&str| self.0[*name].keys().any(|on| left.contains(on.as_str()));
            let layer: Vec<&str> = left.iter().copied().filter(|name| !waits(name)).collect();
            if layer.is_empty() {
                bail!("crates depend on each other in a circle: {}", self.circle(&left));
            }
            left.retain(|name| !layer.contains(name));
            layers.push(layer);
        }
        Ok(layers)
    }

    /// A circle among crates each of which depends on another of them.
    fn circle(&self, among: &BTreeSet<&str>) -> String {
        let mut path: Vec<&str> = among.first().copied().into_iter().collect();
        while let Some(&last) = path.last() {
            let Some(next) = self.0[last].keys().find(|on| among.contains(on.as_str())) else { break };
            let first = path.iter().position(|name| name == next);
            path.push(next);
            if let Some(first) = first {
                path.drain(..first);
                break;
            }
        }
        let kinds =
            |from: &str, to: &str| self.0[from][to].iter().map(String::as_str).collect::<Vec<_>>().join("+");
        let mut words = path.first().copied().unwrap_or_default().to_owned();
        for pair in path.windows(2) {
            words += &format!(" -{}-> {}", kinds(pair[0], pair[1]), pair[1]);
        }
        words
    }

    /// What a crate depends on, the kind in brackets where it is not the normal one alone.
    fn uses(&self, name: &str) -> String {
        let one = |(on, kinds): (&String, &BTreeSet<String>)| match kinds.contains("normal") {
            true => on.clone(),
            false => format!("{on} ({})", kinds.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
        };
        self.0[name].iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn graph(crates: &[(&str, &[(&str, &str)])]) -> Graph {
        let packages: Vec<Value> = crates
            .iter()
            .map(|(name, uses)| {
                let kind = |kind: &str| if kind == "normal" { Value::Null } else { kind.into() };
                let uses: Vec<Value> =
                    uses.iter().map(|(on, of)| json!({ "name": on, "kind": kind(of) })).collect();
                json!({ "name": name, "dependencies": uses })
            })
            .collect();
        Graph::of(&json!({ "packages": packages })).unwrap()
    }

    #[test]
    fn layers_hold_what_depends_on_layers_before() {
        let graph = graph(&[
            ("top", &[("left", "normal"), ("right", "dev"), ("serde", "normal")]),
            ("left", &[("base", "normal")]),
            ("right", &[("base", "build"), ("left", "dev")]),
            ("base", &[]),
        ]);
        assert_eq!(graph.layers().unwrap(), [vec!["base"], vec!["left"], vec!["right"], vec!["top"]]);
        assert_eq!(graph.uses("top"), "left, right (dev)");
    }

    #[test]
    fn a_circle_through_dependencies_of_tests_is_named() {
        let graph = graph(&[
            ("apex", &[("one", "normal")]),
            ("one", &[("two", "normal"), ("base", "normal")]),
            ("two", &[("base", "normal"), ("one", "dev")]),
            ("base", &[]),
        ]);
        let error = graph.layers().unwrap_err().to_string();
        assert!(error.ends_with("circle: one -normal-> two -dev-> one"), "{error}");
    }
}
