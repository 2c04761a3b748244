//! The CPU as a device: buffers behind locks, a pool of threads, a thread for the second queue.

mod linear;
mod run;
mod stash;
mod weight;

use super::{Backend, Buffer, Command, Element, Event, Facts, Queue, Recording, Weight};
use crate::error::{Result, RuntimeError};
use crate::plan::DecodePlan;
use crate::weights::Matrix;
use ecq_kernels::cpu::linear::{Isa, Precision};
use half::f16;
use std::sync::mpsc::{Sender, channel};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::thread::JoinHandle;

/// In what precision activations enter a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationType {
    /// Single precision.
    F32,
    /// Blocks of 8-bit integers with a scale.
    I8,
}

impl ActivationType {
    fn precision(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::I8 => Precision::I8,
        }
    }
}

/// What to build a [`Cpu`] with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuOptions {
    /// Threads; 0 for one on each core.
    pub threads: usize,
    /// Precision of activations in products.
    pub activations: ActivationType,
}

impl Default for CpuOptions {
    fn default() -> Self {
        Self { threads: 0, activations: ActivationType::F32 }
    }
}

/// The CPU.
pub struct Cpu {
    shared: Arc<Shared>,
    decoder: OnceLock<Decoder>,
}

/// What both queues use.
struct Shared {
    pool: rayon::ThreadPool,
    options: CpuOptions,
    stashes: stash::Stashes,
}

impl Shared {
    fn run(&self, commands: &[Command]) -> Result<()> {
        self.pool.install(|| commands.iter().try_for_each(|c| run::one(c, self.options, &self.stashes)))
    }
}

/// The thread of the second queue.
struct Decoder {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    recording: Arc<Vec<Command>>,
    after: Option<Event>,
    done: Arc<Done>,
}

impl Cpu {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses them.
    pub fn new(options: CpuOptions) -> Result<Self> {
        let refused = |error: rayon::ThreadPoolBuildError| RuntimeError::Threads(error.to_string());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build().map_err(refused)?;
        Ok(Self {
            shared: Arc::new(Shared { pool, options, stashes: stash::Stashes::default() }),
            decoder: OnceLock::new(),
        })
    }

    fn decoder(&self) -> &Decoder {
        self.decoder.get_or_init(|| {
            let (jobs, work) = channel::<Job>();
            let shared = self.shared.clone();
            let thread = std::thread::spawn(move || {
                for Job { recording, after, done } in work {
                    let before = after.map_or(Ok(()), |event| wait(&event));
                    done.set(before.and_then(|()| shared.run(&recording)));
                }
            });
            Decoder { jobs: Some(jobs), thread: Some(thread) }
        })
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}

impl Backend for Cpu {
    fn facts(&self) -> Facts {
        let threads = self.shared.pool.current_num_threads();
        let isa = Isa::detect().name();
        Facts {
            name: format!("CPU, {isa}, {threads} thread{}", if threads == 1 { "" } else { "s" }),
            kind: "cpu",
            threads,
            decodes_aside: false,
            same_bits: true,
            memory_bytes: None,
        }
    }

    fn alloc(&self, element: Element, len: usize) -> Result<Buffer> {
        Ok(Buffer::new(element, len, Arc::new(Data::zeros(element, len))))
    }

    fn upload(&self, buffer: &Buffer, at: usize, bytes: &[u8]) -> Result<()> {
        data(buffer)?.with_bytes_mut(|to| {
            let start = at * buffer.element().bytes();
            let to = to.get_mut(start..start + bytes.len());
            to.ok_or_else(|| outside("upload", buffer)).map(|to| to.copy_from_slice(bytes))
        })
    }

    fn download(&self, buffer: &Buffer, at: usize, bytes: &mut [u8]) -> Result<()> {
        data(buffer)?.with_bytes_mut(|from| {
            let start = at * buffer.element().bytes();
            let from = from.get(start..start + bytes.len());
            from.ok_or_else(|| outside("download", buffer)).map(|from| bytes.copy_from_slice(from))
        })
    }

