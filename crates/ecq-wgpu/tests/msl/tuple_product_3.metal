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
    uint unused_a;
    uint unused_b;
};
typedef float type_10[1];
struct type_12 {
    metal::atomic_int inner[128];
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
    uint next = {};
    uint ahead = {};
    uint taken = {};
    uint bits = 0u;
    uint entry = 0u;
    uint total_1 = 0u;
    uint level = 0u;
    int high_0_0_ = 0;
    int low_0_0_ = 0;
    int high_1_0_ = 0;
    int low_1_0_ = 0;
    uint group_1 = 0u;
    at = place + 96u;
    uint _e11 = stream[place];
    word = _e11;
    uint _e17 = stream[place + 32u];
    next = _e17;
    uint _e23 = stream[place + 64u];
    ahead = _e23;
    taken = start;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e478 = group_1;
            group_1 = _e478 + 3u;
        }
        loop_init = false;
        uint _e44 = group_1;
        if (_e44 < groups) {
        } else {
            break;
        }
        {
            uint _e46 = word;
            uint _e47 = taken;
            uint _e49 = next;
            uint _e53 = taken;
            bits = (_e46 << _e47) | ((_e49 >> 1u) >> (31u - _e53));
            uint _e62 = group_1;
            metal::uint4 x_0_0_ = digits[(first + (0u * step)) + (4u * (_e62 + 0u))];
            uint _e70 = bits;
            uint _e74 = table.inner[_e70 >> 23u];
            entry = _e74;
            uint _e75 = entry;
            total_1 = _e75;
            uint _e76 = bits;
            uint _e77 = entry;
            bits = _e76 << (_e77 & 15u);
            uint _e81 = entry;
            level = _e81;
            int _e82 = high_0_0_;
            uint _e83 = level;
            uint _e84 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e83 = as_type<packed_char4>(_e83);
            packed_char4 reinterpreted_packed_char4_e84 = as_type<packed_char4>(_e84);
            high_0_0_ = as_type<int>(as_type<uint>(_e82) + as_type<uint>(( + reinterpreted_packed_char4_e83[0] * reinterpreted_packed_char4_e84[0] + reinterpreted_packed_char4_e83[1] * reinterpreted_packed_char4_e84[1] + reinterpreted_packed_char4_e83[2] * reinterpreted_packed_char4_e84[2] + reinterpreted_packed_char4_e83[3] * reinterpreted_packed_char4_e84[3])));
            int _e87 = low_0_0_;
            uint _e88 = level;
            uint _e89 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e88 = as_type<packed_char4>(_e88);
            packed_char4 reinterpreted_packed_char4_e89 = as_type<packed_char4>(_e89);
            low_0_0_ = as_type<int>(as_type<uint>(_e87) + as_type<uint>(( + reinterpreted_packed_char4_e88[0] * reinterpreted_packed_char4_e89[0] + reinterpreted_packed_char4_e88[1] * reinterpreted_packed_char4_e89[1] + reinterpreted_packed_char4_e88[2] * reinterpreted_packed_char4_e89[2] + reinterpreted_packed_char4_e88[3] * reinterpreted_packed_char4_e89[3])));
            uint _e93 = bits;
            uint _e97 = table.inner[_e93 >> 23u];
            entry = _e97;
            uint _e98 = total_1;
            uint _e99 = entry;
            total_1 = _e98 + _e99;
            uint _e101 = bits;
            uint _e102 = entry;
            bits = _e101 << (_e102 & 15u);
            uint _e106 = entry;
            level = _e106;
            int _e107 = high_1_0_;
            uint _e108 = level;
            uint _e109 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e108 = as_type<packed_char4>(_e108);
            packed_char4 reinterpreted_packed_char4_e109 = as_type<packed_char4>(_e109);
            high_1_0_ = as_type<int>(as_type<uint>(_e107) + as_type<uint>(( + reinterpreted_packed_char4_e108[0] * reinterpreted_packed_char4_e109[0] + reinterpreted_packed_char4_e108[1] * reinterpreted_packed_char4_e109[1] + reinterpreted_packed_char4_e108[2] * reinterpreted_packed_char4_e109[2] + reinterpreted_packed_char4_e108[3] * reinterpreted_packed_char4_e109[3])));
            int _e112 = low_1_0_;
            uint _e113 = level;
            uint _e114 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e113 = as_type<packed_char4>(_e113);
            packed_char4 reinterpreted_packed_char4_e114 = as_type<packed_char4>(_e114);
            low_1_0_ = as_type<int>(as_type<uint>(_e112) + as_type<uint>(( + reinterpreted_packed_char4_e113[0] * reinterpreted_packed_char4_e114[0] + reinterpreted_packed_char4_e113[1] * reinterpreted_packed_char4_e114[1] + reinterpreted_packed_char4_e113[2] * reinterpreted_packed_char4_e114[2] + reinterpreted_packed_char4_e113[3] * reinterpreted_packed_char4_e114[3])));
            uint _e118 = bits;
            uint _e122 = table.inner[_e118 >> 23u];
            entry = _e122;
            uint _e123 = total_1;
            uint _e124 = entry;
            total_1 = _e123 + _e124;
            uint _e126 = entry;
            level = _e126;
            int _e127 = high_0_0_;
            uint _e128 = level;
            uint _e129 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e128 = as_type<packed_char4>(_e128);
            packed_char4 reinterpreted_packed_char4_e129 = as_type<packed_char4>(_e129);
            high_0_0_ = as_type<int>(as_type<uint>(_e127) + as_type<uint>(( + reinterpreted_packed_char4_e128[0] * reinterpreted_packed_char4_e129[0] + reinterpreted_packed_char4_e128[1] * reinterpreted_packed_char4_e129[1] + reinterpreted_packed_char4_e128[2] * reinterpreted_packed_char4_e129[2] + reinterpreted_packed_char4_e128[3] * reinterpreted_packed_char4_e129[3])));
            int _e132 = low_0_0_;
            uint _e133 = level;
            uint _e134 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e133 = as_type<packed_char4>(_e133);
            packed_char4 reinterpreted_packed_char4_e134 = as_type<packed_char4>(_e134);
            low_0_0_ = as_type<int>(as_type<uint>(_e132) + as_type<uint>(( + reinterpreted_packed_char4_e133[0] * reinterpreted_packed_char4_e134[0] + reinterpreted_packed_char4_e133[1] * reinterpreted_packed_char4_e134[1] + reinterpreted_packed_char4_e133[2] * reinterpreted_packed_char4_e134[2] + reinterpreted_packed_char4_e133[3] * reinterpreted_packed_char4_e134[3])));
            uint _e137 = taken;
            uint _e138 = total_1;
            taken = _e137 + (_e138 & 255u);
            uint _e142 = taken;
            if (_e142 >= 32u) {
                uint _e145 = taken;
                taken = _e145 - 32u;
                uint _e148 = next;
                word = _e148;
                uint _e149 = ahead;
                next = _e149;
                uint _e151 = at;
                uint _e153 = stream[_e151];
                ahead = _e153;
                uint _e154 = at;
                at = _e154 + 32u;
            }
            uint _e157 = word;
            uint _e158 = taken;
            uint _e160 = next;
            uint _e164 = taken;
            bits = (_e157 << _e158) | ((_e160 >> 1u) >> (31u - _e164));
            uint _e169 = bits;
            uint _e173 = table.inner[_e169 >> 23u];
            entry = _e173;
            uint _e174 = entry;
            total_1 = _e174;
            uint _e175 = bits;
            uint _e176 = entry;
            bits = _e175 << (_e176 & 15u);
            uint _e180 = entry;
            level = _e180;
            int _e181 = high_1_0_;
            uint _e182 = level;
            uint _e183 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e182 = as_type<packed_char4>(_e182);
            packed_char4 reinterpreted_packed_char4_e183 = as_type<packed_char4>(_e183);
            high_1_0_ = as_type<int>(as_type<uint>(_e181) + as_type<uint>(( + reinterpreted_packed_char4_e182[0] * reinterpreted_packed_char4_e183[0] + reinterpreted_packed_char4_e182[1] * reinterpreted_packed_char4_e183[1] + reinterpreted_packed_char4_e182[2] * reinterpreted_packed_char4_e183[2] + reinterpreted_packed_char4_e182[3] * reinterpreted_packed_char4_e183[3])));
            int _e186 = low_1_0_;
            uint _e187 = level;
            uint _e188 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e187 = as_type<packed_char4>(_e187);
            packed_char4 reinterpreted_packed_char4_e188 = as_type<packed_char4>(_e188);
            low_1_0_ = as_type<int>(as_type<uint>(_e186) + as_type<uint>(( + reinterpreted_packed_char4_e187[0] * reinterpreted_packed_char4_e188[0] + reinterpreted_packed_char4_e187[1] * reinterpreted_packed_char4_e188[1] + reinterpreted_packed_char4_e187[2] * reinterpreted_packed_char4_e188[2] + reinterpreted_packed_char4_e187[3] * reinterpreted_packed_char4_e188[3])));
            uint _e196 = group_1;
            metal::uint4 x_1_0_ = digits[(first + (0u * step)) + (4u * (_e196 + 1u))];
            uint _e204 = bits;
            uint _e208 = table.inner[_e204 >> 23u];
            entry = _e208;
            uint _e209 = total_1;
            uint _e210 = entry;
            total_1 = _e209 + _e210;
            uint _e212 = bits;
            uint _e213 = entry;
            bits = _e212 << (_e213 & 15u);
            uint _e217 = entry;
            level = _e217;
            int _e218 = high_0_0_;
            uint _e219 = level;
            uint _e220 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e219 = as_type<packed_char4>(_e219);
            packed_char4 reinterpreted_packed_char4_e220 = as_type<packed_char4>(_e220);
            high_0_0_ = as_type<int>(as_type<uint>(_e218) + as_type<uint>(( + reinterpreted_packed_char4_e219[0] * reinterpreted_packed_char4_e220[0] + reinterpreted_packed_char4_e219[1] * reinterpreted_packed_char4_e220[1] + reinterpreted_packed_char4_e219[2] * reinterpreted_packed_char4_e220[2] + reinterpreted_packed_char4_e219[3] * reinterpreted_packed_char4_e220[3])));
            int _e223 = low_0_0_;
            uint _e224 = level;
            uint _e225 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e224 = as_type<packed_char4>(_e224);
            packed_char4 reinterpreted_packed_char4_e225 = as_type<packed_char4>(_e225);
            low_0_0_ = as_type<int>(as_type<uint>(_e223) + as_type<uint>(( + reinterpreted_packed_char4_e224[0] * reinterpreted_packed_char4_e225[0] + reinterpreted_packed_char4_e224[1] * reinterpreted_packed_char4_e225[1] + reinterpreted_packed_char4_e224[2] * reinterpreted_packed_char4_e225[2] + reinterpreted_packed_char4_e224[3] * reinterpreted_packed_char4_e225[3])));
            uint _e229 = bits;
            uint _e233 = table.inner[_e229 >> 23u];
            entry = _e233;
            uint _e234 = total_1;
            uint _e235 = entry;
            total_1 = _e234 + _e235;
            uint _e237 = entry;
            level = _e237;
            int _e238 = high_1_0_;
            uint _e239 = level;
            uint _e240 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e239 = as_type<packed_char4>(_e239);
            packed_char4 reinterpreted_packed_char4_e240 = as_type<packed_char4>(_e240);
            high_1_0_ = as_type<int>(as_type<uint>(_e238) + as_type<uint>(( + reinterpreted_packed_char4_e239[0] * reinterpreted_packed_char4_e240[0] + reinterpreted_packed_char4_e239[1] * reinterpreted_packed_char4_e240[1] + reinterpreted_packed_char4_e239[2] * reinterpreted_packed_char4_e240[2] + reinterpreted_packed_char4_e239[3] * reinterpreted_packed_char4_e240[3])));
            int _e243 = low_1_0_;
            uint _e244 = level;
            uint _e245 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e244 = as_type<packed_char4>(_e244);
            packed_char4 reinterpreted_packed_char4_e245 = as_type<packed_char4>(_e245);
            low_1_0_ = as_type<int>(as_type<uint>(_e243) + as_type<uint>(( + reinterpreted_packed_char4_e244[0] * reinterpreted_packed_char4_e245[0] + reinterpreted_packed_char4_e244[1] * reinterpreted_packed_char4_e245[1] + reinterpreted_packed_char4_e244[2] * reinterpreted_packed_char4_e245[2] + reinterpreted_packed_char4_e244[3] * reinterpreted_packed_char4_e245[3])));
            uint _e248 = taken;
            uint _e249 = total_1;
            taken = _e248 + (_e249 & 255u);
            uint _e253 = taken;
            if (_e253 >= 32u) {
                uint _e256 = taken;
                taken = _e256 - 32u;
                uint _e259 = next;
                word = _e259;
                uint _e260 = ahead;
                next = _e260;
                uint _e262 = at;
                uint _e264 = stream[_e262];
                ahead = _e264;
                uint _e265 = at;
                at = _e265 + 32u;
            }
            uint _e268 = word;
            uint _e269 = taken;
            uint _e271 = next;
            uint _e275 = taken;
            bits = (_e268 << _e269) | ((_e271 >> 1u) >> (31u - _e275));
            uint _e280 = bits;
            uint _e284 = table.inner[_e280 >> 23u];
            entry = _e284;
            uint _e285 = entry;
            total_1 = _e285;
            uint _e286 = bits;
            uint _e287 = entry;
            bits = _e286 << (_e287 & 15u);
            uint _e291 = entry;
            level = _e291;
            int _e292 = high_0_0_;
            uint _e293 = level;
            uint _e294 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e293 = as_type<packed_char4>(_e293);
            packed_char4 reinterpreted_packed_char4_e294 = as_type<packed_char4>(_e294);
            high_0_0_ = as_type<int>(as_type<uint>(_e292) + as_type<uint>(( + reinterpreted_packed_char4_e293[0] * reinterpreted_packed_char4_e294[0] + reinterpreted_packed_char4_e293[1] * reinterpreted_packed_char4_e294[1] + reinterpreted_packed_char4_e293[2] * reinterpreted_packed_char4_e294[2] + reinterpreted_packed_char4_e293[3] * reinterpreted_packed_char4_e294[3])));
            int _e297 = low_0_0_;
            uint _e298 = level;
            uint _e299 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e298 = as_type<packed_char4>(_e298);
            packed_char4 reinterpreted_packed_char4_e299 = as_type<packed_char4>(_e299);
            low_0_0_ = as_type<int>(as_type<uint>(_e297) + as_type<uint>(( + reinterpreted_packed_char4_e298[0] * reinterpreted_packed_char4_e299[0] + reinterpreted_packed_char4_e298[1] * reinterpreted_packed_char4_e299[1] + reinterpreted_packed_char4_e298[2] * reinterpreted_packed_char4_e299[2] + reinterpreted_packed_char4_e298[3] * reinterpreted_packed_char4_e299[3])));
            uint _e303 = bits;
            uint _e307 = table.inner[_e303 >> 23u];
            entry = _e307;
            uint _e308 = total_1;
            uint _e309 = entry;
            total_1 = _e308 + _e309;
            uint _e311 = bits;
            uint _e312 = entry;
            bits = _e311 << (_e312 & 15u);
            uint _e316 = entry;
            level = _e316;
            int _e317 = high_1_0_;
            uint _e318 = level;
            uint _e319 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e318 = as_type<packed_char4>(_e318);
            packed_char4 reinterpreted_packed_char4_e319 = as_type<packed_char4>(_e319);
            high_1_0_ = as_type<int>(as_type<uint>(_e317) + as_type<uint>(( + reinterpreted_packed_char4_e318[0] * reinterpreted_packed_char4_e319[0] + reinterpreted_packed_char4_e318[1] * reinterpreted_packed_char4_e319[1] + reinterpreted_packed_char4_e318[2] * reinterpreted_packed_char4_e319[2] + reinterpreted_packed_char4_e318[3] * reinterpreted_packed_char4_e319[3])));
            int _e322 = low_1_0_;
            uint _e323 = level;
            uint _e324 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e323 = as_type<packed_char4>(_e323);
            packed_char4 reinterpreted_packed_char4_e324 = as_type<packed_char4>(_e324);
            low_1_0_ = as_type<int>(as_type<uint>(_e322) + as_type<uint>(( + reinterpreted_packed_char4_e323[0] * reinterpreted_packed_char4_e324[0] + reinterpreted_packed_char4_e323[1] * reinterpreted_packed_char4_e324[1] + reinterpreted_packed_char4_e323[2] * reinterpreted_packed_char4_e324[2] + reinterpreted_packed_char4_e323[3] * reinterpreted_packed_char4_e324[3])));
            uint _e332 = group_1;
            metal::uint4 x_2_0_ = digits[(first + (0u * step)) + (4u * (_e332 + 2u))];
            uint _e340 = bits;
            uint _e344 = table.inner[_e340 >> 23u];
            entry = _e344;
            uint _e345 = total_1;
            uint _e346 = entry;
            total_1 = _e345 + _e346;
            uint _e348 = entry;
            level = _e348;
            int _e349 = high_0_0_;
            uint _e350 = level;
            uint _e351 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e350 = as_type<packed_char4>(_e350);
            packed_char4 reinterpreted_packed_char4_e351 = as_type<packed_char4>(_e351);
            high_0_0_ = as_type<int>(as_type<uint>(_e349) + as_type<uint>(( + reinterpreted_packed_char4_e350[0] * reinterpreted_packed_char4_e351[0] + reinterpreted_packed_char4_e350[1] * reinterpreted_packed_char4_e351[1] + reinterpreted_packed_char4_e350[2] * reinterpreted_packed_char4_e351[2] + reinterpreted_packed_char4_e350[3] * reinterpreted_packed_char4_e351[3])));
            int _e354 = low_0_0_;
            uint _e355 = level;
            uint _e356 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e355 = as_type<packed_char4>(_e355);
            packed_char4 reinterpreted_packed_char4_e356 = as_type<packed_char4>(_e356);
            low_0_0_ = as_type<int>(as_type<uint>(_e354) + as_type<uint>(( + reinterpreted_packed_char4_e355[0] * reinterpreted_packed_char4_e356[0] + reinterpreted_packed_char4_e355[1] * reinterpreted_packed_char4_e356[1] + reinterpreted_packed_char4_e355[2] * reinterpreted_packed_char4_e356[2] + reinterpreted_packed_char4_e355[3] * reinterpreted_packed_char4_e356[3])));
            uint _e359 = taken;
            uint _e360 = total_1;
            taken = _e359 + (_e360 & 255u);
            uint _e364 = taken;
            if (_e364 >= 32u) {
                uint _e367 = taken;
                taken = _e367 - 32u;
                uint _e370 = next;
                word = _e370;
                uint _e371 = ahead;
                next = _e371;
                uint _e373 = at;
                uint _e375 = stream[_e373];
                ahead = _e375;
                uint _e376 = at;
                at = _e376 + 32u;
            }
            uint _e379 = word;
            uint _e380 = taken;
            uint _e382 = next;
            uint _e386 = taken;
            bits = (_e379 << _e380) | ((_e382 >> 1u) >> (31u - _e386));
            uint _e391 = bits;
            uint _e395 = table.inner[_e391 >> 23u];
            entry = _e395;
            uint _e396 = entry;
            total_1 = _e396;
            uint _e397 = bits;
            uint _e398 = entry;
            bits = _e397 << (_e398 & 15u);
            uint _e402 = entry;
            level = _e402;
            int _e403 = high_1_0_;
            uint _e404 = level;
            uint _e405 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e404 = as_type<packed_char4>(_e404);
            packed_char4 reinterpreted_packed_char4_e405 = as_type<packed_char4>(_e405);
            high_1_0_ = as_type<int>(as_type<uint>(_e403) + as_type<uint>(( + reinterpreted_packed_char4_e404[0] * reinterpreted_packed_char4_e405[0] + reinterpreted_packed_char4_e404[1] * reinterpreted_packed_char4_e405[1] + reinterpreted_packed_char4_e404[2] * reinterpreted_packed_char4_e405[2] + reinterpreted_packed_char4_e404[3] * reinterpreted_packed_char4_e405[3])));
            int _e408 = low_1_0_;
            uint _e409 = level;
            uint _e410 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e409 = as_type<packed_char4>(_e409);
            packed_char4 reinterpreted_packed_char4_e410 = as_type<packed_char4>(_e410);
            low_1_0_ = as_type<int>(as_type<uint>(_e408) + as_type<uint>(( + reinterpreted_packed_char4_e409[0] * reinterpreted_packed_char4_e410[0] + reinterpreted_packed_char4_e409[1] * reinterpreted_packed_char4_e410[1] + reinterpreted_packed_char4_e409[2] * reinterpreted_packed_char4_e410[2] + reinterpreted_packed_char4_e409[3] * reinterpreted_packed_char4_e410[3])));
            uint _e414 = bits;
            uint _e418 = table.inner[_e414 >> 23u];
            entry = _e418;
            uint _e419 = total_1;
            uint _e420 = entry;
            total_1 = _e419 + _e420;
            uint _e422 = bits;
            uint _e423 = entry;
            bits = _e422 << (_e423 & 15u);
            uint _e427 = entry;
            level = _e427;
            int _e428 = high_0_0_;
            uint _e429 = level;
            uint _e430 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e429 = as_type<packed_char4>(_e429);
            packed_char4 reinterpreted_packed_char4_e430 = as_type<packed_char4>(_e430);
            high_0_0_ = as_type<int>(as_type<uint>(_e428) + as_type<uint>(( + reinterpreted_packed_char4_e429[0] * reinterpreted_packed_char4_e430[0] + reinterpreted_packed_char4_e429[1] * reinterpreted_packed_char4_e430[1] + reinterpreted_packed_char4_e429[2] * reinterpreted_packed_char4_e430[2] + reinterpreted_packed_char4_e429[3] * reinterpreted_packed_char4_e430[3])));
            int _e433 = low_0_0_;
            uint _e434 = level;
            uint _e435 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e434 = as_type<packed_char4>(_e434);
            packed_char4 reinterpreted_packed_char4_e435 = as_type<packed_char4>(_e435);
            low_0_0_ = as_type<int>(as_type<uint>(_e433) + as_type<uint>(( + reinterpreted_packed_char4_e434[0] * reinterpreted_packed_char4_e435[0] + reinterpreted_packed_char4_e434[1] * reinterpreted_packed_char4_e435[1] + reinterpreted_packed_char4_e434[2] * reinterpreted_packed_char4_e435[2] + reinterpreted_packed_char4_e434[3] * reinterpreted_packed_char4_e435[3])));
            uint _e439 = bits;
            uint _e443 = table.inner[_e439 >> 23u];
            entry = _e443;
            uint _e444 = total_1;
            uint _e445 = entry;
            total_1 = _e444 + _e445;
            uint _e447 = entry;
            level = _e447;
            int _e448 = high_1_0_;
            uint _e449 = level;
            uint _e450 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e449 = as_type<packed_char4>(_e449);
            packed_char4 reinterpreted_packed_char4_e450 = as_type<packed_char4>(_e450);
            high_1_0_ = as_type<int>(as_type<uint>(_e448) + as_type<uint>(( + reinterpreted_packed_char4_e449[0] * reinterpreted_packed_char4_e450[0] + reinterpreted_packed_char4_e449[1] * reinterpreted_packed_char4_e450[1] + reinterpreted_packed_char4_e449[2] * reinterpreted_packed_char4_e450[2] + reinterpreted_packed_char4_e449[3] * reinterpreted_packed_char4_e450[3])));
            int _e453 = low_1_0_;
            uint _e454 = level;
            uint _e455 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e454 = as_type<packed_char4>(_e454);
            packed_char4 reinterpreted_packed_char4_e455 = as_type<packed_char4>(_e455);
            low_1_0_ = as_type<int>(as_type<uint>(_e453) + as_type<uint>(( + reinterpreted_packed_char4_e454[0] * reinterpreted_packed_char4_e455[0] + reinterpreted_packed_char4_e454[1] * reinterpreted_packed_char4_e455[1] + reinterpreted_packed_char4_e454[2] * reinterpreted_packed_char4_e455[2] + reinterpreted_packed_char4_e454[3] * reinterpreted_packed_char4_e455[3])));
            uint _e458 = taken;
            uint _e459 = total_1;
            taken = _e458 + (_e459 & 255u);
            uint _e463 = taken;
            if (_e463 >= 32u) {
                uint _e466 = taken;
                taken = _e466 - 32u;
                uint _e469 = next;
                word = _e469;
                uint _e470 = ahead;
                next = _e470;
                uint _e472 = at;
                uint _e474 = stream[_e472];
                ahead = _e474;
                uint _e475 = at;
                at = _e475 + 32u;
            }
        }
    }
    int _e481 = high_0_0_;
    int _e484 = low_0_0_;
    int _e486 = high_1_0_;
    int _e489 = low_1_0_;
    return type_7 {{metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e481))) + as_type<uint>(_e484)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e486))) + as_type<uint>(_e489)))}};
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
    uint at_2 = (((((row_1 * _e11) + segment_1) * _e16) + naga_div(col_1, GROUP_COLS)) * 4u) + lane_1;
    metal::uint4 vector = digits[at_2];
    metal::uint2 pair = (in_group >= 12u) ? vector.zw : vector.xy;
    uint _e38 = 8u * (FIRST_BYTE + naga_mod(in_group, TUPLE));
    metal::int2 both = metal::extract_bits(as_type<metal::int2>(pair), metal::min(_e38, 32u), metal::min(8u, 32u - metal::min(_e38, 32u)));
    return as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(both.x))) + as_type<uint>(both.y));
}

