// The words of the lanes of a tile, which are the first 32 lanes of a subgroup or all of them.
//
// A lane holds the words of 32 bits number `base` + lane and `base` + 32 + lane in registers, where the
// others find theirs: the window. A step begins below word `base` + 32 and takes words of 17 in a row, at
// most one of each lane: that of its first register, unless the step begins behind it.

// `base` is a multiple of 32, so that a load is a line of a cache. `used` counts words of 16 bits from it on.
var<private> base: u32;
var<private> used: u32;
var<private> near: u32;
var<private> far: u32;
// What `far` is next. It is loaded when half of the window is used up, and first read when all of it is: a
// compiler waits for a load where its register is read, even if it then selects another one.
var<private> ahead: u32;

// The next word is that of 16 bits number `first`. It is the same for all lanes; the broadcast tells
// compilers, which then know that lanes do not part when the window is used up.
fn open_words(lane: u32, first: u32) {
    let at = subgroupBroadcastFirst(first);
    base = at / 64u * 32u;
    used = at - 2u * base;
    near = stream_word(base + lane);
    far = stream_word(base + 32u + lane);
    ahead = stream_word(base + 64u + lane);
}

fn window_is_used() -> bool {
    return used >= 64u;
}

// Moves the window if it is used up.
fn close_window() {
    if (used < 64u) { return; }
    used -= 64u;
    base += 32u;
    near = far;
    far = ahead;
}

// Returns the word of a lane that needs one; for all lanes of a tile.
fn next_word(lane: u32, needs: bool) -> u32 {
    let all = subgroupBallot(needs).x;
    let at = used + countOneBits(all & ((1u << lane) - 1u));
    let word = subgroupShuffle(select(near, far, lane < used / 2u), at / 2u % 32u);
    let used_before = used;
    used += countOneBits(all);
    if (used_before < 32u && used >= 32u) { ahead = stream_word(base + 64u + lane); }
    return word >> (16u * (at % 2u)) & 0xffffu;
}

fn words_taken() -> u32 {
    return 2u * base + used;
}
