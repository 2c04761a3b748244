//! The self-test finds devices that compute wrong, fail, panic or never end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test, and a device that panics")]

use ecq::Element;
use ecq::runtime::backend::{
    Backend, Bindings, Buffer, Compiled, Cpu, CpuOptions, DeviceInfo, Event, Inputs, Slot, Timing, Weight,
};
use ecq::runtime::program::{Command, Program, Step};
use ecq::runtime::{Matrix, Residence, RuntimeError};
use ecq::self_test::{self, Device, Finding, LIMIT, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Tells whether a fault concerns a command.
type Concerns = fn(&Command) -> bool;

/// What is wrong with a device.
#[derive(Clone, Copy)]
enum Fault {
    None,
    /// The third result of programs with a command is a little off.
    Result(Concerns),
    /// Programs with a command fail.
    Error(Concerns),
    /// Programs with a command panic.
    Panic(Concerns),
    /// Transfers never end.
    Hang,
}

/// The CPU with a fault.
struct Faulty {
    cpu: Cpu,
    fault: Fault,
    /// Whether the last program has the command of the fault.
    concerned: AtomicBool,
}

impl Faulty {
    fn device(fault: Fault) -> Arc<Device> {
        let cpu = Cpu::new(CpuOptions { threads: 2, ..CpuOptions::default() }).unwrap();
        Arc::new(Device::of("faulty", Arc::new(Self { cpu, fault, concerned: AtomicBool::new(false) })))
    }
}

impl Backend for Faulty {
    fn info(&self) -> DeviceInfo {
        self.cpu.info()
    }

    fn alloc(&self, element: Element, len: usize) -> Result<Buffer> {
        self.cpu.alloc(element, len)
    }

    fn upload(&self, buffer: &Buffer, at: usize, bytes: &[u8]) -> Result<()> {
        if matches!(self.fault, Fault::Hang) {
            loop {
                std::thread::park();
            }
        }
        self.cpu.upload(buffer, at, bytes)
    }

    fn download(&self, buffer: &Buffer, at: usize, bytes: &mut [u8]) -> Result<()> {
        self.cpu.download(buffer, at, bytes)?;
        if matches!(self.fault, Fault::Result(_)) && self.concerned.load(Ordering::Relaxed) {
            // A bit in the middle of the mantissa of a float, or of an integer.
            bytes[8 + usize::from(buffer.element() == Element::F32) * 2] ^= 0x10;
        }
        Ok(())
    }

    fn load(&self, matrix: &Matrix, residence: Residence) -> Result<Weight> {
        self.cpu.load(matrix, residence)
    }

    fn slot(&self, bytes: usize) -> Result<Slot> {
        self.cpu.slot(bytes)
    }

    fn compile(&self, program: &Program, bindings: &Bindings) -> Result<Compiled> {
        let has = |concerns: Concerns| {
            program.steps().iter().any(|step| matches!(step, Step::Run(_, command) if concerns(command)))
        };
        let concerned = match self.fault {
            Fault::Result(concerns) | Fault::Error(concerns) | Fault::Panic(concerns) => has(concerns),
            _ => false,
        };
        self.concerned.store(concerned, Ordering::Relaxed);
        self.cpu.compile(program, bindings)
    }

    fn submit(&self, program: &Compiled, inputs: &Inputs) -> Result<Event> {
        match self.fault {
            Fault::Error(_) if self.concerned.load(Ordering::Relaxed) => {
                Err(RuntimeError::Device { device: "faulty", why: "the device is lost".to_owned() })
            }
            Fault::Panic(_) if self.concerned.load(Ordering::Relaxed) => panic!("as a driver might"),
            _ => self.cpu.submit(program, inputs),
        }
    }

    fn wait(&self, event: &Event) -> Result<Timing> {
        self.cpu.wait(event)
    }

    fn kernels(&self, _: &Compiled) -> Vec<&'static str> {
        vec!["first", "second", "first"]
    }
}

