// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size3;
    uint size4;
};

struct FakeParameters {
    uint vectors;
    uint first;
    uint run;
    uint channels;
};
typedef metal::uint4 type_3[1];
typedef uint type_4[1];
constant uint FORM = 1u;
constant uint CHANNELS = 1u;
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
    if (true) {
        return 0u;
    }
    uint _e5 = fake_p.first;
    uint _e9 = fake_p.run;
    uint _e13 = fake_p.channels;
    return naga_mod(naga_div(_e5 + i, _e9), _e13);
}

uint fake_value(
    uint bits,
    uint channel,
    device type_3 const& fake_channels,
    device type_4 const& fake_table,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint level = 0u;
    uint step = {};
    if ((bits & 2147483647u) > 2139095040u) {
        return bits;
    }
    metal::uint4 c = fake_channels[channel];
    uint key = bits ^ ((bits >= 2147483648u) ? 4294967295u : 2147483648u);
    step = naga_div(c.x + 1u, 2u);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e40 = step;
            step = naga_div(_e40, 2u);
        }
        loop_init = false;
        uint _e23 = step;
        if (_e23 > 0u) {
        } else {
            break;
        }
        {
            uint _e28 = level;
            uint _e30 = step;
            uint _e35 = fake_table[((c.y + _e28) + _e30) - 1u];
            if (_e35 <= key) {
                uint _e37 = level;
                uint _e38 = step;
                level = _e37 + _e38;
            }
        }
    }
    uint _e45 = level;
    uint _e48 = fake_table[c.z + _e45];
    return _e48;
}

void fake_vector(
    uint i_1,
    constant FakeParameters& fake_p,
    device type_3 const& fake_x,
    device type_3& fake_y,
    device type_3 const& fake_channels,
    device type_4 const& fake_table,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 x = fake_x[i_1];
    uint at = 4u * i_1;
    uint _e9 = channel_of(at, fake_p);
    uint _e10 = fake_value(x.x, _e9, fake_channels, fake_table, _buffer_sizes);
    uint _e14 = channel_of(at + 1u, fake_p);
    uint _e15 = fake_value(x.y, _e14, fake_channels, fake_table, _buffer_sizes);
    uint _e19 = channel_of(at + 2u, fake_p);
    uint _e20 = fake_value(x.z, _e19, fake_channels, fake_table, _buffer_sizes);
    uint _e24 = channel_of(at + 3u, fake_p);
    uint _e25 = fake_value(x.w, _e24, fake_channels, fake_table, _buffer_sizes);
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
, device type_4 const& fake_table [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint k = 0u;
    uint start = ((((group.y * groups.x) + group.x) * 256u) * FORM) + thread_;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e27 = k;
            k = _e27 + 1u;
        }
        loop_init_1 = false;
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
                fake_vector(i_2, fake_p, fake_x, fake_y, fake_channels, fake_table, _buffer_sizes);
            }
        }
    }
    return;
}
