// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size1;
    uint size4;
    uint size6;
    uint size7;
    uint size8;
    uint size9;
};

typedef uint type_1[1];
typedef metal::uint4 type_3[1];
struct type_4 {
    uint inner[512];
};
struct type_7 {
    metal::int2 inner[1];
};
struct Matrix {
    uint rows;
    uint cols;
    uint blocks;
    uint groups;
    uint group_size;
    int zero;
    uint scales;
    uint more;
    uint col_scales;
    uint scaled;
    uint starts;
    uint outliers;
    uint listed;
    uint unused_a;
    uint unused_b;
    uint unused_c;
};
struct ProductParameters {
    Matrix m;
    uint which;
    uint first;
    uint count;
    uint y_stride;
    uint y_first;
    uint biased;
    uint unused_a;
    uint unused_b;
};
struct TupleProductParameters {
    ProductParameters product;
    uint segments;
    uint segment_groups;
    uint groups;
    uint padded_groups;
    uint scales;
    int unit;
    uint registers;
    uint entries;
    uint starts;
    uint corrections;
    uint zero;
    uint unused_a;
};
typedef float type_10[1];
struct type_12 {
    metal::atomic_int inner[128];
};
struct Ahead {
    uint place;
    uint start;
    uint correction;
    uint corrections_end;
    uint touched;
};
struct type_14 {
    float inner[1];
};
constant uint BITS = 8u;
constant uint GRID = 0u;
constant uint SCALES = 0u;
constant uint BIASED = 0u;
constant uint GROUP = 32u;
constant uint INTEGER = 1u;
constant uint TUPLE = 3u;
constant uint WIDTH = 9u;
constant uint TRELLIS = 0u;
constant uint UNIT = 1u;
constant uint ROWS = 1u;
constant uint TEAMS = 8u;
constant uint TOUCHES = 1u;
constant uint VALUES = 1u;
constant uint F32_ = 0u;
constant uint F16_ = 1u;
constant uint BF16_ = 2u;
constant uint I8_ = 3u;
constant float LEAST = -340282350000000000000000000000000000000.0;
constant uint UNIFORM = 0u;
constant uint AFFINE = 1u;
constant uint AFFINE_ANY = 2u;
constant uint SUPER_BLOCKS = 3u;
constant uint LEVELS = 4u;
constant uint DENSE = 5u;
constant uint THREADS = 256u;
constant uint CODE_ROWS = 16u;
constant uint TEAM_SUMS = 16u;
constant uint SUMS_PER_THREAD = 1u;
constant uint GROUP_COLS = 24u;
constant uint FIRST_BYTE = 1u;
constant uint LANE_VECTORS = 2u;

