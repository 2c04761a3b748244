// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
    uint size4;
};

struct PrepareParameters {
    uint which;
    uint cols;
    uint blocks;
    uint col_scales;
    uint scaled;
};
typedef float type_6[1];
typedef uint type_7[1];
struct type_8 {
    float inner[64];
};
struct type_9 {
    uint inner[64];
};
struct type_10 {
    int inner[64];
};
struct type_12 {
    float inner[4];
};
struct type_13 {
    int inner[4];
};
constant uint VALUES = 0u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant float LARGEST = 32512.0;
constant uint THREADS = 64u;
constant uint BLOCK_THREADS = 8u;

bool is_finite(
    float value
) {
    return (as_type<uint>(value) & 2139095040u) != 2139095040u;
}

float value_at(
    uint row,
    uint col,
    constant PrepareParameters& p,
    device type_6 const& x,
    device type_7 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.cols;
    if (col >= _e4) {
        return 0.0;
    }
    uint _e10 = p.cols;
    float value_1 = x[(row * _e10) + col];
    uint _e17 = p.scaled;
    if (_e17 == 0u) {
        return value_1;
    }
    uint _e23 = p.col_scales;
    uint _e26 = side[_e23 + col];
    return value_1 * as_type<float>(_e26);
}
uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

int naga_f2i32(float value) {
    return static_cast<int>(metal::clamp(value, -2147483600.0, 2147483500.0));
}


