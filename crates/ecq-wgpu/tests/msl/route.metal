// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size3;
    uint size5;
};

struct type_5 {
    metal::uint2 inner[256];
};
typedef float type_6[1];
typedef uint type_7[1];
struct RouteParameters {
    uint experts;
    uint top_k;
    uint renormalize;
};
struct type_9 {
    uint inner[1024];
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;
constant uint NONE = 4294967295u;
constant uint LEAST_BITS = 4286578688u;
constant uint MAX_EXPERTS = 1024u;

bool is_nan(
    float value
) {
    return (as_type<uint>(value) & 2147483647u) > 2139095040u;
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
    bool local_2 = {};
    bool local_3 = {};
    if (!((a.x < b.x))) {
        if (a.x == b.x) {
            local_3 = a.y < b.y;
        } else {
            local_3 = false;
        }
        bool _e17 = local_3;
        local_2 = _e17;
    } else {
        local_2 = true;
    }
    bool _e19 = local_2;
    return _e19;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

metal::uint2 first_key(
    uint thread_1,
    metal::uint2 own_1,
    threadgroup type_5& best
) {
    uint distance = 128u;
    bool local_4 = {};
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    best.inner[thread_1] = own_1;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e31 = distance;
            distance = naga_div(_e31, 2u);
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
                uint _e14 = distance;
                metal::uint2 _e17 = best.inner[thread_1 + _e14];
                metal::uint2 _e20 = best.inner[thread_1];
                bool _e21 = before(_e17, _e20);
                local_4 = _e21;
            } else {
                local_4 = false;
            }
            bool _e23 = local_4;
            if (_e23) {
                uint _e27 = distance;
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

struct routeInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void route(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, threadgroup type_5& best
, device type_6 const& logits [[user(fake0)]]
, device type_7& chosen [[user(fake0)]]
, constant RouteParameters& route_p [[user(fake0)]]
, device type_6& route_weights [[user(fake0)]]
, threadgroup type_9& taken
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint i = {};
    float most = {};
    uint k = 0u;
    metal::uint2 own = {};
    uint i_1 = {};
    bool local = {};
    bool local_1 = {};
    float all = 0.0;
    uint i_2 = 0u;
    float sum = 0.0;
    uint k_1 = {};
    uint i_3 = 0u;
    uint i_4 = {};
    uint row = group.x;
    uint _e5 = active_rows.x;
    if (row >= _e5) {
        return;
    }
    uint _e9 = route_p.experts;
    uint start = row * _e9;
    i = thread_;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e19 = i;
            i = _e19 + THREADS;
        }
        loop_init_1 = false;
        uint _e12 = i;
        if (_e12 < MAX_EXPERTS) {
        } else {
            break;
        }
        {
            uint _e16 = i;
            taken.inner[_e16] = 0u;
        }
    }
    most = as_type<float>(LEAST_BITS);
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e89 = k;
            k = _e89 + 1u;
        }
        loop_init_2 = false;
        uint _e27 = k;
        uint _e30 = route_p.top_k;
        if (_e27 < _e30) {
        } else {
            break;
        }
        {
            own = metal::uint2(4294967295u, 4294967295u);
            i_1 = thread_;
            bool loop_init_3 = true;
            while(true) {
                if (!loop_init_3) {
                    uint _e63 = i_1;
                    i_1 = _e63 + THREADS;
                }
                loop_init_3 = false;
                uint _e37 = i_1;
                uint _e40 = route_p.experts;
                if (_e37 < _e40) {
                } else {
                    break;
                }
                {
                    uint _e43 = i_1;
                    float _e46 = logits[start + _e43];
                    float _e47 = ranked(_e46);
                    uint _e48 = descending(_e47);
                    uint _e49 = i_1;
                    metal::uint2 key_1 = metal::uint2(_e48, _e49);
                    uint _e52 = i_1;
                    uint _e54 = taken.inner[_e52];
                    if (_e54 == 0u) {
                        metal::uint2 _e59 = own;
                        bool _e60 = before(key_1, _e59);
                        local = _e60;
                    } else {
                        local = false;
                    }
                    bool _e62 = local;
                    if (_e62) {
                        own = key_1;
                    }
                }
            }
            metal::uint2 _e66 = own;
            metal::uint2 _e67 = first_key(thread_, _e66, best);
            if (thread_ == 0u) {
                uint _e75 = route_p.experts;
                local_1 = _e67.y < _e75;
            } else {
                local_1 = false;
            }
            bool _e78 = local_1;
            if (_e78) {
                taken.inner[_e67.y] = 1u;
            }
            uint _e83 = k;
            if (_e83 == 0u) {
                float _e87 = logit_of(_e67.x);
                most = _e87;
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    if (thread_ != 0u) {
        return;
    }
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e113 = i_2;
            i_2 = _e113 + 1u;
        }
        loop_init_4 = false;
        uint _e97 = i_2;
        uint _e100 = route_p.experts;
        if (_e97 < _e100) {
        } else {
            break;
        }
        {
            float _e102 = all;
            uint _e104 = i_2;
            float _e107 = logits[start + _e104];
            float _e108 = most;
            float _e110 = exponential(_e107 - _e108);
            all = _e102 + _e110;
        }
    }
    uint _e119 = route_p.top_k;
    k_1 = row * _e119;
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e158 = i_3;
            i_3 = _e158 + 1u;
        }
        loop_init_5 = false;
        uint _e124 = i_3;
        uint _e127 = route_p.experts;
        if (_e124 < _e127) {
        } else {
            break;
        }
        {
            uint _e130 = i_3;
            uint _e132 = taken.inner[_e130];
            if (_e132 == 0u) {
                continue;
            }
            uint _e136 = i_3;
            float _e139 = logits[start + _e136];
            float _e140 = most;
            float _e142 = exponential(_e139 - _e140);
            float _e143 = all;
            float weight = _e142 / _e143;
            uint _e146 = k_1;
            uint _e148 = i_3;
            chosen[_e146] = _e148;
            uint _e150 = k_1;
            route_weights[_e150] = weight;
            float _e152 = sum;
            sum = _e152 + weight;
            uint _e155 = k_1;
            k_1 = _e155 + 1u;
        }
    }
    uint _e162 = route_p.renormalize;
    if (_e162 != 0u) {
        uint _e167 = route_p.top_k;
        i_4 = row * _e167;
        bool loop_init_6 = true;
        while(true) {
            if (!loop_init_6) {
                uint _e183 = i_4;
                i_4 = _e183 + 1u;
            }
            loop_init_6 = false;
            uint _e170 = i_4;
            uint _e171 = k_1;
            if (_e170 < _e171) {
            } else {
                break;
            }
            {
                uint _e174 = i_4;
                uint _e177 = i_4;
                float _e179 = route_weights[_e177];
                float _e180 = sum;
                route_weights[_e174] = _e179 / _e180;
            }
        }
        return;
    } else {
        return;
    }
}
