// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size6;
};

typedef uint type_1[1];
struct type_2 {
    uint inner[8];
};
struct type_8 {
    uint inner[1];
};
struct Sink {
    uint cols;
    uint blocks;
    uint stride;
    uint base;
};
struct PackParameters {
    Sink sink;
    uint rows;
    uint zero;
    uint restart;
};
constant uint LAG = 12u;
constant uint BITS = 4u;
constant uint CODE_BITS = 4u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint HISTORY_WORDS = 1u;

void store_block(
    uint at,
    device type_1& words,
    thread type_2& pending,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = pending.inner[0];
    uint _e16 = pending.inner[1];
    words[at + 0u] = (((_e7 >> 0u) & 252645135u) << 0u) | (((_e16 >> 0u) & 252645135u) << 4u);
    uint _e30 = pending.inner[2];
    uint _e39 = pending.inner[3];
    words[at + 32u] = (((_e30 >> 0u) & 252645135u) << 0u) | (((_e39 >> 0u) & 252645135u) << 4u);
    uint _e53 = pending.inner[4];
    uint _e62 = pending.inner[5];
    words[at + 64u] = (((_e53 >> 0u) & 252645135u) << 0u) | (((_e62 >> 0u) & 252645135u) << 4u);
    uint _e76 = pending.inner[6];
    uint _e85 = pending.inner[7];
    words[at + 96u] = (((_e76 >> 0u) & 252645135u) << 0u) | (((_e85 >> 0u) & 252645135u) << 4u);
    return;
}

bool is_finite(
    float value
) {
    return (as_type<uint>(value) & 2139095040u) != 2139095040u;
}

bool is_nan(
    float value_1
) {
    return (as_type<uint>(value_1) & 2147483647u) > 2139095040u;
}

int naga_f2i32(float value) {
    return static_cast<int>(metal::clamp(value, -2147483600.0, 2147483500.0));
}

float exponential(
    float x
) {
    float y = 0.00019875691;
    if (x < -87.0) {
        return 0.0;
    }
    float clamped = (x > 88.0) ? 88.0 : x;
    float n = metal::rint(clamped * 1.442695);
    float r = metal::fma(n, 0.00021219444, metal::fma(n, -0.6933594, clamped));
    float _e17 = y;
    y = metal::fma(_e17, r, 0.0013981999);
    float _e20 = y;
    y = metal::fma(_e20, r, 0.008333452);
    float _e23 = y;
    y = metal::fma(_e23, r, 0.041665796);
    float _e26 = y;
    y = metal::fma(_e26, r, 0.16666666);
    float _e29 = y;
    y = metal::fma(_e29, r, 0.5);
    float _e32 = y;
    y = metal::fma(_e32 * r, r, r) + 1.0;
    float _e37 = y;
    return _e37 * as_type<float>(static_cast<uint>(as_type<int>(as_type<uint>(naga_f2i32(n)) + as_type<uint>(127))) << 23u);
}

metal::uint2 wide_product(
    uint a,
    uint b
) {
    uint low = (a & 65535u) * (b & 65535u);
    uint left = (a & 65535u) * (b >> 16u);
    uint right = (a >> 16u) * (b & 65535u);
    uint middle = ((low >> 16u) + (left & 65535u)) + (right & 65535u);
    uint high = ((((a >> 16u) * (b >> 16u)) + (left >> 16u)) + (right >> 16u)) + (middle >> 16u);
    return metal::uint2(high, (middle << 16u) | (low & 65535u));
}

