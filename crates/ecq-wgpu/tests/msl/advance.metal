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
};

typedef uint type_3[1];
struct AdvanceParameters {
    uint history_len;
    uint capacity;
};
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint THREADS = 256u;
uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}


struct advanceInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void advance(
  uint thread_ [[thread_index_in_threadgroup]]
, constant metal::uint4& active_rows [[user(fake0)]]
, constant AdvanceParameters& advance_p [[user(fake0)]]
, device type_3 const& advance_chosen [[user(fake0)]]
, device type_3 const& advance_index [[user(fake0)]]
, device type_3& advance_tokens [[user(fake0)]]
, device type_3& advance_positions [[user(fake0)]]
, device type_3& advance_history [[user(fake0)]]
, device type_3& advance_count [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint i = {};
    uint step = advance_count[0];
    metal::threadgroup_barrier(metal::mem_flags::mem_device);
    i = thread_;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e47 = i;
            i = _e47 + THREADS;
        }
        loop_init = false;
        uint _e5 = i;
        uint _e8 = active_rows.y;
        if (_e5 < _e8) {
        } else {
            break;
        }
        {
            uint _e11 = i;
            uint token = advance_chosen[_e11];
            uint _e15 = i;
            uint row = advance_index[_e15];
            uint _e20 = advance_p.history_len;
            uint _e23 = advance_p.capacity;
            if (step < (naga_div(_e20, _e23) + 1u)) {
                uint _e30 = advance_p.capacity;
                uint _e32 = i;
                uint at = (step * _e30) + _e32;
                uint _e36 = advance_p.history_len;
                if (at < _e36) {
                    advance_history[at] = token;
                }
            }
            advance_tokens[row] = token;
            uint _e44 = advance_positions[row];
            advance_positions[row] = _e44 + 1u;
        }
    }
    if (thread_ == 0u) {
        advance_count[0] = step + 1u;
        return;
    } else {
        return;
    }
}
