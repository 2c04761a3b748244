// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size3;
    uint size4;
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
    bool local = {};
    bool local_1 = {};
    if (!((a.x < b.x))) {
        if (a.x == b.x) {
            local_1 = a.y < b.y;
        } else {
            local_1 = false;
        }
        bool _e17 = local_1;
        local = _e17;
    } else {
        local = true;
    }
    bool _e19 = local;
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
    uint distance = 128u;
    bool local_2 = {};
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    best.inner[thread_1] = own;
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
                local_2 = _e21;
            } else {
                local_2 = false;
            }
            bool _e23 = local_2;
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

metal::uint2 largest(
    uint thread_2,
    uint start,
    threadgroup type_5& best,
    constant ChoiceParameters& choice_p,
    device type_6 const& logits,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint2 own_1 = metal::uint2(4294967295u, 4294967295u);
    uint i = {};
    i = thread_2;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e23 = i;
            i = _e23 + THREADS;
        }
        loop_init_1 = false;
        uint _e7 = i;
        uint _e10 = choice_p.width;
        if (_e7 < _e10) {
        } else {
            break;
        }
        {
            uint _e13 = i;
            float _e16 = logits[start + _e13];
            float _e17 = ranked(_e16);
            uint _e18 = descending(_e17);
            uint _e19 = i;
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

struct argmaxInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void argmax(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, threadgroup type_5& best
, constant ChoiceParameters& choice_p [[user(fake0)]]
, device type_6 const& logits [[user(fake0)]]
, device type_7& chosen [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint row = group.x;
    uint _e5 = active_rows.y;
    if (row >= _e5) {
        return;
    }
    uint _e9 = choice_p.width;
    metal::uint2 _e11 = largest(thread_, row * _e9, best, choice_p, logits, _buffer_sizes);
    if (thread_ == 0u) {
        float _e19 = logit_of(_e11.x);
        bool _e20 = is_finite(_e19);
        chosen[row] = _e20 ? _e11.y : NONE;
        return;
    } else {
        return;
    }
}
