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
constant uint TRELLIS = 1u;
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
    uint last_0_ = 0u;
    uint even_0_ = 0u;
    uint odd_0_ = 0u;
    int high_1_0_ = 0;
    int low_1_0_ = 0;
    uint last_1_ = 0u;
    uint even_1_ = 0u;
    uint odd_1_ = 0u;
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
            uint _e618 = group_1;
            group_1 = _e618 + 3u;
        }
        loop_init = false;
        uint _e56 = group_1;
        if (_e56 < groups) {
        } else {
            break;
        }
        {
            uint _e58 = group_1;
            if (_e58 == restart) {
                last_0_ = 0u;
                even_0_ = 0u;
                odd_0_ = 0u;
                last_1_ = 0u;
                even_1_ = 0u;
                odd_1_ = 0u;
            }
            uint _e66 = word;
            uint _e67 = taken;
            uint _e69 = next;
            uint _e73 = taken;
            bits = (_e66 << _e67) | ((_e69 >> 1u) >> (31u - _e73));
            uint _e82 = group_1;
            metal::uint4 x_0_0_ = digits[(first + (0u * step)) + (4u * (_e82 + 0u))];
            uint _e90 = bits;
            uint _e94 = table.inner[_e90 >> 23u];
            entry = _e94;
            uint _e95 = entry;
            total_1 = _e95;
            uint _e96 = bits;
            uint _e97 = entry;
            bits = _e96 << (_e97 & 15u);
            uint _e101 = even_0_;
            uint _e102 = last_0_;
            even_0_ = _e101 ^ (_e102 & 16843008u);
            uint _e106 = entry;
            last_0_ = _e106;
            uint _e107 = entry;
            uint _e110 = even_0_;
            level = (_e107 & 4278124287u) | _e110;
            int _e112 = high_0_0_;
            uint _e113 = level;
            uint _e114 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e113 = as_type<packed_char4>(_e113);
            packed_char4 reinterpreted_packed_char4_e114 = as_type<packed_char4>(_e114);
            high_0_0_ = as_type<int>(as_type<uint>(_e112) + as_type<uint>(( + reinterpreted_packed_char4_e113[0] * reinterpreted_packed_char4_e114[0] + reinterpreted_packed_char4_e113[1] * reinterpreted_packed_char4_e114[1] + reinterpreted_packed_char4_e113[2] * reinterpreted_packed_char4_e114[2] + reinterpreted_packed_char4_e113[3] * reinterpreted_packed_char4_e114[3])));
            int _e117 = low_0_0_;
            uint _e118 = level;
            uint _e119 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e118 = as_type<packed_char4>(_e118);
            packed_char4 reinterpreted_packed_char4_e119 = as_type<packed_char4>(_e119);
            low_0_0_ = as_type<int>(as_type<uint>(_e117) + as_type<uint>(( + reinterpreted_packed_char4_e118[0] * reinterpreted_packed_char4_e119[0] + reinterpreted_packed_char4_e118[1] * reinterpreted_packed_char4_e119[1] + reinterpreted_packed_char4_e118[2] * reinterpreted_packed_char4_e119[2] + reinterpreted_packed_char4_e118[3] * reinterpreted_packed_char4_e119[3])));
            uint _e123 = bits;
            uint _e127 = table.inner[_e123 >> 23u];
            entry = _e127;
            uint _e128 = total_1;
            uint _e129 = entry;
            total_1 = _e128 + _e129;
            uint _e131 = bits;
            uint _e132 = entry;
            bits = _e131 << (_e132 & 15u);
            uint _e136 = even_1_;
            uint _e137 = last_1_;
            even_1_ = _e136 ^ (_e137 & 16843008u);
            uint _e141 = entry;
            last_1_ = _e141;
            uint _e142 = entry;
            uint _e145 = even_1_;
            level = (_e142 & 4278124287u) | _e145;
            int _e147 = high_1_0_;
            uint _e148 = level;
            uint _e149 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e148 = as_type<packed_char4>(_e148);
            packed_char4 reinterpreted_packed_char4_e149 = as_type<packed_char4>(_e149);
            high_1_0_ = as_type<int>(as_type<uint>(_e147) + as_type<uint>(( + reinterpreted_packed_char4_e148[0] * reinterpreted_packed_char4_e149[0] + reinterpreted_packed_char4_e148[1] * reinterpreted_packed_char4_e149[1] + reinterpreted_packed_char4_e148[2] * reinterpreted_packed_char4_e149[2] + reinterpreted_packed_char4_e148[3] * reinterpreted_packed_char4_e149[3])));
            int _e152 = low_1_0_;
            uint _e153 = level;
            uint _e154 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e153 = as_type<packed_char4>(_e153);
            packed_char4 reinterpreted_packed_char4_e154 = as_type<packed_char4>(_e154);
            low_1_0_ = as_type<int>(as_type<uint>(_e152) + as_type<uint>(( + reinterpreted_packed_char4_e153[0] * reinterpreted_packed_char4_e154[0] + reinterpreted_packed_char4_e153[1] * reinterpreted_packed_char4_e154[1] + reinterpreted_packed_char4_e153[2] * reinterpreted_packed_char4_e154[2] + reinterpreted_packed_char4_e153[3] * reinterpreted_packed_char4_e154[3])));
            uint _e158 = bits;
            uint _e162 = table.inner[_e158 >> 23u];
            entry = _e162;
            uint _e163 = total_1;
            uint _e164 = entry;
            total_1 = _e163 + _e164;
            uint _e166 = odd_0_;
            uint _e167 = last_0_;
            odd_0_ = _e166 ^ (_e167 & 16843008u);
            uint _e171 = entry;
            last_0_ = _e171;
            uint _e172 = entry;
            uint _e175 = odd_0_;
            level = (_e172 & 4278124287u) | _e175;
            int _e177 = high_0_0_;
            uint _e178 = level;
            uint _e179 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e178 = as_type<packed_char4>(_e178);
            packed_char4 reinterpreted_packed_char4_e179 = as_type<packed_char4>(_e179);
            high_0_0_ = as_type<int>(as_type<uint>(_e177) + as_type<uint>(( + reinterpreted_packed_char4_e178[0] * reinterpreted_packed_char4_e179[0] + reinterpreted_packed_char4_e178[1] * reinterpreted_packed_char4_e179[1] + reinterpreted_packed_char4_e178[2] * reinterpreted_packed_char4_e179[2] + reinterpreted_packed_char4_e178[3] * reinterpreted_packed_char4_e179[3])));
            int _e182 = low_0_0_;
            uint _e183 = level;
            uint _e184 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e183 = as_type<packed_char4>(_e183);
            packed_char4 reinterpreted_packed_char4_e184 = as_type<packed_char4>(_e184);
            low_0_0_ = as_type<int>(as_type<uint>(_e182) + as_type<uint>(( + reinterpreted_packed_char4_e183[0] * reinterpreted_packed_char4_e184[0] + reinterpreted_packed_char4_e183[1] * reinterpreted_packed_char4_e184[1] + reinterpreted_packed_char4_e183[2] * reinterpreted_packed_char4_e184[2] + reinterpreted_packed_char4_e183[3] * reinterpreted_packed_char4_e184[3])));
            uint _e187 = taken;
            uint _e188 = total_1;
            taken = _e187 + (_e188 & 255u);
            uint _e192 = taken;
            if (_e192 >= 32u) {
                uint _e195 = taken;
                taken = _e195 - 32u;
                uint _e198 = next;
                word = _e198;
                uint _e199 = ahead;
                next = _e199;
                uint _e201 = at;
                uint _e203 = stream[_e201];
                ahead = _e203;
                uint _e204 = at;
                at = _e204 + 32u;
            }
            uint _e207 = word;
            uint _e208 = taken;
            uint _e210 = next;
            uint _e214 = taken;
            bits = (_e207 << _e208) | ((_e210 >> 1u) >> (31u - _e214));
            uint _e219 = bits;
            uint _e223 = table.inner[_e219 >> 23u];
            entry = _e223;
            uint _e224 = entry;
            total_1 = _e224;
            uint _e225 = bits;
            uint _e226 = entry;
            bits = _e225 << (_e226 & 15u);
            uint _e230 = odd_1_;
            uint _e231 = last_1_;
            odd_1_ = _e230 ^ (_e231 & 16843008u);
            uint _e235 = entry;
            last_1_ = _e235;
            uint _e236 = entry;
            uint _e239 = odd_1_;
            level = (_e236 & 4278124287u) | _e239;
            int _e241 = high_1_0_;
            uint _e242 = level;
            uint _e243 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e242 = as_type<packed_char4>(_e242);
            packed_char4 reinterpreted_packed_char4_e243 = as_type<packed_char4>(_e243);
            high_1_0_ = as_type<int>(as_type<uint>(_e241) + as_type<uint>(( + reinterpreted_packed_char4_e242[0] * reinterpreted_packed_char4_e243[0] + reinterpreted_packed_char4_e242[1] * reinterpreted_packed_char4_e243[1] + reinterpreted_packed_char4_e242[2] * reinterpreted_packed_char4_e243[2] + reinterpreted_packed_char4_e242[3] * reinterpreted_packed_char4_e243[3])));
            int _e246 = low_1_0_;
            uint _e247 = level;
            uint _e248 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e247 = as_type<packed_char4>(_e247);
            packed_char4 reinterpreted_packed_char4_e248 = as_type<packed_char4>(_e248);
            low_1_0_ = as_type<int>(as_type<uint>(_e246) + as_type<uint>(( + reinterpreted_packed_char4_e247[0] * reinterpreted_packed_char4_e248[0] + reinterpreted_packed_char4_e247[1] * reinterpreted_packed_char4_e248[1] + reinterpreted_packed_char4_e247[2] * reinterpreted_packed_char4_e248[2] + reinterpreted_packed_char4_e247[3] * reinterpreted_packed_char4_e248[3])));
            uint _e256 = group_1;
            metal::uint4 x_1_0_ = digits[(first + (0u * step)) + (4u * (_e256 + 1u))];
            uint _e264 = bits;
            uint _e268 = table.inner[_e264 >> 23u];
            entry = _e268;
            uint _e269 = total_1;
            uint _e270 = entry;
            total_1 = _e269 + _e270;
            uint _e272 = bits;
            uint _e273 = entry;
            bits = _e272 << (_e273 & 15u);
            uint _e277 = even_0_;
            uint _e278 = last_0_;
            even_0_ = _e277 ^ (_e278 & 16843008u);
            uint _e282 = entry;
            last_0_ = _e282;
            uint _e283 = entry;
            uint _e286 = even_0_;
            level = (_e283 & 4278124287u) | _e286;
            int _e288 = high_0_0_;
            uint _e289 = level;
            uint _e290 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e289 = as_type<packed_char4>(_e289);
            packed_char4 reinterpreted_packed_char4_e290 = as_type<packed_char4>(_e290);
            high_0_0_ = as_type<int>(as_type<uint>(_e288) + as_type<uint>(( + reinterpreted_packed_char4_e289[0] * reinterpreted_packed_char4_e290[0] + reinterpreted_packed_char4_e289[1] * reinterpreted_packed_char4_e290[1] + reinterpreted_packed_char4_e289[2] * reinterpreted_packed_char4_e290[2] + reinterpreted_packed_char4_e289[3] * reinterpreted_packed_char4_e290[3])));
            int _e293 = low_0_0_;
            uint _e294 = level;
            uint _e295 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e294 = as_type<packed_char4>(_e294);
            packed_char4 reinterpreted_packed_char4_e295 = as_type<packed_char4>(_e295);
            low_0_0_ = as_type<int>(as_type<uint>(_e293) + as_type<uint>(( + reinterpreted_packed_char4_e294[0] * reinterpreted_packed_char4_e295[0] + reinterpreted_packed_char4_e294[1] * reinterpreted_packed_char4_e295[1] + reinterpreted_packed_char4_e294[2] * reinterpreted_packed_char4_e295[2] + reinterpreted_packed_char4_e294[3] * reinterpreted_packed_char4_e295[3])));
            uint _e299 = bits;
            uint _e303 = table.inner[_e299 >> 23u];
            entry = _e303;
            uint _e304 = total_1;
            uint _e305 = entry;
            total_1 = _e304 + _e305;
            uint _e307 = even_1_;
            uint _e308 = last_1_;
            even_1_ = _e307 ^ (_e308 & 16843008u);
            uint _e312 = entry;
            last_1_ = _e312;
            uint _e313 = entry;
            uint _e316 = even_1_;
            level = (_e313 & 4278124287u) | _e316;
            int _e318 = high_1_0_;
            uint _e319 = level;
            uint _e320 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e319 = as_type<packed_char4>(_e319);
            packed_char4 reinterpreted_packed_char4_e320 = as_type<packed_char4>(_e320);
            high_1_0_ = as_type<int>(as_type<uint>(_e318) + as_type<uint>(( + reinterpreted_packed_char4_e319[0] * reinterpreted_packed_char4_e320[0] + reinterpreted_packed_char4_e319[1] * reinterpreted_packed_char4_e320[1] + reinterpreted_packed_char4_e319[2] * reinterpreted_packed_char4_e320[2] + reinterpreted_packed_char4_e319[3] * reinterpreted_packed_char4_e320[3])));
            int _e323 = low_1_0_;
            uint _e324 = level;
            uint _e325 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e324 = as_type<packed_char4>(_e324);
            packed_char4 reinterpreted_packed_char4_e325 = as_type<packed_char4>(_e325);
            low_1_0_ = as_type<int>(as_type<uint>(_e323) + as_type<uint>(( + reinterpreted_packed_char4_e324[0] * reinterpreted_packed_char4_e325[0] + reinterpreted_packed_char4_e324[1] * reinterpreted_packed_char4_e325[1] + reinterpreted_packed_char4_e324[2] * reinterpreted_packed_char4_e325[2] + reinterpreted_packed_char4_e324[3] * reinterpreted_packed_char4_e325[3])));
            uint _e328 = taken;
            uint _e329 = total_1;
            taken = _e328 + (_e329 & 255u);
            uint _e333 = taken;
            if (_e333 >= 32u) {
                uint _e336 = taken;
                taken = _e336 - 32u;
                uint _e339 = next;
                word = _e339;
                uint _e340 = ahead;
                next = _e340;
                uint _e342 = at;
                uint _e344 = stream[_e342];
                ahead = _e344;
                uint _e345 = at;
                at = _e345 + 32u;
            }
            uint _e348 = word;
            uint _e349 = taken;
            uint _e351 = next;
            uint _e355 = taken;
            bits = (_e348 << _e349) | ((_e351 >> 1u) >> (31u - _e355));
            uint _e360 = bits;
            uint _e364 = table.inner[_e360 >> 23u];
            entry = _e364;
            uint _e365 = entry;
            total_1 = _e365;
            uint _e366 = bits;
            uint _e367 = entry;
            bits = _e366 << (_e367 & 15u);
            uint _e371 = odd_0_;
            uint _e372 = last_0_;
            odd_0_ = _e371 ^ (_e372 & 16843008u);
            uint _e376 = entry;
            last_0_ = _e376;
            uint _e377 = entry;
            uint _e380 = odd_0_;
            level = (_e377 & 4278124287u) | _e380;
            int _e382 = high_0_0_;
            uint _e383 = level;
            uint _e384 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e383 = as_type<packed_char4>(_e383);
            packed_char4 reinterpreted_packed_char4_e384 = as_type<packed_char4>(_e384);
            high_0_0_ = as_type<int>(as_type<uint>(_e382) + as_type<uint>(( + reinterpreted_packed_char4_e383[0] * reinterpreted_packed_char4_e384[0] + reinterpreted_packed_char4_e383[1] * reinterpreted_packed_char4_e384[1] + reinterpreted_packed_char4_e383[2] * reinterpreted_packed_char4_e384[2] + reinterpreted_packed_char4_e383[3] * reinterpreted_packed_char4_e384[3])));
            int _e387 = low_0_0_;
            uint _e388 = level;
            uint _e389 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e388 = as_type<packed_char4>(_e388);
            packed_char4 reinterpreted_packed_char4_e389 = as_type<packed_char4>(_e389);
            low_0_0_ = as_type<int>(as_type<uint>(_e387) + as_type<uint>(( + reinterpreted_packed_char4_e388[0] * reinterpreted_packed_char4_e389[0] + reinterpreted_packed_char4_e388[1] * reinterpreted_packed_char4_e389[1] + reinterpreted_packed_char4_e388[2] * reinterpreted_packed_char4_e389[2] + reinterpreted_packed_char4_e388[3] * reinterpreted_packed_char4_e389[3])));
            uint _e393 = bits;
            uint _e397 = table.inner[_e393 >> 23u];
            entry = _e397;
            uint _e398 = total_1;
            uint _e399 = entry;
            total_1 = _e398 + _e399;
            uint _e401 = bits;
            uint _e402 = entry;
            bits = _e401 << (_e402 & 15u);
            uint _e406 = odd_1_;
            uint _e407 = last_1_;
            odd_1_ = _e406 ^ (_e407 & 16843008u);
            uint _e411 = entry;
            last_1_ = _e411;
            uint _e412 = entry;
            uint _e415 = odd_1_;
            level = (_e412 & 4278124287u) | _e415;
            int _e417 = high_1_0_;
            uint _e418 = level;
            uint _e419 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e418 = as_type<packed_char4>(_e418);
            packed_char4 reinterpreted_packed_char4_e419 = as_type<packed_char4>(_e419);
            high_1_0_ = as_type<int>(as_type<uint>(_e417) + as_type<uint>(( + reinterpreted_packed_char4_e418[0] * reinterpreted_packed_char4_e419[0] + reinterpreted_packed_char4_e418[1] * reinterpreted_packed_char4_e419[1] + reinterpreted_packed_char4_e418[2] * reinterpreted_packed_char4_e419[2] + reinterpreted_packed_char4_e418[3] * reinterpreted_packed_char4_e419[3])));
            int _e422 = low_1_0_;
            uint _e423 = level;
            uint _e424 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e423 = as_type<packed_char4>(_e423);
            packed_char4 reinterpreted_packed_char4_e424 = as_type<packed_char4>(_e424);
            low_1_0_ = as_type<int>(as_type<uint>(_e422) + as_type<uint>(( + reinterpreted_packed_char4_e423[0] * reinterpreted_packed_char4_e424[0] + reinterpreted_packed_char4_e423[1] * reinterpreted_packed_char4_e424[1] + reinterpreted_packed_char4_e423[2] * reinterpreted_packed_char4_e424[2] + reinterpreted_packed_char4_e423[3] * reinterpreted_packed_char4_e424[3])));
            uint _e432 = group_1;
            metal::uint4 x_2_0_ = digits[(first + (0u * step)) + (4u * (_e432 + 2u))];
            uint _e440 = bits;
            uint _e444 = table.inner[_e440 >> 23u];
            entry = _e444;
            uint _e445 = total_1;
            uint _e446 = entry;
            total_1 = _e445 + _e446;
            uint _e448 = even_0_;
            uint _e449 = last_0_;
            even_0_ = _e448 ^ (_e449 & 16843008u);
            uint _e453 = entry;
            last_0_ = _e453;
            uint _e454 = entry;
            uint _e457 = even_0_;
            level = (_e454 & 4278124287u) | _e457;
            int _e459 = high_0_0_;
            uint _e460 = level;
            uint _e461 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e460 = as_type<packed_char4>(_e460);
            packed_char4 reinterpreted_packed_char4_e461 = as_type<packed_char4>(_e461);
            high_0_0_ = as_type<int>(as_type<uint>(_e459) + as_type<uint>(( + reinterpreted_packed_char4_e460[0] * reinterpreted_packed_char4_e461[0] + reinterpreted_packed_char4_e460[1] * reinterpreted_packed_char4_e461[1] + reinterpreted_packed_char4_e460[2] * reinterpreted_packed_char4_e461[2] + reinterpreted_packed_char4_e460[3] * reinterpreted_packed_char4_e461[3])));
            int _e464 = low_0_0_;
            uint _e465 = level;
            uint _e466 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e465 = as_type<packed_char4>(_e465);
            packed_char4 reinterpreted_packed_char4_e466 = as_type<packed_char4>(_e466);
            low_0_0_ = as_type<int>(as_type<uint>(_e464) + as_type<uint>(( + reinterpreted_packed_char4_e465[0] * reinterpreted_packed_char4_e466[0] + reinterpreted_packed_char4_e465[1] * reinterpreted_packed_char4_e466[1] + reinterpreted_packed_char4_e465[2] * reinterpreted_packed_char4_e466[2] + reinterpreted_packed_char4_e465[3] * reinterpreted_packed_char4_e466[3])));
            uint _e469 = taken;
            uint _e470 = total_1;
            taken = _e469 + (_e470 & 255u);
            uint _e474 = taken;
            if (_e474 >= 32u) {
                uint _e477 = taken;
                taken = _e477 - 32u;
                uint _e480 = next;
                word = _e480;
                uint _e481 = ahead;
                next = _e481;
                uint _e483 = at;
                uint _e485 = stream[_e483];
                ahead = _e485;
                uint _e486 = at;
                at = _e486 + 32u;
            }
            uint _e489 = word;
            uint _e490 = taken;
            uint _e492 = next;
            uint _e496 = taken;
            bits = (_e489 << _e490) | ((_e492 >> 1u) >> (31u - _e496));
            uint _e501 = bits;
            uint _e505 = table.inner[_e501 >> 23u];
            entry = _e505;
            uint _e506 = entry;
            total_1 = _e506;
            uint _e507 = bits;
            uint _e508 = entry;
            bits = _e507 << (_e508 & 15u);
            uint _e512 = even_1_;
            uint _e513 = last_1_;
            even_1_ = _e512 ^ (_e513 & 16843008u);
            uint _e517 = entry;
            last_1_ = _e517;
            uint _e518 = entry;
            uint _e521 = even_1_;
            level = (_e518 & 4278124287u) | _e521;
            int _e523 = high_1_0_;
            uint _e524 = level;
            uint _e525 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e524 = as_type<packed_char4>(_e524);
            packed_char4 reinterpreted_packed_char4_e525 = as_type<packed_char4>(_e525);
            high_1_0_ = as_type<int>(as_type<uint>(_e523) + as_type<uint>(( + reinterpreted_packed_char4_e524[0] * reinterpreted_packed_char4_e525[0] + reinterpreted_packed_char4_e524[1] * reinterpreted_packed_char4_e525[1] + reinterpreted_packed_char4_e524[2] * reinterpreted_packed_char4_e525[2] + reinterpreted_packed_char4_e524[3] * reinterpreted_packed_char4_e525[3])));
            int _e528 = low_1_0_;
            uint _e529 = level;
            uint _e530 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e529 = as_type<packed_char4>(_e529);
            packed_char4 reinterpreted_packed_char4_e530 = as_type<packed_char4>(_e530);
            low_1_0_ = as_type<int>(as_type<uint>(_e528) + as_type<uint>(( + reinterpreted_packed_char4_e529[0] * reinterpreted_packed_char4_e530[0] + reinterpreted_packed_char4_e529[1] * reinterpreted_packed_char4_e530[1] + reinterpreted_packed_char4_e529[2] * reinterpreted_packed_char4_e530[2] + reinterpreted_packed_char4_e529[3] * reinterpreted_packed_char4_e530[3])));
            uint _e534 = bits;
            uint _e538 = table.inner[_e534 >> 23u];
            entry = _e538;
            uint _e539 = total_1;
            uint _e540 = entry;
            total_1 = _e539 + _e540;
            uint _e542 = bits;
            uint _e543 = entry;
            bits = _e542 << (_e543 & 15u);
            uint _e547 = odd_0_;
            uint _e548 = last_0_;
            odd_0_ = _e547 ^ (_e548 & 16843008u);
            uint _e552 = entry;
            last_0_ = _e552;
            uint _e553 = entry;
            uint _e556 = odd_0_;
            level = (_e553 & 4278124287u) | _e556;
            int _e558 = high_0_0_;
            uint _e559 = level;
            uint _e560 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e559 = as_type<packed_char4>(_e559);
            packed_char4 reinterpreted_packed_char4_e560 = as_type<packed_char4>(_e560);
            high_0_0_ = as_type<int>(as_type<uint>(_e558) + as_type<uint>(( + reinterpreted_packed_char4_e559[0] * reinterpreted_packed_char4_e560[0] + reinterpreted_packed_char4_e559[1] * reinterpreted_packed_char4_e560[1] + reinterpreted_packed_char4_e559[2] * reinterpreted_packed_char4_e560[2] + reinterpreted_packed_char4_e559[3] * reinterpreted_packed_char4_e560[3])));
            int _e563 = low_0_0_;
            uint _e564 = level;
            uint _e565 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e564 = as_type<packed_char4>(_e564);
            packed_char4 reinterpreted_packed_char4_e565 = as_type<packed_char4>(_e565);
            low_0_0_ = as_type<int>(as_type<uint>(_e563) + as_type<uint>(( + reinterpreted_packed_char4_e564[0] * reinterpreted_packed_char4_e565[0] + reinterpreted_packed_char4_e564[1] * reinterpreted_packed_char4_e565[1] + reinterpreted_packed_char4_e564[2] * reinterpreted_packed_char4_e565[2] + reinterpreted_packed_char4_e564[3] * reinterpreted_packed_char4_e565[3])));
            uint _e569 = bits;
            uint _e573 = table.inner[_e569 >> 23u];
            entry = _e573;
            uint _e574 = total_1;
            uint _e575 = entry;
            total_1 = _e574 + _e575;
            uint _e577 = odd_1_;
            uint _e578 = last_1_;
            odd_1_ = _e577 ^ (_e578 & 16843008u);
            uint _e582 = entry;
            last_1_ = _e582;
            uint _e583 = entry;
            uint _e586 = odd_1_;
            level = (_e583 & 4278124287u) | _e586;
            int _e588 = high_1_0_;
            uint _e589 = level;
            uint _e590 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e589 = as_type<packed_char4>(_e589);
            packed_char4 reinterpreted_packed_char4_e590 = as_type<packed_char4>(_e590);
            high_1_0_ = as_type<int>(as_type<uint>(_e588) + as_type<uint>(( + reinterpreted_packed_char4_e589[0] * reinterpreted_packed_char4_e590[0] + reinterpreted_packed_char4_e589[1] * reinterpreted_packed_char4_e590[1] + reinterpreted_packed_char4_e589[2] * reinterpreted_packed_char4_e590[2] + reinterpreted_packed_char4_e589[3] * reinterpreted_packed_char4_e590[3])));
            int _e593 = low_1_0_;
            uint _e594 = level;
            uint _e595 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e594 = as_type<packed_char4>(_e594);
            packed_char4 reinterpreted_packed_char4_e595 = as_type<packed_char4>(_e595);
            low_1_0_ = as_type<int>(as_type<uint>(_e593) + as_type<uint>(( + reinterpreted_packed_char4_e594[0] * reinterpreted_packed_char4_e595[0] + reinterpreted_packed_char4_e594[1] * reinterpreted_packed_char4_e595[1] + reinterpreted_packed_char4_e594[2] * reinterpreted_packed_char4_e595[2] + reinterpreted_packed_char4_e594[3] * reinterpreted_packed_char4_e595[3])));
            uint _e598 = taken;
            uint _e599 = total_1;
            taken = _e598 + (_e599 & 255u);
            uint _e603 = taken;
            if (_e603 >= 32u) {
                uint _e606 = taken;
                taken = _e606 - 32u;
                uint _e609 = next;
                word = _e609;
                uint _e610 = ahead;
                next = _e610;
                uint _e612 = at;
                uint _e614 = stream[_e612];
                ahead = _e614;
                uint _e615 = at;
                at = _e615 + 32u;
            }
        }
    }
    int _e621 = high_0_0_;
    int _e624 = low_0_0_;
    int _e626 = high_1_0_;
    int _e629 = low_1_0_;
    return type_7 {{metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e621))) + as_type<uint>(_e624)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e626))) + as_type<uint>(_e629)))}};
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
                    total.inner[_e228] = metal::fma(scale, metal::fma(of_corrections, 2.0, of_codes), _e234);
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
