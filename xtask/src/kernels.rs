//! Compiles the CUDA kernels without a GPU.

use anyhow::bail;
use ecq_cuda::{CheckedProgram, Compiler, CudaError, checked_programs};

/// Architectures of the kernels: A100, RTX 4090, H100, RTX 5090.
const TARGETS: [&str; 4] = ["sm_80", "sm_89", "sm_90", "sm_120"];

/// Registers and spilled bytes of a kernel, from the assembler's report.
#[derive(Debug, PartialEq, Eq)]
struct Usage {
    kernel: String,
    registers: usize,
    spilled_bytes: usize,
}

/// Compiles every kernel for every architecture and prints registers and spills.
///
/// # Errors
/// If a kernel does not compile, or one with most of a step's work spills registers.
pub fn run(targets: &[String]) -> anyhow::Result<()> {
    let compiler = match Compiler::new() {
        Ok(compiler) => compiler,
        Err(error @ CudaError::Library { .. }) => {
            println!("SKIPPED: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let (major, minor) = compiler.version();
    println!("NVRTC {major}.{minor}");
    let targets: Vec<&str> =
        if targets.is_empty() { TARGETS.to_vec() } else { targets.iter().map(String::as_str).collect() };
    let programs = checked_programs();
    let mut spilling = Vec::new();
    for target in targets {
        println!("{target}: {} programs", programs.len());
        for CheckedProgram { program, hot } in &programs {
            let cubin = compiler.report(program, target)?;
            for usage in usages(&cubin.log) {
                let Usage { kernel, registers, spilled_bytes } = &usage;
                let title = program.title();
                println!("  {registers:>3} registers {spilled_bytes:>4} bytes spilled  {kernel:<12} {title}");
                if *spilled_bytes > 0 && hot.contains(&kernel.as_str()) {
                    spilling.push(format!("{kernel} of {title} for {target}: {spilled_bytes} bytes"));
                }
            }
        }
    }
    if !spilling.is_empty() {
        bail!("hot kernels spill registers:\n  {}", spilling.join("\n  "));
    }
    Ok(())
}

/// Reads the assembler's report.
fn usages(log: &str) -> Vec<Usage> {
    let mut all: Vec<Usage> = Vec::new();
    let number_before = |line: &str, words: &str| -> Option<usize> {
        let before = line.split(words).next().filter(|before| before.len() < line.len())?;
        before.trim_end().rsplit([' ', ',']).next()?.parse().ok()
    };
    for line in log.lines() {
        if let Some(name) =
            line.split("Compiling entry function '").nth(1).and_then(|rest| rest.split('\'').next())
        {
            all.push(Usage { kernel: name.to_owned(), registers: 0, spilled_bytes: 0 });
        }
        let Some(last) = all.last_mut() else { continue };
        if let Some(bytes) = number_before(line, " bytes spill stores") {
            last.spilled_bytes += bytes;
        }
        if let Some(registers) = number_before(line, " registers") {
            last.registers = registers;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_read() {
        let log = "ptxas info    : 11 bytes gmem\n\
                   ptxas info    : Compiling entry function 'product' for 'sm_90'\n\
                   ptxas info    : Function properties for product\n    \
                   8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads\n\
                   ptxas info    : Used 96 registers, used 1 barriers, 128 bytes smem\n\
                   ptxas info    : Compiling entry function 'embed' for 'sm_90'\n    \
                   0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n\
                   ptxas info    : Used 30 registers, used 0 barriers\n";
        let usage = |kernel: &str, registers, spilled_bytes| Usage {
            kernel: kernel.to_owned(),
            registers,
            spilled_bytes,
        };
        assert_eq!(usages(log), [usage("product", 96, 12), usage("embed", 30, 0)]);
    }
}
