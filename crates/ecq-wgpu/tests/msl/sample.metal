// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size3;
    uint size4;
    uint size5;
    uint size6;
    uint size7;
};

struct type_5 {
    metal::uint2 inner[256];
};
struct ChoiceParameters {
    uint width;
    uint room;
};
typedef float type_6[1];
typedef uint type_7[1];
typedef metal::uint2 type_9[1];
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;
constant uint NONE = 4294967295u;
constant uint LEAST_BITS = 4286578688u;
constant uint MAX_EXPERTS = 1024u;

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
    float n_1 = metal::rint(clamped * 1.442695);
    float r = metal::fma(n_1, 0.00021219444, metal::fma(n_1, -0.6933594, clamped));
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
    return _e37 * as_type<float>(static_cast<uint>(as_type<int>(as_type<uint>(naga_f2i32(n_1)) + as_type<uint>(127))) << 23u);
}

uint descending(
    float logit
) {
    uint bits = as_type<uint>(logit);
    return ~((((bits >> 31u) == 1u) ? ~(bits) : (bits | 2147483648u)));
}

float logit_of(
    uint key
) {
    uint ascending = ~(key);
    return as_type<float>(((ascending >> 31u) == 1u) ? (ascending & 2147483647u) : ~(ascending));
}

bool before(
    metal::uint2 a,
    metal::uint2 b
) {
    bool local_5 = {};
    bool local_6 = {};
    if (!((a.x < b.x))) {
        if (a.x == b.x) {
            local_6 = a.y < b.y;
        } else {
            local_6 = false;
        }
        bool _e17 = local_6;
        local_5 = _e17;
    } else {
        local_5 = true;
    }
    bool _e19 = local_5;
    return _e19;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

metal::uint2 first_key(
    uint thread_1,
    metal::uint2 own,
    threadgroup type_5& best
) {
    uint distance_1 = 128u;
    bool local_7 = {};
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    best.inner[thread_1] = own;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e31 = distance_1;
            distance_1 = naga_div(_e31, 2u);
        }
        loop_init = false;
        uint _e6 = distance_1;
        if (_e6 > 0u) {
        } else {
            break;
        }
        {
            uint _e9 = distance_1;
            if (thread_1 < _e9) {
                uint _e14 = distance_1;
                metal::uint2 _e17 = best.inner[thread_1 + _e14];
                metal::uint2 _e20 = best.inner[thread_1];
                bool _e21 = before(_e17, _e20);
                local_7 = _e21;
            } else {
                local_7 = false;
            }
            bool _e23 = local_7;
            if (_e23) {
                uint _e27 = distance_1;
                metal::uint2 _e30 = best.inner[thread_1 + _e27];
                best.inner[thread_1] = _e30;
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    metal::uint2 _e36 = best.inner[0];
    return _e36;
}

float ranked(
    float logit_1
) {
    bool _e1 = is_nan(logit_1);
    if (_e1) {
        return as_type<float>(LEAST_BITS);
    }
    return (logit_1 == 0.0) ? 0.0 : logit_1;
}

metal::uint2 largest(
    uint thread_2,
    uint start,
    threadgroup type_5& best,
    constant ChoiceParameters& choice_p,
    device type_6 const& logits,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint2 own_1 = metal::uint2(4294967295u, 4294967295u);
    uint i_5 = {};
    i_5 = thread_2;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e23 = i_5;
            i_5 = _e23 + THREADS;
        }
        loop_init_1 = false;
        uint _e7 = i_5;
        uint _e10 = choice_p.width;
        if (_e7 < _e10) {
        } else {
            break;
        }
        {
            uint _e13 = i_5;
            float _e16 = logits[start + _e13];
            float _e17 = ranked(_e16);
            uint _e18 = descending(_e17);
            uint _e19 = i_5;
            metal::uint2 key_1 = metal::uint2(_e18, _e19);
            metal::uint2 _e21 = own_1;
            bool _e22 = before(key_1, _e21);
            if (_e22) {
                own_1 = key_1;
            }
        }
    }
    metal::uint2 _e26 = own_1;
    metal::uint2 _e27 = first_key(thread_2, _e26, best);
    return _e27;
}
uint naga_f2u32(float value) {
    return static_cast<uint>(metal::clamp(value, 0.0, 4294967000.0));
}


