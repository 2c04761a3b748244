// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size3;
};

struct FakeParameters {
    uint vectors;
    uint first;
    uint run;
    uint channels;
};
typedef metal::uint4 type_3[1];
constant uint EVEN = 0u;
constant uint ONE_BIT = 0u;
constant uint FORM = 1u;
constant uint CHANNELS = 2u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint channel_of(
    uint i,
    constant FakeParameters& fake_p
) {
    if (false) {
        return 0u;
    }
    uint _e5 = fake_p.first;
    uint _e9 = fake_p.run;
    uint _e13 = fake_p.channels;
    return naga_mod(naga_div(_e5 + i, _e9), _e13);
}

uint naga_f2u32(float value) {
    return static_cast<uint>(metal::clamp(value, 0.0, 4294967000.0));
}

int naga_neg(int val) {
    return as_type<int>(-as_type<uint>(val));
}

uint fake_value(
    uint bits,
    uint channel,
    device type_3 const& fake_channels,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint n = 0u;
    metal::uint4 c = fake_channels[channel];
    uint size = bits & 2147483647u;
    uint sign = bits & 2147483648u;
    if (size > 2139095040u) {
        return bits;
    }
    if (false) {
        return c.x | ((size != 0u) ? sign : 0u);
    }
    float p = as_type<float>(metal::min(size, c.x)) * as_type<float>(c.y);
    if (false) {
        n = naga_f2u32(metal::rint(p));
    } else {
        n = (naga_f2u32(2.0 * p) + 1u) >> 1u;
    }
    uint _e36 = n;
    if (_e36 == 0u) {
        return sign;
    }
    uint _e39 = n;
    uint q = as_type<uint>(static_cast<float>(_e39) * as_type<float>(c.z));
    uint a = (q & 8388607u) | 8388608u;
    int twice = as_type<int>(as_type<uint>(as_type<int>(a * c.w)) * as_type<uint>(2));
    int unit = as_type<int>(c.w);
    int above = (a == 8388608u) ? (unit >> 1u) : unit;
    uint corrected = (q + ((twice < naga_neg(unit)) ? 1u : 0u)) - ((twice > above) ? 1u : 0u);
    return sign | corrected;
}

void fake_vector(
    uint i_1,
    constant FakeParameters& fake_p,
    device type_3 const& fake_x,
    device type_3& fake_y,
    device type_3 const& fake_channels,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 x = fake_x[i_1];
    uint at = 4u * i_1;
    uint _e9 = channel_of(at, fake_p);
    uint _e10 = fake_value(x.x, _e9, fake_channels, _buffer_sizes);
    uint _e14 = channel_of(at + 1u, fake_p);
    uint _e15 = fake_value(x.y, _e14, fake_channels, _buffer_sizes);
    uint _e19 = channel_of(at + 2u, fake_p);
    uint _e20 = fake_value(x.z, _e19, fake_channels, _buffer_sizes);
    uint _e24 = channel_of(at + 3u, fake_p);
    uint _e25 = fake_value(x.w, _e24, fake_channels, _buffer_sizes);
    fake_y[i_1] = metal::uint4(_e10, _e15, _e20, _e25);
    return;
}

struct fake_quantInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void fake_quant(
  metal::uint3 group [[threadgroup_position_in_grid]]
, metal::uint3 groups [[threadgroups_per_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, constant FakeParameters& fake_p [[user(fake0)]]
, device type_3 const& fake_x [[user(fake0)]]
, device type_3& fake_y [[user(fake0)]]
, device type_3 const& fake_channels [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint k = 0u;
    uint start = ((((group.y * groups.x) + group.x) * 256u) * FORM) + thread_;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e27 = k;
            k = _e27 + 1u;
        }
        loop_init = false;
        uint _e15 = k;
        if (_e15 < FORM) {
        } else {
            break;
        }
        {
            uint _e19 = k;
            uint i_2 = start + (256u * _e19);
            uint _e24 = fake_p.vectors;
            if (i_2 < _e24) {
                fake_vector(i_2, fake_p, fake_x, fake_y, fake_channels, _buffer_sizes);
            }
        }
    }
    return;
}
