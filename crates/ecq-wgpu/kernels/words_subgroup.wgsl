// The words of the lanes of a tile, which are the first 32 lanes of a subgroup or all of them.
//
// A lane holds the words of 32 bits number `base` + lane, + 32 and + 64 in registers, where the others find
// theirs: the window. A step takes words of 17 in a row, at most one of each lane. Four steps take 64 words
// at most, so that they stay in a window if the first one begins below word `base` + 32.

// `base` is a multiple of 32, so that a load is a line of a cache. `used` counts words of 16 bits from it on.
var<private> base: u32;
var<private> used: u32;
var<private> window: vec3<u32>;
// What comes behind the window. It is loaded when the window moves, and first read when it moves again: a
// compiler waits for a load where its register is read.
var<private> ahead: u32;

// The next word is that of 16 bits number `first`. It is the same for all lanes; the broadcast tells
// compilers, which then know that lanes do not part where the window moves.
fn open_words(lane: u32, first: u32) {
    let at = subgroupBroadcastFirst(first);
    base = at / 64u * 32u;
    used = at - 2u * base;
    let own = base + lane;
    window = vec3<u32>(stream_word(own), stream_word(own + 32u), stream_word(own + 64u));
    ahead = stream_word(own + 96u);
}

// Moves the window by 32 words if they are used up.
fn move_window(lane: u32) {
    if (used < 64u) { return; }
    used -= 64u;
    base += 32u;
    window = vec3<u32>(window.yz, ahead);
    ahead = stream_word(base + 96u + lane);
}

// Moves the window behind at most four steps, which use up at most twice 32 words; for all lanes of a tile.
fn close_window(lane: u32) {
    move_window(lane);
    move_window(lane);
}

// Returns the word of a lane that needs one; for all lanes of a tile.
fn next_word(lane: u32, needs: bool) -> u32 {
    let all = subgroupBallot(needs).x;
    let at = used + countOneBits(all & ((1u << lane) - 1u));
    // The first of the lane's words that is not behind this step.
    let first = used / 2u;
    let own = select(select(window.z, window.y, first <= lane + 32u), window.x, first <= lane);
    let word = subgroupShuffle(own, at / 2u % 32u);
    used += countOneBits(all);
    return word >> (16u * (at % 2u)) & 0xffffu;
}

fn words_taken() -> u32 {
    return 2u * base + used;
}
