// Choices: the largest logit, sampled tokens, experts. A workgroup per row.

const THREADS: u32 = 256u;
const NONE: u32 = 0xffffffffu;
const LEAST_BITS: u32 = 0xff800000u;

// Sort key of a logit: descending logits, then, in the second word, ascending tokens.
fn descending(logit: f32) -> u32 {
    let bits = bitcast<u32>(logit);
    return ~select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn logit_of(key: u32) -> f32 {
    let ascending = ~key;
    return bitcast<f32>(select(~ascending, ascending & 0x7fffffffu, (ascending >> 31u) == 1u));
}

fn before(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.x < b.x || (a.x == b.x && a.y < b.y);
}

var<workgroup> best: array<vec2<u32>, THREADS>;

// Reduces the keys of all threads to the first one; all threads get it.
fn first_key(thread: u32, own: vec2<u32>) -> vec2<u32> {
    workgroupBarrier();
    best[thread] = own;
    workgroupBarrier();
    for (var distance = THREADS / 2u; distance > 0u; distance /= 2u) {
        if (thread < distance && before(best[thread + distance], best[thread])) {
            best[thread] = best[thread + distance];
        }
        workgroupBarrier();
    }
    return best[0];
}

// A logit as it is ranked: NaN like negative infinity, -0 like 0.
fn ranked(logit: f32) -> f32 {
    if (is_nan(logit)) { return bitcast<f32>(LEAST_BITS); }
    return select(logit, 0.0, logit == 0.0);
}

struct ChoiceParameters {
    width: u32,
    room: u32,                   // candidates of a row
}

@group(0) @binding(0) var<uniform> choice_p: ChoiceParameters;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read_write> chosen: array<u32>;

// Returns the key of the first largest logit of a row.
fn largest(thread: u32, start: u32) -> vec2<u32> {
    var own = vec2<u32>(NONE, NONE);
    for (var i = thread; i < choice_p.width; i += THREADS) {
        let key = vec2<u32>(descending(ranked(logits[start + i])), i);
        if (before(key, own)) { own = key; }
    }
    return first_key(thread, own);
}

@compute @workgroup_size(256)
fn argmax(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    if (row >= active_rows[1]) { return; }
    let found = largest(thread, row * choice_p.width);
    if (thread == 0u) { chosen[row] = select(NONE, found.y, is_finite(logit_of(found.x))); }
}

@group(0) @binding(4) var<storage, read> parameters: array<f32>;
@group(0) @binding(5) var<storage, read_write> keys: array<vec2<u32>>;
@group(0) @binding(6) var<storage, read_write> weights: array<f32>;

var<workgroup> counted: atomic<u32>;

// Samples as `sample_token` of the host, in the same order of sums.
@compute @workgroup_size(256)
fn sample(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    if (row >= active_rows[1]) { return; }
    let start = row * choice_p.width;
    let temperature = parameters[5u * row];
    let top_k = u32(parameters[5u * row + 1u]);
    let top_p = parameters[5u * row + 2u];
    let min_p = parameters[5u * row + 3u];
    let uniform_number = parameters[5u * row + 4u];
    let found = largest(thread, start);
    let most = logit_of(found.x);
    if (!is_finite(most) || temperature == 0.0 || top_k == 1u) {
        if (thread == 0u) { chosen[row] = select(NONE, found.y, is_finite(most)); }
        return;
    }
    if (thread == 0u) { atomicStore(&counted, 0u); }
    workgroupBarrier();
    // Candidates in any order; they are sorted below.
    let own = row * choice_p.room;
    let lowest = -17.0 * temperature;
    for (var token = thread; token < choice_p.width; token += THREADS) {
        let logit = logits[start + token];
        if (!is_nan(logit) && logit - most >= lowest) {
            keys[own + atomicAdd(&counted, 1u)] = vec2<u32>(descending(logit), token);
        }
    }
    storageBarrier();
    workgroupBarrier();
    var n = atomicLoad(&counted);
    var size = 1u;
    while (size < n) { size *= 2u; }
    for (var i = n + thread; i < size; i += THREADS) { keys[own + i] = vec2<u32>(NONE, NONE); }
    storageBarrier();
    workgroupBarrier();
    // Bitonic sort (Batcher, 1968).
    for (var length = 2u; length <= size; length *= 2u) {
        for (var distance = length / 2u; distance > 0u; distance /= 2u) {
            for (var i = thread; i < size / 2u; i += THREADS) {
                let a = 2u * i - (i & (distance - 1u));
                let low = keys[own + a];
                let high = keys[own + a + distance];
                if (before(high, low) == ((a & length) == 0u)) {
                    keys[own + a] = high;
                    keys[own + a + distance] = low;
                }
            }
            storageBarrier();
            workgroupBarrier();
        }
    }
    if (top_k > 0u) { n = min(n, top_k); }
    for (var i = thread; i < n; i += THREADS) {
        weights[own + i] = exponential((logit_of(keys[own + i].x) - most) / temperature);
    }
    storageBarrier();
    workgroupBarrier();
    if (thread != 0u) { return; }
    var total = 0.0;
    for (var i = 0u; i < n; i++) { total += weights[own + i]; }
    var reached = 0.0;
    var keep = 0u;
    for (; keep < n; keep++) {
        let weight = weights[own + keep];
        if (weight < min_p || (reached >= top_p * total && keep > 0u)) { break; }
        reached += weight;
    }
    var left = uniform_number * reached;
    var place = max(keep, 1u) - 1u;
    for (var i = 0u; i < keep; i++) {
        left -= weights[own + i];
        if (left < 0.0) {
            place = i;
            break;
        }
    }
    chosen[row] = select(NONE, keys[own + place].y, keep > 0u);
}

struct RouteParameters {
    experts: u32,
    top_k: u32,
    renormalize: u32,
}

@group(0) @binding(0) var<uniform> route_p: RouteParameters;
@group(0) @binding(4) var<storage, read_write> route_weights: array<f32>;

// Most experts of a router.
const MAX_EXPERTS: u32 = 1024u;

var<workgroup> taken: array<u32, MAX_EXPERTS>;

// Chooses the experts of a row: those with the largest logits, in ascending order.
@compute @workgroup_size(256)
fn route(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    if (row >= active_rows[0]) { return; }
    let start = row * route_p.experts;
    for (var i = thread; i < MAX_EXPERTS; i += THREADS) { taken[i] = 0u; }
    var most = bitcast<f32>(LEAST_BITS);
    for (var k = 0u; k < route_p.top_k; k++) {
        var own = vec2<u32>(NONE, NONE);
        for (var i = thread; i < route_p.experts; i += THREADS) {
            let key = vec2<u32>(descending(ranked(logits[start + i])), i);
            if (taken[i] == 0u && before(key, own)) { own = key; }
        }
        let found = first_key(thread, own);
        if (thread == 0u && found.y < route_p.experts) { taken[found.y] = 1u; }
        if (k == 0u) { most = logit_of(found.x); }
        workgroupBarrier();
    }
    if (thread != 0u) { return; }
    var all = 0.0;
    for (var i = 0u; i < route_p.experts; i++) { all += exponential(logits[start + i] - most); }
    var sum = 0.0;
    var k = row * route_p.top_k;
    for (var i = 0u; i < route_p.experts; i++) {
        if (taken[i] == 0u) { continue; }
        let weight = exponential(logits[start + i] - most) / all;
        chosen[k] = i;
        route_weights[k] = weight;
        sum += weight;
        k++;
    }
    if (route_p.renormalize != 0u) {
        for (var i = row * route_p.top_k; i < k; i++) { route_weights[i] = route_weights[i] / sum; }
    }
}