type_7 segment_sums(
    uint place,
    uint start,
    uint first,
    uint step,
    uint groups,
    uint restart,
    device type_1 const& stream,
    device type_3 const& digits,
    threadgroup type_4& table,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint at = {};
    uint word = {};
    uint next_1 = {};
    uint ahead = {};
    uint taken = {};
    bool crossed = false;
    uint bits = 0u;
    uint entry = 0u;
    uint total_1 = 0u;
    uint level = 0u;
    int high_0_0_ = 0;
    int low_0_0_ = 0;
    int high_1_0_ = 0;
    int low_1_0_ = 0;
    int value_0_ = 0;
    int value_1_ = 0;
    int value_2_ = 0;
    uint group_1 = 0u;
    at = place + 64u;
    uint _e11 = stream[place];
    word = _e11;
    uint _e17 = stream[place + 32u];
    next_1 = _e17;
    uint _e20 = at;
    uint _e22 = stream[_e20];
    ahead = _e22;
    taken = start;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e815 = group_1;
            group_1 = _e815 + 3u;
        }
        loop_init = false;
        uint _e51 = group_1;
        if (_e51 < groups) {
        } else {
            break;
        }
        {
            uint _e53 = word;
            uint _e54 = taken;
            uint _e56 = next_1;
            uint _e60 = taken;
            bits = (_e53 << _e54) | ((_e56 >> 1u) >> (31u - _e60));
            uint _e69 = group_1;
            metal::uint4 x_0_0_ = digits[(first + (0u * step)) + (8u * (_e69 + 0u))];
            uint _e81 = group_1;
            metal::uint4 more_0_0_ = digits[((first + (0u * step)) + (8u * (_e81 + 0u))) + 1u];
            uint _e91 = bits;
            uint _e95 = table.inner[_e91 >> 23u];
            entry = _e95;
            uint _e96 = entry;
            total_1 = _e96;
            uint _e97 = bits;
            uint _e98 = entry;
            bits = _e97 << (_e98 & 15u);
            uint _e102 = entry;
            level = _e102;
            uint _e103 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e103), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e108 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e108), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e113 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e113), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e118 = low_0_0_;
            int _e119 = value_0_;
            int _e123 = value_1_;
            int _e128 = value_2_;
            low_0_0_ = as_type<int>(as_type<uint>(_e118) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e119) * as_type<uint>(as_type<int>(x_0_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e123) * as_type<uint>(as_type<int>(x_0_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e128) * as_type<uint>(as_type<int>(x_0_0_.w)))))));
            uint _e135 = bits;
            uint _e139 = table.inner[_e135 >> 23u];
            entry = _e139;
            uint _e140 = total_1;
            uint _e141 = entry;
            total_1 = _e140 + _e141;
            uint _e143 = bits;
            uint _e144 = entry;
            bits = _e143 << (_e144 & 15u);
            uint _e148 = entry;
            level = _e148;
            uint _e149 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e149), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e154 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e154), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e159 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e159), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e164 = low_1_0_;
            int _e165 = value_0_;
            int _e169 = value_1_;
            int _e174 = value_2_;
            low_1_0_ = as_type<int>(as_type<uint>(_e164) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e165) * as_type<uint>(as_type<int>(x_0_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e169) * as_type<uint>(as_type<int>(x_0_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e174) * as_type<uint>(as_type<int>(x_0_0_.w)))))));
            uint _e181 = bits;
            uint _e185 = table.inner[_e181 >> 23u];
            entry = _e185;
            uint _e186 = total_1;
            uint _e187 = entry;
            total_1 = _e186 + _e187;
            uint _e189 = entry;
            level = _e189;
            uint _e190 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e190), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e195 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e195), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e200 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e200), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e205 = low_0_0_;
            int _e206 = value_0_;
            int _e210 = value_1_;
            int _e215 = value_2_;
            low_0_0_ = as_type<int>(as_type<uint>(_e205) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e206) * as_type<uint>(as_type<int>(more_0_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e210) * as_type<uint>(as_type<int>(more_0_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e215) * as_type<uint>(as_type<int>(more_0_0_.w)))))));
            uint _e221 = taken;
            uint _e222 = total_1;
            taken = _e221 + (_e222 & 255u);
            uint _e226 = taken;
            crossed = _e226 >= 32u;
            uint _e229 = taken;
            taken = _e229 & 31u;
            uint _e232 = word;
            uint _e233 = next_1;
            bool _e234 = crossed;
            word = _e234 ? _e233 : _e232;
            uint _e236 = next_1;
            uint _e237 = ahead;
            bool _e238 = crossed;
            next_1 = _e238 ? _e237 : _e236;
            uint _e240 = at;
            uint _e241 = at;
            bool _e244 = crossed;
            at = _e244 ? (_e241 + 32u) : _e240;
            uint _e247 = at;
            uint _e249 = stream[_e247];
            ahead = _e249;
            uint _e250 = word;
            uint _e251 = taken;
            uint _e253 = next_1;
            uint _e257 = taken;
            bits = (_e250 << _e251) | ((_e253 >> 1u) >> (31u - _e257));
            uint _e262 = bits;
            uint _e266 = table.inner[_e262 >> 23u];
            entry = _e266;
            uint _e267 = entry;
            total_1 = _e267;
            uint _e268 = bits;
            uint _e269 = entry;
            bits = _e268 << (_e269 & 15u);
            uint _e273 = entry;
            level = _e273;
            uint _e274 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e274), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e279 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e279), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e284 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e284), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e289 = low_1_0_;
            int _e290 = value_0_;
            int _e294 = value_1_;
            int _e299 = value_2_;
            low_1_0_ = as_type<int>(as_type<uint>(_e289) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e290) * as_type<uint>(as_type<int>(more_0_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e294) * as_type<uint>(as_type<int>(more_0_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e299) * as_type<uint>(as_type<int>(more_0_0_.w)))))));
            uint _e310 = group_1;
            metal::uint4 x_1_0_ = digits[(first + (0u * step)) + (8u * (_e310 + 1u))];
            uint _e322 = group_1;
            metal::uint4 more_1_0_ = digits[((first + (0u * step)) + (8u * (_e322 + 1u))) + 1u];
            uint _e332 = bits;
            uint _e336 = table.inner[_e332 >> 23u];
            entry = _e336;
            uint _e337 = total_1;
            uint _e338 = entry;
            total_1 = _e337 + _e338;
            uint _e340 = bits;
            uint _e341 = entry;
            bits = _e340 << (_e341 & 15u);
            uint _e345 = entry;
            level = _e345;
            uint _e346 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e346), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e351 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e351), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e356 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e356), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e361 = low_0_0_;
            int _e362 = value_0_;
            int _e366 = value_1_;
            int _e371 = value_2_;
            low_0_0_ = as_type<int>(as_type<uint>(_e361) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e362) * as_type<uint>(as_type<int>(x_1_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e366) * as_type<uint>(as_type<int>(x_1_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e371) * as_type<uint>(as_type<int>(x_1_0_.w)))))));
            uint _e378 = bits;
            uint _e382 = table.inner[_e378 >> 23u];
            entry = _e382;
            uint _e383 = total_1;
            uint _e384 = entry;
            total_1 = _e383 + _e384;
            uint _e386 = entry;
            level = _e386;
            uint _e387 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e387), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e392 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e392), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e397 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e397), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e402 = low_1_0_;
            int _e403 = value_0_;
            int _e407 = value_1_;
            int _e412 = value_2_;
            low_1_0_ = as_type<int>(as_type<uint>(_e402) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e403) * as_type<uint>(as_type<int>(x_1_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e407) * as_type<uint>(as_type<int>(x_1_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e412) * as_type<uint>(as_type<int>(x_1_0_.w)))))));
            uint _e418 = taken;
            uint _e419 = total_1;
            taken = _e418 + (_e419 & 255u);
            uint _e423 = taken;
            crossed = _e423 >= 32u;
            uint _e426 = taken;
            taken = _e426 & 31u;
            uint _e429 = word;
            uint _e430 = next_1;
            bool _e431 = crossed;
            word = _e431 ? _e430 : _e429;
            uint _e433 = next_1;
            uint _e434 = ahead;
            bool _e435 = crossed;
            next_1 = _e435 ? _e434 : _e433;
            uint _e437 = at;
            uint _e438 = at;
            bool _e441 = crossed;
            at = _e441 ? (_e438 + 32u) : _e437;
            uint _e444 = at;
            uint _e446 = stream[_e444];
            ahead = _e446;
            uint _e447 = word;
            uint _e448 = taken;
            uint _e450 = next_1;
            uint _e454 = taken;
            bits = (_e447 << _e448) | ((_e450 >> 1u) >> (31u - _e454));
            uint _e459 = bits;
            uint _e463 = table.inner[_e459 >> 23u];
            entry = _e463;
            uint _e464 = entry;
            total_1 = _e464;
            uint _e465 = bits;
            uint _e466 = entry;
            bits = _e465 << (_e466 & 15u);
            uint _e470 = entry;
            level = _e470;
            uint _e471 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e471), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e476 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e476), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e481 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e481), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e486 = low_0_0_;
            int _e487 = value_0_;
            int _e491 = value_1_;
            int _e496 = value_2_;
            low_0_0_ = as_type<int>(as_type<uint>(_e486) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e487) * as_type<uint>(as_type<int>(more_1_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e491) * as_type<uint>(as_type<int>(more_1_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e496) * as_type<uint>(as_type<int>(more_1_0_.w)))))));
            uint _e503 = bits;
            uint _e507 = table.inner[_e503 >> 23u];
            entry = _e507;
            uint _e508 = total_1;
            uint _e509 = entry;
            total_1 = _e508 + _e509;
            uint _e511 = bits;
            uint _e512 = entry;
            bits = _e511 << (_e512 & 15u);
            uint _e516 = entry;
            level = _e516;
            uint _e517 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e517), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e522 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e522), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e527 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e527), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e532 = low_1_0_;
            int _e533 = value_0_;
            int _e537 = value_1_;
            int _e542 = value_2_;
            low_1_0_ = as_type<int>(as_type<uint>(_e532) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e533) * as_type<uint>(as_type<int>(more_1_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e537) * as_type<uint>(as_type<int>(more_1_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e542) * as_type<uint>(as_type<int>(more_1_0_.w)))))));
            uint _e553 = group_1;
            metal::uint4 x_2_0_ = digits[(first + (0u * step)) + (8u * (_e553 + 2u))];
            uint _e565 = group_1;
            metal::uint4 more_2_0_ = digits[((first + (0u * step)) + (8u * (_e565 + 2u))) + 1u];
            uint _e575 = bits;
            uint _e579 = table.inner[_e575 >> 23u];
            entry = _e579;
            uint _e580 = total_1;
            uint _e581 = entry;
            total_1 = _e580 + _e581;
            uint _e583 = entry;
            level = _e583;
            uint _e584 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e584), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e589 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e589), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e594 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e594), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e599 = low_0_0_;
            int _e600 = value_0_;
            int _e604 = value_1_;
            int _e609 = value_2_;
            low_0_0_ = as_type<int>(as_type<uint>(_e599) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e600) * as_type<uint>(as_type<int>(x_2_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e604) * as_type<uint>(as_type<int>(x_2_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e609) * as_type<uint>(as_type<int>(x_2_0_.w)))))));
            uint _e615 = taken;
            uint _e616 = total_1;
            taken = _e615 + (_e616 & 255u);
            uint _e620 = taken;
            crossed = _e620 >= 32u;
            uint _e623 = taken;
            taken = _e623 & 31u;
            uint _e626 = word;
            uint _e627 = next_1;
            bool _e628 = crossed;
            word = _e628 ? _e627 : _e626;
            uint _e630 = next_1;
            uint _e631 = ahead;
            bool _e632 = crossed;
            next_1 = _e632 ? _e631 : _e630;
            uint _e634 = at;
            uint _e635 = at;
            bool _e638 = crossed;
            at = _e638 ? (_e635 + 32u) : _e634;
            uint _e641 = at;
            uint _e643 = stream[_e641];
            ahead = _e643;
            uint _e644 = word;
            uint _e645 = taken;
            uint _e647 = next_1;
            uint _e651 = taken;
            bits = (_e644 << _e645) | ((_e647 >> 1u) >> (31u - _e651));
            uint _e656 = bits;
            uint _e660 = table.inner[_e656 >> 23u];
            entry = _e660;
            uint _e661 = entry;
            total_1 = _e661;
            uint _e662 = bits;
            uint _e663 = entry;
            bits = _e662 << (_e663 & 15u);
            uint _e667 = entry;
            level = _e667;
            uint _e668 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e668), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e673 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e673), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e678 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e678), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e683 = low_1_0_;
            int _e684 = value_0_;
            int _e688 = value_1_;
            int _e693 = value_2_;
            low_1_0_ = as_type<int>(as_type<uint>(_e683) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e684) * as_type<uint>(as_type<int>(x_2_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e688) * as_type<uint>(as_type<int>(x_2_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e693) * as_type<uint>(as_type<int>(x_2_0_.w)))))));
            uint _e700 = bits;
            uint _e704 = table.inner[_e700 >> 23u];
            entry = _e704;
            uint _e705 = total_1;
            uint _e706 = entry;
            total_1 = _e705 + _e706;
            uint _e708 = bits;
            uint _e709 = entry;
            bits = _e708 << (_e709 & 15u);
            uint _e713 = entry;
            level = _e713;
            uint _e714 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e714), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e719 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e719), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e724 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e724), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e729 = low_0_0_;
            int _e730 = value_0_;
            int _e734 = value_1_;
            int _e739 = value_2_;
            low_0_0_ = as_type<int>(as_type<uint>(_e729) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e730) * as_type<uint>(as_type<int>(more_2_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e734) * as_type<uint>(as_type<int>(more_2_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e739) * as_type<uint>(as_type<int>(more_2_0_.w)))))));
            uint _e746 = bits;
            uint _e750 = table.inner[_e746 >> 23u];
            entry = _e750;
            uint _e751 = total_1;
            uint _e752 = entry;
            total_1 = _e751 + _e752;
            uint _e754 = entry;
            level = _e754;
            uint _e755 = level;
            value_0_ = metal::extract_bits(as_type<int>(_e755), metal::min(8u, 32u), metal::min(8u, 32u - metal::min(8u, 32u)));
            uint _e760 = level;
            value_1_ = metal::extract_bits(as_type<int>(_e760), metal::min(16u, 32u), metal::min(8u, 32u - metal::min(16u, 32u)));
            uint _e765 = level;
            value_2_ = metal::extract_bits(as_type<int>(_e765), metal::min(24u, 32u), metal::min(8u, 32u - metal::min(24u, 32u)));
            int _e770 = low_1_0_;
            int _e771 = value_0_;
            int _e775 = value_1_;
            int _e780 = value_2_;
            low_1_0_ = as_type<int>(as_type<uint>(_e770) + as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(_e771) * as_type<uint>(as_type<int>(more_2_0_.y)))) + as_type<uint>(as_type<int>(as_type<uint>(_e775) * as_type<uint>(as_type<int>(more_2_0_.z)))))) + as_type<uint>(as_type<int>(as_type<uint>(_e780) * as_type<uint>(as_type<int>(more_2_0_.w)))))));
            uint _e786 = taken;
            uint _e787 = total_1;
            taken = _e786 + (_e787 & 255u);
            uint _e791 = taken;
            crossed = _e791 >= 32u;
            uint _e794 = taken;
            taken = _e794 & 31u;
            uint _e797 = word;
            uint _e798 = next_1;
            bool _e799 = crossed;
            word = _e799 ? _e798 : _e797;
            uint _e801 = next_1;
            uint _e802 = ahead;
            bool _e803 = crossed;
            next_1 = _e803 ? _e802 : _e801;
            uint _e805 = at;
            uint _e806 = at;
            bool _e809 = crossed;
            at = _e809 ? (_e806 + 32u) : _e805;
            uint _e812 = at;
            uint _e814 = stream[_e812];
            ahead = _e814;
        }
    }
    int _e818 = high_0_0_;
    int _e821 = low_0_0_;
    int _e823 = high_1_0_;
    int _e826 = low_1_0_;
    return type_7 {{metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e818))) + as_type<uint>(_e821)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e823))) + as_type<uint>(_e826)))}};
}