struct prepareInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void prepare(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant PrepareParameters& p [[user(fake0)]]
, device type_6 const& x [[user(fake0)]]
, device type_7 const& side [[user(fake0)]]
, device type_7& digits [[user(fake0)]]
, threadgroup type_8& largest
, threadgroup type_9& finite
, threadgroup type_10& sums
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_12 values = {};
    float most = 0.0;
    uint all_finite = 1u;
    uint i = 0u;
    uint i_1 = 0u;
    float inverse = 0.0;
    bool local = {};
    metal::uint2 words = metal::uint2(0u, 0u);
    type_13 numbers = {};
    int sum = 0;
    uint i_2 = 0u;
    int number = {};
    uint at = {};
    uint i_3 = 0u;
    metal::int2 half_ = metal::int2(0, 0);
    uint i_4 = 0u;
    uint row_1 = group.y;
    uint _e6 = p.which;
    uint _e8 = active_rows[_e6];
    if (row_1 >= _e8) {
        return;
    }
    uint block = (group.x * 8u) + naga_div(thread_, BLOCK_THREADS);
    uint part = naga_mod(thread_, BLOCK_THREADS);
    uint first = thread_ - part;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e46 = i;
            i = _e46 + 1u;
        }
        loop_init = false;
        uint _e26 = i;
        if (_e26 < 4u) {
        } else {
            break;
        }
        {
            uint _e34 = i;
            float _e36 = value_at(row_1, ((block * 32u) + (part * 4u)) + _e34, p, x, side, _buffer_sizes);
            uint _e37 = i;
            values.inner[_e37] = _e36;
            bool _e39 = is_finite(_e36);
            if (!(_e39)) {
                all_finite = 0u;
            }
            float _e42 = most;
            most = metal::max(_e42, metal::abs(_e36));
        }
    }
    float _e50 = most;
    largest.inner[thread_] = _e50;
    uint _e53 = all_finite;
    finite.inner[thread_] = _e53;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e74 = i_1;
            i_1 = _e74 + 1u;
        }
        loop_init_1 = false;
        uint _e56 = i_1;
        if (_e56 < BLOCK_THREADS) {
        } else {
            break;
        }
        {
            float _e59 = most;
            uint _e61 = i_1;
            float _e64 = largest.inner[first + _e61];
            most = metal::max(_e59, _e64);
            uint _e66 = all_finite;
            uint _e68 = i_1;
            uint _e71 = finite.inner[first + _e68];
            all_finite = _e66 & _e71;
        }
    }
    uint _e78 = all_finite;
    if (_e78 == 1u) {
        float _e83 = most;
        local = _e83 >= 0.000000000000000000000000000001;
    } else {
        local = false;
    }
    bool _e87 = local;
    if (_e87) {
        float _e89 = most;
        inverse = LARGEST / _e89;
    }
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e147 = i_2;
            i_2 = _e147 + 1u;
        }
        loop_init_2 = false;
        uint _e100 = i_2;
        if (_e100 < 4u) {
        } else {
            break;
        }
        {
            number = 0;
            float _e105 = inverse;
            if (_e105 > 0.0) {
                uint _e108 = i_2;
                float _e110 = values.inner[_e108];
                float _e111 = inverse;
                number = metal::clamp(naga_f2i32(metal::rint(_e110 * _e111)), -32512, 32512);
            }
            int _e118 = number;
            int high = as_type<int>(as_type<uint>(_e118) + as_type<uint>(128)) >> 8u;
            int _e123 = number;
            int low = as_type<int>(as_type<uint>(_e123) - as_type<uint>(as_type<int>(as_type<uint>(high) * as_type<uint>(256))));
            metal::uint2 _e127 = words;
            uint _e135 = i_2;
            words = _e127 | ((metal::uint2(as_type<uint>(high), as_type<uint>(low)) & metal::uint2(255u)) << metal::uint2(8u * _e135));
            uint _e140 = i_2;
            int _e142 = number;
            numbers.inner[_e140] = _e142;
            int _e143 = sum;
            int _e144 = number;
            sum = as_type<int>(as_type<uint>(_e143) + as_type<uint>(_e144));
        }
    }
    int _e151 = sum;
    sums.inner[thread_] = _e151;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e154 = p.blocks;
    if (block >= _e154) {
        return;
    }
    uint _e158 = p.blocks;
    at = ((row_1 * _e158) + block) * 20u;
    if (false) {
        uint _e167 = p.blocks;
        at = ((row_1 * _e167) + block) * 36u;
        bool loop_init_3 = true;
        while(true) {
            if (!loop_init_3) {
                uint _e190 = i_3;
                i_3 = _e190 + 1u;
            }
            loop_init_3 = false;
            uint _e174 = i_3;
            if (_e174 < 4u) {
            } else {
                break;
            }
            {
                uint _e178 = at;
                uint _e182 = i_3;
                uint _e185 = i_3;
                int _e187 = numbers.inner[_e185];
                digits[(_e178 + (4u * part)) + _e182] = as_type<uint>(_e187);
            }
        }
        uint _e192 = at;
        at = _e192 + 16u;
    } else {
        uint _e196 = at;
        uint _e200 = words.x;
        digits[_e196 + part] = _e200;
        uint _e202 = at;
        uint _e208 = words.y;
        digits[(_e202 + 8u) + part] = _e208;
    }
    if (part == 0u) {
        bool loop_init_4 = true;
        while(true) {
            if (!loop_init_4) {
                uint _e232 = i_4;
                i_4 = _e232 + 1u;
            }
            loop_init_4 = false;
            uint _e217 = i_4;
            if (_e217 < BLOCK_THREADS) {
            } else {
                break;
            }
            {
                uint _e220 = i_4;
                int _e224 = half_[naga_div(_e220, 4u)];
                uint _e226 = i_4;
                int _e229 = sums.inner[first + _e226];
                half_[naga_div(_e220, 4u)] = as_type<int>(as_type<uint>(_e224) + as_type<uint>(_e229));
            }
        }
        uint _e235 = at;
        float _e240 = most;
        uint _e244 = all_finite;
        digits[_e235 + 16u] = (_e244 == 1u) ? as_type<uint>(_e240 / LARGEST) : 2143289344u;
        uint _e249 = at;
        int _e254 = half_.x;
        digits[_e249 + 17u] = as_type<uint>(_e254);
        uint _e257 = at;
        int _e262 = half_.y;
        digits[_e257 + 18u] = as_type<uint>(_e262);
        uint _e265 = at;
        int _e270 = half_.x;
        int _e272 = half_.y;
        digits[_e265 + 19u] = as_type<uint>(as_type<int>(as_type<uint>(_e270) + as_type<uint>(_e272)));
        return;
    } else {
        return;
    }
}
