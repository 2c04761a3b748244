// Levels of any spacing: a search among the places where levels begin. Floats are compared as integers of
// the same order, and levels are copied, so that there is no arithmetic to round.

// For each channel: the number of keys (one less than a power of two), the first key, the first level.
@group(0) @binding(3) var<storage, read> fake_channels: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> fake_table: array<u32>;

fn fake_value(bits: u32, channel: u32) -> u32 {
    if ((bits & 0x7fffffffu) > 0x7f800000u) { return bits; }
    let c = fake_channels[channel];
    let key = bits ^ select(0x80000000u, 0xffffffffu, bits >= 0x80000000u);
    var level = 0u;
    for (var step = (c.x + 1u) / 2u; step > 0u; step /= 2u) {
        if (fake_table[c.y + level + step - 1u] <= key) { level += step; }
    }
    return fake_table[c.z + level];
}
