// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size5;
};

typedef uint type_1[1];
struct type_2 {
    uint inner[8];
};
struct type_5 {
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
constant uint LAG = 0u;
constant uint BITS = 4u;
constant uint CODE_BITS = 0u;
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

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint branch_bit(
    uint col_1,
    uint restart,
    thread type_5& history,
    thread uint& history_at
) {
    uint i = 0u;
    if (true) {
        return 0u;
    }
    if (naga_mod(col_1, restart) == 0u) {
        bool loop_init = true;
        while(true) {
            if (!loop_init) {
                uint _e17 = i;
                i = _e17 + 1u;
            }
            loop_init = false;
            uint _e9 = i;
            if (_e9 < HISTORY_WORDS) {
            } else {
                break;
            }
            {
                uint _e13 = i;
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
    thread type_5& history,
    thread uint& history_at
) {
    if (true) {
        return;
    }
    uint _e5 = history_at;
    uint _e9 = history.inner[naga_div(_e5, 32u)];
    uint _e14 = history_at;
    history.inner[naga_div(_e5, 32u)] = _e9 ^ (((symbol ^ zero) & 1u) << naga_mod(_e14, 32u));
    uint _e21 = history_at;
    uint _e26 = history_at;
    history_at = ((_e26 + 1u) == 0u) ? 0u : (_e21 + 1u);
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
    uint element = {};
    bool local = {};
    uint j = 0u;
    element = symbol_1;
    if (false) {
        element = (2u * symbol_1) + branch;
    }
    uint i_1 = naga_mod(col_2, 32u);
    uint _e15 = pending.inner[naga_div(i_1, 4u)];
    uint _e16 = element;
    uint _e20 = p.sink.base;
    pending.inner[naga_div(i_1, 4u)] = _e15 | (((_e16 - _e20) & 255u) << (8u * naga_mod(i_1, 4u)));
    if (!((i_1 == 31u))) {
        uint _e40 = p.sink.cols;
        local = (col_2 + 1u) == _e40;
    } else {
        local = true;
    }
    bool _e43 = local;
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
    if (true) {
        uint at_2 = start + col_3;
        uint _e13 = bytes[naga_div(at_2, 4u)];
        return (_e13 >> (8u * naga_mod(at_2, 4u))) & 255u;
    }
    uint bit = (8u * naga_mod(start, 4u)) + (col_3 * CODE_BITS);
    uint word = naga_div(start, 4u) + naga_div(bit, 32u);
    uint _e35 = bytes[word];
    bits = _e35 >> naga_mod(bit, 32u);
    if ((naga_mod(bit, 32u) + CODE_BITS) > 32u) {
        uint _e46 = bits;
        uint _e51 = bytes[word + 1u];
        bits = _e46 | (_e51 << (32u - naga_mod(bit, 32u)));
    }
    uint _e58 = bits;
    return _e58 & 0u;
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
    type_5 history = {};
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
    if (true) {
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