float side_float(
    uint at_1,
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = side[at_1];
    return as_type<float>(_e3);
}

float scaled_activation(
    Matrix m,
    float value,
    uint col,
    device type_1 const& side,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (m.scaled == 0u) {
        return value;
    }
    float _e8 = side_float(m.col_scales + col, side, _buffer_sizes);
    return value * _e8;
}

ProductParameters parameters(
    constant TupleProductParameters& p
) {
    ProductParameters _e2 = p.product;
    return _e2;
}

float result_of(
    uint row,
    float sum_1,
    device type_1 const& side,
    constant TupleProductParameters& p,
    device type_10 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float step_1 = 1.0;
    bool local_3 = {};
    float offset = 0.0;
    ProductParameters _e2 = parameters(p);
    if (false) {
        local_3 = false;
    } else {
        local_3 = true;
    }
    bool _e10 = local_3;
    if (_e10) {
        float _e14 = side_float(_e2.m.scales + row, side, _buffer_sizes);
        step_1 = _e14;
    }
    if (_e2.biased != 0u) {
        float _e26 = bias[(_e2.y_first + row) - _e2.first];
        offset = _e26;
    }
    float _e27 = step_1;
    float _e28 = offset;
    return metal::fma(sum_1, _e27, _e28);
}

uint groups_of(
    uint segment,
    constant TupleProductParameters& p
) {
    uint _e3 = p.groups;
    uint _e6 = p.segment_groups;
    uint _e11 = p.segment_groups;
    uint _e16 = p.segments;
    return ((segment + 1u) < _e16) ? _e11 : (_e3 - (segment * _e6));
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

int digit_at(
    uint row_1,
    uint segment_1,
    uint col_1,
    device type_3 const& digits,
    constant TupleProductParameters& p,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint in_group = naga_mod(col_1, GROUP_COLS);
    uint lane_1 = naga_div(naga_mod(in_group, 12u), TUPLE);
    uint _e11 = p.segments;
    uint _e16 = p.padded_groups;
    uint group_2 = (((row_1 * _e11) + segment_1) * _e16) + naga_div(col_1, GROUP_COLS);
    uint at_2 = ((group_2 * 4u) + lane_1) * LANE_VECTORS;
    if (true) {
        uint _e37 = digits[at_2 + naga_div(in_group, 12u)][FIRST_BYTE + naga_mod(in_group, TUPLE)];
        return as_type<int>(_e37);
    }
    metal::uint4 vector = digits[at_2];
    metal::uint2 pair = (in_group >= 12u) ? vector.zw : vector.xy;
    uint _e53 = 8u * (FIRST_BYTE + naga_mod(in_group, TUPLE));
    metal::int2 both = metal::extract_bits(as_type<metal::int2>(pair), metal::min(_e53, 32u), metal::min(8u, 32u - metal::min(_e53, 32u)));
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(both.x))) + as_type<uint>(both.y));
}

