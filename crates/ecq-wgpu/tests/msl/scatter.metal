// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
    uint size4;
};

typedef float type_4[1];
typedef uint type_6[1];
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

struct scatterInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void scatter(
  metal::uint3 id [[thread_position_in_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant GatherParameters& gather_p [[user(fake0)]]
, device type_4 const& gather_x [[user(fake0)]]
, device type_6 const& gather_index [[user(fake0)]]
, device type_4& gather_y [[user(fake0)]]
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
    uint _e23 = gather_index[id.y];
    uint _e26 = gather_p.width;
    float _e31 = gather_y[(_e23 * _e26) + id.x];
    uint _e36 = gather_p.width;
    float _e41 = gather_x[(id.y * _e36) + id.x];
    gather_y[(_e23 * _e26) + id.x] = _e31 + _e41;
    return;
}
