//! The tables of the prototype that ecq began as, measured again beside the numbers published there: a rANS
//! coder for MLX on an M2 Pro (January 2026).

mod lanes;
mod matrices;
mod timeline;
mod token;

pub use matrices::refusal;

use super::device::Device;
use super::engine::option;
use super::products::encoded;
use super::shape::projection;
use crate::args::OriginalArgs;
use crate::exit::ExitCode;
use crate::json;
use crate::out::{outln, paragraph};
use ecq::encode::{EncodeOptions, TileChoice};
use ecq::{Coding, Destination, DeviceName, EncodedTensor};

/// What all tables depend on.
pub struct Setting<'a> {
    device: &'a Device,
    args: &'a OriginalArgs,
}

impl Setting<'_> {
    /// Returns a length, made smaller for a quick look.
    fn length(&self, length: usize) -> usize {
        (length / self.args.divide).max(32)
    }

    /// Returns a number of the prototype, unless the sizes are others.
    fn published<T>(&self, number: Option<T>) -> Option<T> {
        number.filter(|_| self.args.divide == 1)
    }

    fn encoded(
        &self,
        shape: [usize; 2],
        coding: Coding,
        tile: TileChoice,
        lanes: Option<u16>,
    ) -> anyhow::Result<EncodedTensor> {
        let (codes, grid) = projection(shape, self.args.entropy, None)?;
        encoded(&codes, &grid, coding, &EncodeOptions { tile, lanes, ..EncodeOptions::default() })
    }
}

/// Notes below a table.
#[derive(Default)]
pub struct Notes(Vec<String>);

impl Notes {
    /// Returns the mark of a note.
    pub fn mark(&mut self, note: &str) -> String {
        let at = self.0.iter().position(|known| known == note).unwrap_or_else(|| {
            self.0.push(note.to_owned());
            self.0.len() - 1
        });
        format!("[{}]", at + 1)
    }

    /// Prints all notes.
    pub fn print(&self) {
        for (i, note) in self.0.iter().enumerate() {
            paragraph(&format!("[{}] {note}", i + 1));
        }
    }
}

pub fn run(args: &OriginalArgs, json: bool) -> anyhow::Result<ExitCode> {
    if let DeviceName::Wgpu(_) = args.device.parse()? {
        let why = "the tables of the prototype are measured on cpu and cuda".to_owned();
        return Err(option("device", &args.device)(why).into());
    }
    let device = Device::open(&args.device, args.threads)?;
    if let Some(path) = &args.timeline {
        if device.cuda().is_none() {
            let why = "draws events of a GPU; add --device cuda, or leave it out".to_owned();
            return Err(option("timeline", &path.display().to_string())(why).into());
        }
        Destination::file(path).replacing(args.force.force).check(&[])?;
    }
    let setting = Setting { device: &device, args };
    let name = device.backend().info().name;
    if !json {
        paragraph(&format!(
            "{name}. Synthetic codes of {} bits of entropy, f32 activations, one row, median times. The \
             columns \"there\" are numbers of the prototype, measured on an M2 Pro.",
            args.entropy
        ));
    }
    let matrices = matrices::measure(&setting)?;
    if !json {
        outln!("");
        matrices::print(&setting, &matrices);
    }
    let stacks = matrices::measure_stacks(&setting)?;
    if !json {
        outln!("");
        matrices::print_stacks(&stacks);
    }
    let lanes = lanes::measure(&setting)?;
    if !json {
        outln!("");
        lanes::print(&lanes);
    }
    let token = token::measure(&setting)?;
    if !json {
        outln!("");
        token::print(&setting, &token);
    }
    if let Some(path) = &args.timeline {
        timeline::write(path, &name, &token, args.force.force)?;
    }
    if json {
        json::print(&serde_json::json!({
            "device": name, "entropy_bits": args.entropy, "matrices": matrices, "stacks": stacks,
            "lanes": lanes, "token": token,
        }))?;
    }
    Ok(ExitCode::SUCCESS)
}
