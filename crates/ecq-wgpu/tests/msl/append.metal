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
};

struct AppendParameters {
    uint heads;
    uint head_dim;
    uint width;
    uint block_positions;
    uint element;
};
typedef float type_4[1];
typedef uint type_5[1];
typedef metal::atomic_uint type_7[1];
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

uint half_bits(
    float value_3
) {
    bool local_2 = {};
    bool local_3 = {};
    uint bits = as_type<uint>(value_3);
    uint sign = (bits >> 16u) & 32768u;
    uint size = bits & 2147483647u;
    if (size > 2139095040u) {
        return sign | 32256u;
    }
    if (size >= 1199566848u) {
        return sign | 31744u;
    }
    if (size >= 947912704u) {
        return sign | ((((size + 4095u) + ((size >> 13u) & 1u)) - 939524096u) >> 13u);
    }
    uint exponent = size >> 23u;
    if (exponent < 102u) {
        return sign;
    }
    uint mantissa = (size & 8388607u) | 8388608u;
    uint shift = 126u - exponent;
    uint half_ = mantissa >> shift;
    uint rest = mantissa & ((1u << shift) - 1u);
    uint tie = 1u << (shift - 1u);
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
    uint bits_1 = as_type<uint>(value_4);
    bool _e2 = is_nan(value_4);
    if (_e2) {
        return (bits_1 >> 16u) | 64u;
    }
    return ((bits_1 + 32767u) + ((bits_1 >> 16u) & 1u)) >> 16u;
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
    device type_5 const& append_positions,
    device type_5 const& append_tables,
    device type_5 const& append_sequences,
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
int naga_f2i32(float value) {
    return static_cast<int>(metal::clamp(value, -2147483600.0, 2147483500.0));
}


struct appendInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void append(
  metal::uint3 id [[thread_position_in_grid]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant AppendParameters& append_p [[user(fake0)]]
, device type_4 const& append_x [[user(fake0)]]
, device type_5 const& append_positions [[user(fake0)]]
, device type_5 const& append_tables [[user(fake0)]]
, device type_5 const& append_sequences [[user(fake0)]]
, device type_7& append_data [[user(fake0)]]
, device type_7& append_scales [[user(fake0)]]
, device type_7& append_report [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    float inverse = 0.0;
    float largest = 0.0;
    uint i = 0u;
    uint mask = 0u;
    uint value = 0u;
    uint i_1 = 0u;
    bool local = {};
    uint element = {};
    bool local_1 = {};
    uint row_1 = id.y;
    uint head = id.z;
    uint _e5 = active_rows.x;
    if (row_1 >= _e5) {
        return;
    }
    uint _e9 = append_p.heads;
    uint _e14 = append_p.head_dim;
    uint source = ((row_1 * _e9) + head) * _e14;
    uint _e16 = place_of(row_1, append_p, append_positions, append_tables, append_sequences, _buffer_sizes);
    uint _e19 = append_p.heads;
    uint place = (_e16 * _e19) + head;
    uint _e24 = append_p.head_dim;
    uint to = place * _e24;
    uint _e28 = append_p.element;
    if (_e28 == F32_) {
        uint _e34 = append_p.head_dim;
        if (id.x < _e34) {
            float _e44 = append_x[source + id.x];
            metal::atomic_store_explicit(&append_data[to + id.x], as_type<uint>(_e44), metal::memory_order_relaxed);
        }
        return;
    }
    uint _e50 = append_p.element;
    uint bits_2 = (_e50 == I8_) ? 8u : 16u;
    uint per_word = naga_div(32u, bits_2);
    uint word = naga_div(to, per_word) + id.x;
    uint _e62 = append_p.head_dim;
    if ((word * per_word) >= (to + _e62)) {
        return;
    }
    uint _e69 = append_p.element;
    if (_e69 == I8_) {
        bool loop_init = true;
        while(true) {
            if (!loop_init) {
                uint _e90 = i;
                i = _e90 + 1u;
            }
            loop_init = false;
            uint _e76 = i;
            uint _e79 = append_p.head_dim;
            if (_e76 < _e79) {
            } else {
                break;
            }
            {
                float _e81 = largest;
                uint _e83 = i;
                float _e86 = append_x[source + _e83];
                largest = metal::max(_e81, metal::abs(_e86));
            }
        }
        float _e92 = largest;
        uint _e95 = bfloat_bits(_e92 / 127.0);
        float scale = as_type<float>(_e95 << 16u);
        if (scale > 0.0) {
            inverse = 1.0 / scale;
        }
        if (id.x == 0u) {
            uint shift_1 = 16u * (place & 1u);
            uint _e117 = metal::atomic_fetch_and_explicit(&append_scales[naga_div(place, 2u)], ~((65535u << shift_1)), metal::memory_order_relaxed);
            uint _e123 = metal::atomic_fetch_or_explicit(&append_scales[naga_div(place, 2u)], _e95 << shift_1, metal::memory_order_relaxed);
        }
    }
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e214 = i_1;
            i_1 = _e214 + 1u;
        }
        loop_init_1 = false;
        uint _e130 = i_1;
        if (_e130 < per_word) {
        } else {
            break;
        }
        {
            uint _e133 = i_1;
            uint at = (word * per_word) + _e133;
            if (!((at < to))) {
                uint _e141 = append_p.head_dim;
                local = at >= (to + _e141);
            } else {
                local = true;
            }
            bool _e145 = local;
            if (_e145) {
                continue;
            }
            float x = append_x[(source + at) - to];
            element = 0u;
            uint _e155 = append_p.element;
            if (_e155 == I8_) {
                float _e158 = inverse;
                float scaled = x * _e158;
                float rounded = (scaled >= 0.0) ? metal::floor(scaled + 0.5) : metal::ceil(scaled - 0.5);
                element = static_cast<uint>(naga_f2i32(metal::clamp(rounded, -128.0, 127.0))) & 255u;
            } else {
                uint _e178 = append_p.element;
                if (_e178 == BF16_) {
                    uint _e181 = bfloat_bits(x);
                    element = _e181;
                } else {
                    if (metal::abs(x) > 65504.0) {
                        bool _e187 = is_finite(x);
                        local_1 = _e187;
                    } else {
                        local_1 = false;
                    }
                    bool _e189 = local_1;
                    if (_e189) {
                        metal::atomic_store_explicit(&append_report[1], as_type<uint>(metal::abs(x)), metal::memory_order_relaxed);
                        metal::atomic_store_explicit(&append_report[0], CACHE_RANGE, metal::memory_order_relaxed);
                    }
                    uint _e197 = half_bits(x);
                    element = _e197;
                }
            }
            uint _e198 = mask;
            uint _e203 = i_1;
            mask = _e198 | (((1u << bits_2) - 1u) << (bits_2 * _e203));
            uint _e207 = value;
            uint _e208 = element;
            uint _e209 = i_1;
            value = _e207 | (_e208 << (bits_2 * _e209));
        }
    }
    uint _e216 = mask;
    if (_e216 == 4294967295u) {
        uint _e221 = value;
        metal::atomic_store_explicit(&append_data[word], _e221, metal::memory_order_relaxed);
        return;
    } else {
        uint _e224 = mask;
        uint _e226 = metal::atomic_fetch_and_explicit(&append_data[word], ~(_e224), metal::memory_order_relaxed);
        uint _e229 = value;
        uint _e230 = metal::atomic_fetch_or_explicit(&append_data[word], _e229, metal::memory_order_relaxed);
        return;
    }
}
