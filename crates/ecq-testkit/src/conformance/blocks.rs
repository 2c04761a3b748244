//! Copies of cache blocks.

use super::Subject;
use super::harness::{Harness, Item, compute};
use ecq_core::Element;
use ecq_fixtures::Numbers;
use ecq_runtime::program::{BufferId, CacheView, Command};
use half::{bf16, f16};

const BLOCKS: usize = 6;
const HEADS: usize = 2;
const HEAD_DIM: usize = 5;

/// Tests copies of whole blocks with their scales in several caches. Pairs beyond the rows in use must not
/// copy.
pub fn copy_blocks(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(10);
    let mut cases = 0;
    for block_positions in [8, 16, 32] {
        for element in [Element::F32, Element::F16, Element::Bf16, Element::I8] {
            // The buffer always holds all pairs; those not in use would overwrite other blocks.
            for active in [4, 1, 3, 0] {
                let pairs = [[4u32, 1], [4, 5], [2, 3], [2, 0]];
                one(subject, block_positions, element, &pairs, active, &mut numbers);
                cases += 1;
            }
        }
    }
    cases
}

fn one(
    subject: &Subject,
    block_positions: usize,
    element: Element,
    pairs: &[[u32; 2]; 4],
    active: usize,
    numbers: &mut Numbers,
) {
    let mut harness = Harness::new(subject);
    let values = block_positions * HEADS * HEAD_DIM;
    // Expected final content of each buffer.
    let mut expected: Vec<(BufferId, Vec<u8>)> = Vec::new();
    let mut buffer = |harness: &mut Harness, element: Element, block: usize| {
        let bytes = numbers.bytes(BLOCKS * block * element.bytes());
        let id = match element {
            Element::F32 => filled::<f32>(harness, &bytes),
            Element::F16 => filled::<f16>(harness, &bytes),
            Element::Bf16 => filled::<bf16>(harness, &bytes),
            _ => filled::<i8>(harness, &bytes),
        };
        expected.push((id, copied(bytes, block * element.bytes(), &pairs[..active])));
        id
    };
    let caches = [(); 2].map(|()| CacheView {
        data: buffer(&mut harness, element, values),
        scales: (element == Element::I8)
            .then(|| buffer(&mut harness, Element::Bf16, block_positions * HEADS)),
    });
    let pairs = harness.filled(pairs.as_flattened());
    let copy =
        |cache| Command::CopyBlocks { pairs, block_positions, heads: HEADS, head_dim: HEAD_DIM, cache };
    let program = harness.compile([4, 0], compute(caches.map(copy).to_vec()));
    harness.submit(&program, [active, 0], &[]).unwrap();
    for (id, expected) in expected {
        let what = harness.layout.buffers[id.0 as usize].element;
        assert!(harness.bytes(id) == expected, "{active} copies of blocks of {block_positions} x {what}");
    }
}

fn filled<T: Item>(harness: &mut Harness, bytes: &[u8]) -> BufferId {
    harness.filled::<T>(&bytemuck::pod_collect_to_vec(bytes))
}

fn copied(mut bytes: Vec<u8>, block: usize, pairs: &[[u32; 2]]) -> Vec<u8> {
    for pair in pairs {
        let [from, to] = pair.map(|number| number as usize * block);
        bytes.copy_within(from..from + block, to);
    }
    bytes
}
