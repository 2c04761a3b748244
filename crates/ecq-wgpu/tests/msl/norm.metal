// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size3;
    uint size4;
    uint size5;
    uint size6;
};

struct type_3 {
    float inner[256];
};
struct NormParameters {
    uint which;
    uint heads;
    uint width;
    uint layer;
    float eps;
};
typedef float type_4[1];
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

float sum_group(
    uint thread_1,
    float value_1,
    threadgroup type_3& sums
) {
    uint distance = 128u;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    sums.inner[thread_1] = value_1;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e22 = distance;
            distance = naga_div(_e22, 2u);
        }
        loop_init = false;
        uint _e6 = distance;
        if (_e6 > 0u) {
        } else {
            break;
        }
        {
            uint _e9 = distance;
            if (thread_1 < _e9) {
                float _e15 = sums.inner[thread_1];
                uint _e17 = distance;
                float _e20 = sums.inner[thread_1 + _e17];
                sums.inner[thread_1] = _e15 + _e20;
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    float _e27 = sums.inner[0];
    return _e27;
}

struct normInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void norm(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, threadgroup type_3& sums
, constant NormParameters& norm_p [[user(fake0)]]
, device type_4 const& norm_x [[user(fake0)]]
, device type_4 const& norm_weight [[user(fake0)]]
, device type_4 const& norm_bias [[user(fake0)]]
, device type_4& norm_y [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    float mean = 0.0;
    float sum = 0.0;
    uint i = {};
    float squares = 0.0;
    uint i_1 = {};
    uint i_2 = {};
    float value = {};
    uint row = group.x;
    uint _e6 = norm_p.which;
    uint _e8 = active_rows[_e6];
    uint _e11 = norm_p.heads;
    if (row >= (_e8 * _e11)) {
        return;
    }
    uint width = norm_p.width;
    uint start = row * width;
    uint _e22 = norm_p.layer;
    if (_e22 != 0u) {
        i = thread_;
        bool loop_init_1 = true;
        while(true) {
            if (!loop_init_1) {
                uint _e37 = i;
                i = _e37 + THREADS;
            }
            loop_init_1 = false;
            uint _e28 = i;
            if (_e28 < width) {
            } else {
                break;
            }
            {
                float _e30 = sum;
                uint _e32 = i;
                float _e35 = norm_x[start + _e32];
                sum = _e30 + _e35;
            }
        }
        float _e40 = sum;
        float _e41 = sum_group(thread_, _e40, sums);
        mean = _e41 / static_cast<float>(width);
    }
    i_1 = thread_;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e58 = i_1;
            i_1 = _e58 + THREADS;
        }
        loop_init_2 = false;
        uint _e47 = i_1;
        if (_e47 < width) {
        } else {
            break;
        }
        {
            uint _e50 = i_1;
            float _e53 = norm_x[start + _e50];
            float _e54 = mean;
            float value_2 = _e53 - _e54;
            float _e56 = squares;
            squares = metal::fma(value_2, value_2, _e56);
        }
    }
    float _e61 = squares;
    float _e62 = sum_group(thread_, _e61, sums);
    float _e67 = norm_p.eps;
    float scale = 1.0 / metal::sqrt((_e62 / static_cast<float>(width)) + _e67);
    i_2 = thread_;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e105 = i_2;
            i_2 = _e105 + THREADS;
        }
        loop_init_3 = false;
        uint _e73 = i_2;
        if (_e73 < width) {
        } else {
            break;
        }
        {
            uint _e76 = i_2;
            float _e79 = norm_x[start + _e76];
            float _e80 = mean;
            uint _e84 = i_2;
            float _e86 = norm_weight[_e84];
            value = ((_e79 - _e80) * scale) * _e86;
            uint _e91 = norm_p.layer;
            if (_e91 != 0u) {
                float _e94 = value;
                uint _e96 = i_2;
                float _e98 = norm_bias[_e96];
                value = _e94 + _e98;
            }
            uint _e101 = i_2;
            float _e104 = value;
            norm_y[start + _e101] = _e104;
        }
    }
    return;
}
