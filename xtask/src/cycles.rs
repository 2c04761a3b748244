//! Checks that the crates of the workspace depend on each other without cycles.

use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The crates of the workspace with their dependencies in it, and the kinds of each dependency.
#[derive(Debug, Default, PartialEq, Eq)]
struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

/// Prints the crates of the workspace in layers; each crate depends only on earlier layers. Dependencies of
/// tests and build scripts are included.
///
/// # Errors
/// If there is a dependency cycle, which the error contains.
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
    /// Builds the graph from the output of `cargo metadata`, without crates from outside the workspace.
    fn of(metadata: &Value) -> anyhow::Result<Self> {
        let packages = metadata["packages"].as_array().context("the metadata has no packages")?;
        let name = |value: &Value| value["name"].as_str().map(str::to_owned).context("a package has no name");
        let members = packages.iter().map(name).collect::<anyhow::Result<BTreeSet<_>>>()?;
        let mut graph = Self(members.iter().map(|name| (name.clone(), BTreeMap::new())).collect());
        for package in packages {
            let uses = graph.0.entry(name(package)?).or_default();
            for dependency in package["dependencies"].as_array().into_iter().flatten() {
                let on = name(dependency)?;
                if members.contains(&on) {
                    let kind = dependency["kind"].as_str().unwrap_or("normal");
                    uses.entry(on).or_default().insert(kind.to_owned());
                }
            }
        }
        Ok(graph)
    }

    /// Sorts the crates into layers.
    fn layers(&self) -> anyhow::Result<Vec<Vec<&str>>> {
        let mut left: BTreeSet<&str> = self.0.keys().map(String::as_str).collect();
        let mut layers = Vec::new();
        while !left.is_empty() {
            let blocked = |name: &&str| self.0[*name].keys().any(|on| left.contains(on.as_str()));
            let layer: Vec<&str> = left.iter().copied().filter(|name| !blocked(name)).collect();
            if layer.is_empty() {
                bail!("dependency cycle: {}", self.cycle(&left));
            }
            left.retain(|name| !layer.contains(name));
            layers.push(layer);
        }
        Ok(layers)
    }

    /// Returns a cycle among crates each of which depends on another one of them.
    fn cycle(&self, among: &BTreeSet<&str>) -> String {
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
        let mut text = path.first().copied().unwrap_or_default().to_owned();
        for pair in path.windows(2) {
            text += &format!(" -{}-> {}", kinds(pair[0], pair[1]), pair[1]);
        }
        text
    }

    /// Formats the dependencies of a crate, with their kind in brackets unless it is a normal dependency.
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
    fn crates_are_in_the_layer_after_their_dependencies() {
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
    fn a_cycle_through_dev_dependencies_is_an_error() {
        let graph = graph(&[
            ("apex", &[("one", "normal")]),
            ("one", &[("two", "normal"), ("base", "normal")]),
            ("two", &[("base", "normal"), ("one", "dev")]),
            ("base", &[]),
        ]);
        let error = graph.layers().unwrap_err().to_string();
        assert!(error.ends_with("cycle: one -normal-> two -dev-> one"), "{error}");
    }
}
