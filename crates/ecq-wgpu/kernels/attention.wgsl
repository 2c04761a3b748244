// Causal softmax attention over the paged KV cache.
//
// Constants: HEAD_DIM, and ELEMENT, the element type of the cache. The host adds `key_scale` and
// `value_scale`, which are 1 but for I8.
//
// A workgroup computes a head of a row. Positions are divided into chunks of 64, from position 0 on, which
// are added in order. So the result of a row depends only on its queries, its position and the cache.

const CHUNK: u32 = 64u;
// Values of a head per thread.
const PER_THREAD: u32 = (HEAD_DIM + CHUNK - 1u) / CHUNK;

struct AttentionParameters {
    heads: u32,
    kv_heads: u32,
    width: u32,                  // of a block table
    block_positions: u32,
    window: u32,                 // 0: no limit
    scale: f32,
}

@group(0) @binding(0) var<uniform> p: AttentionParameters;
@group(0) @binding(2) var<storage, read> queries: array<f32>;
@group(0) @binding(3) var<storage, read> keys: array<u32>;
@group(0) @binding(4) var<storage, read> values: array<u32>;
@group(0) @binding(5) var<storage, read> tables: array<u32>;
@group(0) @binding(6) var<storage, read> sequences: array<u32>;
@group(0) @binding(7) var<storage, read> positions: array<u32>;
@group(0) @binding(8) var<storage, read_write> y: array<f32>;

var<workgroup> query: array<f32, HEAD_DIM>;
var<workgroup> scores: array<f32, CHUNK>;
var<workgroup> places: array<u32, CHUNK>;

fn key_at(i: u32) -> f32 {
    if (ELEMENT == F32) { return bitcast<f32>(keys[i]); }
    if (ELEMENT == I8) { return f32(extractBits(bitcast<i32>(keys[i / 4u]), 8u * (i % 4u), 8u)); }
    return float_of_pair(ELEMENT, keys[i / 2u], i);
}

fn value_at(i: u32) -> f32 {
    if (ELEMENT == F32) { return bitcast<f32>(values[i]); }
    if (ELEMENT == I8) { return f32(extractBits(bitcast<i32>(values[i / 4u]), 8u * (i % 4u), 8u)); }
    return float_of_pair(ELEMENT, values[i / 2u], i);
}

@compute @workgroup_size(64)
fn attend(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let head = group.x;
    let row = group.y;
    if (row >= active_rows[0]) { return; }
    let end = positions[row] + 1u;
    let first = select(0u, end - p.window, p.window > 0u && end > p.window);
    let kv_head = head / (p.heads / p.kv_heads);
    let table = sequences[row] * p.width;
    for (var i = thread; i < HEAD_DIM; i += CHUNK) {
        query[i] = queries[(row * p.heads + head) * HEAD_DIM + i];
    }
    // The largest score so far, the sum of weights relative to it, and weighted sums of values.
    var largest = LEAST;
    var sum = 0.0;
    var weighted: array<f32, PER_THREAD>;
    for (var start = first / CHUNK * CHUNK; start < end; start += CHUNK) {
        // Scores and places of the chunk before are no longer read.
        workgroupBarrier();
        let position = start + thread;
        let seen = position >= first && position < end;
        var score = LEAST;
        if (seen) {
            let block = tables[table + position / p.block_positions];
            let place = (block * p.block_positions + position % p.block_positions) * p.kv_heads + kv_head;
            var product = 0.0;
            for (var d = 0u; d < HEAD_DIM; d++) {
                product = fma(query[d], key_at(place * HEAD_DIM + d), product);
            }
            score = product * key_scale(place) * p.scale;
            places[thread] = place;
        }
        scores[thread] = score;
        workgroupBarrier();
        let count = min(CHUNK, end - start);
        let begin = select(0u, first - start, first > start);
        var next = largest;
        for (var i = begin; i < count; i++) { next = max(next, scores[i]); }
        // All scores are read before they are replaced by weights.
        workgroupBarrier();
        if (seen) { scores[thread] = exponential(score - next); }
        workgroupBarrier();
        let kept = select(exponential(largest - next), 0.0, largest == LEAST);
        largest = next;
        sum *= kept;
        for (var k = 0u; k < PER_THREAD; k++) { weighted[k] *= kept; }
        for (var i = begin; i < count; i++) {
            let weight = scores[i];
            sum += weight;
            let place = places[i];
            let factor = weight * value_scale(place);
            for (var k = 0u; k < PER_THREAD; k++) {
                let d = thread + k * CHUNK;
                if (d < HEAD_DIM) { weighted[k] = fma(factor, value_at(place * HEAD_DIM + d), weighted[k]); }
            }
        }
    }
    for (var k = 0u; k < PER_THREAD; k++) {
        let d = thread + k * CHUNK;
        if (d < HEAD_DIM) { y[(row * p.heads + head) * HEAD_DIM + d] = weighted[k] / sum; }
    }
}
