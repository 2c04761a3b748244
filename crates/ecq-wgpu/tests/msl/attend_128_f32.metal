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

struct AttentionParameters {
    uint heads;
    uint kv_heads;
    uint width;
    uint block_positions;
    uint window;
    float scale;
};
typedef float type_4[1];
typedef uint type_5[1];
struct type_6 {
    float inner[128];
};
struct type_7 {
    float inner[64];
};
struct type_8 {
    uint inner[64];
};
struct type_10 {
    float inner[2];
};
constant uint HEAD_DIM = 128u;
constant uint ELEMENT = 0u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint CHUNK = 64u;
constant uint PER_THREAD = 2u;

float key_scale(
    uint at
) {
    return 1.0;
}

float value_scale(
    uint at_1
) {
    return 1.0;
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

float float_of_pair(
    uint element,
    uint word,
    uint i_3
) {
    if (element == F16_) {
        metal::float2 pair = float2(as_type<half2>(word));
        return ((i_3 & 1u) == 1u) ? pair.y : pair.x;
    }
    return as_type<float>((word >> (16u * (i_3 & 1u))) << 16u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

float key_at(
    uint i_4,
    device type_5 const& keys,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (true) {
        uint _e4 = keys[i_4];
        return as_type<float>(_e4);
    }
    if (false) {
        uint _e11 = keys[naga_div(i_4, 4u)];
        uint _e16 = 8u * naga_mod(i_4, 4u);
        return static_cast<float>(metal::extract_bits(as_type<int>(_e11), metal::min(_e16, 32u), metal::min(8u, 32u - metal::min(_e16, 32u))));
    }
    uint _e25 = keys[naga_div(i_4, 2u)];
    float _e26 = float_of_pair(ELEMENT, _e25, i_4);
    return _e26;
}

float value_at(
    uint i_5,
    device type_5 const& values,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (true) {
        uint _e4 = values[i_5];
        return as_type<float>(_e4);
    }
    if (false) {
        uint _e11 = values[naga_div(i_5, 4u)];
        uint _e16 = 8u * naga_mod(i_5, 4u);
        return static_cast<float>(metal::extract_bits(as_type<int>(_e11), metal::min(_e16, 32u), metal::min(8u, 32u - metal::min(_e16, 32u))));
    }
    uint _e25 = values[naga_div(i_5, 2u)];
    float _e26 = float_of_pair(ELEMENT, _e25, i_5);
    return _e26;
}

struct attendInput {
};
[[max_total_threads_per_threadgroup(64)]] kernel void attend(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant AttentionParameters& p [[user(fake0)]]
, device type_4 const& queries [[user(fake0)]]
, device type_5 const& keys [[user(fake0)]]
, device type_5 const& values [[user(fake0)]]
, device type_5 const& tables [[user(fake0)]]
, device type_5 const& sequences [[user(fake0)]]
, device type_5 const& positions [[user(fake0)]]
, device type_4& y_1 [[user(fake0)]]
, threadgroup type_6& query
, threadgroup type_7& scores
, threadgroup type_8& places
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    bool local = {};
    uint i = {};
    float largest = LEAST;
    float sum = 0.0;
    type_10 weighted = {};
    uint start = {};
    bool local_1 = {};
    float score = {};
    float product = {};
    uint d = {};
    float next = {};
    uint i_1 = {};
    uint k = {};
    uint i_2 = {};
    uint k_1 = {};
    uint k_2 = 0u;
    uint head = group.x;
    uint row = group.y;
    uint _e6 = active_rows.x;
    if (row >= _e6) {
        return;
    }
    uint _e10 = positions[row];
    uint end = _e10 + 1u;
    uint _e16 = p.window;
    uint _e20 = p.window;
    if (_e20 > 0u) {
        uint _e27 = p.window;
        local = end > _e27;
    } else {
        local = false;
    }
    bool _e30 = local;
    uint first = _e30 ? (end - _e16) : 0u;
    uint _e34 = p.heads;
    uint _e37 = p.kv_heads;
    uint kv_head = naga_div(head, naga_div(_e34, _e37));
    uint _e42 = sequences[row];
    uint _e45 = p.width;
    uint table = _e42 * _e45;
    i = thread_;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e66 = i;
            i = _e66 + CHUNK;
        }
        loop_init = false;
        uint _e48 = i;
        if (_e48 < HEAD_DIM) {
        } else {
            break;
        }
        {
            uint _e52 = i;
            uint _e57 = p.heads;
            uint _e62 = i;
            float _e65 = queries[(((row * _e57) + head) * HEAD_DIM) + _e62];
            query.inner[_e52] = _e65;
        }
    }
    start = naga_div(first, CHUNK) * CHUNK;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e242 = start;
            start = _e242 + CHUNK;
        }
        loop_init_1 = false;
        uint _e79 = start;
        if (_e79 < end) {
        } else {
            break;
        }
        {
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e81 = start;
            uint position = _e81 + thread_;
            if (position >= first) {
                local_1 = position < end;
            } else {
                local_1 = false;
            }
            bool seen = local_1;
            score = LEAST;
            if (seen) {
                uint _e94 = p.block_positions;
                uint block = tables[table + naga_div(position, _e94)];
                uint _e101 = p.block_positions;
                uint _e105 = p.block_positions;
                uint _e110 = p.kv_heads;
                uint place = (((block * _e101) + naga_mod(position, _e105)) * _e110) + kv_head;
                product = 0.0;
                d = 0u;
                bool loop_init_2 = true;
                while(true) {
                    if (!loop_init_2) {
                        uint _e132 = d;
                        d = _e132 + 1u;
                    }
                    loop_init_2 = false;
                    uint _e117 = d;
                    if (_e117 < HEAD_DIM) {
                    } else {
                        break;
                    }
                    {
                        uint _e121 = d;
                        float _e123 = query.inner[_e121];
                        uint _e126 = d;
                        float _e128 = key_at((place * HEAD_DIM) + _e126, keys, _buffer_sizes);
                        float _e129 = product;
                        product = metal::fma(_e123, _e128, _e129);
                    }
                }
                float _e134 = product;
                float _e135 = key_scale(place);
                float _e139 = p.scale;
                score = (_e134 * _e135) * _e139;
                places.inner[thread_] = place;
            }
            float _e145 = score;
            scores.inner[thread_] = _e145;
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e147 = start;
            uint count = metal::min(CHUNK, end - _e147);
            uint _e151 = start;
            uint _e153 = start;
            uint begin = (first > _e153) ? (first - _e151) : 0u;
            float _e156 = largest;
            next = _e156;
            i_1 = begin;
            bool loop_init_3 = true;
            while(true) {
                if (!loop_init_3) {
                    uint _e168 = i_1;
                    i_1 = _e168 + 1u;
                }
                loop_init_3 = false;
                uint _e159 = i_1;
                if (_e159 < count) {
                } else {
                    break;
                }
                {
                    float _e161 = next;
                    uint _e163 = i_1;
                    float _e165 = scores.inner[_e163];
                    next = metal::max(_e161, _e165);
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            if (seen) {
                float _e172 = score;
                float _e173 = next;
                float _e175 = exponential(_e172 - _e173);
                scores.inner[thread_] = _e175;
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            float _e176 = largest;
            float _e177 = next;
            float _e179 = exponential(_e176 - _e177);
            float _e180 = largest;
            float kept = (_e180 == LEAST) ? 0.0 : _e179;
            float _e185 = next;
            largest = _e185;
            float _e186 = sum;
            sum = _e186 * kept;
            k = 0u;
            bool loop_init_4 = true;
            while(true) {
                if (!loop_init_4) {
                    uint _e198 = k;
                    k = _e198 + 1u;
                }
                loop_init_4 = false;
                uint _e190 = k;
                if (_e190 < PER_THREAD) {
                } else {
                    break;
                }
                {
                    uint _e193 = k;
                    float _e195 = weighted.inner[_e193];
                    weighted.inner[_e193] = _e195 * kept;
                }
            }
            i_2 = begin;
            bool loop_init_5 = true;
            while(true) {
                if (!loop_init_5) {
                    uint _e240 = i_2;
                    i_2 = _e240 + 1u;
                }
                loop_init_5 = false;
                uint _e201 = i_2;
                if (_e201 < count) {
                } else {
                    break;
                }
                {
                    uint _e204 = i_2;
                    float weight = scores.inner[_e204];
                    float _e207 = sum;
                    sum = _e207 + weight;
                    uint _e210 = i_2;
                    uint place_1 = places.inner[_e210];
                    float _e213 = value_scale(place_1);
                    float factor = weight * _e213;
                    k_1 = 0u;
                    bool loop_init_6 = true;
                    while(true) {
                        if (!loop_init_6) {
                            uint _e237 = k_1;
                            k_1 = _e237 + 1u;
                        }
                        loop_init_6 = false;
                        uint _e217 = k_1;
                        if (_e217 < PER_THREAD) {
                        } else {
                            break;
                        }
                        {
                            uint _e220 = k_1;
                            uint d_1 = thread_ + (_e220 * CHUNK);
                            if (d_1 < HEAD_DIM) {
                                uint _e226 = k_1;
                                float _e231 = value_at((place_1 * HEAD_DIM) + d_1, values, _buffer_sizes);
                                uint _e232 = k_1;
                                float _e234 = weighted.inner[_e232];
                                weighted.inner[_e226] = metal::fma(factor, _e231, _e234);
                            }
                        }
                    }
                }
            }
        }
    }
    bool loop_init_7 = true;
    while(true) {
        if (!loop_init_7) {
            uint _e272 = k_2;
            k_2 = _e272 + 1u;
        }
        loop_init_7 = false;
        uint _e247 = k_2;
        if (_e247 < PER_THREAD) {
        } else {
            break;
        }
        {
            uint _e250 = k_2;
            uint d_2 = thread_ + (_e250 * CHUNK);
            if (d_2 < HEAD_DIM) {
                uint _e259 = p.heads;
                uint _e266 = k_2;
                float _e268 = weighted.inner[_e266];
                float _e269 = sum;
                y_1[(((row * _e259) + head) * HEAD_DIM) + d_2] = _e268 / _e269;
            }
        }
    }
    return;
}