metal::float2 cosine_and_sine(
    float angle
) {
    uint turn = 0u;
    uint bits_1 = as_type<uint>(angle);
    int exponent = metal::min(as_type<int>(as_type<uint>(static_cast<int>(bits_1 >> 23u)) - as_type<uint>(127)), 23);
    uint mantissa = (bits_1 & 8388607u) | 8388608u;
    metal::uint2 _e14 = wide_product(mantissa, 2475754826u);
    metal::uint2 _e16 = wide_product(mantissa, 683565275u);
    uint middle_1 = _e14.x + _e16.y;
    uint top = _e16.x + ((middle_1 < _e14.x) ? 1u : 0u);
    uint shift = static_cast<uint>(as_type<int>(as_type<uint>(23) - as_type<uint>(exponent)));
    if (shift == 0u) {
        turn = middle_1;
    } else {
        if (shift < 32u) {
            turn = (middle_1 >> shift) | (top << (32u - shift));
        } else {
            if (shift < 64u) {
                turn = top >> (shift - 32u);
            }
        }
    }
    uint _e46 = turn;
    uint quadrant = (_e46 + 536870912u) >> 30u;
    uint _e51 = turn;
    float x_1 = static_cast<float>(as_type<int>(_e51 - (quadrant << 30u))) * 0.0000000014629181;
    float z = x_1 * x_1;
    float sine = metal::fma(x_1 * z, metal::fma(z, metal::fma(z, -0.00019515296, 0.008332161), -0.16666655), x_1);
    float even = metal::fma(z, metal::fma(z, 0.000024433157, -0.0013887316), 0.041666646);
    float cosine = metal::fma(z * z, even, metal::fma(z, -0.5, 1.0));
    switch(quadrant & 3u) {
        case 0u: {
            return metal::float2(cosine, sine);
        }
        case 1u: {
            return metal::float2(-(sine), cosine);
        }
        case 2u: {
            return metal::float2(-(cosine), -(sine));
        }
        default: {
            return metal::float2(sine, -(cosine));
        }
    }
}

uint half_bits(
    float value_2
) {
    bool local = {};
    bool local_1 = {};
    uint bits_2 = as_type<uint>(value_2);
    uint sign = (bits_2 >> 16u) & 32768u;
    uint size = bits_2 & 2147483647u;
    if (size > 2139095040u) {
        return sign | 32256u;
    }
    if (size >= 1199566848u) {
        return sign | 31744u;
    }
    if (size >= 947912704u) {
        return sign | ((((size + 4095u) + ((size >> 13u) & 1u)) - 939524096u) >> 13u);
    }
    uint exponent_1 = size >> 23u;
    if (exponent_1 < 102u) {
        return sign;
    }
    uint mantissa_1 = (size & 8388607u) | 8388608u;
    uint shift_1 = 126u - exponent_1;
    uint half_ = mantissa_1 >> shift_1;
    uint rest = mantissa_1 & ((1u << shift_1) - 1u);
    uint tie = 1u << (shift_1 - 1u);
    if (!((rest > tie))) {
        if (rest == tie) {
            local_1 = (half_ & 1u) == 1u;
        } else {
            local_1 = false;
        }
        bool _e64 = local_1;
        local = _e64;
    } else {
        local = true;
    }
    bool _e66 = local;
    return sign | (half_ + (_e66 ? 1u : 0u));
}

uint bfloat_bits(
    float value_3
) {
    uint bits_3 = as_type<uint>(value_3);
    bool _e2 = is_nan(value_3);
    if (_e2) {
        return (bits_3 >> 16u) | 64u;
    }
    return ((bits_3 + 32767u) + ((bits_3 >> 16u) & 1u)) >> 16u;
}

