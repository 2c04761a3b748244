// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
};

typedef float type_3[1];
struct AddParameters {
    uint width;
    float scale;
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;

struct addInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void add(
  metal::uint3 id [[thread_position_in_grid]]
, metal::uint3 groups [[threadgroups_per_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant AddParameters& add_p [[user(fake0)]]
, device type_3 const& add_x [[user(fake0)]]
, device type_3& add_y [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint i = {};
    uint _e4 = active_rows.x;
    uint _e7 = add_p.width;
    uint values = _e4 * _e7;
    i = id.x;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e28 = i;
            i = _e28 + (groups.x * THREADS);
        }
        loop_init = false;
        uint _e11 = i;
        if (_e11 < values) {
        } else {
            break;
        }
        {
            uint _e14 = i;
            float _e18 = add_p.scale;
            uint _e20 = i;
            float _e22 = add_x[_e20];
            uint _e24 = i;
            float _e26 = add_y[_e24];
            add_y[_e14] = metal::fma(_e18, _e22, _e26);
        }
    }
    return;
}
