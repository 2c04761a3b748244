// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
};

typedef float type_4[1];
struct RotateParameters {
    uint heads;
    uint head_dim;
    uint frequencies;
    uint neighbours;
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;
uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}


struct rotateInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void rotate(
  metal::uint3 id [[thread_position_in_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant RotateParameters& rotate_p [[user(fake0)]]
, device type_4 const& rotate_table [[user(fake0)]]
, device type_4& rotate_x [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    bool local = {};
    uint row = id.y;
    uint _e5 = rotate_p.frequencies;
    uint head = naga_div(id.x, _e5);
    uint _e10 = rotate_p.frequencies;
    uint i = naga_mod(id.x, _e10);
    uint _e14 = active_rows.x;
    if (!((row >= _e14))) {
        uint _e21 = rotate_p.heads;
        local = head >= _e21;
    } else {
        local = true;
    }
    bool _e24 = local;
    if (_e24) {
        return;
    }
    uint _e27 = rotate_p.heads;
    uint _e32 = rotate_p.head_dim;
    uint start = ((row * _e27) + head) * _e32;
    uint _e38 = rotate_p.neighbours;
    uint first = start + ((_e38 != 0u) ? (2u * i) : i);
    uint _e45 = rotate_p.frequencies;
    uint _e49 = rotate_p.neighbours;
    uint second = first + ((_e49 != 0u) ? 1u : _e45);
    uint _e58 = rotate_p.frequencies;
    uint at = ((row * 2u) * _e58) + i;
    float cosine = rotate_table[at];
    uint _e67 = rotate_p.frequencies;
    float sine = rotate_table[at + _e67];
    float a = rotate_x[first];
    float b = rotate_x[second];
    rotate_x[first] = metal::fma(a, cosine, -((b * sine)));
    rotate_x[second] = metal::fma(b, cosine, a * sine);
    return;
}