float float_of_pair(
    uint element,
    uint word,
    uint i
) {
    if (element == F16_) {
        metal::float2 pair = float2(as_type<half2>(word));
        return ((i & 1u) == 1u) ? pair.y : pair.x;
    }
    return as_type<float>((word >> (16u * (i & 1u))) << 16u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint branch_bit(
    uint col_1,
    uint restart,
    thread type_8& history,
    thread uint& history_at
) {
    uint i_1 = 0u;
    if (false) {
        return 0u;
    }
    if (naga_mod(col_1, restart) == 0u) {
        bool loop_init = true;
        while(true) {
            if (!loop_init) {
                uint _e17 = i_1;
                i_1 = _e17 + 1u;
            }
            loop_init = false;
            uint _e9 = i_1;
            if (_e9 < HISTORY_WORDS) {
            } else {
                break;
            }
            {
                uint _e13 = i_1;
                history.inner[_e13] = 0u;
            }
        }
        history_at = 0u;
    }
    uint _e22 = history_at;
    uint _e26 = history_at;
    uint _e30 = history_at;
    uint at_1 = (_e30 >= LAG) ? (_e26 - LAG) : (_e22 + LAG);
    uint _e38 = history.inner[naga_div(at_1, 32u)];
    return (_e38 >> naga_mod(at_1, 32u)) & 1u;
}

void push_code(
    uint symbol,
    uint zero,
    thread type_8& history,
    thread uint& history_at
) {
    if (false) {
        return;
    }
    uint _e5 = history_at;
    uint _e9 = history.inner[naga_div(_e5, 32u)];
    uint _e14 = history_at;
    history.inner[naga_div(_e5, 32u)] = _e9 ^ (((symbol ^ zero) & 1u) << naga_mod(_e14, 32u));
    uint _e21 = history_at;
    uint _e26 = history_at;
    history_at = ((_e26 + 1u) == 24u) ? 0u : (_e21 + 1u);
    return;
}

void put(
    uint row,
    uint col_2,
    uint symbol_1,
    uint branch,
    device type_1& words,
    thread type_2& pending,
    constant PackParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint element_1 = {};
    bool local_2 = {};
    uint j = 0u;
    element_1 = symbol_1;
    if (true) {
        element_1 = (2u * symbol_1) + branch;
    }
    uint i_2 = naga_mod(col_2, 32u);
    uint _e15 = pending.inner[naga_div(i_2, 4u)];
    uint _e16 = element_1;
    uint _e20 = p.sink.base;
    pending.inner[naga_div(i_2, 4u)] = _e15 | (((_e16 - _e20) & 255u) << (8u * naga_mod(i_2, 4u)));
    if (!((i_2 == 31u))) {
        uint _e40 = p.sink.cols;
        local_2 = (col_2 + 1u) == _e40;
    } else {
        local_2 = true;
    }
    bool _e43 = local_2;
    if (_e43) {
        uint _e49 = p.sink.blocks;
        store_block(((((naga_div(row, 32u) * _e49) + naga_div(col_2, 32u)) * BITS) * 32u) + naga_mod(row, 32u), words, pending, _buffer_sizes);
        bool loop_init_1 = true;
        while(true) {
            if (!loop_init_1) {
                uint _e71 = j;
                j = _e71 + 1u;
            }
            loop_init_1 = false;
            uint _e63 = j;
            if (_e63 < 8u) {
            } else {
                break;
            }
            {
                uint _e67 = j;
                pending.inner[_e67] = 0u;
            }
        }
        return;
    } else {
        return;
    }
}

bool skips(
    uint first_1,
    uint rows
) {
    return false;
}

uint code_at(
    uint row_1,
    uint col_3,
    constant PackParameters& p,
    device type_1 const& bytes,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint bits = {};
    uint _e5 = p.sink.stride;
    uint start = row_1 * _e5;
    if (false) {
        uint at_2 = start + col_3;
        uint _e13 = bytes[naga_div(at_2, 4u)];
        return (_e13 >> (8u * naga_mod(at_2, 4u))) & 255u;
    }
    uint bit = (8u * naga_mod(start, 4u)) + (col_3 * CODE_BITS);
    uint word_1 = naga_div(start, 4u) + naga_div(bit, 32u);
    uint _e35 = bytes[word_1];
    bits = _e35 >> naga_mod(bit, 32u);
    if ((naga_mod(bit, 32u) + CODE_BITS) > 32u) {
        uint _e46 = bits;
        uint _e51 = bytes[word_1 + 1u];
        bits = _e46 | (_e51 << (32u - naga_mod(bit, 32u)));
    }
    uint _e58 = bits;
    return _e58 & 15u;
}

struct packInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void pack(
  metal::uint3 id [[thread_position_in_grid]]
, device type_1& words [[user(fake0)]]
, constant PackParameters& p [[user(fake0)]]
, device type_1 const& bytes [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_2 pending = {};
    type_8 history = {};
    uint history_at = {};
    uint first = 0u;
    uint end = {};
    uint col = {};
    uint row_2 = id.x;
    uint _e4 = p.rows;
    if (row_2 >= _e4) {
        return;
    }
    uint _e11 = p.sink.cols;
    end = _e11;
    if (false) {
        first = id.y * 32u;
        uint _e17 = first;
        uint _e20 = end;
        end = metal::min(_e17 + 32u, _e20);
    }
    uint _e22 = first;
    col = _e22;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e39 = col;
            col = _e39 + 1u;
        }
        loop_init_2 = false;
        uint _e24 = col;
        uint _e25 = end;
        if (_e24 < _e25) {
        } else {
            break;
        }
        {
            uint _e27 = col;
            uint _e28 = code_at(row_2, _e27, p, bytes, _buffer_sizes);
            uint _e29 = col;
            uint _e32 = p.restart;
            uint _e33 = branch_bit(_e29, _e32, history, history_at);
            uint _e36 = p.zero;
            push_code(_e28, _e36, history, history_at);
            uint _e37 = col;
            put(row_2, _e37, _e28, _e33, words, pending, p, _buffer_sizes);
        }
    }
    return;
}
