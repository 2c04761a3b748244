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
typedef metal::uint4 type_8[1];
struct type_10 {
    float inner[32];
};
struct type_11 {
    uint inner[16];
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant float LARGEST = 32512.0;

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
int naga_f2i32(float value) {
    return static_cast<int>(metal::clamp(value, -2147483600.0, 2147483500.0));
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
  metal::uint3 id [[thread_position_in_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant PrepareParameters& p [[user(fake0)]]
, device type_6 const& x [[user(fake0)]]
, device type_7 const& side [[user(fake0)]]
, device type_8& digits [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    bool local = {};
    type_10 values = {};
    float largest = 0.0;
    bool finite = true;
    uint i = 0u;
    bool local_1 = {};
    float inverse = 0.0;
    bool local_2 = {};
    type_11 words = {};
    metal::int2 sums = metal::int2(0, 0);
    uint i_1 = 0u;
    int number = {};
    uint i_2 = 0u;
    uint row_1 = id.y;
    uint block = id.x;
    uint _e6 = p.which;
    uint _e8 = active_rows[_e6];
    if (!((row_1 >= _e8))) {
        uint _e15 = p.blocks;
        local = block >= _e15;
    } else {
        local = true;
    }
    bool _e18 = local;
    if (_e18) {
        return;
    }
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e46 = i;
            i = _e46 + 1u;
        }
        loop_init = false;
        uint _e26 = i;
        if (_e26 < 32u) {
        } else {
            break;
        }
        {
            uint _e31 = i;
            float _e33 = value_at(row_1, (block * 32u) + _e31, p, x, side, _buffer_sizes);
            uint _e34 = i;
            values.inner[_e34] = _e33;
            bool _e36 = finite;
            if (_e36) {
                bool _e39 = is_finite(_e33);
                local_1 = _e39;
            } else {
                local_1 = false;
            }
            bool _e41 = local_1;
            finite = _e41;
            float _e42 = largest;
            largest = metal::max(_e42, metal::abs(_e33));
        }
    }
    bool _e50 = finite;
    if (_e50) {
        float _e53 = largest;
        local_2 = _e53 >= 0.000000000000000000000000000001;
    } else {
        local_2 = false;
    }
    bool _e57 = local_2;
    if (_e57) {
        float _e59 = largest;
        inverse = LARGEST / _e59;
    }
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e135 = i_1;
            i_1 = _e135 + 1u;
        }
        loop_init_1 = false;
        uint _e68 = i_1;
        if (_e68 < 32u) {
        } else {
            break;
        }
        {
            number = 0;
            float _e73 = inverse;
            if (_e73 > 0.0) {
                uint _e76 = i_1;
                float _e78 = values.inner[_e76];
                float _e79 = inverse;
                number = metal::clamp(naga_f2i32(metal::rint(_e78 * _e79)), -32512, 32512);
            }
            int _e86 = number;
            int high = as_type<int>(as_type<uint>(_e86) + as_type<uint>(128)) >> 8u;
            int _e91 = number;
            int low = as_type<int>(as_type<uint>(_e91) - as_type<uint>(as_type<int>(as_type<uint>(high) * as_type<uint>(256))));
            uint _e95 = i_1;
            uint _e99 = words.inner[naga_div(_e95, 4u)];
            uint _e104 = i_1;
            words.inner[naga_div(_e95, 4u)] = _e99 | ((as_type<uint>(high) & 255u) << (8u * naga_mod(_e104, 4u)));
            uint _e111 = i_1;
            uint _e116 = words.inner[8u + naga_div(_e111, 4u)];
            uint _e121 = i_1;
            words.inner[8u + naga_div(_e111, 4u)] = _e116 | ((as_type<uint>(low) & 255u) << (8u * naga_mod(_e121, 4u)));
            uint _e127 = i_1;
            int _e131 = sums[naga_div(_e127, 16u)];
            int _e132 = number;
            sums[naga_div(_e127, 16u)] = as_type<int>(as_type<uint>(_e131) + as_type<uint>(_e132));
        }
    }
    float _e138 = largest;
    bool _e142 = finite;
    uint scale = _e142 ? as_type<uint>(_e138 / LARGEST) : 2143289344u;
    uint _e146 = p.blocks;
    uint at = ((row_1 * _e146) + block) * 5u;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e179 = i_2;
            i_2 = _e179 + 1u;
        }
        loop_init_2 = false;
        uint _e153 = i_2;
        if (_e153 < 4u) {
        } else {
            break;
        }
        {
            uint _e157 = i_2;
            uint first = 4u * _e157;
            uint _e160 = i_2;
            uint _e164 = words.inner[first];
            uint _e168 = words.inner[first + 1u];
            uint _e172 = words.inner[first + 2u];
            uint _e176 = words.inner[first + 3u];
            digits[at + _e160] = metal::uint4(_e164, _e168, _e172, _e176);
        }
    }
    int _e182 = sums.x;
    int _e185 = sums.y;
    metal::uint2 both = metal::uint2(as_type<uint>(_e182), as_type<uint>(_e185));
    digits[at + 4u] = metal::uint4(scale, both.x, both.y, both.x + both.y);
    return;
}
