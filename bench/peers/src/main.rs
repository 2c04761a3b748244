use ecq_coding::*;
use std::time::Instant;
#[link(name = "htscodecs")]
unsafe extern "C" {
    fn rans_compress_to_4x16(i: *const u8, n: u32, o: *mut u8, on: *mut u32, order: i32) -> *mut u8;
    fn rans_uncompress_to_4x16(i: *const u8, n: u32, o: *mut u8, on: *mut u32) -> *mut u8;
    fn rans_compress_bound_4x16(n: u32, order: i32) -> u32;
}
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let all = std::fs::read(path).unwrap();
    let n = 1536 * 576;
    let tensors: Vec<&[u8]> = all.chunks_exact(n).take(16).collect();
    let best = |name: &str, f: &mut dyn FnMut()| {
        let mut b = f64::MAX;
        for _ in 0..7 { let t = Instant::now(); f(); b = b.min(t.elapsed().as_secs_f64()); }
        println!("{name}: {:.3} G/s", tensors.len() as f64 * n as f64 / b / 1e9);
    };
    for (rows, order, lanes) in [(128, Order::Rows, 32), (128, Order::Interleaved, 32), (1536, Order::Interleaved, 32), (128, Order::Rows, 64), (256,Order::Rows,128)] {
        let layout = Layout::new(rows, 576, lanes, order).unwrap();
        let coded: Vec<(FrequencyTable, Vec<Vec<u8>>)> = tensors.iter().map(|t| {
            let table = FrequencyTable::new(&Counts::of(t), 16, 12).unwrap();
            let e = rans::Encoder::new(&table);
            let s = t.chunks(rows * 576).map(|t| e.encode(t, 576, layout).unwrap()).collect();
            (table, s)
        }).collect();
        for isa in IsaKind::ALL {
            let mut out = vec![0u8; n];
            best(&format!("rans {rows} {order:?} {lanes} {isa:?}"), &mut || for (t, s) in &coded {
                let d = rans::Decoder::with_isa(t, isa);
                for (s, o) in s.iter().zip(out.chunks_mut(rows * 576)) { d.decode(s, layout, o, 576).unwrap(); }
            });
        }
    }
    unsafe {
        let coded: Vec<Vec<u8>> = tensors.iter().map(|t| {
            let mut on = rans_compress_bound_4x16(n as u32, 4);
            let mut o = vec![0u8; on as usize];
            assert!(!rans_compress_to_4x16(t.as_ptr(), n as u32, o.as_mut_ptr(), &mut on, 4).is_null());
            o.truncate(on as usize); o
        }).collect();
        println!("bits {}", coded.iter().map(|c| c.len()).sum::<usize>() as f64 * 8. / (n * tensors.len()) as f64);
        let mut out = vec![0u8; n];
        best("htscodecs", &mut || for c in &coded { let mut on = n as u32; assert!(!rans_uncompress_to_4x16(c.as_ptr(), c.len() as u32, out.as_mut_ptr(), &mut on).is_null()); });
    }
}