Ahead ahead_of(
    uint number,
    uint lane,
    device type_1 const& stream,
    constant TupleProductParameters& p,
    device type_1 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint touched = 0u;
    bool local_4 = {};
    uint _e5 = p.starts;
    uint _e13 = data[(_e5 + (number * 8u)) + naga_div(lane, 4u)];
    uint start_1 = (_e13 >> (8u * naga_mod(lane, 4u))) & 255u;
    uint _e23 = p.entries;
    uint at_3 = _e23 + (4u * number);
    uint row_3 = data[at_3];
    if (true) {
        uint _e39 = data[at_3 + 2u];
        local_4 = lane < ((_e39 - row_3) + 2u);
    } else {
        local_4 = false;
    }
    bool _e45 = local_4;
    if (_e45) {
        uint line = (row_3 + lane) * 32u;
        uint _e51 = stream[line];
        uint _e56 = stream[line + 8u];
        uint _e62 = stream[line + 16u];
        uint _e68 = stream[line + 24u];
        touched = ((_e51 ^ _e56) ^ _e62) ^ _e68;
    }
    uint place_1 = ((row_3 + naga_div(start_1, 32u)) * 32u) + lane;
    uint _e82 = data[at_3 + 1u];
    uint _e88 = data[at_3 + 3u];
    uint _e89 = touched;
    return Ahead {place_1, naga_mod(start_1, 32u), _e82 + lane, _e88, _e89};
}

