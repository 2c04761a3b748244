// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
    uint size4;
    uint size5;
    uint size6;
    uint size7;
    uint size8;
    uint size10;
    uint size11;
};

struct AppendParameters {
    uint heads;
    uint head_dim;
    uint width;
    uint block_positions;
    uint element;
};
typedef float type_6[1];
typedef uint type_7[1];
typedef metal::atomic_uint type_9[1];
struct CopyParameters {
    uint block_bytes;
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint CACHE_RANGE = 2u;

bool is_finite(
    float value_1
) {
    return (as_type<uint>(value_1) & 2139095040u) != 2139095040u;
}

bool is_nan(
    float value_2
) {
    return (as_type<uint>(value_2) & 2147483647u) > 2139095040u;
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
    uint bits = as_type<uint>(angle);
    int exponent = metal::min(as_type<int>(as_type<uint>(static_cast<int>(bits >> 23u)) - as_type<uint>(127)), 23);
    uint mantissa = (bits & 8388607u) | 8388608u;
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
    float value_3
) {
    bool local_2 = {};
    bool local_3 = {};
    uint bits_1 = as_type<uint>(value_3);
    uint sign = (bits_1 >> 16u) & 32768u;
    uint size = bits_1 & 2147483647u;
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
            local_3 = (half_ & 1u) == 1u;
        } else {
            local_3 = false;
        }
        bool _e64 = local_3;
        local_2 = _e64;
    } else {
        local_2 = true;
    }
    bool _e66 = local_2;
    return sign | (half_ + (_e66 ? 1u : 0u));
}

uint bfloat_bits(
    float value_4
) {
    uint bits_2 = as_type<uint>(value_4);
    bool _e2 = is_nan(value_4);
    if (_e2) {
        return (bits_2 >> 16u) | 64u;
    }
    return ((bits_2 + 32767u) + ((bits_2 >> 16u) & 1u)) >> 16u;
}

float float_of_pair(
    uint element_1,
    uint word,
    uint i_4
) {
    if (element_1 == F16_) {
        metal::float2 pair_2 = float2(as_type<half2>(word));
        return ((i_4 & 1u) == 1u) ? pair_2.y : pair_2.x;
    }
    return as_type<float>((word >> (16u * (i_4 & 1u))) << 16u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint place_of(
    uint row,
    constant AppendParameters& append_p,
    device type_7 const& append_positions,
    device type_7 const& append_tables,
    device type_7 const& append_sequences,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint position = append_positions[row];
    uint _e6 = append_sequences[row];
    uint _e9 = append_p.width;
    uint table = _e6 * _e9;
    uint _e14 = append_p.block_positions;
    uint block = append_tables[table + naga_div(position, _e14)];
    uint _e21 = append_p.block_positions;
    uint _e25 = append_p.block_positions;
    return (block * _e21) + naga_mod(position, _e25);
}

struct copy_blocksInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void copy_blocks(
  metal::uint3 id_1 [[thread_position_in_grid]]
, metal::uint3 groups [[threadgroups_per_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant CopyParameters& copy_p [[user(fake0)]]
, device type_7 const& copy_pairs [[user(fake0)]]
, device type_9& copy_data [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint i_2 = {};
    uint pair = {};
    uint i_3 = {};
    uint pair_1 = {};
    uint pairs = active_rows.x;
    uint bytes = copy_p.block_bytes;
    if (naga_mod(bytes, 4u) == 0u) {
        i_2 = id_1.x;
        bool loop_init = true;
        while(true) {
            if (!loop_init) {
                uint _e54 = i_2;
                i_2 = _e54 + (groups.x * 256u);
            }
            loop_init = false;
            uint _e14 = i_2;
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
                        uint _e32 = i_2;
                        uint value_5 = metal::atomic_load_explicit(&copy_data[(_e28 * naga_div(bytes, 4u)) + _e32], metal::memory_order_relaxed);
                        uint _e39 = pair;
                        uint _e44 = copy_pairs[(2u * _e39) + 1u];
                        uint _e48 = i_2;
                        metal::atomic_store_explicit(&copy_data[(_e44 * naga_div(bytes, 4u)) + _e48], value_5, metal::memory_order_relaxed);
                    }
                }
            }
        }
        return;
    }
    i_3 = id_1.x;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e124 = i_3;
            i_3 = _e124 + (groups.x * 256u);
        }
        loop_init_2 = false;
        uint _e61 = i_3;
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
                    uint _e74 = i_3;
                    uint source = (_e72 * bytes) + _e74;
                    uint _e78 = pair_1;
                    uint _e83 = copy_pairs[(2u * _e78) + 1u];
                    uint _e85 = i_3;
                    uint to = (_e83 * bytes) + _e85;
                    uint _e91 = metal::atomic_load_explicit(&copy_data[naga_div(source, 4u)], metal::memory_order_relaxed);
                    uint value_6 = (_e91 >> (8u * naga_mod(source, 4u))) & 255u;
                    uint _e110 = metal::atomic_fetch_and_explicit(&copy_data[naga_div(to, 4u)], ~((255u << (8u * naga_mod(to, 4u)))), metal::memory_order_relaxed);
                    uint _e120 = metal::atomic_fetch_or_explicit(&copy_data[naga_div(to, 4u)], value_6 << (8u * naga_mod(to, 4u)), metal::memory_order_relaxed);
                }
            }
        }
    }
    return;
}
