use ecq_runtime::*;
use std::{ops::ControlFlow, sync::Arc, time::Instant};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let t = Instant::now();
    let c = Checkpoint::open(a[1].as_ref(), &Default::default()).unwrap();
    let tok = Tokenizer::of(&c).unwrap();
    println!("tok {:?}", t.elapsed());
    let b = Arc::new(
        backend::Cpu::new(backend::CpuOptions { threads: 2, activations: backend::ActivationType::F32 })
            .unwrap(),
    );
    let mode = a.get(3).map_or(Mode::Cached, |m| m.parse().unwrap());
    let m =
        Arc::new(Model::load(&c, b, LoadOptions { mode, budget: Some(150_000_000), free: None }).unwrap());
    println!("load {:?}", t.elapsed());
    let mut s = Session::new(m, SessionOptions { cache: CacheType::F32, context: None }).unwrap();
    let p = tok.encode(&a[2], true).unwrap();
    println!("{p:?}");
    let mut st = tok.stream();
    let g =
        generate(&mut s, &p, &mut Sampler::new(SampleOptions::GREEDY).unwrap(), 40, tok.end_tokens(), |t| {
            print!("{}", st.push(t).unwrap());
            ControlFlow::Continue(())
        })
        .unwrap();
    println!("\n{:?} {} {} {:?}", g.stop, g.prefill_tokens_per_s(), g.decode_tokens_per_s(), s.residency());
}