uint correction_at(
    uint i_6,
    constant TupleProductParameters& p,
    device type_1 const& data,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = p.corrections;
    uint _e9 = data[_e4 + naga_div(i_6, 2u)];
    return (_e9 >> (16u * naga_mod(i_6, 2u))) & 65535u;
}

int naga_neg(int val) {
    return as_type<int>(-as_type<uint>(val));
}

void add_correction(
    uint correction,
    uint segment_2,
    uint first_sum,
    uint row0_,
    device type_3 const& digits,
    constant TupleProductParameters& p,
    threadgroup type_12& corrected,
    constant _mslBufferSizes& _buffer_sizes
) {
    int size = {};
    uint r_1 = 0u;
    uint size_bits = (correction >> 13u) & 3u;
    int _e17 = p.unit;
    size = as_type<int>(as_type<uint>(static_cast<int>((size_bits == 3u) ? 16u : (1u << size_bits))) * as_type<uint>(_e17));
    if ((correction >> 15u) == 1u) {
        int _e24 = size;
        size = naga_neg(_e24);
    }
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e51 = r_1;
            r_1 = _e51 + 1u;
        }
        loop_init_1 = false;
        uint _e28 = r_1;
        if (_e28 < ROWS) {
        } else {
            break;
        }
        {
            uint _e31 = r_1;
            int _e37 = digit_at(row0_ + _e31, segment_2, (correction >> 4u) & 511u, digits, p, _buffer_sizes);
            uint _e39 = r_1;
            int _e47 = size;
            int _e49 = metal::atomic_fetch_add_explicit(&corrected.inner[(first_sum + (_e39 * CODE_ROWS)) + naga_mod(correction, CODE_ROWS)], as_type<int>(as_type<uint>(_e47) * as_type<uint>(_e37)), metal::memory_order_relaxed);
        }
    }
    return;
}