fn findings(device: &Arc<Device>, limit: Duration) -> Vec<Finding> {
    let (mut begun, mut all) = (Vec::new(), Vec::new());
    self_test::run(device, limit, |check| begun.push(check), |finding| all.push(finding));
    assert_eq!(begun, all.iter().map(|finding| finding.check).collect::<Vec<_>>());
    all
}

/// Returns the names of the checks that are not right.
fn failed(all: &[Finding]) -> Vec<&'static str> {
    all.iter().filter(|finding| !finding.is_right()).map(|finding| finding.check).collect()
}

const PRODUCTS: [&str; 7] = [
    "float product",
    "packed product",
    "rans decoding",
    "prefix decoding",
    "tuple decoding",
    "fused rans",
    "fused prefix",
];

#[test]
fn a_sound_device_has_right_answers() {
    let all = findings(&Faulty::device(Fault::None), LIMIT);
    assert_eq!(failed(&all), [""; 0]);
    for check in PRODUCTS.iter().chain(&["transfers", "embedding", "attention", "argmax"]) {
        let found = all.iter().find(|finding| finding.check == *check).unwrap();
        assert!(matches!(found.verdict, Verdict::Right { values } if values > 2), "{found:?}");
    }
    for device in Device::open("cpu").unwrap() {
        let all = findings(&Arc::new(device), LIMIT);
        assert_eq!(failed(&all), [""; 0]);
    }
}

#[test]
fn a_wrong_result_is_reported_where_it_is() {
    let cases: [(Concerns, &[&str]); 8] = [
        (|command| matches!(command, Command::Embed { .. }), &["embedding"]),
        (|command| matches!(command, Command::Linear { .. }), &PRODUCTS),
        (|command| matches!(command, Command::Decode { .. }), &PRODUCTS[2..5]),
        (|command| matches!(command, Command::Norm { .. }), &["norms"]),
        (|command| matches!(command, Command::Rotate { .. }), &["rotary embedding"]),
        (|command| matches!(command, Command::Activate { .. }), &["activation"]),
        (|command| matches!(command, Command::Attention(_)), &["attention"]),
        (|command| matches!(command, Command::Argmax { .. }), &["argmax"]),
    ];
    for (concerns, expected) in cases {
        let all = findings(&Faulty::device(Fault::Result(concerns)), LIMIT);
        assert_eq!(failed(&all), expected);
        for finding in all.iter().filter(|finding| !finding.is_right()) {
            let Verdict::Wrong(wrong) = &finding.verdict else { panic!("{finding:?}") };
            assert!(wrong.differing >= 1 && wrong.differing <= wrong.values, "{wrong:?}");
            assert!((wrong.found - wrong.expected).abs() > wrong.allowed, "{wrong:?}");
            // The third value of a matrix that is read by columns is in the third row.
            let third = ["row 0, column 2", "row 2, column 0"];
            assert!(third.iter().any(|place| wrong.place.ends_with(place)), "{wrong:?}");
            assert_eq!(finding.kernels, ["first", "second"]);
            let said = wrong.to_string();
            assert!(said.contains("the first, ") && said.contains(&format!("{:?}", wrong.found)), "{said}");
        }
    }
}

#[test]
fn errors_and_panics_are_findings() {
    let concerns: Concerns = |command| matches!(command, Command::Attention(_));
    for (fault, words) in
        [(Fault::Error(concerns), "the device is lost"), (Fault::Panic(concerns), "panicked")]
    {
        let all = findings(&Faulty::device(fault), LIMIT);
        assert_eq!(failed(&all), ["attention"]);
        let found = all.iter().find(|finding| finding.check == "attention").unwrap();
        assert!(matches!(&found.verdict, Verdict::Failed(why) if why.contains(words)), "{found:?}");
    }
}

#[test]
fn a_check_that_does_not_end_is_the_last_one() {
    let all = findings(&Faulty::device(Fault::Hang), Duration::from_millis(100));
    let [only] = &all[..] else { panic!("{all:?}") };
    assert_eq!(only.check, "transfers");
    assert!(matches!(&only.verdict, Verdict::Failed(why) if why.contains("0.1 seconds")), "{only:?}");
}