int naga_neg(int val) {
    return as_type<int>(-as_type<uint>(val));
}

void add_corrections(
    uint number,
    uint segment_2,
    uint first_sum,
    uint lane,
    uint row0_,
    device type_3 const& digits,
    constant TupleProductParameters& p,
    device type_1 const& data,
    threadgroup type_12& corrected,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_5 = {};
    int size = {};
    uint r_1 = {};
    uint _e8 = p.entries;
    uint last = data[(_e8 + (4u * number)) + 3u];
    uint _e19 = p.entries;
    uint _e26 = data[(_e19 + (4u * number)) + 1u];
    i_5 = _e26 + lane;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e98 = i_5;
            i_5 = _e98 + 32u;
        }
        loop_init_1 = false;
        uint _e29 = i_5;
        if (_e29 < last) {
        } else {
            break;
        }
        {
            uint _e34 = p.corrections;
            uint _e35 = i_5;
            uint _e40 = data[_e34 + naga_div(_e35, 2u)];
            uint _e42 = i_5;
            uint correction = (_e40 >> (16u * naga_mod(_e42, 2u))) & 65535u;
            uint size_bits = (correction >> 13u) & 3u;
            int _e62 = p.unit;
            size = as_type<int>(as_type<uint>(static_cast<int>((size_bits == 3u) ? 16u : (1u << size_bits))) * as_type<uint>(_e62));
            if ((correction >> 15u) == 1u) {
                int _e69 = size;
                size = naga_neg(_e69);
            }
            r_1 = 0u;
            bool loop_init_2 = true;
            while(true) {
                if (!loop_init_2) {
                    uint _e96 = r_1;
                    r_1 = _e96 + 1u;
                }
                loop_init_2 = false;
                uint _e73 = r_1;
                if (_e73 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e76 = r_1;
                    int _e82 = digit_at(row0_ + _e76, segment_2, (correction >> 4u) & 511u, digits, p, _buffer_sizes);
                    uint _e84 = r_1;
                    int _e92 = size;
                    int _e94 = metal::atomic_fetch_add_explicit(&corrected.inner[(first_sum + (_e84 * CODE_ROWS)) + naga_mod(correction, CODE_ROWS)], as_type<int>(as_type<uint>(_e92) * as_type<uint>(_e82)), metal::memory_order_relaxed);
                }
            }
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
    uint i_6 = {};
    ProductParameters _e2 = parameters(p);
    Matrix m_1 = _e2.m;
    uint _e10 = side[_e2.m.starts + row_2];
    i_6 = _e10;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e47 = i_6;
            i_6 = _e47 + 1u;
        }
        loop_init_3 = false;
        uint _e12 = i_6;
        uint _e19 = side[(_e2.m.starts + row_2) + 1u];
        if (_e12 < _e19) {
        } else {
            break;
        }
        {
            uint _e24 = i_6;
            uint col_2 = side[_e2.m.outliers + (2u * _e24)];
            uint _e31 = i_6;
            float _e36 = side_float((_e2.m.outliers + (2u * _e31)) + 1u, side, _buffer_sizes);
            float _e42 = x[(x_row * _e2.m.cols) + col_2];
            float _e43 = scaled_activation(m_1, _e42, col_2, side, _buffer_sizes);
            float _e44 = sum_2;
            sum_2 = metal::fma(_e36, _e43, _e44);
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
    uint i = {};
    uint i_1 = {};
    type_14 total = {};
    uint s = 0u;
    uint r = {};
    uint i_2 = {};
    bool local = {};
    uint i_3 = 0u;
    uint i_4 = {};
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
    i = thread_;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e28 = i;
            i = _e28 + THREADS;
        }
        loop_init_4 = false;
        uint _e14 = i;
        if (_e14 < 512u) {
        } else {
            break;
        }
        {
            uint _e18 = i;
            uint _e23 = p.registers;
            uint _e24 = i;
            uint _e27 = data[_e23 + _e24];
            table.inner[_e18] = _e27;
        }
    }
    i_1 = thread_;
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e43 = i_1;
            i_1 = _e43 + THREADS;
        }
        loop_init_5 = false;
        uint _e32 = i_1;
        if (_e32 < 128u) {
        } else {
            break;
        }
        {
            uint _e36 = i_1;
            metal::atomic_store_explicit(&sums.inner[_e36], 0, metal::memory_order_relaxed);
            uint _e40 = i_1;
            metal::atomic_store_explicit(&corrected.inner[_e40], 0, metal::memory_order_relaxed);
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint lane_2 = naga_mod(thread_, 32u);
    uint team = naga_div(thread_, 32u);
    uint _e53 = p.product.first;
    uint tile = naga_div(_e53, CODE_ROWS) + group.x;
    uint _e60 = p.segments;
    uint per_team = naga_div((_e60 + TEAMS) - 1u, TEAMS);
    uint first_sum_1 = team * TEAM_SUMS;
    bool loop_init_6 = true;
    while(true) {
        if (!loop_init_6) {
            uint _e240 = s;
            s = _e240 + 1u;
        }
        loop_init_6 = false;
        uint _e72 = s;
        if (_e72 < per_team) {
        } else {
            break;
        }
        {
            uint _e75 = s;
            uint segment_3 = (team * per_team) + _e75;
            uint _e79 = p.segments;
            uint number_1 = (tile * _e79) + segment_3;
            uint _e84 = p.segments;
            if (segment_3 < _e84) {
                uint _e89 = p.starts;
                uint _e97 = data[(_e89 + (number_1 * 8u)) + naga_div(lane_2, 4u)];
                uint start_1 = (_e97 >> (8u * naga_mod(lane_2, 4u))) & 255u;
                uint _e108 = p.entries;
                uint _e113 = data[_e108 + (4u * number_1)];
                uint word_1 = ((_e113 + naga_div(start_1, 32u)) * 32u) + lane_2;
                uint _e122 = p.segments;
                uint _e125 = p.padded_groups;
                uint step_2 = (_e122 * _e125) * 4u;
                uint _e131 = p.segments;
                uint _e136 = p.padded_groups;
                uint first_1 = ((((row0_1 * _e131) + segment_3) * _e136) * 4u) + naga_mod(lane_2, 4u);
                uint _e145 = groups_of(segment_3, p);
                uint _e148 = p.segment_groups;
                type_7 _e149 = segment_sums(word_1, naga_mod(start_1, 32u), first_1, step_2, _e145, _e148, stream, digits, table, _buffer_sizes);
                r = 0u;
                bool loop_init_7 = true;
                while(true) {
                    if (!loop_init_7) {
                        uint _e177 = r;
                        r = _e177 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e152 = r;
                    if (_e152 < ROWS) {
                    } else {
                        break;
                    }
                    {
                        uint _e155 = r;
                        uint sum_3 = (first_sum_1 + (_e155 * CODE_ROWS)) + naga_div(lane_2, 4u);
                        uint _e164 = r;
                        int _e167 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3], _e149.inner[_e164].x, metal::memory_order_relaxed);
                        uint _e172 = r;
                        int _e175 = metal::atomic_fetch_add_explicit(&sums.inner[sum_3 + 8u], _e149.inner[_e172].y, metal::memory_order_relaxed);
                    }
                }
                add_corrections(number_1, segment_3, first_sum_1, lane_2, row0_1, digits, p, data, corrected, _buffer_sizes);
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            i_2 = 0u;
            bool loop_init_8 = true;
            while(true) {
                if (!loop_init_8) {
                    uint _e237 = i_2;
                    i_2 = _e237 + 1u;
                }
                loop_init_8 = false;
                uint _e181 = i_2;
                if (_e181 < SUMS_PER_THREAD) {
                } else {
                    break;
                }
                {
                    uint _e184 = i_2;
                    uint sum_4 = (_e184 * 32u) + lane_2;
                    uint _e190 = p.segments;
                    if (!((segment_3 >= _e190))) {
                        local = sum_4 >= TEAM_SUMS;
                    } else {
                        local = true;
                    }
                    bool _e198 = local;
                    if (_e198) {
                        continue;
                    }
                    uint row_3 = row0_1 + naga_div(sum_4, CODE_ROWS);
                    uint _e205 = p.scales;
                    uint _e208 = p.segments;
                    uint _e214 = digits[(_e205 + (row_3 * _e208)) + segment_3].x;
                    float scale = as_type<float>(_e214);
                    int _e220 = metal::atomic_exchange_explicit(&sums.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_codes = static_cast<float>(_e220);
                    int _e226 = metal::atomic_exchange_explicit(&corrected.inner[first_sum_1 + sum_4], 0, metal::memory_order_relaxed);
                    float of_corrections = static_cast<float>(_e226);
                    uint _e228 = i_2;
                    uint _e232 = i_2;
                    float _e234 = total.inner[_e232];
                    total.inner[_e228] = metal::fma(scale, metal::fma(of_corrections, 1.0, of_codes), _e234);
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    bool loop_init_9 = true;
    while(true) {
        if (!loop_init_9) {
            uint _e261 = i_3;
            i_3 = _e261 + 1u;
        }
        loop_init_9 = false;
        uint _e244 = i_3;
        if (_e244 < SUMS_PER_THREAD) {
        } else {
            break;
        }
        {
            uint _e247 = i_3;
            uint sum_5 = (_e247 * 32u) + lane_2;
            if (sum_5 < TEAM_SUMS) {
                uint _e256 = i_3;
                float _e258 = total.inner[_e256];
                metal::atomic_store_explicit(&sums.inner[first_sum_1 + sum_5], as_type<int>(_e258), metal::memory_order_relaxed);
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    i_4 = thread_;
    bool loop_init_10 = true;
    while(true) {
        if (!loop_init_10) {
            uint _e339 = i_4;
            i_4 = _e339 + THREADS;
        }
        loop_init_10 = false;
        uint _e264 = i_4;
        if (_e264 < TEAM_SUMS) {
        } else {
            break;
        }
        {
            uint _e267 = i_4;
            uint r_2 = naga_div(_e267, CODE_ROWS);
            uint _e272 = i_4;
            uint row_4 = (tile * CODE_ROWS) + naga_mod(_e272, CODE_ROWS);
            ProductParameters _e276 = parameters(p);
            if (!(((row0_1 + r_2) >= rows_in_use))) {
                local_1 = row_4 < _e276.first;
            } else {
                local_1 = true;
            }
            bool _e285 = local_1;
            if (!(_e285)) {
                local_2 = row_4 >= (_e276.first + _e276.count);
            } else {
                local_2 = true;
            }
            bool _e294 = local_2;
            if (_e294) {
                continue;
            }
            sum = 0.0;
            other = 0u;
            bool loop_init_11 = true;
            while(true) {
                if (!loop_init_11) {
                    uint _e314 = other;
                    other = _e314 + 1u;
                }
                loop_init_11 = false;
                uint _e299 = other;
                if (_e299 < TEAMS) {
                } else {
                    break;
                }
                {
                    float _e302 = sum;
                    uint _e304 = other;
                    uint _e307 = i_4;
                    int _e310 = metal::atomic_load_explicit(&sums.inner[(_e304 * TEAM_SUMS) + _e307], metal::memory_order_relaxed);
                    sum = _e302 + as_type<float>(_e310);
                }
            }
            float _e316 = sum;
            sum = _e316 * 1.0;
            if (_e276.m.listed != 0u) {
                float _e323 = sum;
                float _e325 = outlier_sum(row_4, row0_1 + r_2, side, p, x, _buffer_sizes);
                sum = _e323 + _e325;
            }
            float _e337 = sum;
            float _e338 = result_of(row_4, _e337, side, p, bias, _buffer_sizes);
            y[((((row0_1 + r_2) * _e276.y_stride) + _e276.y_first) + row_4) - _e276.first] = _e338;
        }
    }
    return;
}
