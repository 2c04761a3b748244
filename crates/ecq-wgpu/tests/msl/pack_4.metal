// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size7;
};

struct Codes {
    metal::uint4 a;
    metal::uint4 b;
};
typedef uint type_2[1];
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
constant bool ONE_WORD = true;
constant uint HISTORY_WORDS = 1u;
constant bool WHOLE_ROWS = true;

void store_block(
    uint at,
    Codes codes,
    device type_2& words,
    constant _mslBufferSizes& _buffer_sizes
) {
    words[at + 0u] = (((codes.a.x >> 0u) & 252645135u) << 0u) | (((codes.a.y >> 0u) & 252645135u) << 4u);
    words[at + 32u] = (((codes.a.z >> 0u) & 252645135u) << 0u) | (((codes.a.w >> 0u) & 252645135u) << 4u);
    words[at + 64u] = (((codes.b.x >> 0u) & 252645135u) << 0u) | (((codes.b.y >> 0u) & 252645135u) << 4u);
    words[at + 96u] = (((codes.b.z >> 0u) & 252645135u) << 0u) | (((codes.b.w >> 0u) & 252645135u) << 4u);
    return;
}

void begin_branches(
    thread uint& until_restart
) {
    until_restart = 0u;
    return;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint branch_bit(
    uint restart,
    thread type_5& history,
    thread uint& history_at,
    thread uint& until_restart
) {
    uint i = 0u;
    if (true) {
        return 0u;
    }
    uint _e4 = until_restart;
    if (_e4 == 0u) {
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
        until_restart = restart;
    }
    uint _e24 = until_restart;
    until_restart = _e24 - 1u;
    if (ONE_WORD) {
        uint _e29 = history.inner[0];
        return (_e29 >> 31u) & 1u;
    }
    uint _e35 = history_at;
    uint _e39 = history_at;
    uint _e43 = history_at;
    uint at_1 = (_e43 >= LAG) ? (_e39 - LAG) : (_e35 + LAG);
    uint _e51 = history.inner[naga_div(at_1, 32u)];
    return (_e51 >> naga_mod(at_1, 32u)) & 1u;
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
    uint parity = (symbol ^ zero) & 1u;
    if (ONE_WORD) {
        uint _e11 = history.inner[0];
        uint _e16 = history.inner[0];
        history.inner[0] = (_e11 << 1u) | (parity ^ ((_e16 >> 31u) & 1u));
        return;
    }
    uint _e25 = history_at;
    uint _e29 = history.inner[naga_div(_e25, 32u)];
    uint _e31 = history_at;
    history.inner[naga_div(_e25, 32u)] = _e29 ^ (parity << naga_mod(_e31, 32u));
    uint _e38 = history_at;
    uint _e43 = history_at;
    history_at = ((_e43 + 1u) == 0u) ? 0u : (_e38 + 1u);
    return;
}

void push_quad(
    uint last,
    thread Codes& gathered
) {
    metal::uint4 _e5 = gathered.a;
    uint _e10 = gathered.b.x;
    gathered.a = metal::uint4(_e5.yzw, _e10);
    metal::uint4 _e16 = gathered.b;
    gathered.b = metal::uint4(_e16.yzw, last);
    return;
}

uint less_base(
    uint elements,
    constant PackParameters& p
) {
    uint _e4 = p.sink.base;
    uint base = _e4 * 16843009u;
    return ((elements | 2155905152u) - (base & ~(2155905152u))) ^ ((elements ^ ~(base)) & 2155905152u);
}

void put_block(
    uint row,
    uint block,
    Codes codes_1,
    device type_2& words,
    constant PackParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e8 = p.sink.blocks;
    store_block(((((naga_div(row, 32u) * _e8) + block) * BITS) * 32u) + naga_mod(row, 32u), codes_1, words, _buffer_sizes);
    return;
}

void put(
    uint row_1,
    uint col_1,
    uint count,
    uint symbols,
    uint branches,
    device type_2& words,
    thread uint& pending,
    thread Codes& gathered,
    constant PackParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint elements_1 = {};
    uint blocks = {};
    uint block_1 = {};
    uint i_1 = {};
    elements_1 = symbols;
    if (false) {
        elements_1 = ((symbols << 1u) & 4278124286u) | branches;
    }
    uint before = naga_mod(col_1, 4u);
    uint _e15 = pending;
    uint _e16 = elements_1;
    pending = _e15 | (_e16 << (8u * before));
    if ((before + count) >= 4u) {
        uint _e25 = pending;
        uint _e26 = less_base(_e25, p);
        push_quad(_e26, gathered);
        uint _e28 = elements_1;
        pending = (_e28 >> 1u) >> (31u - (8u * before));
    }
    uint end_1 = col_1 + count;
    blocks = naga_div(end_1, 32u);
    uint _e43 = p.sink.cols;
    if (end_1 == _e43) {
        blocks = naga_div(end_1 + 31u, 32u);
    }
    block_1 = naga_div(col_1, 32u);
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e93 = block_1;
            block_1 = _e93 + 1u;
        }
        loop_init_1 = false;
        uint _e52 = block_1;
        uint _e53 = blocks;
        if (_e52 < _e53) {
        } else {
            break;
        }
        {
            uint _e55 = block_1;
            if (_e55 == naga_div(end_1, 32u)) {
                if (naga_mod(end_1, 4u) > 0u) {
                    uint _e64 = pending;
                    uint _e65 = less_base(_e64, p);
                    push_quad(_e65 & ((1u << (8u * naga_mod(end_1, 4u))) - 1u), gathered);
                }
                i_1 = naga_div(naga_mod(end_1, 32u) + 3u, 4u);
                bool loop_init_2 = true;
                while(true) {
                    if (!loop_init_2) {
                        uint _e87 = i_1;
                        i_1 = _e87 + 1u;
                    }
                    loop_init_2 = false;
                    uint _e82 = i_1;
                    if (_e82 < 8u) {
                    } else {
                        break;
                    }
                    {
                        push_quad(0u, gathered);
                    }
                }
            }
            uint _e89 = block_1;
            Codes _e91 = gathered;
            put_block(row_1, _e89, _e91, words, p, _buffer_sizes);
        }
    }
    uint _e98 = p.sink.cols;
    if (end_1 == _e98) {
        pending = 0u;
        return;
    } else {
        return;
    }
}

