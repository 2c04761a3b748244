use ecq_kernels::fake_quant::*;
use std::time::Instant;
fn main() {
    let n: usize = 100_000_000;
    let x: Vec<f32> = (0..n).map(|i| ((i * 2654435761) % 1000003) as f32 / 500000.0 - 1.0).collect();
    let mut y = vec![0f32; n];
    let threads: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    for _ in 0..3 {
        let med = |f: &mut dyn FnMut()| { let mut t: Vec<f64> = (0..7).map(|_| { let s = Instant::now(); f(); s.elapsed().as_secs_f64() }).collect(); t.sort_by(f64::total_cmp); (t[0], t[3]) };
        let c = n / threads;
        let m = med(&mut || pool.install(|| { use rayon::prelude::*; y.par_chunks_mut(c).zip(x.par_chunks(c)).for_each(|(y, x)| y.copy_from_slice(x)) }));
        for (b, r) in [(4, Rounding::HalfAway), (8, Rounding::HalfEven)] {
            let q = FakeQuantizer::from(Symmetric::unit(Bits::new(b).unwrap(), r));
            let f = med(&mut || pool.install(|| q.quantize(&x, &mut y).unwrap()));
            println!("{b} bits: min {:.1} med {:.1} GB/s, memcpy {:.1} {:.1}", 8e-9 * n as f64 / f.0, 8e-9 * n as f64 / f.1, 8e-9 * n as f64 / m.0, 8e-9 * n as f64 / m.1);
        }
    }
}
