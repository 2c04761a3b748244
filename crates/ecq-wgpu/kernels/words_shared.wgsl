// The words of the lanes of a tile without subgroups: lanes meet in workgroup memory.

const MASK_WORDS: u32 = (THREADS + 31u) / 32u;
// Every TOUCH_STEPS steps, in which 32 lanes take TOUCH_WORDS words of 16 bits for symbols of 8 bits, they
// touch the words that are TOUCH_WORDS ahead. (With ballots, before words were in registers, it saved an
// H100 7% of the time; without subgroups it was not measured.)
const TOUCH_STEPS: u32 = 8u;
const TOUCH_WORDS: u32 = 128u;

// Masks of three steps: of this one, and of those before and behind.
var<workgroup> masks: array<atomic<u32>, 3u * MASK_WORDS>;
var<private> turn: u32;
var<private> taken: u32;
var<private> touched: u32;

// The next word is that of 16 bits number `first`.
fn open_words(lane: u32, first: u32) {
    taken = first;
    if (lane < 3u * MASK_WORDS) { atomicStore(&masks[lane], 0u); }
    workgroupBarrier();
}

// There is no window.
fn close_window(lane: u32) {
}

// Returns the word of a lane that needs one; for all lanes of a tile.
fn next_word(lane: u32, needs: bool) -> u32 {
    if (turn % TOUCH_STEPS == 0u) {
        // Without a use words would not be touched.
        taken += touched & p.nothing;
        touched = half_word(taken + TOUCH_WORDS + TOUCH_WORDS / 32u * lane);
    }
    let first = turn % 3u * MASK_WORDS;
    turn++;
    if (needs) { atomicOr(&masks[first + lane / 32u], 1u << (lane % 32u)); }
    workgroupBarrier();
    var before = 0u;
    var all = 0u;
    for (var i = 0u; i < MASK_WORDS; i++) {
        let mask = atomicLoad(&masks[first + i]);
        all += countOneBits(mask);
        if (i < lane / 32u) { before += countOneBits(mask); }
        if (i == lane / 32u) { before += countOneBits(mask & ((1u << (lane % 32u)) - 1u)); }
    }
    // All lanes have read the mask of the step before.
    if (lane < MASK_WORDS) { atomicStore(&masks[(turn + 1u) % 3u * MASK_WORDS + lane], 0u); }
    var word = 0u;
    if (needs) { word = half_word(taken + before); }
    taken += all;
    return word;
}

fn words_taken() -> u32 {
    return taken;
}