uint code_at(
    uint row_2,
    uint col_2,
    constant PackParameters& p,
    device type_2 const& bytes,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint bits = {};
    uint _e5 = p.sink.stride;
    uint start = row_2 * _e5;
    if (true) {
        uint at_2 = start + col_2;
        uint _e13 = bytes[naga_div(at_2, 4u)];
        return (_e13 >> (8u * naga_mod(at_2, 4u))) & 255u;
    }
    uint bit = (8u * naga_mod(start, 4u)) + (col_2 * CODE_BITS);
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
, device type_2& words [[user(fake0)]]
, constant PackParameters& p [[user(fake0)]]
, device type_2 const& bytes [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_5 history = {};
    uint history_at = {};
    uint until_restart = {};
    uint pending = {};
    Codes gathered = {};
    uint first = 0u;
    uint end = {};
    uint col = {};
    uint row_3 = id.x;
    uint _e4 = p.rows;
    if (row_3 >= _e4) {
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
    begin_branches(until_restart);
    uint _e22 = first;
    col = _e22;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e39 = col;
            col = _e39 + 1u;
        }
        loop_init_3 = false;
        uint _e24 = col;
        uint _e25 = end;
        if (_e24 < _e25) {
        } else {
            break;
        }
        {
            uint _e27 = col;
            uint _e28 = code_at(row_3, _e27, p, bytes, _buffer_sizes);
            uint _e31 = p.restart;
            uint _e32 = branch_bit(_e31, history, history_at, until_restart);
            uint _e35 = p.zero;
            push_code(_e28, _e35, history, history_at);
            uint _e36 = col;
            put(row_3, _e36, 1u, _e28, _e32, words, pending, gathered, p, _buffer_sizes);
        }
    }
    return;
}