float outlier_sum(
    uint row_2,
    uint x_row,
    device type_1 const& side,
    constant TupleProductParameters& p,
    device type_10 const& x,
    constant _mslBufferSizes& _buffer_sizes
) {
    float sum_2 = 0.0;
    uint i_7 = {};
    ProductParameters _e2 = parameters(p);
    Matrix m_1 = _e2.m;
    uint _e10 = side[_e2.m.starts + row_2];
    i_7 = _e10;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e47 = i_7;
            i_7 = _e47 + 1u;
        }
        loop_init_2 = false;
        uint _e12 = i_7;
        uint _e19 = side[(_e2.m.starts + row_2) + 1u];
        if (_e12 < _e19) {
        } else {
            break;
        }
        {
            uint _e24 = i_7;
            uint col_2 = side[_e2.m.outliers + (2u * _e24)];
            float _e34 = x[(x_row * _e2.m.cols) + col_2];
            float _e35 = scaled_activation(m_1, _e34, col_2, side, _buffer_sizes);
            uint _e38 = i_7;
            float _e43 = side_float((_e2.m.outliers + (2u * _e38)) + 1u, side, _buffer_sizes);
            float _e44 = sum_2;
            sum_2 = metal::fma(_e43, _e35, _e44);
        }
    }
    float _e49 = sum_2;
    return _e49;
}

