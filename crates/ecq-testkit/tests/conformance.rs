//! Conformance of the backends: of the CPU with one and several threads and both activation types, and of
//! CUDA and wgpu where there is a GPU, or for wgpu a software driver.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

use ecq_kernels::fake_quant::{Bits, FakeQuantizer, Rounding as HalfRounding, Symmetric};
use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
use ecq_testkit::conformance::{ProductTolerance, Rounding, Subject};
use std::sync::{Arc, OnceLock};

fn cpu(threads: usize) -> Box<Cpu> {
    Box::new(Cpu::new(CpuOptions { threads, activations: ActivationType::F32 }).unwrap())
}

/// Activations are multiples of 1/127 of the largest magnitude among 32 columns.
fn integers(threads: usize) -> Subject {
    let cpu = Cpu::new(CpuOptions { threads, activations: ActivationType::I8 }).unwrap();
    let mut subject = Subject::from(Box::new(cpu));
    subject.tolerances.product.rounding = Some(Rounding { columns: 32, largest: 127.0 });
    subject
}

/// The first GPU; without one, all tests print why they are skipped. Products with codes round activations
/// to multiples of 1/32512 of the largest magnitude among 32 columns; products that decode tuples round to
/// multiples of a power of two that is at most 1/16256 of the largest magnitude of a row.
fn cuda() -> Subject {
    match ecq_cuda::Cuda::new(0) {
        Ok(cuda) => {
            let mut subject = Subject::from(Box::new(cuda));
            let rounded = subject.tolerances.product;
            subject.tolerances.product.rounding = Some(Rounding { columns: 32, largest: 32512.0 });
            let rounding = Some(Rounding { columns: usize::MAX, largest: 16256.0 });
            subject.tolerances.tuples = Some(ProductTolerance { rounding, ..rounded });
            subject
        }
        Err(error) => Subject::skipped(error.to_string()),
    }
}

/// The adapter that `ECQ_WGPU` names, by default the first one; without one, all tests print why they are
/// skipped. Products with codes round activations as on CUDA; products that decode tuples round to multiples
/// of 1/32512 of the largest magnitude in a segment.
fn wgpu() -> Subject {
    static GPU: OnceLock<Result<Arc<ecq_wgpu::Gpu>, String>> = OnceLock::new();
    on_wgpu(GPU.get_or_init(|| open_wgpu("")))
}

/// Opens the adapter with more options.
fn open_wgpu(more: &str) -> Result<Arc<ecq_wgpu::Gpu>, String> {
    let options = format!("{},{more}", std::env::var("ECQ_WGPU").unwrap_or_default()).parse();
    options.and_then(|options| ecq_wgpu::Gpu::open(&options)).map_err(|error| error.to_string())
}

fn on_wgpu(gpu: &Result<Arc<ecq_wgpu::Gpu>, String>) -> Subject {
    match gpu {
        Ok(gpu) => {
            let mut subject = Subject::from(Box::new(ecq_wgpu::Wgpu::on(gpu.clone())));
            let rounded = subject.tolerances.product;
            subject.tolerances.product.rounding = Some(Rounding { columns: 32, largest: 32512.0 });
            let rounding = Some(Rounding { columns: usize::MAX, largest: 32512.0 });
            subject.tolerances.tuples = Some(ProductTolerance { rounding, ..rounded });
            subject
        }
        Err(reason) => Subject::skipped(reason.clone()),
    }
}

/// A quantizer to measure.
fn fake_quantizer() -> FakeQuantizer {
    Symmetric::unit(Bits::new(4).unwrap(), HalfRounding::HalfAway).into()
}

mod wgpu {
    use ecq_kernels::gpu::FakeQuantForm;
    use ecq_wgpu::GpuFakeQuantizer;

    ecq_testkit::backend_conformance!(super::wgpu());

    /// Matrices are divided into parts of one tile each, as those are that exceed a binding.
    #[test]
    fn matrices_in_parts() {
        use ecq_testkit::conformance as suite;
        let subject = || super::on_wgpu(&super::open_wgpu("parts-of=1"));
        let (embeddings, experts) = ("embeddings in parts", "experts in parts");
        suite::run(embeddings, &[embeddings], subject(), suite::embeddings);
        suite::run(experts, &[experts], subject(), suite::experts);
        suite::run("tokens in parts", &["tokens in parts"], subject(), suite::advance);
    }

    /// Products of many rows multiply floats in place of bytes, as on Metal.
    #[test]
    fn products_of_floats() {
        use ecq_testkit::conformance as suite;
        let subject = || super::on_wgpu(&super::open_wgpu("without-dots"));
        let (products, experts) = ("products without dot products", "experts without dot products");
        suite::run(products, &[products], subject(), suite::products_of_many_rows);
        suite::run(experts, &[experts], subject(), suite::experts);
    }