    fn load(&self, matrix: &Matrix, plan: &DecodePlan) -> Result<Weight> {
        let named = |error| RuntimeError::in_tensor(&matrix.name, error);
        let weight = self.shared.pool.install(|| weight::CpuWeight::load(matrix, plan)).map_err(named)?;
        Ok(Weight::new(matrix.shape, Arc::new(weight)))
    }

    fn record(&self, commands: Vec<Command>) -> Result<Recording> {
        for command in &commands {
            command.check()?;
            run::own(command)?;
        }
        Ok(Recording::new(Arc::new(commands)))
    }

    fn submit(&self, queue: Queue, recording: &Recording, after: Option<&Event>) -> Result<Event> {
        let foreign = || RuntimeError::Recording("belongs to another backend".to_owned());
        let recording = recording.inner::<Vec<Command>>().ok_or_else(foreign)?;
        let done = Arc::new(Done::default());
        match queue {
            // The caller's thread is the compute queue: it waits here, and so has no need to be woken.
            Queue::Compute => {
                after.map_or(Ok(()), wait)?;
                self.shared.run(&recording)?;
                done.set(Ok(()));
            }
            Queue::Decode => {
                let job = Job { recording, after: after.cloned(), done: done.clone() };
                let gone = || RuntimeError::Threads("the decoding thread is gone".to_owned());
                self.decoder().jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
            }
        }
        Ok(Event::new(done))
    }

    fn wait(&self, event: &Event) -> Result<()> {
        wait(event)
    }
}

fn wait(event: &Event) -> Result<()> {
    let foreign = || RuntimeError::Recording("event of another backend".to_owned());
    event.inner::<Done>().ok_or_else(foreign)?.wait()
}

/// Whether a submission has ended, and how.
#[derive(Default)]
struct Done {
    state: Mutex<Option<Result<()>>>,
    changed: Condvar,
}

impl Done {
    fn set(&self, result: Result<()>) {
        *lock(&self.state) = Some(result);
        self.changed.notify_all();
    }

    fn wait(&self) -> Result<()> {
        let mut state = lock(&self.state);
        loop {
            match &mut *state {
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(result) => {
                    let again = || Err(RuntimeError::Recording("a submission before has failed".to_owned()));
                    let next = if result.is_ok() { Ok(()) } else { again() };
                    return std::mem::replace(result, next);
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The elements of a buffer. Locks, not cells: a recording may name any buffer twice, and the two queues share some.
enum Data {
    F32(RwLock<Vec<f32>>),
    F16(RwLock<Vec<f16>>),
    U32(RwLock<Vec<u32>>),
}

impl Data {
    fn zeros(element: Element, len: usize) -> Self {
        match element {
            Element::F32 => Self::F32(RwLock::new(vec![0.0; len])),
            Element::F16 => Self::F16(RwLock::new(vec![f16::ZERO; len])),
            Element::U32 => Self::U32(RwLock::new(vec![0; len])),
        }
    }

    fn with_bytes_mut<T>(&self, f: impl FnOnce(&mut [u8]) -> T) -> T {
        match self {
            Self::F32(data) => f(bytemuck::cast_slice_mut(&mut write(data))),
            Self::F16(data) => f(bytemuck::cast_slice_mut(&mut write(data))),
            Self::U32(data) => f(bytemuck::cast_slice_mut(&mut write(data))),
        }
    }
}

fn data(buffer: &Buffer) -> Result<&Data> {
    buffer.inner().ok_or_else(|| RuntimeError::Recording("buffer of another backend".to_owned()))
}

fn outside(what: &str, buffer: &Buffer) -> RuntimeError {
    RuntimeError::Recording(format!("{what} outside {buffer:?}"))
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn f32s(buffer: &Buffer) -> Result<&RwLock<Vec<f32>>> {
    match data(buffer)? {
        Data::F32(data) => Ok(data),
        _ => Err(RuntimeError::Recording(format!("{buffer:?} where f32 is expected"))),
    }
}

fn u32s(buffer: &Buffer) -> Result<&RwLock<Vec<u32>>> {
    match data(buffer)? {
        Data::U32(data) => Ok(data),
        _ => Err(RuntimeError::Recording(format!("{buffer:?} where u32 is expected"))),
    }
}