struct tuple_productInput {
};
[[max_total_threads_per_threadgroup(256)]] kernel void tuple_product(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint thread_ [[thread_index_in_threadgroup]]
, device type_1 const& stream [[user(fake0)]]
, device type_3 const& digits [[user(fake0)]]
, threadgroup type_4& table
, constant metal::uint4& active_rows [[user(fake0)]]
, device type_1 const& side [[user(fake0)]]
, constant TupleProductParameters& p [[user(fake0)]]
, device type_10 const& bias [[user(fake0)]]
, device type_1 const& data [[user(fake0)]]
, device type_10 const& x [[user(fake0)]]
, device type_10& y [[user(fake0)]]
, threadgroup type_12& sums
, threadgroup type_12& corrected
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    Ahead next = {};
    uint i = {};
    uint i_1 = {};
    type_14 total = {};
    uint s = 0u;
    uint r = {};
    uint i_2 = {};
    uint i_3 = {};
    bool local = {};
    uint i_4 = 0u;
    uint i_5 = {};
    bool local_1 = {};
    bool local_2 = {};
    float sum = {};
    uint other = {};
    uint row0_1 = group.y * ROWS;
    uint _e9 = p.product.which;
    uint rows_in_use = active_rows[_e9];
    if (row0_1 >= rows_in_use) {
        return;
    }
    uint lane_2 = naga_mod(thread_, 32u);
    uint team = naga_div(thread_, 32u);
    uint _e20 = p.product.first;
    uint tile = naga_div(_e20, CODE_ROWS) + group.x;
    uint _e27 = p.segments;
    uint per_team = naga_div((_e27 + TEAMS) - 1u, TEAMS);
    uint _e36 = p.segments;
    uint last_segment = _e36 - 1u;
    uint _e41 = p.segments;
    Ahead _e46 = ahead_of((tile * _e41) + metal::min(team * per_team, last_segment), lane_2, stream, p, data, _buffer_sizes);
    next = _e46;
    i = thread_;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e63 = i;
            i = _e63 + THREADS;
        }
        loop_init_3 = false;
        uint _e49 = i;
        if (_e49 < 512u) {
        } else {
            break;
        }
        {
            uint _e53 = i;
            uint _e58 = p.registers;
            uint _e59 = i;
            uint _e62 = data[_e58 + _e59];
            table.inner[_e53] = _e62;
        }
    }
    i_1 = thread_;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e78 = i_1;
            i_1 = _e78 + THREADS;
        }
        loop_init_4 = false;
        uint _e67 = i_1;
        if (_e67 < 128u) {
        } else {
            break;
        }
        {
            uint _e71 = i_1;
            metal::atomic_store_explicit(&sums.inner[_e71], 0, metal::memory_order_relaxed);
            uint _e75 = i_1;
            metal::atomic_store_explicit(&corrected.inner[_e75], 0, metal::memory_order_relaxed);
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint first_sum_1 = team * TEAM_SUMS;
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e249 = s;
            s = _e249 + 1u;
        }
        loop_init_5 = false;
        uint _e86 = s;
        if (_e86 < per_team) {
        } else {
            break;
        }
        {
            uint _e89 = s;
            uint segment_3 = (team * per_team) + _e89;
            uint _e93 = p.segments;
            if (segment_3 < _e93) {
                Ahead own = next;
                uint _e98 = p.segments;
                Ahead _e104 = ahead_of((tile * _e98) + metal::min(segment_3 + 1u, last_segment), lane_2, stream, p, data, _buffer_sizes);
                next = _e104;
                uint _e108 = correction_at(metal::min(own.correction, own.corrections_end), p, data, _buffer_sizes);
                uint _e113 = p.zero;
                uint place_2 = own.place + (own.touched & _e113);
                uint _e118 = p.padded_groups;
                uint vectors = (_e118 * 4u) * LANE_VECTORS;
                uint _e125 = p.segments;
                uint step_2 = _e125 * vectors;
                uint _e129 = p.segments;
                uint first_1 = (((row0_1 * _e129) + segment_3) * vectors) + (naga_mod(lane_2, 4u) * LANE_VECTORS);
                uint _e139 = groups_of(segment_3, p);
                uint _e142 = p.segment_groups;
                type_7 _e143 = segment_sums(place_2, own.start, first_1, step_2, _e139, _e142, stream, digits, table, _buffer_sizes);
                r = 0u;
                bool loop_init_6 = true;
                while(true) {
                    if (!loop_init_6) {
                        uint _e171 = r;
                        r = _e171 + 1u;
                    }
                    loop_init_6 = false;
                    uint _e146 = r;
                    if (_e146 < ROWS) {
                    } else {
                        break;
                    }
                    {
                        uint _e149 = r;
                        uint sum_3 = (first_sum_1 + (_e149 * CODE_ROWS)) + naga_div(lane_2, 4u);
                        uint _e158 = r;
                        int _e161 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3], _e143.inner[_e158].x, metal::memory_order_relaxed);
                        uint _e166 = r;
                        int _e169 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3 + 8u], _e143.inner[_e166].y, metal::memory_order_relaxed);
                    }
                }
                if (own.correction < own.corrections_end) {
                    add_correction(_e108, segment_3, first_sum_1, row0_1, digits, p, corrected, _buffer_sizes);
                }
                i_2 = own.correction + 32u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e185 = i_2;
                        i_2 = _e185 + 32u;
                    }
                    loop_init_7 = false;
                    uint _e180 = i_2;
                    if (_e180 < own.corrections_end) {
                    } else {
                        break;
                    }
                    {
                        uint _e183 = i_2;
                        uint _e184 = correction_at(_e183, p, data, _buffer_sizes);
                        add_correction(_e184, segment_3, first_sum_1, row0_1, digits, p, corrected, _buffer_sizes);
                    }
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            i_3 = 0u;
            bool loop_init_8 = true;
            while(true) {
                if (!loop_init_8) {
                    uint _e246 = i_3;
                    i_3 = _e246 + 1u;
                }
                loop_init_8 = false;
                uint _e190 = i_3;
                if (_e190 < SUMS_PER_THREAD) {
                } else {
                    break;
                }
                {
                    uint _e193 = i_3;
                    uint sum_4 = (_e193 * 32u) + lane_2;
                    uint _e199 = p.segments;
                    if (!((segment_3 >= _e199))) {
                        local = sum_4 >= TEAM_SUMS;
                    } else {
                        local = true;
                    }
                    bool _e207 = local;
                    if (_e207) {
                        continue;
                    }
                    uint row_4 = row0_1 + naga_div(sum_4, CODE_ROWS);
                    uint _e214 = p.scales;
                    uint _e217 = p.segments;
                    uint _e223 = digits[(_e214 + (row_4 * _e217)) + segment_3].x;
                    float scale = as_type<float>(_e223);
                    int _e229 = metal::atomic_exchange_explicit(&sums.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_codes = static_cast<float>(_e229);
                    int _e235 = metal::atomic_exchange_explicit(&corrected.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_corrections = static_cast<float>(_e235);
                    uint _e237 = i_3;
                    uint _e241 = i_3;
                    float _e243 = total.inner[_e241];
                    total.inner[_e237] = metal::fma(scale, metal::fma(of_corrections, 1.0, of_codes), _e243);
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    bool loop_init_9 = true;
    while(true) {
        if (!loop_init_9) {
            uint _e270 = i_4;
            i_4 = _e270 + 1u;
        }
        loop_init_9 = false;
        uint _e253 = i_4;
        if (_e253 < SUMS_PER_THREAD) {
        } else {
            break;
        }
        {
            uint _e256 = i_4;
            uint sum_5 = (_e256 * 32u) + lane_2;
            if (sum_5 < TEAM_SUMS) {
                uint _e265 = i_4;
                float _e267 = total.inner[_e265];
                metal::atomic_store_explicit(&sums.inner[first_sum_1 + sum_5], as_type<int>(_e267), metal::memory_order_relaxed);
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    i_5 = thread_;
    bool loop_init_10 = true;
    while(true) {
        if (!loop_init_10) {
            uint _e348 = i_5;
            i_5 = _e348 + THREADS;
        }
        loop_init_10 = false;
        uint _e273 = i_5;
        if (_e273 < TEAM_SUMS) {
        } else {
            break;
        }
        {
            uint _e276 = i_5;
            uint r_2 = naga_div(_e276, CODE_ROWS);
            uint _e281 = i_5;
            uint row_5 = (tile * CODE_ROWS) + naga_mod(_e281, CODE_ROWS);
            ProductParameters _e285 = parameters(p);
            if (!(((row0_1 + r_2) >= rows_in_use))) {
                local_1 = row_5 < _e285.first;
            } else {
                local_1 = true;
            }
            bool _e294 = local_1;
            if (!(_e294)) {
                local_2 = row_5 >= (_e285.first + _e285.count);
            } else {
                local_2 = true;
            }
            bool _e303 = local_2;
            if (_e303) {
                continue;
            }
            sum = 0.0;
            other = 0u;
            bool loop_init_11 = true;
            while(true) {
                if (!loop_init_11) {
                    uint _e323 = other;
                    other = _e323 + 1u;
                }
                loop_init_11 = false;
                uint _e308 = other;
                if (_e308 < TEAMS) {
                } else {
                    break;
                }
                {
                    float _e311 = sum;
                    uint _e313 = other;
                    uint _e316 = i_5;
                    int _e319 = metal::atomic_load_explicit(&sums.inner[(_e313 * TEAM_SUMS) + _e316], metal::memory_order_relaxed);
                    sum = _e311 + as_type<float>(_e319);
                }
            }
            float _e325 = sum;
            sum = _e325 * 1.0;
            if (_e285.m.listed != 0u) {
                float _e332 = sum;
                float _e334 = outlier_sum(row_5, row0_1 + r_2, side, p, x, _buffer_sizes);
                sum = _e332 + _e334;
            }
            float _e346 = sum;
            float _e347 = result_of(row_5, _e346, side, p, bias, _buffer_sizes);
            y[((((row0_1 + r_2) * _e285.y_stride) + _e285.y_first) + row_5) - _e285.first] = _e347;
        }
    }
    return;
}
