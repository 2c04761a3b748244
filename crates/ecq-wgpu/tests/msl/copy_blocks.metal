// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
};

typedef uint type_3[1];
typedef metal::atomic_uint type_5[1];
struct CopyParameters {
    uint block_bytes;
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint CACHE_RANGE = 2u;
uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}


struct copy_blocksInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void copy_blocks(
  metal::uint3 id [[thread_position_in_grid]]
, metal::uint3 groups [[threadgroups_per_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant CopyParameters& copy_p [[user(fake0)]]
, device type_3 const& copy_pairs [[user(fake0)]]
, device type_5& copy_data [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint i = {};
    uint pair = {};
    uint i_1 = {};
    uint pair_1 = {};
    uint pairs = active_rows.x;
    uint bytes = copy_p.block_bytes;
    if (naga_mod(bytes, 4u) == 0u) {
        i = id.x;
        bool loop_init = true;
        while(true) {
            if (!loop_init) {
                uint _e54 = i;
                i = _e54 + (groups.x * 256u);
            }
            loop_init = false;
            uint _e14 = i;
            if (_e14 < naga_div(bytes, 4u)) {
            } else {
                break;
            }
            {
                pair = 0u;
                bool loop_init_1 = true;
                while(true) {
                    if (!loop_init_1) {
                        uint _e52 = pair;
                        pair = _e52 + 1u;
                    }
                    loop_init_1 = false;
                    uint _e20 = pair;
                    if (_e20 < pairs) {
                    } else {
                        break;
                    }
                    {
                        uint _e25 = pair;
                        uint _e28 = copy_pairs[2u * _e25];
                        uint _e32 = i;
                        uint value = metal::atomic_load_explicit(&copy_data[(_e28 * naga_div(bytes, 4u)) + _e32], metal::memory_order_relaxed);
                        uint _e39 = pair;
                        uint _e44 = copy_pairs[(2u * _e39) + 1u];
                        uint _e48 = i;
                        metal::atomic_store_explicit(&copy_data[(_e44 * naga_div(bytes, 4u)) + _e48], value, metal::memory_order_relaxed);
                    }
                }
            }
        }
        return;
    }
    i_1 = id.x;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e124 = i_1;
            i_1 = _e124 + (groups.x * 256u);
        }
        loop_init_2 = false;
        uint _e61 = i_1;
        if (_e61 < bytes) {
        } else {
            break;
        }
        {
            pair_1 = 0u;
            bool loop_init_3 = true;
            while(true) {
                if (!loop_init_3) {
                    uint _e122 = pair_1;
                    pair_1 = _e122 + 1u;
                }
                loop_init_3 = false;
                uint _e65 = pair_1;
                if (_e65 < pairs) {
                } else {
                    break;
                }
                {
                    uint _e69 = pair_1;
                    uint _e72 = copy_pairs[2u * _e69];
                    uint _e74 = i_1;
                    uint source = (_e72 * bytes) + _e74;
                    uint _e78 = pair_1;
                    uint _e83 = copy_pairs[(2u * _e78) + 1u];
                    uint _e85 = i_1;
                    uint to = (_e83 * bytes) + _e85;
                    uint _e91 = metal::atomic_load_explicit(&copy_data[naga_div(source, 4u)], metal::memory_order_relaxed);
                    uint value_1 = (_e91 >> (8u * naga_mod(source, 4u))) & 255u;
                    uint _e110 = metal::atomic_fetch_and_explicit(&copy_data[naga_div(to, 4u)], ~((255u << (8u * naga_mod(to, 4u)))), metal::memory_order_relaxed);
                    uint _e120 = metal::atomic_fetch_or_explicit(&copy_data[naga_div(to, 4u)], value_1 << (8u * naga_mod(to, 4u)), metal::memory_order_relaxed);
                }
            }
        }
    }
    return;
}