    #[test]
    fn fake_quantization() {
        // Parts of an array that is larger than a buffer begin inside of a channel.
        for (more, name) in [("", "fake quantization"), ("parts-of=65536", "fake quantization in parts")] {
            let gpu = match super::open_wgpu(more) {
                Ok(gpu) => gpu,
                Err(reason) => return println!("SKIPPED {name}: {reason}"),
            };
            // Drivers that run on the CPU take seconds for all values; `ECQ_ALL_VALUES` asks for them.
            let fewer = gpu.report().is_software && std::env::var_os("ECQ_ALL_VALUES").is_none();
            let values = if fewer || !more.is_empty() { 500_000 } else { 10_000_000 };
            ecq_testkit::fake_quant::check(name, values, &|quantizer, form, x| {
                GpuFakeQuantizer::compile(&gpu, quantizer).unwrap().quantize(form, x).unwrap()
            });
            let compiled = GpuFakeQuantizer::compile(&gpu, &super::fake_quantizer()).unwrap();
            let times = compiled.measure(FakeQuantForm::Auto, 1000, 3).unwrap();
            assert!(times.len() == 3 && times.iter().flatten().all(|seconds| *seconds > 0.0), "{times:?}");
        }
    }
}

mod cuda {
    use ecq_cuda::{DeviceMemory, Element, Gpu, LayerProduct, Layers};
    use ecq_kernels::gpu::FakeQuantForm;
    use ecq_runtime::{Matrix, Residence};
    use ecq_testkit::conformance as suite;
    use std::sync::Arc;

    ecq_testkit::backend_conformance!(super::cuda());

    /// Products in memory and on a stream of the test.
    #[test]
    fn layers() {
        suite::run("layers", &["layers"], super::cuda(), |subject| {
            let gpu = Arc::new(Gpu::new(0).unwrap());
            let layers = Layers::new(0).unwrap();
            suite::layers(subject, &|matrix, residence| layer(&gpu, &layers, matrix, residence))
        });
    }

    fn layer(gpu: &Arc<Gpu>, layers: &Layers, matrix: &Matrix, residence: Residence) -> suite::LayerProduct {
        let matrix = layers.load(matrix, residence).unwrap();
        let (gpu, stream) = (gpu.clone(), gpu.stream().unwrap());
        assert!(matrix.bytes() > 0 && matrix.residence() == residence);
        Box::new(move |x, rows| {
            let mut y = vec![f32::NAN; rows * matrix.shape()[0]];
            let memory = |bytes| DeviceMemory::with(&gpu, bytes).unwrap();
            let (from, to) = (memory(bytemuck::cast_slice(x)), memory(bytemuck::cast_slice(&y)));
            let scratch = DeviceMemory::zeroed(&gpu, matrix.scratch_bytes(rows).unwrap()).unwrap();
            let product = LayerProduct {
                x: from.address(),
                y: to.address(),
                scratch: scratch.address(),
                rows,
                element: Element::F32,
            };
            let number = stream.cu_stream().expose_provenance() as u64;
            // SAFETY: the stream is one of the GPU; memory has the lengths of the product until it is read.
            unsafe { matrix.multiply(number, product) }.unwrap();
            to.read(&stream, 0, bytemuck::cast_slice_mut(&mut y)).unwrap();
            y
        })
    }

    /// A GPU that does not exist, and a type that no product takes.
    #[test]
    fn layers_without_a_gpu() {
        let Err(error) = Layers::new(999) else { panic!("there is a GPU 999") };
        let text = error.to_string();
        let expected = ["there is no GPU 999", "cannot be loaded", "starting the driver"];
        assert!(expected.iter().any(|expected| text.contains(expected)), "{text}");
    }

    #[test]
    fn fake_quantization() {
        let cuda = match ecq_cuda::Cuda::new(0) {
            Ok(cuda) => cuda,
            Err(error) => return println!("SKIPPED fake quantization: {error}"),
        };
        ecq_testkit::fake_quant::check("fake quantization", 10_000_000, &|quantizer, form, x| {
            cuda.fake_quantizer(quantizer).unwrap().quantize(form, x).unwrap()
        });
        let quantizer = super::fake_quantizer();
        let times = cuda.fake_quantizer(&quantizer).unwrap().measure(FakeQuantForm::Auto, 1000, 3).unwrap();
        assert!(times.len() == 3 && times.iter().flatten().all(|seconds| *seconds > 0.0), "{times:?}");
    }
}

mod one_thread {
    ecq_testkit::backend_conformance!(super::cpu(1));
}

mod three_threads {
    ecq_testkit::backend_conformance!(super::cpu(3));
}

mod integer_activations {
    ecq_testkit::backend_conformance!(super::integers(2));
}
