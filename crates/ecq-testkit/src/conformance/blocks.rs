//! Blocks of a cache that are copied.

use super::Joined;
use super::rig::{Item, Rig, compute};
use ecq_core::Element;
use ecq_fixtures::Numbers;
use ecq_runtime::program::{BufferId, CacheView, Command};
use half::{bf16, f16};

const BLOCKS: usize = 6;
const HEADS: usize = 2;
const HEAD_DIM: usize = 5;

/// Copies of whole blocks, with their scales, in several caches; pairs that are not in use copy nothing.
pub fn copy_blocks(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(10);
    let mut cases = 0;
    for block_positions in [8, 16, 32] {
        for element in [Element::F32, Element::F16, Element::Bf16, Element::I8] {
            // All pairs stand in the buffer; those behind the live ones would damage what others hold.
            for live in [4, 1, 3, 0] {
                let pairs = [[4u32, 1], [4, 5], [2, 3], [2, 0]];
                one(joined, block_positions, element, &pairs, live, &mut numbers);
                cases += 1;
            }
        }
    }
    cases
}

fn one(
    joined: &Joined,
    block_positions: usize,
    element: Element,
    pairs: &[[u32; 2]; 4],
    live: usize,
    numbers: &mut Numbers,
) {
    let mut rig = Rig::new(joined);
    let values = block_positions * HEADS * HEAD_DIM;
    // For each buffer, what it must hold in the end.
    let mut expected: Vec<(BufferId, Vec<u8>)> = Vec::new();
    let mut buffer = |rig: &mut Rig, element: Element, block: usize| {
        let bytes = numbers.bytes(BLOCKS * block * element.bytes());
        let id = match element {
            Element::F32 => filled::<f32>(rig, &bytes),
            Element::F16 => filled::<f16>(rig, &bytes),
            Element::Bf16 => filled::<bf16>(rig, &bytes),
            _ => filled::<i8>(rig, &bytes),
        };
        expected.push((id, copied(bytes, block * element.bytes(), &pairs[..live])));
        id
    };
    let caches = [(); 2].map(|()| CacheView {
        data: buffer(&mut rig, element, values),
        scales: (element == Element::I8).then(|| buffer(&mut rig, Element::Bf16, block_positions * HEADS)),
    });
    let pairs = rig.filled(pairs.as_flattened());
    let copy =
        |cache| Command::CopyBlocks { pairs, block_positions, heads: HEADS, head_dim: HEAD_DIM, cache };
    let program = rig.compile([4, 0], compute(caches.map(copy).to_vec()));
    rig.submit(&program, [live, 0], &[]).unwrap();
    for (id, expected) in expected {
        let what = rig.layout.buffers[id.0 as usize].element;
        assert!(rig.bytes(id) == expected, "{live} copies of blocks of {block_positions} x {what}");
    }
}

fn filled<T: Item>(rig: &mut Rig, bytes: &[u8]) -> BufferId {
    rig.filled::<T>(&bytemuck::pod_collect_to_vec(bytes))
}

fn copied(mut bytes: Vec<u8>, block: usize, pairs: &[[u32; 2]]) -> Vec<u8> {
    for pair in pairs {
        let [from, to] = pair.map(|number| number as usize * block);
        bytes.copy_within(from..from + block, to);
    }
    bytes
}
