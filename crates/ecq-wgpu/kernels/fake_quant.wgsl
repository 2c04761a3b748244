// Fake quantization: the arithmetic of `ecq_kernels::fake_quant`, bit for bit, whatever the driver does with
// divisions (2.5 units in the last place), subnormals and sums of products.
//
// FORM is the number of vectors of a thread: 1 for small arrays, more for large ones, where there are more
// vectors than threads run at a time. A value is read and written once, so that nothing is gained by a copy
// in workgroup memory.

struct FakeParameters {
    vectors: u32,
    first: u32,                  // number of the first value within a period of channels
    run: u32,                    // consecutive values of a channel
    channels: u32,
}

@group(0) @binding(0) var<uniform> fake_p: FakeParameters;
// Bits of floats, so that NaNs stay as they are. The last vector may have values behind the end.
@group(0) @binding(2) var<storage, read> fake_x: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> fake_y: array<vec4<u32>>;

// Returns the channel of a value.
fn channel_of(i: u32) -> u32 {
    if (CHANNELS == 1u) { return 0u; }
    return (fake_p.first + i) / fake_p.run % fake_p.channels;
}

fn fake_vector(i: u32) {
    let x = fake_x[i];
    let at = 4u * i;
    fake_y[i] = vec4<u32>(
        fake_value(x.x, channel_of(at)), fake_value(x.y, channel_of(at + 1u)),
        fake_value(x.z, channel_of(at + 2u)), fake_value(x.w, channel_of(at + 3u)),
    );
}

@compute @workgroup_size(256)
fn fake_quant(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let start = (group.y * groups.x + group.x) * 256u * FORM + thread;
    for (var k = 0u; k < FORM; k++) {
        let i = start + 256u * k;
        if (i < fake_p.vectors) { fake_vector(i); }
    }
}
