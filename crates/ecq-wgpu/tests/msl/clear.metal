// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
};

typedef float type_3[1];
struct ClearParameters {
    uint width;
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;

struct clearInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void clear(
  metal::uint3 id [[thread_position_in_grid]]
, metal::uint3 groups [[threadgroups_per_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant ClearParameters& clear_p [[user(fake0)]]
, device type_3& clear_y [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint i = {};
    uint _e4 = active_rows.x;
    uint _e7 = clear_p.width;
    uint values = _e4 * _e7;
    i = id.x;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e17 = i;
            i = _e17 + (groups.x * THREADS);
        }
        loop_init = false;
        uint _e11 = i;
        if (_e11 < values) {
        } else {
            break;
        }
        {
            uint _e14 = i;
            clear_y[_e14] = 0.0;
        }
    }
    return;
}
