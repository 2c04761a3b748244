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
    float value_2 = x[(row * _e10) + col];
    uint _e17 = p.scaled;
    if (_e17 == 0u) {
        return value_2;
    }
    uint _e23 = p.col_scales;
    uint _e26 = side[_e23 + col];
    return value_2 * as_type<float>(_e26);
}

float inverse_of(
    float largest,
    uint all_finite_1
) {
    bool local = {};
    if (all_finite_1 == 1u) {
        local = largest >= 0.000000000000000000000000000001;
    } else {
        local = false;
    }
    bool _e9 = local;
    if (_e9) {
        return LARGEST / largest;
    }
    return 0.0;
}

int naga_f2i32(float value) {
    return static_cast<int>(metal::clamp(value, -2147483600.0, 2147483500.0));
}

int integer_of(
    float value_1,
    float inverse
) {
    if (inverse == 0.0) {
        return 0;
    }
    return metal::clamp(naga_f2i32(metal::rint(value_1 * inverse)), -32512, 32512);
}

metal::uint2 digits_of(
    int number
) {
    int high = as_type<int>(as_type<uint>(number) + as_type<uint>(128)) >> 8u;
    int low = as_type<int>(as_type<uint>(number) - as_type<uint>(as_type<int>(as_type<uint>(high) * as_type<uint>(256))));
    return metal::uint2(as_type<uint>(high), as_type<uint>(low)) & metal::uint2(255u);
}

uint scale_bits(
    float largest_1,
    uint all_finite_2
) {
    return (all_finite_2 == 1u) ? as_type<uint>(largest_1 / LARGEST) : 2143289344u;
}
uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
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
, threadgroup type_8& largest_2
, threadgroup type_9& finite
, threadgroup type_10& sums
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_12 values = {};
    float most = 0.0;
    uint all_finite = 1u;
    uint i = 0u;
    uint i_1 = 0u;
    metal::uint2 words = metal::uint2(0u, 0u);
    type_13 numbers = {};
    int sum = 0;
    uint i_2 = 0u;
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
    largest_2.inner[thread_] = _e50;
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
            float _e64 = largest_2.inner[first + _e61];
            most = metal::max(_e59, _e64);
            uint _e66 = all_finite;
            uint _e68 = i_1;
            uint _e71 = finite.inner[first + _e68];
            all_finite = _e66 & _e71;
        }
    }
    float _e76 = most;
    uint _e77 = all_finite;
    float _e78 = inverse_of(_e76, _e77);
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e108 = i_2;
            i_2 = _e108 + 1u;
        }
        loop_init_2 = false;
        uint _e88 = i_2;
        if (_e88 < 4u) {
        } else {
            break;
        }
        {
            uint _e91 = i_2;
            float _e93 = values.inner[_e91];
            int _e94 = integer_of(_e93, _e78);
            metal::uint2 _e95 = words;
            metal::uint2 _e96 = digits_of(_e94);
            uint _e98 = i_2;
            words = _e95 | (_e96 << metal::uint2(8u * _e98));
            uint _e103 = i_2;
            numbers.inner[_e103] = _e94;
            int _e105 = sum;
            sum = as_type<int>(as_type<uint>(_e105) + as_type<uint>(_e94));
        }
    }
    int _e112 = sum;
    sums.inner[thread_] = _e112;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e115 = p.blocks;
    if (block >= _e115) {
        return;
    }
    uint _e119 = p.blocks;
    at = ((row_1 * _e119) + block) * 20u;
    if (false) {
        uint _e128 = p.blocks;
        at = ((row_1 * _e128) + block) * 36u;
        bool loop_init_3 = true;
        while(true) {
            if (!loop_init_3) {
                uint _e151 = i_3;
                i_3 = _e151 + 1u;
            }
            loop_init_3 = false;
            uint _e135 = i_3;
            if (_e135 < 4u) {
            } else {
                break;
            }
            {
                uint _e139 = at;
                uint _e143 = i_3;
                uint _e146 = i_3;
                int _e148 = numbers.inner[_e146];
                digits[(_e139 + (4u * part)) + _e143] = as_type<uint>(_e148);
            }
        }
        uint _e153 = at;
        at = _e153 + 16u;
    } else {
        uint _e157 = at;
        uint _e161 = words.x;
        digits[_e157 + part] = _e161;
        uint _e163 = at;
        uint _e169 = words.y;
        digits[(_e163 + 8u) + part] = _e169;
    }
    if (part == 0u) {
        bool loop_init_4 = true;
        while(true) {
            if (!loop_init_4) {
                uint _e193 = i_4;
                i_4 = _e193 + 1u;
            }
            loop_init_4 = false;
            uint _e178 = i_4;
            if (_e178 < BLOCK_THREADS) {
            } else {
                break;
            }
            {
                uint _e181 = i_4;
                int _e185 = half_[naga_div(_e181, 4u)];
                uint _e187 = i_4;
                int _e190 = sums.inner[first + _e187];
                half_[naga_div(_e181, 4u)] = as_type<int>(as_type<uint>(_e185) + as_type<uint>(_e190));
            }
        }
        uint _e196 = at;
        float _e200 = most;
        uint _e201 = all_finite;
        uint _e202 = scale_bits(_e200, _e201);
        digits[_e196 + 16u] = _e202;
        uint _e204 = at;
        int _e209 = half_.x;
        digits[_e204 + 17u] = as_type<uint>(_e209);
        uint _e212 = at;
        int _e217 = half_.y;
        digits[_e212 + 18u] = as_type<uint>(_e217);
        uint _e220 = at;
        int _e225 = half_.x;
        int _e227 = half_.y;
        digits[_e220 + 19u] = as_type<uint>(as_type<int>(as_type<uint>(_e225) + as_type<uint>(_e227)));
        return;
    } else {
        return;
    }
}