struct sampleInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void sample(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, threadgroup type_5& best
, constant ChoiceParameters& choice_p [[user(fake0)]]
, device type_6 const& logits [[user(fake0)]]
, device type_7& chosen [[user(fake0)]]
, device type_6 const& parameters [[user(fake0)]]
, device type_9& keys [[user(fake0)]]
, device type_6& weights [[user(fake0)]]
, threadgroup metal::atomic_uint& counted
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    bool local = {};
    bool local_1 = {};
    uint token = {};
    bool local_2 = {};
    uint n = {};
    uint size = 1u;
    uint i = {};
    uint length = 2u;
    uint distance = {};
    uint i_1 = {};
    uint i_2 = {};
    float total = 0.0;
    uint i_3 = 0u;
    float reached = 0.0;
    uint keep = 0u;
    bool local_3 = {};
    bool local_4 = {};
    float left = {};
    uint place = {};
    uint i_4 = 0u;
    uint row = group.x;
    uint _e5 = active_rows.y;
    if (row >= _e5) {
        return;
    }
    uint _e9 = choice_p.width;
    uint start_1 = row * _e9;
    float temperature = parameters[5u * row];
    float _e22 = parameters[(5u * row) + 1u];
    uint top_k = naga_f2u32(_e22);
    float top_p = parameters[(5u * row) + 2u];
    float min_p = parameters[(5u * row) + 3u];
    float uniform_number = parameters[(5u * row) + 4u];
    metal::uint2 _e45 = largest(thread_, start_1, best, choice_p, logits, _buffer_sizes);
    float _e47 = logit_of(_e45.x);
    bool _e48 = is_finite(_e47);
    if (!(!(_e48))) {
        local = temperature == 0.0;
    } else {
        local = true;
    }
    bool _e56 = local;
    if (!(_e56)) {
        local_1 = top_k == 1u;
    } else {
        local_1 = true;
    }
    bool _e63 = local_1;
    if (_e63) {
        if (thread_ == 0u) {
            bool _e70 = is_finite(_e47);
            chosen[row] = _e70 ? _e45.y : NONE;
        }
        return;
    }
    if (thread_ == 0u) {
        metal::atomic_store_explicit(&counted, 0u, metal::memory_order_relaxed);
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e78 = choice_p.room;
    uint own_2 = row * _e78;
    float lowest = -17.0 * temperature;
    token = thread_;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e110 = token;
            token = _e110 + THREADS;
        }
        loop_init_2 = false;
        uint _e83 = token;
        uint _e86 = choice_p.width;
        if (_e83 < _e86) {
        } else {
            break;
        }
        {
            uint _e89 = token;
            float logit_2 = logits[start_1 + _e89];
            bool _e93 = is_nan(logit_2);
            if (!(_e93)) {
                local_2 = (logit_2 - _e47) >= lowest;
            } else {
                local_2 = false;
            }
            bool _e100 = local_2;
            if (_e100) {
                uint _e104 = metal::atomic_fetch_add_explicit(&counted, 1u, metal::memory_order_relaxed);
                uint _e107 = descending(logit_2);
                uint _e108 = token;
                keys[own_2 + _e104] = metal::uint2(_e107, _e108);
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_device);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e114 = metal::atomic_load_explicit(&counted, metal::memory_order_relaxed);
    n = _e114;
    while(true) {
        uint _e118 = size;
        uint _e119 = n;
        if (_e118 < _e119) {
        } else {
            break;
        }
        {
            uint _e121 = size;
            size = _e121 * 2u;
        }
    }
    uint _e124 = n;
    i = _e124 + thread_;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e137 = i;
            i = _e137 + THREADS;
        }
        loop_init_3 = false;
        uint _e127 = i;
        uint _e128 = size;
        if (_e127 < _e128) {
        } else {
            break;
        }
        {
            uint _e131 = i;
            keys[own_2 + _e131] = metal::uint2(4294967295u, 4294967295u);
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_device);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e197 = length;
            length = _e197 * 2u;
        }
        loop_init_4 = false;
        uint _e142 = length;
        uint _e143 = size;
        if (_e142 <= _e143) {
        } else {
            break;
        }
        {
            uint _e145 = length;
            distance = naga_div(_e145, 2u);
            bool loop_init_5 = true;
            while(true) {
                if (!loop_init_5) {
                    uint _e194 = distance;
                    distance = naga_div(_e194, 2u);
                }
                loop_init_5 = false;
                uint _e149 = distance;
                if (_e149 > 0u) {
                } else {
                    break;
                }
                {
                    i_1 = thread_;
                    bool loop_init_6 = true;
                    while(true) {
                        if (!loop_init_6) {
                            uint _e191 = i_1;
                            i_1 = _e191 + THREADS;
                        }
                        loop_init_6 = false;
                        uint _e153 = i_1;
                        uint _e154 = size;
                        if (_e153 < naga_div(_e154, 2u)) {
                        } else {
                            break;
                        }
                        {
                            uint _e159 = i_1;
                            uint _e161 = i_1;
                            uint _e162 = distance;
                            uint a_1 = (2u * _e159) - (_e161 & (_e162 - 1u));
                            metal::uint2 low = keys[own_2 + a_1];
                            uint _e173 = distance;
                            metal::uint2 high = keys[(own_2 + a_1) + _e173];
                            bool _e177 = before(high, low);
                            uint _e178 = length;
                            if (_e177 == ((a_1 & _e178) == 0u)) {
                                keys[own_2 + a_1] = high;
                                uint _e188 = distance;
                                keys[(own_2 + a_1) + _e188] = low;
                            }
                        }
                    }
                    metal::threadgroup_barrier(metal::mem_flags::mem_device);
                    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
                }
            }
        }
    }
    if (top_k > 0u) {
        uint _e202 = n;
        n = metal::min(_e202, top_k);
    }
    i_2 = thread_;
    bool loop_init_7 = true;
    while(true) {
        if (!loop_init_7) {
            uint _e222 = i_2;
            i_2 = _e222 + THREADS;
        }
        loop_init_7 = false;
        uint _e205 = i_2;
        uint _e206 = n;
        if (_e205 < _e206) {
        } else {
            break;
        }
        {
            uint _e209 = i_2;
            uint _e213 = i_2;
            uint _e217 = keys[own_2 + _e213].x;
            float _e218 = logit_of(_e217);
            float _e221 = exponential((_e218 - _e47) / temperature);
            weights[own_2 + _e209] = _e221;
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_device);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    if (thread_ != 0u) {
        return;
    }
    bool loop_init_8 = true;
    while(true) {
        if (!loop_init_8) {
            uint _e242 = i_3;
            i_3 = _e242 + 1u;
        }
        loop_init_8 = false;
        uint _e231 = i_3;
        uint _e232 = n;
        if (_e231 < _e232) {
        } else {
            break;
        }
        {
            float _e234 = total;
            uint _e236 = i_3;
            float _e239 = weights[own_2 + _e236];
            total = _e234 + _e239;
        }
    }
    bool loop_init_9 = true;
    while(true) {
        if (!loop_init_9) {
            uint _e276 = keep;
            keep = _e276 + 1u;
        }
        loop_init_9 = false;
        uint _e248 = keep;
        uint _e249 = n;
        if (_e248 < _e249) {
        } else {
            break;
        }
        {
            uint _e252 = keep;
            float weight = weights[own_2 + _e252];
            if (!((weight < min_p))) {
                float _e260 = reached;
                float _e261 = total;
                if (_e260 >= (top_p * _e261)) {
                    uint _e266 = keep;
                    local_4 = _e266 > 0u;
                } else {
                    local_4 = false;
                }
                bool _e270 = local_4;
                local_3 = _e270;
            } else {
                local_3 = true;
            }
            bool _e272 = local_3;
            if (_e272) {
                break;
            }
            float _e273 = reached;
            reached = _e273 + weight;
        }
    }
    float _e278 = reached;
    left = uniform_number * _e278;
    uint _e281 = keep;
    place = metal::max(_e281, 1u) - 1u;
    bool loop_init_10 = true;
    while(true) {
        if (!loop_init_10) {
            uint _e304 = i_4;
            i_4 = _e304 + 1u;
        }
        loop_init_10 = false;
        uint _e289 = i_4;
        uint _e290 = keep;
        if (_e289 < _e290) {
        } else {
            break;
        }
        {
            float _e292 = left;
            uint _e294 = i_4;
            float _e297 = weights[own_2 + _e294];
            left = _e292 - _e297;
            float _e299 = left;
            if (_e299 < 0.0) {
                uint _e302 = i_4;
                place = _e302;
                break;
            }
        }
    }
    uint _e310 = place;
    uint _e314 = keys[own_2 + _e310].y;
    uint _e315 = keep;
    chosen[row] = (_e315 > 0u) ? _e314 : NONE;
    return;
}
