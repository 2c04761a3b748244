// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
};

typedef float type_4[1];
struct GatherParameters {
    uint which;
    uint width;
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;

struct weighInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void weigh(
  metal::uint3 id [[thread_position_in_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant GatherParameters& gather_p [[user(fake0)]]
, device type_4 const& weigh_weights [[user(fake0)]]
, device type_4& weigh_x [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    bool local = {};
    uint _e5 = gather_p.which;
    uint _e7 = active_rows[_e5];
    if (!((id.y >= _e7))) {
        uint _e15 = gather_p.width;
        local = id.x >= _e15;
    } else {
        local = true;
    }
    bool _e18 = local;
    if (_e18) {
        return;
    }
    uint _e23 = gather_p.width;
    float _e28 = weigh_x[(id.y * _e23) + id.x];
    float _e32 = weigh_weights[id.y];
    weigh_x[(id.y * _e23) + id.x] = _e28 * _e32;
    return;
}
