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
    uint inner[1024];
};
struct type_7 {
    metal::int2 inner[8];
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
    metal::atomic_int inner[1024];
};
struct Ahead {
    uint place;
    uint start;
    uint correction;
    uint corrections_end;
    uint touched;
};
struct type_14 {
    float inner[4];
};
constant uint BITS = 8u;
constant uint GRID = 0u;
constant uint SCALES = 0u;
constant uint BIASED = 0u;
constant uint GROUP = 32u;
constant uint INTEGER = 1u;
constant uint TUPLE = 2u;
constant uint WIDTH = 10u;
constant uint TRELLIS = 1u;
constant uint UNIT = 1u;
constant uint ROWS = 8u;
constant uint TEAMS = 8u;
constant uint TOUCHES = 0u;
constant uint VALUES = 0u;
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
constant uint TEAM_SUMS = 128u;
constant uint SUMS_PER_THREAD = 4u;
constant uint GROUP_COLS = 16u;
constant uint FIRST_BYTE = 1u;
constant uint LANE_VECTORS = 1u;

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
    int high_0_1_ = 0;
    int low_0_1_ = 0;
    int high_0_2_ = 0;
    int low_0_2_ = 0;
    int high_0_3_ = 0;
    int low_0_3_ = 0;
    int high_0_4_ = 0;
    int low_0_4_ = 0;
    int high_0_5_ = 0;
    int low_0_5_ = 0;
    int high_0_6_ = 0;
    int low_0_6_ = 0;
    int high_0_7_ = 0;
    int low_0_7_ = 0;
    uint last_0_ = 0u;
    uint even_0_ = 0u;
    uint odd_0_ = 0u;
    int high_1_0_ = 0;
    int low_1_0_ = 0;
    int high_1_1_ = 0;
    int low_1_1_ = 0;
    int high_1_2_ = 0;
    int low_1_2_ = 0;
    int high_1_3_ = 0;
    int low_1_3_ = 0;
    int high_1_4_ = 0;
    int low_1_4_ = 0;
    int high_1_5_ = 0;
    int low_1_5_ = 0;
    int high_1_6_ = 0;
    int low_1_6_ = 0;
    int high_1_7_ = 0;
    int low_1_7_ = 0;
    uint last_1_ = 0u;
    uint even_1_ = 0u;
    uint odd_1_ = 0u;
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
            uint _e1803 = group_1;
            group_1 = _e1803 + 3u;
        }
        loop_init = false;
        uint _e113 = group_1;
        if (_e113 < groups) {
        } else {
            break;
        }
        {
            uint _e115 = group_1;
            if (_e115 == restart) {
                last_0_ = 0u;
                even_0_ = 0u;
                odd_0_ = 0u;
                last_1_ = 0u;
                even_1_ = 0u;
                odd_1_ = 0u;
            }
            uint _e123 = word;
            uint _e124 = taken;
            uint _e126 = next_1;
            uint _e130 = taken;
            bits = (_e123 << _e124) | ((_e126 >> 1u) >> (31u - _e130));
            uint _e139 = group_1;
            metal::uint4 x_0_0_ = digits[(first + (0u * step)) + (4u * (_e139 + 0u))];
            uint _e151 = group_1;
            metal::uint4 x_0_1_ = digits[(first + (1u * step)) + (4u * (_e151 + 0u))];
            uint _e163 = group_1;
            metal::uint4 x_0_2_ = digits[(first + (2u * step)) + (4u * (_e163 + 0u))];
            uint _e175 = group_1;
            metal::uint4 x_0_3_ = digits[(first + (3u * step)) + (4u * (_e175 + 0u))];
            uint _e187 = group_1;
            metal::uint4 x_0_4_ = digits[(first + (4u * step)) + (4u * (_e187 + 0u))];
            uint _e199 = group_1;
            metal::uint4 x_0_5_ = digits[(first + (5u * step)) + (4u * (_e199 + 0u))];
            uint _e211 = group_1;
            metal::uint4 x_0_6_ = digits[(first + (6u * step)) + (4u * (_e211 + 0u))];
            uint _e223 = group_1;
            metal::uint4 x_0_7_ = digits[(first + (7u * step)) + (4u * (_e223 + 0u))];
            uint _e231 = bits;
            uint _e235 = table.inner[_e231 >> 22u];
            entry = _e235;
            uint _e236 = entry;
            total_1 = _e236;
            uint _e237 = bits;
            uint _e238 = entry;
            bits = _e237 << (_e238 & 15u);
            uint _e242 = even_0_;
            uint _e243 = last_0_;
            even_0_ = _e242 ^ (_e243 & 65792u);
            uint _e247 = entry;
            last_0_ = _e247;
            uint _e248 = entry;
            uint _e251 = even_0_;
            level = (_e248 & 4294901503u) | _e251;
            int _e253 = high_0_0_;
            uint _e254 = level;
            uint _e255 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e254 = as_type<packed_char4>(_e254);
            packed_char4 reinterpreted_packed_char4_e255 = as_type<packed_char4>(_e255);
            high_0_0_ = as_type<int>(as_type<uint>(_e253) + as_type<uint>(( + reinterpreted_packed_char4_e254[0] * reinterpreted_packed_char4_e255[0] + reinterpreted_packed_char4_e254[1] * reinterpreted_packed_char4_e255[1] + reinterpreted_packed_char4_e254[2] * reinterpreted_packed_char4_e255[2] + reinterpreted_packed_char4_e254[3] * reinterpreted_packed_char4_e255[3])));
            int _e258 = low_0_0_;
            uint _e259 = level;
            uint _e260 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e259 = as_type<packed_char4>(_e259);
            packed_char4 reinterpreted_packed_char4_e260 = as_type<packed_char4>(_e260);
            low_0_0_ = as_type<int>(as_type<uint>(_e258) + as_type<uint>(( + reinterpreted_packed_char4_e259[0] * reinterpreted_packed_char4_e260[0] + reinterpreted_packed_char4_e259[1] * reinterpreted_packed_char4_e260[1] + reinterpreted_packed_char4_e259[2] * reinterpreted_packed_char4_e260[2] + reinterpreted_packed_char4_e259[3] * reinterpreted_packed_char4_e260[3])));
            int _e263 = high_0_1_;
            uint _e264 = level;
            uint _e265 = x_0_1_.x;
            packed_char4 reinterpreted_packed_char4_e264 = as_type<packed_char4>(_e264);
            packed_char4 reinterpreted_packed_char4_e265 = as_type<packed_char4>(_e265);
            high_0_1_ = as_type<int>(as_type<uint>(_e263) + as_type<uint>(( + reinterpreted_packed_char4_e264[0] * reinterpreted_packed_char4_e265[0] + reinterpreted_packed_char4_e264[1] * reinterpreted_packed_char4_e265[1] + reinterpreted_packed_char4_e264[2] * reinterpreted_packed_char4_e265[2] + reinterpreted_packed_char4_e264[3] * reinterpreted_packed_char4_e265[3])));
            int _e268 = low_0_1_;
            uint _e269 = level;
            uint _e270 = x_0_1_.y;
            packed_char4 reinterpreted_packed_char4_e269 = as_type<packed_char4>(_e269);
            packed_char4 reinterpreted_packed_char4_e270 = as_type<packed_char4>(_e270);
            low_0_1_ = as_type<int>(as_type<uint>(_e268) + as_type<uint>(( + reinterpreted_packed_char4_e269[0] * reinterpreted_packed_char4_e270[0] + reinterpreted_packed_char4_e269[1] * reinterpreted_packed_char4_e270[1] + reinterpreted_packed_char4_e269[2] * reinterpreted_packed_char4_e270[2] + reinterpreted_packed_char4_e269[3] * reinterpreted_packed_char4_e270[3])));
            int _e273 = high_0_2_;
            uint _e274 = level;
            uint _e275 = x_0_2_.x;
            packed_char4 reinterpreted_packed_char4_e274 = as_type<packed_char4>(_e274);
            packed_char4 reinterpreted_packed_char4_e275 = as_type<packed_char4>(_e275);
            high_0_2_ = as_type<int>(as_type<uint>(_e273) + as_type<uint>(( + reinterpreted_packed_char4_e274[0] * reinterpreted_packed_char4_e275[0] + reinterpreted_packed_char4_e274[1] * reinterpreted_packed_char4_e275[1] + reinterpreted_packed_char4_e274[2] * reinterpreted_packed_char4_e275[2] + reinterpreted_packed_char4_e274[3] * reinterpreted_packed_char4_e275[3])));
            int _e278 = low_0_2_;
            uint _e279 = level;
            uint _e280 = x_0_2_.y;
            packed_char4 reinterpreted_packed_char4_e279 = as_type<packed_char4>(_e279);
            packed_char4 reinterpreted_packed_char4_e280 = as_type<packed_char4>(_e280);
            low_0_2_ = as_type<int>(as_type<uint>(_e278) + as_type<uint>(( + reinterpreted_packed_char4_e279[0] * reinterpreted_packed_char4_e280[0] + reinterpreted_packed_char4_e279[1] * reinterpreted_packed_char4_e280[1] + reinterpreted_packed_char4_e279[2] * reinterpreted_packed_char4_e280[2] + reinterpreted_packed_char4_e279[3] * reinterpreted_packed_char4_e280[3])));
            int _e283 = high_0_3_;
            uint _e284 = level;
            uint _e285 = x_0_3_.x;
            packed_char4 reinterpreted_packed_char4_e284 = as_type<packed_char4>(_e284);
            packed_char4 reinterpreted_packed_char4_e285 = as_type<packed_char4>(_e285);
            high_0_3_ = as_type<int>(as_type<uint>(_e283) + as_type<uint>(( + reinterpreted_packed_char4_e284[0] * reinterpreted_packed_char4_e285[0] + reinterpreted_packed_char4_e284[1] * reinterpreted_packed_char4_e285[1] + reinterpreted_packed_char4_e284[2] * reinterpreted_packed_char4_e285[2] + reinterpreted_packed_char4_e284[3] * reinterpreted_packed_char4_e285[3])));
            int _e288 = low_0_3_;
            uint _e289 = level;
            uint _e290 = x_0_3_.y;
            packed_char4 reinterpreted_packed_char4_e289 = as_type<packed_char4>(_e289);
            packed_char4 reinterpreted_packed_char4_e290 = as_type<packed_char4>(_e290);
            low_0_3_ = as_type<int>(as_type<uint>(_e288) + as_type<uint>(( + reinterpreted_packed_char4_e289[0] * reinterpreted_packed_char4_e290[0] + reinterpreted_packed_char4_e289[1] * reinterpreted_packed_char4_e290[1] + reinterpreted_packed_char4_e289[2] * reinterpreted_packed_char4_e290[2] + reinterpreted_packed_char4_e289[3] * reinterpreted_packed_char4_e290[3])));
            int _e293 = high_0_4_;
            uint _e294 = level;
            uint _e295 = x_0_4_.x;
            packed_char4 reinterpreted_packed_char4_e294 = as_type<packed_char4>(_e294);
            packed_char4 reinterpreted_packed_char4_e295 = as_type<packed_char4>(_e295);
            high_0_4_ = as_type<int>(as_type<uint>(_e293) + as_type<uint>(( + reinterpreted_packed_char4_e294[0] * reinterpreted_packed_char4_e295[0] + reinterpreted_packed_char4_e294[1] * reinterpreted_packed_char4_e295[1] + reinterpreted_packed_char4_e294[2] * reinterpreted_packed_char4_e295[2] + reinterpreted_packed_char4_e294[3] * reinterpreted_packed_char4_e295[3])));
            int _e298 = low_0_4_;
            uint _e299 = level;
            uint _e300 = x_0_4_.y;
            packed_char4 reinterpreted_packed_char4_e299 = as_type<packed_char4>(_e299);
            packed_char4 reinterpreted_packed_char4_e300 = as_type<packed_char4>(_e300);
            low_0_4_ = as_type<int>(as_type<uint>(_e298) + as_type<uint>(( + reinterpreted_packed_char4_e299[0] * reinterpreted_packed_char4_e300[0] + reinterpreted_packed_char4_e299[1] * reinterpreted_packed_char4_e300[1] + reinterpreted_packed_char4_e299[2] * reinterpreted_packed_char4_e300[2] + reinterpreted_packed_char4_e299[3] * reinterpreted_packed_char4_e300[3])));
            int _e303 = high_0_5_;
            uint _e304 = level;
            uint _e305 = x_0_5_.x;
            packed_char4 reinterpreted_packed_char4_e304 = as_type<packed_char4>(_e304);
            packed_char4 reinterpreted_packed_char4_e305 = as_type<packed_char4>(_e305);
            high_0_5_ = as_type<int>(as_type<uint>(_e303) + as_type<uint>(( + reinterpreted_packed_char4_e304[0] * reinterpreted_packed_char4_e305[0] + reinterpreted_packed_char4_e304[1] * reinterpreted_packed_char4_e305[1] + reinterpreted_packed_char4_e304[2] * reinterpreted_packed_char4_e305[2] + reinterpreted_packed_char4_e304[3] * reinterpreted_packed_char4_e305[3])));
            int _e308 = low_0_5_;
            uint _e309 = level;
            uint _e310 = x_0_5_.y;
            packed_char4 reinterpreted_packed_char4_e309 = as_type<packed_char4>(_e309);
            packed_char4 reinterpreted_packed_char4_e310 = as_type<packed_char4>(_e310);
            low_0_5_ = as_type<int>(as_type<uint>(_e308) + as_type<uint>(( + reinterpreted_packed_char4_e309[0] * reinterpreted_packed_char4_e310[0] + reinterpreted_packed_char4_e309[1] * reinterpreted_packed_char4_e310[1] + reinterpreted_packed_char4_e309[2] * reinterpreted_packed_char4_e310[2] + reinterpreted_packed_char4_e309[3] * reinterpreted_packed_char4_e310[3])));
            int _e313 = high_0_6_;
            uint _e314 = level;
            uint _e315 = x_0_6_.x;
            packed_char4 reinterpreted_packed_char4_e314 = as_type<packed_char4>(_e314);
            packed_char4 reinterpreted_packed_char4_e315 = as_type<packed_char4>(_e315);
            high_0_6_ = as_type<int>(as_type<uint>(_e313) + as_type<uint>(( + reinterpreted_packed_char4_e314[0] * reinterpreted_packed_char4_e315[0] + reinterpreted_packed_char4_e314[1] * reinterpreted_packed_char4_e315[1] + reinterpreted_packed_char4_e314[2] * reinterpreted_packed_char4_e315[2] + reinterpreted_packed_char4_e314[3] * reinterpreted_packed_char4_e315[3])));
            int _e318 = low_0_6_;
            uint _e319 = level;
            uint _e320 = x_0_6_.y;
            packed_char4 reinterpreted_packed_char4_e319 = as_type<packed_char4>(_e319);
            packed_char4 reinterpreted_packed_char4_e320 = as_type<packed_char4>(_e320);
            low_0_6_ = as_type<int>(as_type<uint>(_e318) + as_type<uint>(( + reinterpreted_packed_char4_e319[0] * reinterpreted_packed_char4_e320[0] + reinterpreted_packed_char4_e319[1] * reinterpreted_packed_char4_e320[1] + reinterpreted_packed_char4_e319[2] * reinterpreted_packed_char4_e320[2] + reinterpreted_packed_char4_e319[3] * reinterpreted_packed_char4_e320[3])));
            int _e323 = high_0_7_;
            uint _e324 = level;
            uint _e325 = x_0_7_.x;
            packed_char4 reinterpreted_packed_char4_e324 = as_type<packed_char4>(_e324);
            packed_char4 reinterpreted_packed_char4_e325 = as_type<packed_char4>(_e325);
            high_0_7_ = as_type<int>(as_type<uint>(_e323) + as_type<uint>(( + reinterpreted_packed_char4_e324[0] * reinterpreted_packed_char4_e325[0] + reinterpreted_packed_char4_e324[1] * reinterpreted_packed_char4_e325[1] + reinterpreted_packed_char4_e324[2] * reinterpreted_packed_char4_e325[2] + reinterpreted_packed_char4_e324[3] * reinterpreted_packed_char4_e325[3])));
            int _e328 = low_0_7_;
            uint _e329 = level;
            uint _e330 = x_0_7_.y;
            packed_char4 reinterpreted_packed_char4_e329 = as_type<packed_char4>(_e329);
            packed_char4 reinterpreted_packed_char4_e330 = as_type<packed_char4>(_e330);
            low_0_7_ = as_type<int>(as_type<uint>(_e328) + as_type<uint>(( + reinterpreted_packed_char4_e329[0] * reinterpreted_packed_char4_e330[0] + reinterpreted_packed_char4_e329[1] * reinterpreted_packed_char4_e330[1] + reinterpreted_packed_char4_e329[2] * reinterpreted_packed_char4_e330[2] + reinterpreted_packed_char4_e329[3] * reinterpreted_packed_char4_e330[3])));
            uint _e334 = bits;
            uint _e338 = table.inner[_e334 >> 22u];
            entry = _e338;
            uint _e339 = total_1;
            uint _e340 = entry;
            total_1 = _e339 + _e340;
            uint _e342 = bits;
            uint _e343 = entry;
            bits = _e342 << (_e343 & 15u);
            uint _e347 = even_1_;
            uint _e348 = last_1_;
            even_1_ = _e347 ^ (_e348 & 65792u);
            uint _e352 = entry;
            last_1_ = _e352;
            uint _e353 = entry;
            uint _e356 = even_1_;
            level = (_e353 & 4294901503u) | _e356;
            int _e358 = high_1_0_;
            uint _e359 = level;
            uint _e360 = x_0_0_.x;
            packed_char4 reinterpreted_packed_char4_e359 = as_type<packed_char4>(_e359);
            packed_char4 reinterpreted_packed_char4_e360 = as_type<packed_char4>(_e360);
            high_1_0_ = as_type<int>(as_type<uint>(_e358) + as_type<uint>(( + reinterpreted_packed_char4_e359[0] * reinterpreted_packed_char4_e360[0] + reinterpreted_packed_char4_e359[1] * reinterpreted_packed_char4_e360[1] + reinterpreted_packed_char4_e359[2] * reinterpreted_packed_char4_e360[2] + reinterpreted_packed_char4_e359[3] * reinterpreted_packed_char4_e360[3])));
            int _e363 = low_1_0_;
            uint _e364 = level;
            uint _e365 = x_0_0_.y;
            packed_char4 reinterpreted_packed_char4_e364 = as_type<packed_char4>(_e364);
            packed_char4 reinterpreted_packed_char4_e365 = as_type<packed_char4>(_e365);
            low_1_0_ = as_type<int>(as_type<uint>(_e363) + as_type<uint>(( + reinterpreted_packed_char4_e364[0] * reinterpreted_packed_char4_e365[0] + reinterpreted_packed_char4_e364[1] * reinterpreted_packed_char4_e365[1] + reinterpreted_packed_char4_e364[2] * reinterpreted_packed_char4_e365[2] + reinterpreted_packed_char4_e364[3] * reinterpreted_packed_char4_e365[3])));
            int _e368 = high_1_1_;
            uint _e369 = level;
            uint _e370 = x_0_1_.x;
            packed_char4 reinterpreted_packed_char4_e369 = as_type<packed_char4>(_e369);
            packed_char4 reinterpreted_packed_char4_e370 = as_type<packed_char4>(_e370);
            high_1_1_ = as_type<int>(as_type<uint>(_e368) + as_type<uint>(( + reinterpreted_packed_char4_e369[0] * reinterpreted_packed_char4_e370[0] + reinterpreted_packed_char4_e369[1] * reinterpreted_packed_char4_e370[1] + reinterpreted_packed_char4_e369[2] * reinterpreted_packed_char4_e370[2] + reinterpreted_packed_char4_e369[3] * reinterpreted_packed_char4_e370[3])));
            int _e373 = low_1_1_;
            uint _e374 = level;
            uint _e375 = x_0_1_.y;
            packed_char4 reinterpreted_packed_char4_e374 = as_type<packed_char4>(_e374);
            packed_char4 reinterpreted_packed_char4_e375 = as_type<packed_char4>(_e375);
            low_1_1_ = as_type<int>(as_type<uint>(_e373) + as_type<uint>(( + reinterpreted_packed_char4_e374[0] * reinterpreted_packed_char4_e375[0] + reinterpreted_packed_char4_e374[1] * reinterpreted_packed_char4_e375[1] + reinterpreted_packed_char4_e374[2] * reinterpreted_packed_char4_e375[2] + reinterpreted_packed_char4_e374[3] * reinterpreted_packed_char4_e375[3])));
            int _e378 = high_1_2_;
            uint _e379 = level;
            uint _e380 = x_0_2_.x;
            packed_char4 reinterpreted_packed_char4_e379 = as_type<packed_char4>(_e379);
            packed_char4 reinterpreted_packed_char4_e380 = as_type<packed_char4>(_e380);
            high_1_2_ = as_type<int>(as_type<uint>(_e378) + as_type<uint>(( + reinterpreted_packed_char4_e379[0] * reinterpreted_packed_char4_e380[0] + reinterpreted_packed_char4_e379[1] * reinterpreted_packed_char4_e380[1] + reinterpreted_packed_char4_e379[2] * reinterpreted_packed_char4_e380[2] + reinterpreted_packed_char4_e379[3] * reinterpreted_packed_char4_e380[3])));
            int _e383 = low_1_2_;
            uint _e384 = level;
            uint _e385 = x_0_2_.y;
            packed_char4 reinterpreted_packed_char4_e384 = as_type<packed_char4>(_e384);
            packed_char4 reinterpreted_packed_char4_e385 = as_type<packed_char4>(_e385);
            low_1_2_ = as_type<int>(as_type<uint>(_e383) + as_type<uint>(( + reinterpreted_packed_char4_e384[0] * reinterpreted_packed_char4_e385[0] + reinterpreted_packed_char4_e384[1] * reinterpreted_packed_char4_e385[1] + reinterpreted_packed_char4_e384[2] * reinterpreted_packed_char4_e385[2] + reinterpreted_packed_char4_e384[3] * reinterpreted_packed_char4_e385[3])));
            int _e388 = high_1_3_;
            uint _e389 = level;
            uint _e390 = x_0_3_.x;
            packed_char4 reinterpreted_packed_char4_e389 = as_type<packed_char4>(_e389);
            packed_char4 reinterpreted_packed_char4_e390 = as_type<packed_char4>(_e390);
            high_1_3_ = as_type<int>(as_type<uint>(_e388) + as_type<uint>(( + reinterpreted_packed_char4_e389[0] * reinterpreted_packed_char4_e390[0] + reinterpreted_packed_char4_e389[1] * reinterpreted_packed_char4_e390[1] + reinterpreted_packed_char4_e389[2] * reinterpreted_packed_char4_e390[2] + reinterpreted_packed_char4_e389[3] * reinterpreted_packed_char4_e390[3])));
            int _e393 = low_1_3_;
            uint _e394 = level;
            uint _e395 = x_0_3_.y;
            packed_char4 reinterpreted_packed_char4_e394 = as_type<packed_char4>(_e394);
            packed_char4 reinterpreted_packed_char4_e395 = as_type<packed_char4>(_e395);
            low_1_3_ = as_type<int>(as_type<uint>(_e393) + as_type<uint>(( + reinterpreted_packed_char4_e394[0] * reinterpreted_packed_char4_e395[0] + reinterpreted_packed_char4_e394[1] * reinterpreted_packed_char4_e395[1] + reinterpreted_packed_char4_e394[2] * reinterpreted_packed_char4_e395[2] + reinterpreted_packed_char4_e394[3] * reinterpreted_packed_char4_e395[3])));
            int _e398 = high_1_4_;
            uint _e399 = level;
            uint _e400 = x_0_4_.x;
            packed_char4 reinterpreted_packed_char4_e399 = as_type<packed_char4>(_e399);
            packed_char4 reinterpreted_packed_char4_e400 = as_type<packed_char4>(_e400);
            high_1_4_ = as_type<int>(as_type<uint>(_e398) + as_type<uint>(( + reinterpreted_packed_char4_e399[0] * reinterpreted_packed_char4_e400[0] + reinterpreted_packed_char4_e399[1] * reinterpreted_packed_char4_e400[1] + reinterpreted_packed_char4_e399[2] * reinterpreted_packed_char4_e400[2] + reinterpreted_packed_char4_e399[3] * reinterpreted_packed_char4_e400[3])));
            int _e403 = low_1_4_;
            uint _e404 = level;
            uint _e405 = x_0_4_.y;
            packed_char4 reinterpreted_packed_char4_e404 = as_type<packed_char4>(_e404);
            packed_char4 reinterpreted_packed_char4_e405 = as_type<packed_char4>(_e405);
            low_1_4_ = as_type<int>(as_type<uint>(_e403) + as_type<uint>(( + reinterpreted_packed_char4_e404[0] * reinterpreted_packed_char4_e405[0] + reinterpreted_packed_char4_e404[1] * reinterpreted_packed_char4_e405[1] + reinterpreted_packed_char4_e404[2] * reinterpreted_packed_char4_e405[2] + reinterpreted_packed_char4_e404[3] * reinterpreted_packed_char4_e405[3])));
            int _e408 = high_1_5_;
            uint _e409 = level;
            uint _e410 = x_0_5_.x;
            packed_char4 reinterpreted_packed_char4_e409 = as_type<packed_char4>(_e409);
            packed_char4 reinterpreted_packed_char4_e410 = as_type<packed_char4>(_e410);
            high_1_5_ = as_type<int>(as_type<uint>(_e408) + as_type<uint>(( + reinterpreted_packed_char4_e409[0] * reinterpreted_packed_char4_e410[0] + reinterpreted_packed_char4_e409[1] * reinterpreted_packed_char4_e410[1] + reinterpreted_packed_char4_e409[2] * reinterpreted_packed_char4_e410[2] + reinterpreted_packed_char4_e409[3] * reinterpreted_packed_char4_e410[3])));
            int _e413 = low_1_5_;
            uint _e414 = level;
            uint _e415 = x_0_5_.y;
            packed_char4 reinterpreted_packed_char4_e414 = as_type<packed_char4>(_e414);
            packed_char4 reinterpreted_packed_char4_e415 = as_type<packed_char4>(_e415);
            low_1_5_ = as_type<int>(as_type<uint>(_e413) + as_type<uint>(( + reinterpreted_packed_char4_e414[0] * reinterpreted_packed_char4_e415[0] + reinterpreted_packed_char4_e414[1] * reinterpreted_packed_char4_e415[1] + reinterpreted_packed_char4_e414[2] * reinterpreted_packed_char4_e415[2] + reinterpreted_packed_char4_e414[3] * reinterpreted_packed_char4_e415[3])));
            int _e418 = high_1_6_;
            uint _e419 = level;
            uint _e420 = x_0_6_.x;
            packed_char4 reinterpreted_packed_char4_e419 = as_type<packed_char4>(_e419);
            packed_char4 reinterpreted_packed_char4_e420 = as_type<packed_char4>(_e420);
            high_1_6_ = as_type<int>(as_type<uint>(_e418) + as_type<uint>(( + reinterpreted_packed_char4_e419[0] * reinterpreted_packed_char4_e420[0] + reinterpreted_packed_char4_e419[1] * reinterpreted_packed_char4_e420[1] + reinterpreted_packed_char4_e419[2] * reinterpreted_packed_char4_e420[2] + reinterpreted_packed_char4_e419[3] * reinterpreted_packed_char4_e420[3])));
            int _e423 = low_1_6_;
            uint _e424 = level;
            uint _e425 = x_0_6_.y;
            packed_char4 reinterpreted_packed_char4_e424 = as_type<packed_char4>(_e424);
            packed_char4 reinterpreted_packed_char4_e425 = as_type<packed_char4>(_e425);
            low_1_6_ = as_type<int>(as_type<uint>(_e423) + as_type<uint>(( + reinterpreted_packed_char4_e424[0] * reinterpreted_packed_char4_e425[0] + reinterpreted_packed_char4_e424[1] * reinterpreted_packed_char4_e425[1] + reinterpreted_packed_char4_e424[2] * reinterpreted_packed_char4_e425[2] + reinterpreted_packed_char4_e424[3] * reinterpreted_packed_char4_e425[3])));
            int _e428 = high_1_7_;
            uint _e429 = level;
            uint _e430 = x_0_7_.x;
            packed_char4 reinterpreted_packed_char4_e429 = as_type<packed_char4>(_e429);
            packed_char4 reinterpreted_packed_char4_e430 = as_type<packed_char4>(_e430);
            high_1_7_ = as_type<int>(as_type<uint>(_e428) + as_type<uint>(( + reinterpreted_packed_char4_e429[0] * reinterpreted_packed_char4_e430[0] + reinterpreted_packed_char4_e429[1] * reinterpreted_packed_char4_e430[1] + reinterpreted_packed_char4_e429[2] * reinterpreted_packed_char4_e430[2] + reinterpreted_packed_char4_e429[3] * reinterpreted_packed_char4_e430[3])));
            int _e433 = low_1_7_;
            uint _e434 = level;
            uint _e435 = x_0_7_.y;
            packed_char4 reinterpreted_packed_char4_e434 = as_type<packed_char4>(_e434);
            packed_char4 reinterpreted_packed_char4_e435 = as_type<packed_char4>(_e435);
            low_1_7_ = as_type<int>(as_type<uint>(_e433) + as_type<uint>(( + reinterpreted_packed_char4_e434[0] * reinterpreted_packed_char4_e435[0] + reinterpreted_packed_char4_e434[1] * reinterpreted_packed_char4_e435[1] + reinterpreted_packed_char4_e434[2] * reinterpreted_packed_char4_e435[2] + reinterpreted_packed_char4_e434[3] * reinterpreted_packed_char4_e435[3])));
            uint _e439 = bits;
            uint _e443 = table.inner[_e439 >> 22u];
            entry = _e443;
            uint _e444 = total_1;
            uint _e445 = entry;
            total_1 = _e444 + _e445;
            uint _e447 = odd_0_;
            uint _e448 = last_0_;
            odd_0_ = _e447 ^ (_e448 & 65792u);
            uint _e452 = entry;
            last_0_ = _e452;
            uint _e453 = entry;
            uint _e456 = odd_0_;
            level = (_e453 & 4294901503u) | _e456;
            int _e458 = high_0_0_;
            uint _e459 = level;
            uint _e460 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e459 = as_type<packed_char4>(_e459);
            packed_char4 reinterpreted_packed_char4_e460 = as_type<packed_char4>(_e460);
            high_0_0_ = as_type<int>(as_type<uint>(_e458) + as_type<uint>(( + reinterpreted_packed_char4_e459[0] * reinterpreted_packed_char4_e460[0] + reinterpreted_packed_char4_e459[1] * reinterpreted_packed_char4_e460[1] + reinterpreted_packed_char4_e459[2] * reinterpreted_packed_char4_e460[2] + reinterpreted_packed_char4_e459[3] * reinterpreted_packed_char4_e460[3])));
            int _e463 = low_0_0_;
            uint _e464 = level;
            uint _e465 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e464 = as_type<packed_char4>(_e464);
            packed_char4 reinterpreted_packed_char4_e465 = as_type<packed_char4>(_e465);
            low_0_0_ = as_type<int>(as_type<uint>(_e463) + as_type<uint>(( + reinterpreted_packed_char4_e464[0] * reinterpreted_packed_char4_e465[0] + reinterpreted_packed_char4_e464[1] * reinterpreted_packed_char4_e465[1] + reinterpreted_packed_char4_e464[2] * reinterpreted_packed_char4_e465[2] + reinterpreted_packed_char4_e464[3] * reinterpreted_packed_char4_e465[3])));
            int _e468 = high_0_1_;
            uint _e469 = level;
            uint _e470 = x_0_1_.z;
            packed_char4 reinterpreted_packed_char4_e469 = as_type<packed_char4>(_e469);
            packed_char4 reinterpreted_packed_char4_e470 = as_type<packed_char4>(_e470);
            high_0_1_ = as_type<int>(as_type<uint>(_e468) + as_type<uint>(( + reinterpreted_packed_char4_e469[0] * reinterpreted_packed_char4_e470[0] + reinterpreted_packed_char4_e469[1] * reinterpreted_packed_char4_e470[1] + reinterpreted_packed_char4_e469[2] * reinterpreted_packed_char4_e470[2] + reinterpreted_packed_char4_e469[3] * reinterpreted_packed_char4_e470[3])));
            int _e473 = low_0_1_;
            uint _e474 = level;
            uint _e475 = x_0_1_.w;
            packed_char4 reinterpreted_packed_char4_e474 = as_type<packed_char4>(_e474);
            packed_char4 reinterpreted_packed_char4_e475 = as_type<packed_char4>(_e475);
            low_0_1_ = as_type<int>(as_type<uint>(_e473) + as_type<uint>(( + reinterpreted_packed_char4_e474[0] * reinterpreted_packed_char4_e475[0] + reinterpreted_packed_char4_e474[1] * reinterpreted_packed_char4_e475[1] + reinterpreted_packed_char4_e474[2] * reinterpreted_packed_char4_e475[2] + reinterpreted_packed_char4_e474[3] * reinterpreted_packed_char4_e475[3])));
            int _e478 = high_0_2_;
            uint _e479 = level;
            uint _e480 = x_0_2_.z;
            packed_char4 reinterpreted_packed_char4_e479 = as_type<packed_char4>(_e479);
            packed_char4 reinterpreted_packed_char4_e480 = as_type<packed_char4>(_e480);
            high_0_2_ = as_type<int>(as_type<uint>(_e478) + as_type<uint>(( + reinterpreted_packed_char4_e479[0] * reinterpreted_packed_char4_e480[0] + reinterpreted_packed_char4_e479[1] * reinterpreted_packed_char4_e480[1] + reinterpreted_packed_char4_e479[2] * reinterpreted_packed_char4_e480[2] + reinterpreted_packed_char4_e479[3] * reinterpreted_packed_char4_e480[3])));
            int _e483 = low_0_2_;
            uint _e484 = level;
            uint _e485 = x_0_2_.w;
            packed_char4 reinterpreted_packed_char4_e484 = as_type<packed_char4>(_e484);
            packed_char4 reinterpreted_packed_char4_e485 = as_type<packed_char4>(_e485);
            low_0_2_ = as_type<int>(as_type<uint>(_e483) + as_type<uint>(( + reinterpreted_packed_char4_e484[0] * reinterpreted_packed_char4_e485[0] + reinterpreted_packed_char4_e484[1] * reinterpreted_packed_char4_e485[1] + reinterpreted_packed_char4_e484[2] * reinterpreted_packed_char4_e485[2] + reinterpreted_packed_char4_e484[3] * reinterpreted_packed_char4_e485[3])));
            int _e488 = high_0_3_;
            uint _e489 = level;
            uint _e490 = x_0_3_.z;
            packed_char4 reinterpreted_packed_char4_e489 = as_type<packed_char4>(_e489);
            packed_char4 reinterpreted_packed_char4_e490 = as_type<packed_char4>(_e490);
            high_0_3_ = as_type<int>(as_type<uint>(_e488) + as_type<uint>(( + reinterpreted_packed_char4_e489[0] * reinterpreted_packed_char4_e490[0] + reinterpreted_packed_char4_e489[1] * reinterpreted_packed_char4_e490[1] + reinterpreted_packed_char4_e489[2] * reinterpreted_packed_char4_e490[2] + reinterpreted_packed_char4_e489[3] * reinterpreted_packed_char4_e490[3])));
            int _e493 = low_0_3_;
            uint _e494 = level;
            uint _e495 = x_0_3_.w;
            packed_char4 reinterpreted_packed_char4_e494 = as_type<packed_char4>(_e494);
            packed_char4 reinterpreted_packed_char4_e495 = as_type<packed_char4>(_e495);
            low_0_3_ = as_type<int>(as_type<uint>(_e493) + as_type<uint>(( + reinterpreted_packed_char4_e494[0] * reinterpreted_packed_char4_e495[0] + reinterpreted_packed_char4_e494[1] * reinterpreted_packed_char4_e495[1] + reinterpreted_packed_char4_e494[2] * reinterpreted_packed_char4_e495[2] + reinterpreted_packed_char4_e494[3] * reinterpreted_packed_char4_e495[3])));
            int _e498 = high_0_4_;
            uint _e499 = level;
            uint _e500 = x_0_4_.z;
            packed_char4 reinterpreted_packed_char4_e499 = as_type<packed_char4>(_e499);
            packed_char4 reinterpreted_packed_char4_e500 = as_type<packed_char4>(_e500);
            high_0_4_ = as_type<int>(as_type<uint>(_e498) + as_type<uint>(( + reinterpreted_packed_char4_e499[0] * reinterpreted_packed_char4_e500[0] + reinterpreted_packed_char4_e499[1] * reinterpreted_packed_char4_e500[1] + reinterpreted_packed_char4_e499[2] * reinterpreted_packed_char4_e500[2] + reinterpreted_packed_char4_e499[3] * reinterpreted_packed_char4_e500[3])));
            int _e503 = low_0_4_;
            uint _e504 = level;
            uint _e505 = x_0_4_.w;
            packed_char4 reinterpreted_packed_char4_e504 = as_type<packed_char4>(_e504);
            packed_char4 reinterpreted_packed_char4_e505 = as_type<packed_char4>(_e505);
            low_0_4_ = as_type<int>(as_type<uint>(_e503) + as_type<uint>(( + reinterpreted_packed_char4_e504[0] * reinterpreted_packed_char4_e505[0] + reinterpreted_packed_char4_e504[1] * reinterpreted_packed_char4_e505[1] + reinterpreted_packed_char4_e504[2] * reinterpreted_packed_char4_e505[2] + reinterpreted_packed_char4_e504[3] * reinterpreted_packed_char4_e505[3])));
            int _e508 = high_0_5_;
            uint _e509 = level;
            uint _e510 = x_0_5_.z;
            packed_char4 reinterpreted_packed_char4_e509 = as_type<packed_char4>(_e509);
            packed_char4 reinterpreted_packed_char4_e510 = as_type<packed_char4>(_e510);
            high_0_5_ = as_type<int>(as_type<uint>(_e508) + as_type<uint>(( + reinterpreted_packed_char4_e509[0] * reinterpreted_packed_char4_e510[0] + reinterpreted_packed_char4_e509[1] * reinterpreted_packed_char4_e510[1] + reinterpreted_packed_char4_e509[2] * reinterpreted_packed_char4_e510[2] + reinterpreted_packed_char4_e509[3] * reinterpreted_packed_char4_e510[3])));
            int _e513 = low_0_5_;
            uint _e514 = level;
            uint _e515 = x_0_5_.w;
            packed_char4 reinterpreted_packed_char4_e514 = as_type<packed_char4>(_e514);
            packed_char4 reinterpreted_packed_char4_e515 = as_type<packed_char4>(_e515);
            low_0_5_ = as_type<int>(as_type<uint>(_e513) + as_type<uint>(( + reinterpreted_packed_char4_e514[0] * reinterpreted_packed_char4_e515[0] + reinterpreted_packed_char4_e514[1] * reinterpreted_packed_char4_e515[1] + reinterpreted_packed_char4_e514[2] * reinterpreted_packed_char4_e515[2] + reinterpreted_packed_char4_e514[3] * reinterpreted_packed_char4_e515[3])));
            int _e518 = high_0_6_;
            uint _e519 = level;
            uint _e520 = x_0_6_.z;
            packed_char4 reinterpreted_packed_char4_e519 = as_type<packed_char4>(_e519);
            packed_char4 reinterpreted_packed_char4_e520 = as_type<packed_char4>(_e520);
            high_0_6_ = as_type<int>(as_type<uint>(_e518) + as_type<uint>(( + reinterpreted_packed_char4_e519[0] * reinterpreted_packed_char4_e520[0] + reinterpreted_packed_char4_e519[1] * reinterpreted_packed_char4_e520[1] + reinterpreted_packed_char4_e519[2] * reinterpreted_packed_char4_e520[2] + reinterpreted_packed_char4_e519[3] * reinterpreted_packed_char4_e520[3])));
            int _e523 = low_0_6_;
            uint _e524 = level;
            uint _e525 = x_0_6_.w;
            packed_char4 reinterpreted_packed_char4_e524 = as_type<packed_char4>(_e524);
            packed_char4 reinterpreted_packed_char4_e525 = as_type<packed_char4>(_e525);
            low_0_6_ = as_type<int>(as_type<uint>(_e523) + as_type<uint>(( + reinterpreted_packed_char4_e524[0] * reinterpreted_packed_char4_e525[0] + reinterpreted_packed_char4_e524[1] * reinterpreted_packed_char4_e525[1] + reinterpreted_packed_char4_e524[2] * reinterpreted_packed_char4_e525[2] + reinterpreted_packed_char4_e524[3] * reinterpreted_packed_char4_e525[3])));
            int _e528 = high_0_7_;
            uint _e529 = level;
            uint _e530 = x_0_7_.z;
            packed_char4 reinterpreted_packed_char4_e529 = as_type<packed_char4>(_e529);
            packed_char4 reinterpreted_packed_char4_e530 = as_type<packed_char4>(_e530);
            high_0_7_ = as_type<int>(as_type<uint>(_e528) + as_type<uint>(( + reinterpreted_packed_char4_e529[0] * reinterpreted_packed_char4_e530[0] + reinterpreted_packed_char4_e529[1] * reinterpreted_packed_char4_e530[1] + reinterpreted_packed_char4_e529[2] * reinterpreted_packed_char4_e530[2] + reinterpreted_packed_char4_e529[3] * reinterpreted_packed_char4_e530[3])));
            int _e533 = low_0_7_;
            uint _e534 = level;
            uint _e535 = x_0_7_.w;
            packed_char4 reinterpreted_packed_char4_e534 = as_type<packed_char4>(_e534);
            packed_char4 reinterpreted_packed_char4_e535 = as_type<packed_char4>(_e535);
            low_0_7_ = as_type<int>(as_type<uint>(_e533) + as_type<uint>(( + reinterpreted_packed_char4_e534[0] * reinterpreted_packed_char4_e535[0] + reinterpreted_packed_char4_e534[1] * reinterpreted_packed_char4_e535[1] + reinterpreted_packed_char4_e534[2] * reinterpreted_packed_char4_e535[2] + reinterpreted_packed_char4_e534[3] * reinterpreted_packed_char4_e535[3])));
            uint _e538 = taken;
            uint _e539 = total_1;
            taken = _e538 + (_e539 & 255u);
            uint _e543 = taken;
            crossed = _e543 >= 32u;
            uint _e546 = taken;
            taken = _e546 & 31u;
            uint _e549 = word;
            uint _e550 = next_1;
            bool _e551 = crossed;
            word = _e551 ? _e550 : _e549;
            uint _e553 = next_1;
            uint _e554 = ahead;
            bool _e555 = crossed;
            next_1 = _e555 ? _e554 : _e553;
            uint _e557 = at;
            uint _e558 = at;
            bool _e561 = crossed;
            at = _e561 ? (_e558 + 32u) : _e557;
            uint _e564 = at;
            uint _e566 = stream[_e564];
            ahead = _e566;
            uint _e567 = word;
            uint _e568 = taken;
            uint _e570 = next_1;
            uint _e574 = taken;
            bits = (_e567 << _e568) | ((_e570 >> 1u) >> (31u - _e574));
            uint _e579 = bits;
            uint _e583 = table.inner[_e579 >> 22u];
            entry = _e583;
            uint _e584 = entry;
            total_1 = _e584;
            uint _e585 = bits;
            uint _e586 = entry;
            bits = _e585 << (_e586 & 15u);
            uint _e590 = odd_1_;
            uint _e591 = last_1_;
            odd_1_ = _e590 ^ (_e591 & 65792u);
            uint _e595 = entry;
            last_1_ = _e595;
            uint _e596 = entry;
            uint _e599 = odd_1_;
            level = (_e596 & 4294901503u) | _e599;
            int _e601 = high_1_0_;
            uint _e602 = level;
            uint _e603 = x_0_0_.z;
            packed_char4 reinterpreted_packed_char4_e602 = as_type<packed_char4>(_e602);
            packed_char4 reinterpreted_packed_char4_e603 = as_type<packed_char4>(_e603);
            high_1_0_ = as_type<int>(as_type<uint>(_e601) + as_type<uint>(( + reinterpreted_packed_char4_e602[0] * reinterpreted_packed_char4_e603[0] + reinterpreted_packed_char4_e602[1] * reinterpreted_packed_char4_e603[1] + reinterpreted_packed_char4_e602[2] * reinterpreted_packed_char4_e603[2] + reinterpreted_packed_char4_e602[3] * reinterpreted_packed_char4_e603[3])));
            int _e606 = low_1_0_;
            uint _e607 = level;
            uint _e608 = x_0_0_.w;
            packed_char4 reinterpreted_packed_char4_e607 = as_type<packed_char4>(_e607);
            packed_char4 reinterpreted_packed_char4_e608 = as_type<packed_char4>(_e608);
            low_1_0_ = as_type<int>(as_type<uint>(_e606) + as_type<uint>(( + reinterpreted_packed_char4_e607[0] * reinterpreted_packed_char4_e608[0] + reinterpreted_packed_char4_e607[1] * reinterpreted_packed_char4_e608[1] + reinterpreted_packed_char4_e607[2] * reinterpreted_packed_char4_e608[2] + reinterpreted_packed_char4_e607[3] * reinterpreted_packed_char4_e608[3])));
            int _e611 = high_1_1_;
            uint _e612 = level;
            uint _e613 = x_0_1_.z;
            packed_char4 reinterpreted_packed_char4_e612 = as_type<packed_char4>(_e612);
            packed_char4 reinterpreted_packed_char4_e613 = as_type<packed_char4>(_e613);
            high_1_1_ = as_type<int>(as_type<uint>(_e611) + as_type<uint>(( + reinterpreted_packed_char4_e612[0] * reinterpreted_packed_char4_e613[0] + reinterpreted_packed_char4_e612[1] * reinterpreted_packed_char4_e613[1] + reinterpreted_packed_char4_e612[2] * reinterpreted_packed_char4_e613[2] + reinterpreted_packed_char4_e612[3] * reinterpreted_packed_char4_e613[3])));
            int _e616 = low_1_1_;
            uint _e617 = level;
            uint _e618 = x_0_1_.w;
            packed_char4 reinterpreted_packed_char4_e617 = as_type<packed_char4>(_e617);
            packed_char4 reinterpreted_packed_char4_e618 = as_type<packed_char4>(_e618);
            low_1_1_ = as_type<int>(as_type<uint>(_e616) + as_type<uint>(( + reinterpreted_packed_char4_e617[0] * reinterpreted_packed_char4_e618[0] + reinterpreted_packed_char4_e617[1] * reinterpreted_packed_char4_e618[1] + reinterpreted_packed_char4_e617[2] * reinterpreted_packed_char4_e618[2] + reinterpreted_packed_char4_e617[3] * reinterpreted_packed_char4_e618[3])));
            int _e621 = high_1_2_;
            uint _e622 = level;
            uint _e623 = x_0_2_.z;
            packed_char4 reinterpreted_packed_char4_e622 = as_type<packed_char4>(_e622);
            packed_char4 reinterpreted_packed_char4_e623 = as_type<packed_char4>(_e623);
            high_1_2_ = as_type<int>(as_type<uint>(_e621) + as_type<uint>(( + reinterpreted_packed_char4_e622[0] * reinterpreted_packed_char4_e623[0] + reinterpreted_packed_char4_e622[1] * reinterpreted_packed_char4_e623[1] + reinterpreted_packed_char4_e622[2] * reinterpreted_packed_char4_e623[2] + reinterpreted_packed_char4_e622[3] * reinterpreted_packed_char4_e623[3])));
            int _e626 = low_1_2_;
            uint _e627 = level;
            uint _e628 = x_0_2_.w;
            packed_char4 reinterpreted_packed_char4_e627 = as_type<packed_char4>(_e627);
            packed_char4 reinterpreted_packed_char4_e628 = as_type<packed_char4>(_e628);
            low_1_2_ = as_type<int>(as_type<uint>(_e626) + as_type<uint>(( + reinterpreted_packed_char4_e627[0] * reinterpreted_packed_char4_e628[0] + reinterpreted_packed_char4_e627[1] * reinterpreted_packed_char4_e628[1] + reinterpreted_packed_char4_e627[2] * reinterpreted_packed_char4_e628[2] + reinterpreted_packed_char4_e627[3] * reinterpreted_packed_char4_e628[3])));
            int _e631 = high_1_3_;
            uint _e632 = level;
            uint _e633 = x_0_3_.z;
            packed_char4 reinterpreted_packed_char4_e632 = as_type<packed_char4>(_e632);
            packed_char4 reinterpreted_packed_char4_e633 = as_type<packed_char4>(_e633);
            high_1_3_ = as_type<int>(as_type<uint>(_e631) + as_type<uint>(( + reinterpreted_packed_char4_e632[0] * reinterpreted_packed_char4_e633[0] + reinterpreted_packed_char4_e632[1] * reinterpreted_packed_char4_e633[1] + reinterpreted_packed_char4_e632[2] * reinterpreted_packed_char4_e633[2] + reinterpreted_packed_char4_e632[3] * reinterpreted_packed_char4_e633[3])));
            int _e636 = low_1_3_;
            uint _e637 = level;
            uint _e638 = x_0_3_.w;
            packed_char4 reinterpreted_packed_char4_e637 = as_type<packed_char4>(_e637);
            packed_char4 reinterpreted_packed_char4_e638 = as_type<packed_char4>(_e638);
            low_1_3_ = as_type<int>(as_type<uint>(_e636) + as_type<uint>(( + reinterpreted_packed_char4_e637[0] * reinterpreted_packed_char4_e638[0] + reinterpreted_packed_char4_e637[1] * reinterpreted_packed_char4_e638[1] + reinterpreted_packed_char4_e637[2] * reinterpreted_packed_char4_e638[2] + reinterpreted_packed_char4_e637[3] * reinterpreted_packed_char4_e638[3])));
            int _e641 = high_1_4_;
            uint _e642 = level;
            uint _e643 = x_0_4_.z;
            packed_char4 reinterpreted_packed_char4_e642 = as_type<packed_char4>(_e642);
            packed_char4 reinterpreted_packed_char4_e643 = as_type<packed_char4>(_e643);
            high_1_4_ = as_type<int>(as_type<uint>(_e641) + as_type<uint>(( + reinterpreted_packed_char4_e642[0] * reinterpreted_packed_char4_e643[0] + reinterpreted_packed_char4_e642[1] * reinterpreted_packed_char4_e643[1] + reinterpreted_packed_char4_e642[2] * reinterpreted_packed_char4_e643[2] + reinterpreted_packed_char4_e642[3] * reinterpreted_packed_char4_e643[3])));
            int _e646 = low_1_4_;
            uint _e647 = level;
            uint _e648 = x_0_4_.w;
            packed_char4 reinterpreted_packed_char4_e647 = as_type<packed_char4>(_e647);
            packed_char4 reinterpreted_packed_char4_e648 = as_type<packed_char4>(_e648);
            low_1_4_ = as_type<int>(as_type<uint>(_e646) + as_type<uint>(( + reinterpreted_packed_char4_e647[0] * reinterpreted_packed_char4_e648[0] + reinterpreted_packed_char4_e647[1] * reinterpreted_packed_char4_e648[1] + reinterpreted_packed_char4_e647[2] * reinterpreted_packed_char4_e648[2] + reinterpreted_packed_char4_e647[3] * reinterpreted_packed_char4_e648[3])));
            int _e651 = high_1_5_;
            uint _e652 = level;
            uint _e653 = x_0_5_.z;
            packed_char4 reinterpreted_packed_char4_e652 = as_type<packed_char4>(_e652);
            packed_char4 reinterpreted_packed_char4_e653 = as_type<packed_char4>(_e653);
            high_1_5_ = as_type<int>(as_type<uint>(_e651) + as_type<uint>(( + reinterpreted_packed_char4_e652[0] * reinterpreted_packed_char4_e653[0] + reinterpreted_packed_char4_e652[1] * reinterpreted_packed_char4_e653[1] + reinterpreted_packed_char4_e652[2] * reinterpreted_packed_char4_e653[2] + reinterpreted_packed_char4_e652[3] * reinterpreted_packed_char4_e653[3])));
            int _e656 = low_1_5_;
            uint _e657 = level;
            uint _e658 = x_0_5_.w;
            packed_char4 reinterpreted_packed_char4_e657 = as_type<packed_char4>(_e657);
            packed_char4 reinterpreted_packed_char4_e658 = as_type<packed_char4>(_e658);
            low_1_5_ = as_type<int>(as_type<uint>(_e656) + as_type<uint>(( + reinterpreted_packed_char4_e657[0] * reinterpreted_packed_char4_e658[0] + reinterpreted_packed_char4_e657[1] * reinterpreted_packed_char4_e658[1] + reinterpreted_packed_char4_e657[2] * reinterpreted_packed_char4_e658[2] + reinterpreted_packed_char4_e657[3] * reinterpreted_packed_char4_e658[3])));
            int _e661 = high_1_6_;
            uint _e662 = level;
            uint _e663 = x_0_6_.z;
            packed_char4 reinterpreted_packed_char4_e662 = as_type<packed_char4>(_e662);
            packed_char4 reinterpreted_packed_char4_e663 = as_type<packed_char4>(_e663);
            high_1_6_ = as_type<int>(as_type<uint>(_e661) + as_type<uint>(( + reinterpreted_packed_char4_e662[0] * reinterpreted_packed_char4_e663[0] + reinterpreted_packed_char4_e662[1] * reinterpreted_packed_char4_e663[1] + reinterpreted_packed_char4_e662[2] * reinterpreted_packed_char4_e663[2] + reinterpreted_packed_char4_e662[3] * reinterpreted_packed_char4_e663[3])));
            int _e666 = low_1_6_;
            uint _e667 = level;
            uint _e668 = x_0_6_.w;
            packed_char4 reinterpreted_packed_char4_e667 = as_type<packed_char4>(_e667);
            packed_char4 reinterpreted_packed_char4_e668 = as_type<packed_char4>(_e668);
            low_1_6_ = as_type<int>(as_type<uint>(_e666) + as_type<uint>(( + reinterpreted_packed_char4_e667[0] * reinterpreted_packed_char4_e668[0] + reinterpreted_packed_char4_e667[1] * reinterpreted_packed_char4_e668[1] + reinterpreted_packed_char4_e667[2] * reinterpreted_packed_char4_e668[2] + reinterpreted_packed_char4_e667[3] * reinterpreted_packed_char4_e668[3])));
            int _e671 = high_1_7_;
            uint _e672 = level;
            uint _e673 = x_0_7_.z;
            packed_char4 reinterpreted_packed_char4_e672 = as_type<packed_char4>(_e672);
            packed_char4 reinterpreted_packed_char4_e673 = as_type<packed_char4>(_e673);
            high_1_7_ = as_type<int>(as_type<uint>(_e671) + as_type<uint>(( + reinterpreted_packed_char4_e672[0] * reinterpreted_packed_char4_e673[0] + reinterpreted_packed_char4_e672[1] * reinterpreted_packed_char4_e673[1] + reinterpreted_packed_char4_e672[2] * reinterpreted_packed_char4_e673[2] + reinterpreted_packed_char4_e672[3] * reinterpreted_packed_char4_e673[3])));
            int _e676 = low_1_7_;
            uint _e677 = level;
            uint _e678 = x_0_7_.w;
            packed_char4 reinterpreted_packed_char4_e677 = as_type<packed_char4>(_e677);
            packed_char4 reinterpreted_packed_char4_e678 = as_type<packed_char4>(_e678);
            low_1_7_ = as_type<int>(as_type<uint>(_e676) + as_type<uint>(( + reinterpreted_packed_char4_e677[0] * reinterpreted_packed_char4_e678[0] + reinterpreted_packed_char4_e677[1] * reinterpreted_packed_char4_e678[1] + reinterpreted_packed_char4_e677[2] * reinterpreted_packed_char4_e678[2] + reinterpreted_packed_char4_e677[3] * reinterpreted_packed_char4_e678[3])));
            uint _e686 = group_1;
            metal::uint4 x_1_0_ = digits[(first + (0u * step)) + (4u * (_e686 + 1u))];
            uint _e698 = group_1;
            metal::uint4 x_1_1_ = digits[(first + (1u * step)) + (4u * (_e698 + 1u))];
            uint _e710 = group_1;
            metal::uint4 x_1_2_ = digits[(first + (2u * step)) + (4u * (_e710 + 1u))];
            uint _e722 = group_1;
            metal::uint4 x_1_3_ = digits[(first + (3u * step)) + (4u * (_e722 + 1u))];
            uint _e734 = group_1;
            metal::uint4 x_1_4_ = digits[(first + (4u * step)) + (4u * (_e734 + 1u))];
            uint _e746 = group_1;
            metal::uint4 x_1_5_ = digits[(first + (5u * step)) + (4u * (_e746 + 1u))];
            uint _e758 = group_1;
            metal::uint4 x_1_6_ = digits[(first + (6u * step)) + (4u * (_e758 + 1u))];
            uint _e770 = group_1;
            metal::uint4 x_1_7_ = digits[(first + (7u * step)) + (4u * (_e770 + 1u))];
            uint _e778 = bits;
            uint _e782 = table.inner[_e778 >> 22u];
            entry = _e782;
            uint _e783 = total_1;
            uint _e784 = entry;
            total_1 = _e783 + _e784;
            uint _e786 = bits;
            uint _e787 = entry;
            bits = _e786 << (_e787 & 15u);
            uint _e791 = even_0_;
            uint _e792 = last_0_;
            even_0_ = _e791 ^ (_e792 & 65792u);
            uint _e796 = entry;
            last_0_ = _e796;
            uint _e797 = entry;
            uint _e800 = even_0_;
            level = (_e797 & 4294901503u) | _e800;
            int _e802 = high_0_0_;
            uint _e803 = level;
            uint _e804 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e803 = as_type<packed_char4>(_e803);
            packed_char4 reinterpreted_packed_char4_e804 = as_type<packed_char4>(_e804);
            high_0_0_ = as_type<int>(as_type<uint>(_e802) + as_type<uint>(( + reinterpreted_packed_char4_e803[0] * reinterpreted_packed_char4_e804[0] + reinterpreted_packed_char4_e803[1] * reinterpreted_packed_char4_e804[1] + reinterpreted_packed_char4_e803[2] * reinterpreted_packed_char4_e804[2] + reinterpreted_packed_char4_e803[3] * reinterpreted_packed_char4_e804[3])));
            int _e807 = low_0_0_;
            uint _e808 = level;
            uint _e809 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e808 = as_type<packed_char4>(_e808);
            packed_char4 reinterpreted_packed_char4_e809 = as_type<packed_char4>(_e809);
            low_0_0_ = as_type<int>(as_type<uint>(_e807) + as_type<uint>(( + reinterpreted_packed_char4_e808[0] * reinterpreted_packed_char4_e809[0] + reinterpreted_packed_char4_e808[1] * reinterpreted_packed_char4_e809[1] + reinterpreted_packed_char4_e808[2] * reinterpreted_packed_char4_e809[2] + reinterpreted_packed_char4_e808[3] * reinterpreted_packed_char4_e809[3])));
            int _e812 = high_0_1_;
            uint _e813 = level;
            uint _e814 = x_1_1_.x;
            packed_char4 reinterpreted_packed_char4_e813 = as_type<packed_char4>(_e813);
            packed_char4 reinterpreted_packed_char4_e814 = as_type<packed_char4>(_e814);
            high_0_1_ = as_type<int>(as_type<uint>(_e812) + as_type<uint>(( + reinterpreted_packed_char4_e813[0] * reinterpreted_packed_char4_e814[0] + reinterpreted_packed_char4_e813[1] * reinterpreted_packed_char4_e814[1] + reinterpreted_packed_char4_e813[2] * reinterpreted_packed_char4_e814[2] + reinterpreted_packed_char4_e813[3] * reinterpreted_packed_char4_e814[3])));
            int _e817 = low_0_1_;
            uint _e818 = level;
            uint _e819 = x_1_1_.y;
            packed_char4 reinterpreted_packed_char4_e818 = as_type<packed_char4>(_e818);
            packed_char4 reinterpreted_packed_char4_e819 = as_type<packed_char4>(_e819);
            low_0_1_ = as_type<int>(as_type<uint>(_e817) + as_type<uint>(( + reinterpreted_packed_char4_e818[0] * reinterpreted_packed_char4_e819[0] + reinterpreted_packed_char4_e818[1] * reinterpreted_packed_char4_e819[1] + reinterpreted_packed_char4_e818[2] * reinterpreted_packed_char4_e819[2] + reinterpreted_packed_char4_e818[3] * reinterpreted_packed_char4_e819[3])));
            int _e822 = high_0_2_;
            uint _e823 = level;
            uint _e824 = x_1_2_.x;
            packed_char4 reinterpreted_packed_char4_e823 = as_type<packed_char4>(_e823);
            packed_char4 reinterpreted_packed_char4_e824 = as_type<packed_char4>(_e824);
            high_0_2_ = as_type<int>(as_type<uint>(_e822) + as_type<uint>(( + reinterpreted_packed_char4_e823[0] * reinterpreted_packed_char4_e824[0] + reinterpreted_packed_char4_e823[1] * reinterpreted_packed_char4_e824[1] + reinterpreted_packed_char4_e823[2] * reinterpreted_packed_char4_e824[2] + reinterpreted_packed_char4_e823[3] * reinterpreted_packed_char4_e824[3])));
            int _e827 = low_0_2_;
            uint _e828 = level;
            uint _e829 = x_1_2_.y;
            packed_char4 reinterpreted_packed_char4_e828 = as_type<packed_char4>(_e828);
            packed_char4 reinterpreted_packed_char4_e829 = as_type<packed_char4>(_e829);
            low_0_2_ = as_type<int>(as_type<uint>(_e827) + as_type<uint>(( + reinterpreted_packed_char4_e828[0] * reinterpreted_packed_char4_e829[0] + reinterpreted_packed_char4_e828[1] * reinterpreted_packed_char4_e829[1] + reinterpreted_packed_char4_e828[2] * reinterpreted_packed_char4_e829[2] + reinterpreted_packed_char4_e828[3] * reinterpreted_packed_char4_e829[3])));
            int _e832 = high_0_3_;
            uint _e833 = level;
            uint _e834 = x_1_3_.x;
            packed_char4 reinterpreted_packed_char4_e833 = as_type<packed_char4>(_e833);
            packed_char4 reinterpreted_packed_char4_e834 = as_type<packed_char4>(_e834);
            high_0_3_ = as_type<int>(as_type<uint>(_e832) + as_type<uint>(( + reinterpreted_packed_char4_e833[0] * reinterpreted_packed_char4_e834[0] + reinterpreted_packed_char4_e833[1] * reinterpreted_packed_char4_e834[1] + reinterpreted_packed_char4_e833[2] * reinterpreted_packed_char4_e834[2] + reinterpreted_packed_char4_e833[3] * reinterpreted_packed_char4_e834[3])));
            int _e837 = low_0_3_;
            uint _e838 = level;
            uint _e839 = x_1_3_.y;
            packed_char4 reinterpreted_packed_char4_e838 = as_type<packed_char4>(_e838);
            packed_char4 reinterpreted_packed_char4_e839 = as_type<packed_char4>(_e839);
            low_0_3_ = as_type<int>(as_type<uint>(_e837) + as_type<uint>(( + reinterpreted_packed_char4_e838[0] * reinterpreted_packed_char4_e839[0] + reinterpreted_packed_char4_e838[1] * reinterpreted_packed_char4_e839[1] + reinterpreted_packed_char4_e838[2] * reinterpreted_packed_char4_e839[2] + reinterpreted_packed_char4_e838[3] * reinterpreted_packed_char4_e839[3])));
            int _e842 = high_0_4_;
            uint _e843 = level;
            uint _e844 = x_1_4_.x;
            packed_char4 reinterpreted_packed_char4_e843 = as_type<packed_char4>(_e843);
            packed_char4 reinterpreted_packed_char4_e844 = as_type<packed_char4>(_e844);
            high_0_4_ = as_type<int>(as_type<uint>(_e842) + as_type<uint>(( + reinterpreted_packed_char4_e843[0] * reinterpreted_packed_char4_e844[0] + reinterpreted_packed_char4_e843[1] * reinterpreted_packed_char4_e844[1] + reinterpreted_packed_char4_e843[2] * reinterpreted_packed_char4_e844[2] + reinterpreted_packed_char4_e843[3] * reinterpreted_packed_char4_e844[3])));
            int _e847 = low_0_4_;
            uint _e848 = level;
            uint _e849 = x_1_4_.y;
            packed_char4 reinterpreted_packed_char4_e848 = as_type<packed_char4>(_e848);
            packed_char4 reinterpreted_packed_char4_e849 = as_type<packed_char4>(_e849);
            low_0_4_ = as_type<int>(as_type<uint>(_e847) + as_type<uint>(( + reinterpreted_packed_char4_e848[0] * reinterpreted_packed_char4_e849[0] + reinterpreted_packed_char4_e848[1] * reinterpreted_packed_char4_e849[1] + reinterpreted_packed_char4_e848[2] * reinterpreted_packed_char4_e849[2] + reinterpreted_packed_char4_e848[3] * reinterpreted_packed_char4_e849[3])));
            int _e852 = high_0_5_;
            uint _e853 = level;
            uint _e854 = x_1_5_.x;
            packed_char4 reinterpreted_packed_char4_e853 = as_type<packed_char4>(_e853);
            packed_char4 reinterpreted_packed_char4_e854 = as_type<packed_char4>(_e854);
            high_0_5_ = as_type<int>(as_type<uint>(_e852) + as_type<uint>(( + reinterpreted_packed_char4_e853[0] * reinterpreted_packed_char4_e854[0] + reinterpreted_packed_char4_e853[1] * reinterpreted_packed_char4_e854[1] + reinterpreted_packed_char4_e853[2] * reinterpreted_packed_char4_e854[2] + reinterpreted_packed_char4_e853[3] * reinterpreted_packed_char4_e854[3])));
            int _e857 = low_0_5_;
            uint _e858 = level;
            uint _e859 = x_1_5_.y;
            packed_char4 reinterpreted_packed_char4_e858 = as_type<packed_char4>(_e858);
            packed_char4 reinterpreted_packed_char4_e859 = as_type<packed_char4>(_e859);
            low_0_5_ = as_type<int>(as_type<uint>(_e857) + as_type<uint>(( + reinterpreted_packed_char4_e858[0] * reinterpreted_packed_char4_e859[0] + reinterpreted_packed_char4_e858[1] * reinterpreted_packed_char4_e859[1] + reinterpreted_packed_char4_e858[2] * reinterpreted_packed_char4_e859[2] + reinterpreted_packed_char4_e858[3] * reinterpreted_packed_char4_e859[3])));
            int _e862 = high_0_6_;
            uint _e863 = level;
            uint _e864 = x_1_6_.x;
            packed_char4 reinterpreted_packed_char4_e863 = as_type<packed_char4>(_e863);
            packed_char4 reinterpreted_packed_char4_e864 = as_type<packed_char4>(_e864);
            high_0_6_ = as_type<int>(as_type<uint>(_e862) + as_type<uint>(( + reinterpreted_packed_char4_e863[0] * reinterpreted_packed_char4_e864[0] + reinterpreted_packed_char4_e863[1] * reinterpreted_packed_char4_e864[1] + reinterpreted_packed_char4_e863[2] * reinterpreted_packed_char4_e864[2] + reinterpreted_packed_char4_e863[3] * reinterpreted_packed_char4_e864[3])));
            int _e867 = low_0_6_;
            uint _e868 = level;
            uint _e869 = x_1_6_.y;
            packed_char4 reinterpreted_packed_char4_e868 = as_type<packed_char4>(_e868);
            packed_char4 reinterpreted_packed_char4_e869 = as_type<packed_char4>(_e869);
            low_0_6_ = as_type<int>(as_type<uint>(_e867) + as_type<uint>(( + reinterpreted_packed_char4_e868[0] * reinterpreted_packed_char4_e869[0] + reinterpreted_packed_char4_e868[1] * reinterpreted_packed_char4_e869[1] + reinterpreted_packed_char4_e868[2] * reinterpreted_packed_char4_e869[2] + reinterpreted_packed_char4_e868[3] * reinterpreted_packed_char4_e869[3])));
            int _e872 = high_0_7_;
            uint _e873 = level;
            uint _e874 = x_1_7_.x;
            packed_char4 reinterpreted_packed_char4_e873 = as_type<packed_char4>(_e873);
            packed_char4 reinterpreted_packed_char4_e874 = as_type<packed_char4>(_e874);
            high_0_7_ = as_type<int>(as_type<uint>(_e872) + as_type<uint>(( + reinterpreted_packed_char4_e873[0] * reinterpreted_packed_char4_e874[0] + reinterpreted_packed_char4_e873[1] * reinterpreted_packed_char4_e874[1] + reinterpreted_packed_char4_e873[2] * reinterpreted_packed_char4_e874[2] + reinterpreted_packed_char4_e873[3] * reinterpreted_packed_char4_e874[3])));
            int _e877 = low_0_7_;
            uint _e878 = level;
            uint _e879 = x_1_7_.y;
            packed_char4 reinterpreted_packed_char4_e878 = as_type<packed_char4>(_e878);
            packed_char4 reinterpreted_packed_char4_e879 = as_type<packed_char4>(_e879);
            low_0_7_ = as_type<int>(as_type<uint>(_e877) + as_type<uint>(( + reinterpreted_packed_char4_e878[0] * reinterpreted_packed_char4_e879[0] + reinterpreted_packed_char4_e878[1] * reinterpreted_packed_char4_e879[1] + reinterpreted_packed_char4_e878[2] * reinterpreted_packed_char4_e879[2] + reinterpreted_packed_char4_e878[3] * reinterpreted_packed_char4_e879[3])));
            uint _e883 = bits;
            uint _e887 = table.inner[_e883 >> 22u];
            entry = _e887;
            uint _e888 = total_1;
            uint _e889 = entry;
            total_1 = _e888 + _e889;
            uint _e891 = even_1_;
            uint _e892 = last_1_;
            even_1_ = _e891 ^ (_e892 & 65792u);
            uint _e896 = entry;
            last_1_ = _e896;
            uint _e897 = entry;
            uint _e900 = even_1_;
            level = (_e897 & 4294901503u) | _e900;
            int _e902 = high_1_0_;
            uint _e903 = level;
            uint _e904 = x_1_0_.x;
            packed_char4 reinterpreted_packed_char4_e903 = as_type<packed_char4>(_e903);
            packed_char4 reinterpreted_packed_char4_e904 = as_type<packed_char4>(_e904);
            high_1_0_ = as_type<int>(as_type<uint>(_e902) + as_type<uint>(( + reinterpreted_packed_char4_e903[0] * reinterpreted_packed_char4_e904[0] + reinterpreted_packed_char4_e903[1] * reinterpreted_packed_char4_e904[1] + reinterpreted_packed_char4_e903[2] * reinterpreted_packed_char4_e904[2] + reinterpreted_packed_char4_e903[3] * reinterpreted_packed_char4_e904[3])));
            int _e907 = low_1_0_;
            uint _e908 = level;
            uint _e909 = x_1_0_.y;
            packed_char4 reinterpreted_packed_char4_e908 = as_type<packed_char4>(_e908);
            packed_char4 reinterpreted_packed_char4_e909 = as_type<packed_char4>(_e909);
            low_1_0_ = as_type<int>(as_type<uint>(_e907) + as_type<uint>(( + reinterpreted_packed_char4_e908[0] * reinterpreted_packed_char4_e909[0] + reinterpreted_packed_char4_e908[1] * reinterpreted_packed_char4_e909[1] + reinterpreted_packed_char4_e908[2] * reinterpreted_packed_char4_e909[2] + reinterpreted_packed_char4_e908[3] * reinterpreted_packed_char4_e909[3])));
            int _e912 = high_1_1_;
            uint _e913 = level;
            uint _e914 = x_1_1_.x;
            packed_char4 reinterpreted_packed_char4_e913 = as_type<packed_char4>(_e913);
            packed_char4 reinterpreted_packed_char4_e914 = as_type<packed_char4>(_e914);
            high_1_1_ = as_type<int>(as_type<uint>(_e912) + as_type<uint>(( + reinterpreted_packed_char4_e913[0] * reinterpreted_packed_char4_e914[0] + reinterpreted_packed_char4_e913[1] * reinterpreted_packed_char4_e914[1] + reinterpreted_packed_char4_e913[2] * reinterpreted_packed_char4_e914[2] + reinterpreted_packed_char4_e913[3] * reinterpreted_packed_char4_e914[3])));
            int _e917 = low_1_1_;
            uint _e918 = level;
            uint _e919 = x_1_1_.y;
            packed_char4 reinterpreted_packed_char4_e918 = as_type<packed_char4>(_e918);
            packed_char4 reinterpreted_packed_char4_e919 = as_type<packed_char4>(_e919);
            low_1_1_ = as_type<int>(as_type<uint>(_e917) + as_type<uint>(( + reinterpreted_packed_char4_e918[0] * reinterpreted_packed_char4_e919[0] + reinterpreted_packed_char4_e918[1] * reinterpreted_packed_char4_e919[1] + reinterpreted_packed_char4_e918[2] * reinterpreted_packed_char4_e919[2] + reinterpreted_packed_char4_e918[3] * reinterpreted_packed_char4_e919[3])));
            int _e922 = high_1_2_;
            uint _e923 = level;
            uint _e924 = x_1_2_.x;
            packed_char4 reinterpreted_packed_char4_e923 = as_type<packed_char4>(_e923);
            packed_char4 reinterpreted_packed_char4_e924 = as_type<packed_char4>(_e924);
            high_1_2_ = as_type<int>(as_type<uint>(_e922) + as_type<uint>(( + reinterpreted_packed_char4_e923[0] * reinterpreted_packed_char4_e924[0] + reinterpreted_packed_char4_e923[1] * reinterpreted_packed_char4_e924[1] + reinterpreted_packed_char4_e923[2] * reinterpreted_packed_char4_e924[2] + reinterpreted_packed_char4_e923[3] * reinterpreted_packed_char4_e924[3])));
            int _e927 = low_1_2_;
            uint _e928 = level;
            uint _e929 = x_1_2_.y;
            packed_char4 reinterpreted_packed_char4_e928 = as_type<packed_char4>(_e928);
            packed_char4 reinterpreted_packed_char4_e929 = as_type<packed_char4>(_e929);
            low_1_2_ = as_type<int>(as_type<uint>(_e927) + as_type<uint>(( + reinterpreted_packed_char4_e928[0] * reinterpreted_packed_char4_e929[0] + reinterpreted_packed_char4_e928[1] * reinterpreted_packed_char4_e929[1] + reinterpreted_packed_char4_e928[2] * reinterpreted_packed_char4_e929[2] + reinterpreted_packed_char4_e928[3] * reinterpreted_packed_char4_e929[3])));
            int _e932 = high_1_3_;
            uint _e933 = level;
            uint _e934 = x_1_3_.x;
            packed_char4 reinterpreted_packed_char4_e933 = as_type<packed_char4>(_e933);
            packed_char4 reinterpreted_packed_char4_e934 = as_type<packed_char4>(_e934);
            high_1_3_ = as_type<int>(as_type<uint>(_e932) + as_type<uint>(( + reinterpreted_packed_char4_e933[0] * reinterpreted_packed_char4_e934[0] + reinterpreted_packed_char4_e933[1] * reinterpreted_packed_char4_e934[1] + reinterpreted_packed_char4_e933[2] * reinterpreted_packed_char4_e934[2] + reinterpreted_packed_char4_e933[3] * reinterpreted_packed_char4_e934[3])));
            int _e937 = low_1_3_;
            uint _e938 = level;
            uint _e939 = x_1_3_.y;
            packed_char4 reinterpreted_packed_char4_e938 = as_type<packed_char4>(_e938);
            packed_char4 reinterpreted_packed_char4_e939 = as_type<packed_char4>(_e939);
            low_1_3_ = as_type<int>(as_type<uint>(_e937) + as_type<uint>(( + reinterpreted_packed_char4_e938[0] * reinterpreted_packed_char4_e939[0] + reinterpreted_packed_char4_e938[1] * reinterpreted_packed_char4_e939[1] + reinterpreted_packed_char4_e938[2] * reinterpreted_packed_char4_e939[2] + reinterpreted_packed_char4_e938[3] * reinterpreted_packed_char4_e939[3])));
            int _e942 = high_1_4_;
            uint _e943 = level;
            uint _e944 = x_1_4_.x;
            packed_char4 reinterpreted_packed_char4_e943 = as_type<packed_char4>(_e943);
            packed_char4 reinterpreted_packed_char4_e944 = as_type<packed_char4>(_e944);
            high_1_4_ = as_type<int>(as_type<uint>(_e942) + as_type<uint>(( + reinterpreted_packed_char4_e943[0] * reinterpreted_packed_char4_e944[0] + reinterpreted_packed_char4_e943[1] * reinterpreted_packed_char4_e944[1] + reinterpreted_packed_char4_e943[2] * reinterpreted_packed_char4_e944[2] + reinterpreted_packed_char4_e943[3] * reinterpreted_packed_char4_e944[3])));
            int _e947 = low_1_4_;
            uint _e948 = level;
            uint _e949 = x_1_4_.y;
            packed_char4 reinterpreted_packed_char4_e948 = as_type<packed_char4>(_e948);
            packed_char4 reinterpreted_packed_char4_e949 = as_type<packed_char4>(_e949);
            low_1_4_ = as_type<int>(as_type<uint>(_e947) + as_type<uint>(( + reinterpreted_packed_char4_e948[0] * reinterpreted_packed_char4_e949[0] + reinterpreted_packed_char4_e948[1] * reinterpreted_packed_char4_e949[1] + reinterpreted_packed_char4_e948[2] * reinterpreted_packed_char4_e949[2] + reinterpreted_packed_char4_e948[3] * reinterpreted_packed_char4_e949[3])));
            int _e952 = high_1_5_;
            uint _e953 = level;
            uint _e954 = x_1_5_.x;
            packed_char4 reinterpreted_packed_char4_e953 = as_type<packed_char4>(_e953);
            packed_char4 reinterpreted_packed_char4_e954 = as_type<packed_char4>(_e954);
            high_1_5_ = as_type<int>(as_type<uint>(_e952) + as_type<uint>(( + reinterpreted_packed_char4_e953[0] * reinterpreted_packed_char4_e954[0] + reinterpreted_packed_char4_e953[1] * reinterpreted_packed_char4_e954[1] + reinterpreted_packed_char4_e953[2] * reinterpreted_packed_char4_e954[2] + reinterpreted_packed_char4_e953[3] * reinterpreted_packed_char4_e954[3])));
            int _e957 = low_1_5_;
            uint _e958 = level;
            uint _e959 = x_1_5_.y;
            packed_char4 reinterpreted_packed_char4_e958 = as_type<packed_char4>(_e958);
            packed_char4 reinterpreted_packed_char4_e959 = as_type<packed_char4>(_e959);
            low_1_5_ = as_type<int>(as_type<uint>(_e957) + as_type<uint>(( + reinterpreted_packed_char4_e958[0] * reinterpreted_packed_char4_e959[0] + reinterpreted_packed_char4_e958[1] * reinterpreted_packed_char4_e959[1] + reinterpreted_packed_char4_e958[2] * reinterpreted_packed_char4_e959[2] + reinterpreted_packed_char4_e958[3] * reinterpreted_packed_char4_e959[3])));
            int _e962 = high_1_6_;
            uint _e963 = level;
            uint _e964 = x_1_6_.x;
            packed_char4 reinterpreted_packed_char4_e963 = as_type<packed_char4>(_e963);
            packed_char4 reinterpreted_packed_char4_e964 = as_type<packed_char4>(_e964);
            high_1_6_ = as_type<int>(as_type<uint>(_e962) + as_type<uint>(( + reinterpreted_packed_char4_e963[0] * reinterpreted_packed_char4_e964[0] + reinterpreted_packed_char4_e963[1] * reinterpreted_packed_char4_e964[1] + reinterpreted_packed_char4_e963[2] * reinterpreted_packed_char4_e964[2] + reinterpreted_packed_char4_e963[3] * reinterpreted_packed_char4_e964[3])));
            int _e967 = low_1_6_;
            uint _e968 = level;
            uint _e969 = x_1_6_.y;
            packed_char4 reinterpreted_packed_char4_e968 = as_type<packed_char4>(_e968);
            packed_char4 reinterpreted_packed_char4_e969 = as_type<packed_char4>(_e969);
            low_1_6_ = as_type<int>(as_type<uint>(_e967) + as_type<uint>(( + reinterpreted_packed_char4_e968[0] * reinterpreted_packed_char4_e969[0] + reinterpreted_packed_char4_e968[1] * reinterpreted_packed_char4_e969[1] + reinterpreted_packed_char4_e968[2] * reinterpreted_packed_char4_e969[2] + reinterpreted_packed_char4_e968[3] * reinterpreted_packed_char4_e969[3])));
            int _e972 = high_1_7_;
            uint _e973 = level;
            uint _e974 = x_1_7_.x;
            packed_char4 reinterpreted_packed_char4_e973 = as_type<packed_char4>(_e973);
            packed_char4 reinterpreted_packed_char4_e974 = as_type<packed_char4>(_e974);
            high_1_7_ = as_type<int>(as_type<uint>(_e972) + as_type<uint>(( + reinterpreted_packed_char4_e973[0] * reinterpreted_packed_char4_e974[0] + reinterpreted_packed_char4_e973[1] * reinterpreted_packed_char4_e974[1] + reinterpreted_packed_char4_e973[2] * reinterpreted_packed_char4_e974[2] + reinterpreted_packed_char4_e973[3] * reinterpreted_packed_char4_e974[3])));
            int _e977 = low_1_7_;
            uint _e978 = level;
            uint _e979 = x_1_7_.y;
            packed_char4 reinterpreted_packed_char4_e978 = as_type<packed_char4>(_e978);
            packed_char4 reinterpreted_packed_char4_e979 = as_type<packed_char4>(_e979);
            low_1_7_ = as_type<int>(as_type<uint>(_e977) + as_type<uint>(( + reinterpreted_packed_char4_e978[0] * reinterpreted_packed_char4_e979[0] + reinterpreted_packed_char4_e978[1] * reinterpreted_packed_char4_e979[1] + reinterpreted_packed_char4_e978[2] * reinterpreted_packed_char4_e979[2] + reinterpreted_packed_char4_e978[3] * reinterpreted_packed_char4_e979[3])));
            uint _e982 = taken;
            uint _e983 = total_1;
            taken = _e982 + (_e983 & 255u);
            uint _e987 = taken;
            crossed = _e987 >= 32u;
            uint _e990 = taken;
            taken = _e990 & 31u;
            uint _e993 = word;
            uint _e994 = next_1;
            bool _e995 = crossed;
            word = _e995 ? _e994 : _e993;
            uint _e997 = next_1;
            uint _e998 = ahead;
            bool _e999 = crossed;
            next_1 = _e999 ? _e998 : _e997;
            uint _e1001 = at;
            uint _e1002 = at;
            bool _e1005 = crossed;
            at = _e1005 ? (_e1002 + 32u) : _e1001;
            uint _e1008 = at;
            uint _e1010 = stream[_e1008];
            ahead = _e1010;
            uint _e1011 = word;
            uint _e1012 = taken;
            uint _e1014 = next_1;
            uint _e1018 = taken;
            bits = (_e1011 << _e1012) | ((_e1014 >> 1u) >> (31u - _e1018));
            uint _e1023 = bits;
            uint _e1027 = table.inner[_e1023 >> 22u];
            entry = _e1027;
            uint _e1028 = entry;
            total_1 = _e1028;
            uint _e1029 = bits;
            uint _e1030 = entry;
            bits = _e1029 << (_e1030 & 15u);
            uint _e1034 = odd_0_;
            uint _e1035 = last_0_;
            odd_0_ = _e1034 ^ (_e1035 & 65792u);
            uint _e1039 = entry;
            last_0_ = _e1039;
            uint _e1040 = entry;
            uint _e1043 = odd_0_;
            level = (_e1040 & 4294901503u) | _e1043;
            int _e1045 = high_0_0_;
            uint _e1046 = level;
            uint _e1047 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e1046 = as_type<packed_char4>(_e1046);
            packed_char4 reinterpreted_packed_char4_e1047 = as_type<packed_char4>(_e1047);
            high_0_0_ = as_type<int>(as_type<uint>(_e1045) + as_type<uint>(( + reinterpreted_packed_char4_e1046[0] * reinterpreted_packed_char4_e1047[0] + reinterpreted_packed_char4_e1046[1] * reinterpreted_packed_char4_e1047[1] + reinterpreted_packed_char4_e1046[2] * reinterpreted_packed_char4_e1047[2] + reinterpreted_packed_char4_e1046[3] * reinterpreted_packed_char4_e1047[3])));
            int _e1050 = low_0_0_;
            uint _e1051 = level;
            uint _e1052 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e1051 = as_type<packed_char4>(_e1051);
            packed_char4 reinterpreted_packed_char4_e1052 = as_type<packed_char4>(_e1052);
            low_0_0_ = as_type<int>(as_type<uint>(_e1050) + as_type<uint>(( + reinterpreted_packed_char4_e1051[0] * reinterpreted_packed_char4_e1052[0] + reinterpreted_packed_char4_e1051[1] * reinterpreted_packed_char4_e1052[1] + reinterpreted_packed_char4_e1051[2] * reinterpreted_packed_char4_e1052[2] + reinterpreted_packed_char4_e1051[3] * reinterpreted_packed_char4_e1052[3])));
            int _e1055 = high_0_1_;
            uint _e1056 = level;
            uint _e1057 = x_1_1_.z;
            packed_char4 reinterpreted_packed_char4_e1056 = as_type<packed_char4>(_e1056);
            packed_char4 reinterpreted_packed_char4_e1057 = as_type<packed_char4>(_e1057);
            high_0_1_ = as_type<int>(as_type<uint>(_e1055) + as_type<uint>(( + reinterpreted_packed_char4_e1056[0] * reinterpreted_packed_char4_e1057[0] + reinterpreted_packed_char4_e1056[1] * reinterpreted_packed_char4_e1057[1] + reinterpreted_packed_char4_e1056[2] * reinterpreted_packed_char4_e1057[2] + reinterpreted_packed_char4_e1056[3] * reinterpreted_packed_char4_e1057[3])));
            int _e1060 = low_0_1_;
            uint _e1061 = level;
            uint _e1062 = x_1_1_.w;
            packed_char4 reinterpreted_packed_char4_e1061 = as_type<packed_char4>(_e1061);
            packed_char4 reinterpreted_packed_char4_e1062 = as_type<packed_char4>(_e1062);
            low_0_1_ = as_type<int>(as_type<uint>(_e1060) + as_type<uint>(( + reinterpreted_packed_char4_e1061[0] * reinterpreted_packed_char4_e1062[0] + reinterpreted_packed_char4_e1061[1] * reinterpreted_packed_char4_e1062[1] + reinterpreted_packed_char4_e1061[2] * reinterpreted_packed_char4_e1062[2] + reinterpreted_packed_char4_e1061[3] * reinterpreted_packed_char4_e1062[3])));
            int _e1065 = high_0_2_;
            uint _e1066 = level;
            uint _e1067 = x_1_2_.z;
            packed_char4 reinterpreted_packed_char4_e1066 = as_type<packed_char4>(_e1066);
            packed_char4 reinterpreted_packed_char4_e1067 = as_type<packed_char4>(_e1067);
            high_0_2_ = as_type<int>(as_type<uint>(_e1065) + as_type<uint>(( + reinterpreted_packed_char4_e1066[0] * reinterpreted_packed_char4_e1067[0] + reinterpreted_packed_char4_e1066[1] * reinterpreted_packed_char4_e1067[1] + reinterpreted_packed_char4_e1066[2] * reinterpreted_packed_char4_e1067[2] + reinterpreted_packed_char4_e1066[3] * reinterpreted_packed_char4_e1067[3])));
            int _e1070 = low_0_2_;
            uint _e1071 = level;
            uint _e1072 = x_1_2_.w;
            packed_char4 reinterpreted_packed_char4_e1071 = as_type<packed_char4>(_e1071);
            packed_char4 reinterpreted_packed_char4_e1072 = as_type<packed_char4>(_e1072);
            low_0_2_ = as_type<int>(as_type<uint>(_e1070) + as_type<uint>(( + reinterpreted_packed_char4_e1071[0] * reinterpreted_packed_char4_e1072[0] + reinterpreted_packed_char4_e1071[1] * reinterpreted_packed_char4_e1072[1] + reinterpreted_packed_char4_e1071[2] * reinterpreted_packed_char4_e1072[2] + reinterpreted_packed_char4_e1071[3] * reinterpreted_packed_char4_e1072[3])));
            int _e1075 = high_0_3_;
            uint _e1076 = level;
            uint _e1077 = x_1_3_.z;
            packed_char4 reinterpreted_packed_char4_e1076 = as_type<packed_char4>(_e1076);
            packed_char4 reinterpreted_packed_char4_e1077 = as_type<packed_char4>(_e1077);
            high_0_3_ = as_type<int>(as_type<uint>(_e1075) + as_type<uint>(( + reinterpreted_packed_char4_e1076[0] * reinterpreted_packed_char4_e1077[0] + reinterpreted_packed_char4_e1076[1] * reinterpreted_packed_char4_e1077[1] + reinterpreted_packed_char4_e1076[2] * reinterpreted_packed_char4_e1077[2] + reinterpreted_packed_char4_e1076[3] * reinterpreted_packed_char4_e1077[3])));
            int _e1080 = low_0_3_;
            uint _e1081 = level;
            uint _e1082 = x_1_3_.w;
            packed_char4 reinterpreted_packed_char4_e1081 = as_type<packed_char4>(_e1081);
            packed_char4 reinterpreted_packed_char4_e1082 = as_type<packed_char4>(_e1082);
            low_0_3_ = as_type<int>(as_type<uint>(_e1080) + as_type<uint>(( + reinterpreted_packed_char4_e1081[0] * reinterpreted_packed_char4_e1082[0] + reinterpreted_packed_char4_e1081[1] * reinterpreted_packed_char4_e1082[1] + reinterpreted_packed_char4_e1081[2] * reinterpreted_packed_char4_e1082[2] + reinterpreted_packed_char4_e1081[3] * reinterpreted_packed_char4_e1082[3])));
            int _e1085 = high_0_4_;
            uint _e1086 = level;
            uint _e1087 = x_1_4_.z;
            packed_char4 reinterpreted_packed_char4_e1086 = as_type<packed_char4>(_e1086);
            packed_char4 reinterpreted_packed_char4_e1087 = as_type<packed_char4>(_e1087);
            high_0_4_ = as_type<int>(as_type<uint>(_e1085) + as_type<uint>(( + reinterpreted_packed_char4_e1086[0] * reinterpreted_packed_char4_e1087[0] + reinterpreted_packed_char4_e1086[1] * reinterpreted_packed_char4_e1087[1] + reinterpreted_packed_char4_e1086[2] * reinterpreted_packed_char4_e1087[2] + reinterpreted_packed_char4_e1086[3] * reinterpreted_packed_char4_e1087[3])));
            int _e1090 = low_0_4_;
            uint _e1091 = level;
            uint _e1092 = x_1_4_.w;
            packed_char4 reinterpreted_packed_char4_e1091 = as_type<packed_char4>(_e1091);
            packed_char4 reinterpreted_packed_char4_e1092 = as_type<packed_char4>(_e1092);
            low_0_4_ = as_type<int>(as_type<uint>(_e1090) + as_type<uint>(( + reinterpreted_packed_char4_e1091[0] * reinterpreted_packed_char4_e1092[0] + reinterpreted_packed_char4_e1091[1] * reinterpreted_packed_char4_e1092[1] + reinterpreted_packed_char4_e1091[2] * reinterpreted_packed_char4_e1092[2] + reinterpreted_packed_char4_e1091[3] * reinterpreted_packed_char4_e1092[3])));
            int _e1095 = high_0_5_;
            uint _e1096 = level;
            uint _e1097 = x_1_5_.z;
            packed_char4 reinterpreted_packed_char4_e1096 = as_type<packed_char4>(_e1096);
            packed_char4 reinterpreted_packed_char4_e1097 = as_type<packed_char4>(_e1097);
            high_0_5_ = as_type<int>(as_type<uint>(_e1095) + as_type<uint>(( + reinterpreted_packed_char4_e1096[0] * reinterpreted_packed_char4_e1097[0] + reinterpreted_packed_char4_e1096[1] * reinterpreted_packed_char4_e1097[1] + reinterpreted_packed_char4_e1096[2] * reinterpreted_packed_char4_e1097[2] + reinterpreted_packed_char4_e1096[3] * reinterpreted_packed_char4_e1097[3])));
            int _e1100 = low_0_5_;
            uint _e1101 = level;
            uint _e1102 = x_1_5_.w;
            packed_char4 reinterpreted_packed_char4_e1101 = as_type<packed_char4>(_e1101);
            packed_char4 reinterpreted_packed_char4_e1102 = as_type<packed_char4>(_e1102);
            low_0_5_ = as_type<int>(as_type<uint>(_e1100) + as_type<uint>(( + reinterpreted_packed_char4_e1101[0] * reinterpreted_packed_char4_e1102[0] + reinterpreted_packed_char4_e1101[1] * reinterpreted_packed_char4_e1102[1] + reinterpreted_packed_char4_e1101[2] * reinterpreted_packed_char4_e1102[2] + reinterpreted_packed_char4_e1101[3] * reinterpreted_packed_char4_e1102[3])));
            int _e1105 = high_0_6_;
            uint _e1106 = level;
            uint _e1107 = x_1_6_.z;
            packed_char4 reinterpreted_packed_char4_e1106 = as_type<packed_char4>(_e1106);
            packed_char4 reinterpreted_packed_char4_e1107 = as_type<packed_char4>(_e1107);
            high_0_6_ = as_type<int>(as_type<uint>(_e1105) + as_type<uint>(( + reinterpreted_packed_char4_e1106[0] * reinterpreted_packed_char4_e1107[0] + reinterpreted_packed_char4_e1106[1] * reinterpreted_packed_char4_e1107[1] + reinterpreted_packed_char4_e1106[2] * reinterpreted_packed_char4_e1107[2] + reinterpreted_packed_char4_e1106[3] * reinterpreted_packed_char4_e1107[3])));
            int _e1110 = low_0_6_;
            uint _e1111 = level;
            uint _e1112 = x_1_6_.w;
            packed_char4 reinterpreted_packed_char4_e1111 = as_type<packed_char4>(_e1111);
            packed_char4 reinterpreted_packed_char4_e1112 = as_type<packed_char4>(_e1112);
            low_0_6_ = as_type<int>(as_type<uint>(_e1110) + as_type<uint>(( + reinterpreted_packed_char4_e1111[0] * reinterpreted_packed_char4_e1112[0] + reinterpreted_packed_char4_e1111[1] * reinterpreted_packed_char4_e1112[1] + reinterpreted_packed_char4_e1111[2] * reinterpreted_packed_char4_e1112[2] + reinterpreted_packed_char4_e1111[3] * reinterpreted_packed_char4_e1112[3])));
            int _e1115 = high_0_7_;
            uint _e1116 = level;
            uint _e1117 = x_1_7_.z;
            packed_char4 reinterpreted_packed_char4_e1116 = as_type<packed_char4>(_e1116);
            packed_char4 reinterpreted_packed_char4_e1117 = as_type<packed_char4>(_e1117);
            high_0_7_ = as_type<int>(as_type<uint>(_e1115) + as_type<uint>(( + reinterpreted_packed_char4_e1116[0] * reinterpreted_packed_char4_e1117[0] + reinterpreted_packed_char4_e1116[1] * reinterpreted_packed_char4_e1117[1] + reinterpreted_packed_char4_e1116[2] * reinterpreted_packed_char4_e1117[2] + reinterpreted_packed_char4_e1116[3] * reinterpreted_packed_char4_e1117[3])));
            int _e1120 = low_0_7_;
            uint _e1121 = level;
            uint _e1122 = x_1_7_.w;
            packed_char4 reinterpreted_packed_char4_e1121 = as_type<packed_char4>(_e1121);
            packed_char4 reinterpreted_packed_char4_e1122 = as_type<packed_char4>(_e1122);
            low_0_7_ = as_type<int>(as_type<uint>(_e1120) + as_type<uint>(( + reinterpreted_packed_char4_e1121[0] * reinterpreted_packed_char4_e1122[0] + reinterpreted_packed_char4_e1121[1] * reinterpreted_packed_char4_e1122[1] + reinterpreted_packed_char4_e1121[2] * reinterpreted_packed_char4_e1122[2] + reinterpreted_packed_char4_e1121[3] * reinterpreted_packed_char4_e1122[3])));
            uint _e1126 = bits;
            uint _e1130 = table.inner[_e1126 >> 22u];
            entry = _e1130;
            uint _e1131 = total_1;
            uint _e1132 = entry;
            total_1 = _e1131 + _e1132;
            uint _e1134 = bits;
            uint _e1135 = entry;
            bits = _e1134 << (_e1135 & 15u);
            uint _e1139 = odd_1_;
            uint _e1140 = last_1_;
            odd_1_ = _e1139 ^ (_e1140 & 65792u);
            uint _e1144 = entry;
            last_1_ = _e1144;
            uint _e1145 = entry;
            uint _e1148 = odd_1_;
            level = (_e1145 & 4294901503u) | _e1148;
            int _e1150 = high_1_0_;
            uint _e1151 = level;
            uint _e1152 = x_1_0_.z;
            packed_char4 reinterpreted_packed_char4_e1151 = as_type<packed_char4>(_e1151);
            packed_char4 reinterpreted_packed_char4_e1152 = as_type<packed_char4>(_e1152);
            high_1_0_ = as_type<int>(as_type<uint>(_e1150) + as_type<uint>(( + reinterpreted_packed_char4_e1151[0] * reinterpreted_packed_char4_e1152[0] + reinterpreted_packed_char4_e1151[1] * reinterpreted_packed_char4_e1152[1] + reinterpreted_packed_char4_e1151[2] * reinterpreted_packed_char4_e1152[2] + reinterpreted_packed_char4_e1151[3] * reinterpreted_packed_char4_e1152[3])));
            int _e1155 = low_1_0_;
            uint _e1156 = level;
            uint _e1157 = x_1_0_.w;
            packed_char4 reinterpreted_packed_char4_e1156 = as_type<packed_char4>(_e1156);
            packed_char4 reinterpreted_packed_char4_e1157 = as_type<packed_char4>(_e1157);
            low_1_0_ = as_type<int>(as_type<uint>(_e1155) + as_type<uint>(( + reinterpreted_packed_char4_e1156[0] * reinterpreted_packed_char4_e1157[0] + reinterpreted_packed_char4_e1156[1] * reinterpreted_packed_char4_e1157[1] + reinterpreted_packed_char4_e1156[2] * reinterpreted_packed_char4_e1157[2] + reinterpreted_packed_char4_e1156[3] * reinterpreted_packed_char4_e1157[3])));
            int _e1160 = high_1_1_;
            uint _e1161 = level;
            uint _e1162 = x_1_1_.z;
            packed_char4 reinterpreted_packed_char4_e1161 = as_type<packed_char4>(_e1161);
            packed_char4 reinterpreted_packed_char4_e1162 = as_type<packed_char4>(_e1162);
            high_1_1_ = as_type<int>(as_type<uint>(_e1160) + as_type<uint>(( + reinterpreted_packed_char4_e1161[0] * reinterpreted_packed_char4_e1162[0] + reinterpreted_packed_char4_e1161[1] * reinterpreted_packed_char4_e1162[1] + reinterpreted_packed_char4_e1161[2] * reinterpreted_packed_char4_e1162[2] + reinterpreted_packed_char4_e1161[3] * reinterpreted_packed_char4_e1162[3])));
            int _e1165 = low_1_1_;
            uint _e1166 = level;
            uint _e1167 = x_1_1_.w;
            packed_char4 reinterpreted_packed_char4_e1166 = as_type<packed_char4>(_e1166);
            packed_char4 reinterpreted_packed_char4_e1167 = as_type<packed_char4>(_e1167);
            low_1_1_ = as_type<int>(as_type<uint>(_e1165) + as_type<uint>(( + reinterpreted_packed_char4_e1166[0] * reinterpreted_packed_char4_e1167[0] + reinterpreted_packed_char4_e1166[1] * reinterpreted_packed_char4_e1167[1] + reinterpreted_packed_char4_e1166[2] * reinterpreted_packed_char4_e1167[2] + reinterpreted_packed_char4_e1166[3] * reinterpreted_packed_char4_e1167[3])));
            int _e1170 = high_1_2_;
            uint _e1171 = level;
            uint _e1172 = x_1_2_.z;
            packed_char4 reinterpreted_packed_char4_e1171 = as_type<packed_char4>(_e1171);
            packed_char4 reinterpreted_packed_char4_e1172 = as_type<packed_char4>(_e1172);
            high_1_2_ = as_type<int>(as_type<uint>(_e1170) + as_type<uint>(( + reinterpreted_packed_char4_e1171[0] * reinterpreted_packed_char4_e1172[0] + reinterpreted_packed_char4_e1171[1] * reinterpreted_packed_char4_e1172[1] + reinterpreted_packed_char4_e1171[2] * reinterpreted_packed_char4_e1172[2] + reinterpreted_packed_char4_e1171[3] * reinterpreted_packed_char4_e1172[3])));
            int _e1175 = low_1_2_;
            uint _e1176 = level;
            uint _e1177 = x_1_2_.w;
            packed_char4 reinterpreted_packed_char4_e1176 = as_type<packed_char4>(_e1176);
            packed_char4 reinterpreted_packed_char4_e1177 = as_type<packed_char4>(_e1177);
            low_1_2_ = as_type<int>(as_type<uint>(_e1175) + as_type<uint>(( + reinterpreted_packed_char4_e1176[0] * reinterpreted_packed_char4_e1177[0] + reinterpreted_packed_char4_e1176[1] * reinterpreted_packed_char4_e1177[1] + reinterpreted_packed_char4_e1176[2] * reinterpreted_packed_char4_e1177[2] + reinterpreted_packed_char4_e1176[3] * reinterpreted_packed_char4_e1177[3])));
            int _e1180 = high_1_3_;
            uint _e1181 = level;
            uint _e1182 = x_1_3_.z;
            packed_char4 reinterpreted_packed_char4_e1181 = as_type<packed_char4>(_e1181);
            packed_char4 reinterpreted_packed_char4_e1182 = as_type<packed_char4>(_e1182);
            high_1_3_ = as_type<int>(as_type<uint>(_e1180) + as_type<uint>(( + reinterpreted_packed_char4_e1181[0] * reinterpreted_packed_char4_e1182[0] + reinterpreted_packed_char4_e1181[1] * reinterpreted_packed_char4_e1182[1] + reinterpreted_packed_char4_e1181[2] * reinterpreted_packed_char4_e1182[2] + reinterpreted_packed_char4_e1181[3] * reinterpreted_packed_char4_e1182[3])));
            int _e1185 = low_1_3_;
            uint _e1186 = level;
            uint _e1187 = x_1_3_.w;
            packed_char4 reinterpreted_packed_char4_e1186 = as_type<packed_char4>(_e1186);
            packed_char4 reinterpreted_packed_char4_e1187 = as_type<packed_char4>(_e1187);
            low_1_3_ = as_type<int>(as_type<uint>(_e1185) + as_type<uint>(( + reinterpreted_packed_char4_e1186[0] * reinterpreted_packed_char4_e1187[0] + reinterpreted_packed_char4_e1186[1] * reinterpreted_packed_char4_e1187[1] + reinterpreted_packed_char4_e1186[2] * reinterpreted_packed_char4_e1187[2] + reinterpreted_packed_char4_e1186[3] * reinterpreted_packed_char4_e1187[3])));
            int _e1190 = high_1_4_;
            uint _e1191 = level;
            uint _e1192 = x_1_4_.z;
            packed_char4 reinterpreted_packed_char4_e1191 = as_type<packed_char4>(_e1191);
            packed_char4 reinterpreted_packed_char4_e1192 = as_type<packed_char4>(_e1192);
            high_1_4_ = as_type<int>(as_type<uint>(_e1190) + as_type<uint>(( + reinterpreted_packed_char4_e1191[0] * reinterpreted_packed_char4_e1192[0] + reinterpreted_packed_char4_e1191[1] * reinterpreted_packed_char4_e1192[1] + reinterpreted_packed_char4_e1191[2] * reinterpreted_packed_char4_e1192[2] + reinterpreted_packed_char4_e1191[3] * reinterpreted_packed_char4_e1192[3])));
            int _e1195 = low_1_4_;
            uint _e1196 = level;
            uint _e1197 = x_1_4_.w;
            packed_char4 reinterpreted_packed_char4_e1196 = as_type<packed_char4>(_e1196);
            packed_char4 reinterpreted_packed_char4_e1197 = as_type<packed_char4>(_e1197);
            low_1_4_ = as_type<int>(as_type<uint>(_e1195) + as_type<uint>(( + reinterpreted_packed_char4_e1196[0] * reinterpreted_packed_char4_e1197[0] + reinterpreted_packed_char4_e1196[1] * reinterpreted_packed_char4_e1197[1] + reinterpreted_packed_char4_e1196[2] * reinterpreted_packed_char4_e1197[2] + reinterpreted_packed_char4_e1196[3] * reinterpreted_packed_char4_e1197[3])));
            int _e1200 = high_1_5_;
            uint _e1201 = level;
            uint _e1202 = x_1_5_.z;
            packed_char4 reinterpreted_packed_char4_e1201 = as_type<packed_char4>(_e1201);
            packed_char4 reinterpreted_packed_char4_e1202 = as_type<packed_char4>(_e1202);
            high_1_5_ = as_type<int>(as_type<uint>(_e1200) + as_type<uint>(( + reinterpreted_packed_char4_e1201[0] * reinterpreted_packed_char4_e1202[0] + reinterpreted_packed_char4_e1201[1] * reinterpreted_packed_char4_e1202[1] + reinterpreted_packed_char4_e1201[2] * reinterpreted_packed_char4_e1202[2] + reinterpreted_packed_char4_e1201[3] * reinterpreted_packed_char4_e1202[3])));
            int _e1205 = low_1_5_;
            uint _e1206 = level;
            uint _e1207 = x_1_5_.w;
            packed_char4 reinterpreted_packed_char4_e1206 = as_type<packed_char4>(_e1206);
            packed_char4 reinterpreted_packed_char4_e1207 = as_type<packed_char4>(_e1207);
            low_1_5_ = as_type<int>(as_type<uint>(_e1205) + as_type<uint>(( + reinterpreted_packed_char4_e1206[0] * reinterpreted_packed_char4_e1207[0] + reinterpreted_packed_char4_e1206[1] * reinterpreted_packed_char4_e1207[1] + reinterpreted_packed_char4_e1206[2] * reinterpreted_packed_char4_e1207[2] + reinterpreted_packed_char4_e1206[3] * reinterpreted_packed_char4_e1207[3])));
            int _e1210 = high_1_6_;
            uint _e1211 = level;
            uint _e1212 = x_1_6_.z;
            packed_char4 reinterpreted_packed_char4_e1211 = as_type<packed_char4>(_e1211);
            packed_char4 reinterpreted_packed_char4_e1212 = as_type<packed_char4>(_e1212);
            high_1_6_ = as_type<int>(as_type<uint>(_e1210) + as_type<uint>(( + reinterpreted_packed_char4_e1211[0] * reinterpreted_packed_char4_e1212[0] + reinterpreted_packed_char4_e1211[1] * reinterpreted_packed_char4_e1212[1] + reinterpreted_packed_char4_e1211[2] * reinterpreted_packed_char4_e1212[2] + reinterpreted_packed_char4_e1211[3] * reinterpreted_packed_char4_e1212[3])));
            int _e1215 = low_1_6_;
            uint _e1216 = level;
            uint _e1217 = x_1_6_.w;
            packed_char4 reinterpreted_packed_char4_e1216 = as_type<packed_char4>(_e1216);
            packed_char4 reinterpreted_packed_char4_e1217 = as_type<packed_char4>(_e1217);
            low_1_6_ = as_type<int>(as_type<uint>(_e1215) + as_type<uint>(( + reinterpreted_packed_char4_e1216[0] * reinterpreted_packed_char4_e1217[0] + reinterpreted_packed_char4_e1216[1] * reinterpreted_packed_char4_e1217[1] + reinterpreted_packed_char4_e1216[2] * reinterpreted_packed_char4_e1217[2] + reinterpreted_packed_char4_e1216[3] * reinterpreted_packed_char4_e1217[3])));
            int _e1220 = high_1_7_;
            uint _e1221 = level;
            uint _e1222 = x_1_7_.z;
            packed_char4 reinterpreted_packed_char4_e1221 = as_type<packed_char4>(_e1221);
            packed_char4 reinterpreted_packed_char4_e1222 = as_type<packed_char4>(_e1222);
            high_1_7_ = as_type<int>(as_type<uint>(_e1220) + as_type<uint>(( + reinterpreted_packed_char4_e1221[0] * reinterpreted_packed_char4_e1222[0] + reinterpreted_packed_char4_e1221[1] * reinterpreted_packed_char4_e1222[1] + reinterpreted_packed_char4_e1221[2] * reinterpreted_packed_char4_e1222[2] + reinterpreted_packed_char4_e1221[3] * reinterpreted_packed_char4_e1222[3])));
            int _e1225 = low_1_7_;
            uint _e1226 = level;
            uint _e1227 = x_1_7_.w;
            packed_char4 reinterpreted_packed_char4_e1226 = as_type<packed_char4>(_e1226);
            packed_char4 reinterpreted_packed_char4_e1227 = as_type<packed_char4>(_e1227);
            low_1_7_ = as_type<int>(as_type<uint>(_e1225) + as_type<uint>(( + reinterpreted_packed_char4_e1226[0] * reinterpreted_packed_char4_e1227[0] + reinterpreted_packed_char4_e1226[1] * reinterpreted_packed_char4_e1227[1] + reinterpreted_packed_char4_e1226[2] * reinterpreted_packed_char4_e1227[2] + reinterpreted_packed_char4_e1226[3] * reinterpreted_packed_char4_e1227[3])));
            uint _e1235 = group_1;
            metal::uint4 x_2_0_ = digits[(first + (0u * step)) + (4u * (_e1235 + 2u))];
            uint _e1247 = group_1;
            metal::uint4 x_2_1_ = digits[(first + (1u * step)) + (4u * (_e1247 + 2u))];
            uint _e1259 = group_1;
            metal::uint4 x_2_2_ = digits[(first + (2u * step)) + (4u * (_e1259 + 2u))];
            uint _e1271 = group_1;
            metal::uint4 x_2_3_ = digits[(first + (3u * step)) + (4u * (_e1271 + 2u))];
            uint _e1283 = group_1;
            metal::uint4 x_2_4_ = digits[(first + (4u * step)) + (4u * (_e1283 + 2u))];
            uint _e1295 = group_1;
            metal::uint4 x_2_5_ = digits[(first + (5u * step)) + (4u * (_e1295 + 2u))];
            uint _e1307 = group_1;
            metal::uint4 x_2_6_ = digits[(first + (6u * step)) + (4u * (_e1307 + 2u))];
            uint _e1319 = group_1;
            metal::uint4 x_2_7_ = digits[(first + (7u * step)) + (4u * (_e1319 + 2u))];
            uint _e1327 = bits;
            uint _e1331 = table.inner[_e1327 >> 22u];
            entry = _e1331;
            uint _e1332 = total_1;
            uint _e1333 = entry;
            total_1 = _e1332 + _e1333;
            uint _e1335 = even_0_;
            uint _e1336 = last_0_;
            even_0_ = _e1335 ^ (_e1336 & 65792u);
            uint _e1340 = entry;
            last_0_ = _e1340;
            uint _e1341 = entry;
            uint _e1344 = even_0_;
            level = (_e1341 & 4294901503u) | _e1344;
            int _e1346 = high_0_0_;
            uint _e1347 = level;
            uint _e1348 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e1347 = as_type<packed_char4>(_e1347);
            packed_char4 reinterpreted_packed_char4_e1348 = as_type<packed_char4>(_e1348);
            high_0_0_ = as_type<int>(as_type<uint>(_e1346) + as_type<uint>(( + reinterpreted_packed_char4_e1347[0] * reinterpreted_packed_char4_e1348[0] + reinterpreted_packed_char4_e1347[1] * reinterpreted_packed_char4_e1348[1] + reinterpreted_packed_char4_e1347[2] * reinterpreted_packed_char4_e1348[2] + reinterpreted_packed_char4_e1347[3] * reinterpreted_packed_char4_e1348[3])));
            int _e1351 = low_0_0_;
            uint _e1352 = level;
            uint _e1353 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e1352 = as_type<packed_char4>(_e1352);
            packed_char4 reinterpreted_packed_char4_e1353 = as_type<packed_char4>(_e1353);
            low_0_0_ = as_type<int>(as_type<uint>(_e1351) + as_type<uint>(( + reinterpreted_packed_char4_e1352[0] * reinterpreted_packed_char4_e1353[0] + reinterpreted_packed_char4_e1352[1] * reinterpreted_packed_char4_e1353[1] + reinterpreted_packed_char4_e1352[2] * reinterpreted_packed_char4_e1353[2] + reinterpreted_packed_char4_e1352[3] * reinterpreted_packed_char4_e1353[3])));
            int _e1356 = high_0_1_;
            uint _e1357 = level;
            uint _e1358 = x_2_1_.x;
            packed_char4 reinterpreted_packed_char4_e1357 = as_type<packed_char4>(_e1357);
            packed_char4 reinterpreted_packed_char4_e1358 = as_type<packed_char4>(_e1358);
            high_0_1_ = as_type<int>(as_type<uint>(_e1356) + as_type<uint>(( + reinterpreted_packed_char4_e1357[0] * reinterpreted_packed_char4_e1358[0] + reinterpreted_packed_char4_e1357[1] * reinterpreted_packed_char4_e1358[1] + reinterpreted_packed_char4_e1357[2] * reinterpreted_packed_char4_e1358[2] + reinterpreted_packed_char4_e1357[3] * reinterpreted_packed_char4_e1358[3])));
            int _e1361 = low_0_1_;
            uint _e1362 = level;
            uint _e1363 = x_2_1_.y;
            packed_char4 reinterpreted_packed_char4_e1362 = as_type<packed_char4>(_e1362);
            packed_char4 reinterpreted_packed_char4_e1363 = as_type<packed_char4>(_e1363);
            low_0_1_ = as_type<int>(as_type<uint>(_e1361) + as_type<uint>(( + reinterpreted_packed_char4_e1362[0] * reinterpreted_packed_char4_e1363[0] + reinterpreted_packed_char4_e1362[1] * reinterpreted_packed_char4_e1363[1] + reinterpreted_packed_char4_e1362[2] * reinterpreted_packed_char4_e1363[2] + reinterpreted_packed_char4_e1362[3] * reinterpreted_packed_char4_e1363[3])));
            int _e1366 = high_0_2_;
            uint _e1367 = level;
            uint _e1368 = x_2_2_.x;
            packed_char4 reinterpreted_packed_char4_e1367 = as_type<packed_char4>(_e1367);
            packed_char4 reinterpreted_packed_char4_e1368 = as_type<packed_char4>(_e1368);
            high_0_2_ = as_type<int>(as_type<uint>(_e1366) + as_type<uint>(( + reinterpreted_packed_char4_e1367[0] * reinterpreted_packed_char4_e1368[0] + reinterpreted_packed_char4_e1367[1] * reinterpreted_packed_char4_e1368[1] + reinterpreted_packed_char4_e1367[2] * reinterpreted_packed_char4_e1368[2] + reinterpreted_packed_char4_e1367[3] * reinterpreted_packed_char4_e1368[3])));
            int _e1371 = low_0_2_;
            uint _e1372 = level;
            uint _e1373 = x_2_2_.y;
            packed_char4 reinterpreted_packed_char4_e1372 = as_type<packed_char4>(_e1372);
            packed_char4 reinterpreted_packed_char4_e1373 = as_type<packed_char4>(_e1373);
            low_0_2_ = as_type<int>(as_type<uint>(_e1371) + as_type<uint>(( + reinterpreted_packed_char4_e1372[0] * reinterpreted_packed_char4_e1373[0] + reinterpreted_packed_char4_e1372[1] * reinterpreted_packed_char4_e1373[1] + reinterpreted_packed_char4_e1372[2] * reinterpreted_packed_char4_e1373[2] + reinterpreted_packed_char4_e1372[3] * reinterpreted_packed_char4_e1373[3])));
            int _e1376 = high_0_3_;
            uint _e1377 = level;
            uint _e1378 = x_2_3_.x;
            packed_char4 reinterpreted_packed_char4_e1377 = as_type<packed_char4>(_e1377);
            packed_char4 reinterpreted_packed_char4_e1378 = as_type<packed_char4>(_e1378);
            high_0_3_ = as_type<int>(as_type<uint>(_e1376) + as_type<uint>(( + reinterpreted_packed_char4_e1377[0] * reinterpreted_packed_char4_e1378[0] + reinterpreted_packed_char4_e1377[1] * reinterpreted_packed_char4_e1378[1] + reinterpreted_packed_char4_e1377[2] * reinterpreted_packed_char4_e1378[2] + reinterpreted_packed_char4_e1377[3] * reinterpreted_packed_char4_e1378[3])));
            int _e1381 = low_0_3_;
            uint _e1382 = level;
            uint _e1383 = x_2_3_.y;
            packed_char4 reinterpreted_packed_char4_e1382 = as_type<packed_char4>(_e1382);
            packed_char4 reinterpreted_packed_char4_e1383 = as_type<packed_char4>(_e1383);
            low_0_3_ = as_type<int>(as_type<uint>(_e1381) + as_type<uint>(( + reinterpreted_packed_char4_e1382[0] * reinterpreted_packed_char4_e1383[0] + reinterpreted_packed_char4_e1382[1] * reinterpreted_packed_char4_e1383[1] + reinterpreted_packed_char4_e1382[2] * reinterpreted_packed_char4_e1383[2] + reinterpreted_packed_char4_e1382[3] * reinterpreted_packed_char4_e1383[3])));
            int _e1386 = high_0_4_;
            uint _e1387 = level;
            uint _e1388 = x_2_4_.x;
            packed_char4 reinterpreted_packed_char4_e1387 = as_type<packed_char4>(_e1387);
            packed_char4 reinterpreted_packed_char4_e1388 = as_type<packed_char4>(_e1388);
            high_0_4_ = as_type<int>(as_type<uint>(_e1386) + as_type<uint>(( + reinterpreted_packed_char4_e1387[0] * reinterpreted_packed_char4_e1388[0] + reinterpreted_packed_char4_e1387[1] * reinterpreted_packed_char4_e1388[1] + reinterpreted_packed_char4_e1387[2] * reinterpreted_packed_char4_e1388[2] + reinterpreted_packed_char4_e1387[3] * reinterpreted_packed_char4_e1388[3])));
            int _e1391 = low_0_4_;
            uint _e1392 = level;
            uint _e1393 = x_2_4_.y;
            packed_char4 reinterpreted_packed_char4_e1392 = as_type<packed_char4>(_e1392);
            packed_char4 reinterpreted_packed_char4_e1393 = as_type<packed_char4>(_e1393);
            low_0_4_ = as_type<int>(as_type<uint>(_e1391) + as_type<uint>(( + reinterpreted_packed_char4_e1392[0] * reinterpreted_packed_char4_e1393[0] + reinterpreted_packed_char4_e1392[1] * reinterpreted_packed_char4_e1393[1] + reinterpreted_packed_char4_e1392[2] * reinterpreted_packed_char4_e1393[2] + reinterpreted_packed_char4_e1392[3] * reinterpreted_packed_char4_e1393[3])));
            int _e1396 = high_0_5_;
            uint _e1397 = level;
            uint _e1398 = x_2_5_.x;
            packed_char4 reinterpreted_packed_char4_e1397 = as_type<packed_char4>(_e1397);
            packed_char4 reinterpreted_packed_char4_e1398 = as_type<packed_char4>(_e1398);
            high_0_5_ = as_type<int>(as_type<uint>(_e1396) + as_type<uint>(( + reinterpreted_packed_char4_e1397[0] * reinterpreted_packed_char4_e1398[0] + reinterpreted_packed_char4_e1397[1] * reinterpreted_packed_char4_e1398[1] + reinterpreted_packed_char4_e1397[2] * reinterpreted_packed_char4_e1398[2] + reinterpreted_packed_char4_e1397[3] * reinterpreted_packed_char4_e1398[3])));
            int _e1401 = low_0_5_;
            uint _e1402 = level;
            uint _e1403 = x_2_5_.y;
            packed_char4 reinterpreted_packed_char4_e1402 = as_type<packed_char4>(_e1402);
            packed_char4 reinterpreted_packed_char4_e1403 = as_type<packed_char4>(_e1403);
            low_0_5_ = as_type<int>(as_type<uint>(_e1401) + as_type<uint>(( + reinterpreted_packed_char4_e1402[0] * reinterpreted_packed_char4_e1403[0] + reinterpreted_packed_char4_e1402[1] * reinterpreted_packed_char4_e1403[1] + reinterpreted_packed_char4_e1402[2] * reinterpreted_packed_char4_e1403[2] + reinterpreted_packed_char4_e1402[3] * reinterpreted_packed_char4_e1403[3])));
            int _e1406 = high_0_6_;
            uint _e1407 = level;
            uint _e1408 = x_2_6_.x;
            packed_char4 reinterpreted_packed_char4_e1407 = as_type<packed_char4>(_e1407);
            packed_char4 reinterpreted_packed_char4_e1408 = as_type<packed_char4>(_e1408);
            high_0_6_ = as_type<int>(as_type<uint>(_e1406) + as_type<uint>(( + reinterpreted_packed_char4_e1407[0] * reinterpreted_packed_char4_e1408[0] + reinterpreted_packed_char4_e1407[1] * reinterpreted_packed_char4_e1408[1] + reinterpreted_packed_char4_e1407[2] * reinterpreted_packed_char4_e1408[2] + reinterpreted_packed_char4_e1407[3] * reinterpreted_packed_char4_e1408[3])));
            int _e1411 = low_0_6_;
            uint _e1412 = level;
            uint _e1413 = x_2_6_.y;
            packed_char4 reinterpreted_packed_char4_e1412 = as_type<packed_char4>(_e1412);
            packed_char4 reinterpreted_packed_char4_e1413 = as_type<packed_char4>(_e1413);
            low_0_6_ = as_type<int>(as_type<uint>(_e1411) + as_type<uint>(( + reinterpreted_packed_char4_e1412[0] * reinterpreted_packed_char4_e1413[0] + reinterpreted_packed_char4_e1412[1] * reinterpreted_packed_char4_e1413[1] + reinterpreted_packed_char4_e1412[2] * reinterpreted_packed_char4_e1413[2] + reinterpreted_packed_char4_e1412[3] * reinterpreted_packed_char4_e1413[3])));
            int _e1416 = high_0_7_;
            uint _e1417 = level;
            uint _e1418 = x_2_7_.x;
            packed_char4 reinterpreted_packed_char4_e1417 = as_type<packed_char4>(_e1417);
            packed_char4 reinterpreted_packed_char4_e1418 = as_type<packed_char4>(_e1418);
            high_0_7_ = as_type<int>(as_type<uint>(_e1416) + as_type<uint>(( + reinterpreted_packed_char4_e1417[0] * reinterpreted_packed_char4_e1418[0] + reinterpreted_packed_char4_e1417[1] * reinterpreted_packed_char4_e1418[1] + reinterpreted_packed_char4_e1417[2] * reinterpreted_packed_char4_e1418[2] + reinterpreted_packed_char4_e1417[3] * reinterpreted_packed_char4_e1418[3])));
            int _e1421 = low_0_7_;
            uint _e1422 = level;
            uint _e1423 = x_2_7_.y;
            packed_char4 reinterpreted_packed_char4_e1422 = as_type<packed_char4>(_e1422);
            packed_char4 reinterpreted_packed_char4_e1423 = as_type<packed_char4>(_e1423);
            low_0_7_ = as_type<int>(as_type<uint>(_e1421) + as_type<uint>(( + reinterpreted_packed_char4_e1422[0] * reinterpreted_packed_char4_e1423[0] + reinterpreted_packed_char4_e1422[1] * reinterpreted_packed_char4_e1423[1] + reinterpreted_packed_char4_e1422[2] * reinterpreted_packed_char4_e1423[2] + reinterpreted_packed_char4_e1422[3] * reinterpreted_packed_char4_e1423[3])));
            uint _e1426 = taken;
            uint _e1427 = total_1;
            taken = _e1426 + (_e1427 & 255u);
            uint _e1431 = taken;
            crossed = _e1431 >= 32u;
            uint _e1434 = taken;
            taken = _e1434 & 31u;
            uint _e1437 = word;
            uint _e1438 = next_1;
            bool _e1439 = crossed;
            word = _e1439 ? _e1438 : _e1437;
            uint _e1441 = next_1;
            uint _e1442 = ahead;
            bool _e1443 = crossed;
            next_1 = _e1443 ? _e1442 : _e1441;
            uint _e1445 = at;
            uint _e1446 = at;
            bool _e1449 = crossed;
            at = _e1449 ? (_e1446 + 32u) : _e1445;
            uint _e1452 = at;
            uint _e1454 = stream[_e1452];
            ahead = _e1454;
            uint _e1455 = word;
            uint _e1456 = taken;
            uint _e1458 = next_1;
            uint _e1462 = taken;
            bits = (_e1455 << _e1456) | ((_e1458 >> 1u) >> (31u - _e1462));
            uint _e1467 = bits;
            uint _e1471 = table.inner[_e1467 >> 22u];
            entry = _e1471;
            uint _e1472 = entry;
            total_1 = _e1472;
            uint _e1473 = bits;
            uint _e1474 = entry;
            bits = _e1473 << (_e1474 & 15u);
            uint _e1478 = even_1_;
            uint _e1479 = last_1_;
            even_1_ = _e1478 ^ (_e1479 & 65792u);
            uint _e1483 = entry;
            last_1_ = _e1483;
            uint _e1484 = entry;
            uint _e1487 = even_1_;
            level = (_e1484 & 4294901503u) | _e1487;
            int _e1489 = high_1_0_;
            uint _e1490 = level;
            uint _e1491 = x_2_0_.x;
            packed_char4 reinterpreted_packed_char4_e1490 = as_type<packed_char4>(_e1490);
            packed_char4 reinterpreted_packed_char4_e1491 = as_type<packed_char4>(_e1491);
            high_1_0_ = as_type<int>(as_type<uint>(_e1489) + as_type<uint>(( + reinterpreted_packed_char4_e1490[0] * reinterpreted_packed_char4_e1491[0] + reinterpreted_packed_char4_e1490[1] * reinterpreted_packed_char4_e1491[1] + reinterpreted_packed_char4_e1490[2] * reinterpreted_packed_char4_e1491[2] + reinterpreted_packed_char4_e1490[3] * reinterpreted_packed_char4_e1491[3])));
            int _e1494 = low_1_0_;
            uint _e1495 = level;
            uint _e1496 = x_2_0_.y;
            packed_char4 reinterpreted_packed_char4_e1495 = as_type<packed_char4>(_e1495);
            packed_char4 reinterpreted_packed_char4_e1496 = as_type<packed_char4>(_e1496);
            low_1_0_ = as_type<int>(as_type<uint>(_e1494) + as_type<uint>(( + reinterpreted_packed_char4_e1495[0] * reinterpreted_packed_char4_e1496[0] + reinterpreted_packed_char4_e1495[1] * reinterpreted_packed_char4_e1496[1] + reinterpreted_packed_char4_e1495[2] * reinterpreted_packed_char4_e1496[2] + reinterpreted_packed_char4_e1495[3] * reinterpreted_packed_char4_e1496[3])));
            int _e1499 = high_1_1_;
            uint _e1500 = level;
            uint _e1501 = x_2_1_.x;
            packed_char4 reinterpreted_packed_char4_e1500 = as_type<packed_char4>(_e1500);
            packed_char4 reinterpreted_packed_char4_e1501 = as_type<packed_char4>(_e1501);
            high_1_1_ = as_type<int>(as_type<uint>(_e1499) + as_type<uint>(( + reinterpreted_packed_char4_e1500[0] * reinterpreted_packed_char4_e1501[0] + reinterpreted_packed_char4_e1500[1] * reinterpreted_packed_char4_e1501[1] + reinterpreted_packed_char4_e1500[2] * reinterpreted_packed_char4_e1501[2] + reinterpreted_packed_char4_e1500[3] * reinterpreted_packed_char4_e1501[3])));
            int _e1504 = low_1_1_;
            uint _e1505 = level;
            uint _e1506 = x_2_1_.y;
            packed_char4 reinterpreted_packed_char4_e1505 = as_type<packed_char4>(_e1505);
            packed_char4 reinterpreted_packed_char4_e1506 = as_type<packed_char4>(_e1506);
            low_1_1_ = as_type<int>(as_type<uint>(_e1504) + as_type<uint>(( + reinterpreted_packed_char4_e1505[0] * reinterpreted_packed_char4_e1506[0] + reinterpreted_packed_char4_e1505[1] * reinterpreted_packed_char4_e1506[1] + reinterpreted_packed_char4_e1505[2] * reinterpreted_packed_char4_e1506[2] + reinterpreted_packed_char4_e1505[3] * reinterpreted_packed_char4_e1506[3])));
            int _e1509 = high_1_2_;
            uint _e1510 = level;
            uint _e1511 = x_2_2_.x;
            packed_char4 reinterpreted_packed_char4_e1510 = as_type<packed_char4>(_e1510);
            packed_char4 reinterpreted_packed_char4_e1511 = as_type<packed_char4>(_e1511);
            high_1_2_ = as_type<int>(as_type<uint>(_e1509) + as_type<uint>(( + reinterpreted_packed_char4_e1510[0] * reinterpreted_packed_char4_e1511[0] + reinterpreted_packed_char4_e1510[1] * reinterpreted_packed_char4_e1511[1] + reinterpreted_packed_char4_e1510[2] * reinterpreted_packed_char4_e1511[2] + reinterpreted_packed_char4_e1510[3] * reinterpreted_packed_char4_e1511[3])));
            int _e1514 = low_1_2_;
            uint _e1515 = level;
            uint _e1516 = x_2_2_.y;
            packed_char4 reinterpreted_packed_char4_e1515 = as_type<packed_char4>(_e1515);
            packed_char4 reinterpreted_packed_char4_e1516 = as_type<packed_char4>(_e1516);
            low_1_2_ = as_type<int>(as_type<uint>(_e1514) + as_type<uint>(( + reinterpreted_packed_char4_e1515[0] * reinterpreted_packed_char4_e1516[0] + reinterpreted_packed_char4_e1515[1] * reinterpreted_packed_char4_e1516[1] + reinterpreted_packed_char4_e1515[2] * reinterpreted_packed_char4_e1516[2] + reinterpreted_packed_char4_e1515[3] * reinterpreted_packed_char4_e1516[3])));
            int _e1519 = high_1_3_;
            uint _e1520 = level;
            uint _e1521 = x_2_3_.x;
            packed_char4 reinterpreted_packed_char4_e1520 = as_type<packed_char4>(_e1520);
            packed_char4 reinterpreted_packed_char4_e1521 = as_type<packed_char4>(_e1521);
            high_1_3_ = as_type<int>(as_type<uint>(_e1519) + as_type<uint>(( + reinterpreted_packed_char4_e1520[0] * reinterpreted_packed_char4_e1521[0] + reinterpreted_packed_char4_e1520[1] * reinterpreted_packed_char4_e1521[1] + reinterpreted_packed_char4_e1520[2] * reinterpreted_packed_char4_e1521[2] + reinterpreted_packed_char4_e1520[3] * reinterpreted_packed_char4_e1521[3])));
            int _e1524 = low_1_3_;
            uint _e1525 = level;
            uint _e1526 = x_2_3_.y;
            packed_char4 reinterpreted_packed_char4_e1525 = as_type<packed_char4>(_e1525);
            packed_char4 reinterpreted_packed_char4_e1526 = as_type<packed_char4>(_e1526);
            low_1_3_ = as_type<int>(as_type<uint>(_e1524) + as_type<uint>(( + reinterpreted_packed_char4_e1525[0] * reinterpreted_packed_char4_e1526[0] + reinterpreted_packed_char4_e1525[1] * reinterpreted_packed_char4_e1526[1] + reinterpreted_packed_char4_e1525[2] * reinterpreted_packed_char4_e1526[2] + reinterpreted_packed_char4_e1525[3] * reinterpreted_packed_char4_e1526[3])));
            int _e1529 = high_1_4_;
            uint _e1530 = level;
            uint _e1531 = x_2_4_.x;
            packed_char4 reinterpreted_packed_char4_e1530 = as_type<packed_char4>(_e1530);
            packed_char4 reinterpreted_packed_char4_e1531 = as_type<packed_char4>(_e1531);
            high_1_4_ = as_type<int>(as_type<uint>(_e1529) + as_type<uint>(( + reinterpreted_packed_char4_e1530[0] * reinterpreted_packed_char4_e1531[0] + reinterpreted_packed_char4_e1530[1] * reinterpreted_packed_char4_e1531[1] + reinterpreted_packed_char4_e1530[2] * reinterpreted_packed_char4_e1531[2] + reinterpreted_packed_char4_e1530[3] * reinterpreted_packed_char4_e1531[3])));
            int _e1534 = low_1_4_;
            uint _e1535 = level;
            uint _e1536 = x_2_4_.y;
            packed_char4 reinterpreted_packed_char4_e1535 = as_type<packed_char4>(_e1535);
            packed_char4 reinterpreted_packed_char4_e1536 = as_type<packed_char4>(_e1536);
            low_1_4_ = as_type<int>(as_type<uint>(_e1534) + as_type<uint>(( + reinterpreted_packed_char4_e1535[0] * reinterpreted_packed_char4_e1536[0] + reinterpreted_packed_char4_e1535[1] * reinterpreted_packed_char4_e1536[1] + reinterpreted_packed_char4_e1535[2] * reinterpreted_packed_char4_e1536[2] + reinterpreted_packed_char4_e1535[3] * reinterpreted_packed_char4_e1536[3])));
            int _e1539 = high_1_5_;
            uint _e1540 = level;
            uint _e1541 = x_2_5_.x;
            packed_char4 reinterpreted_packed_char4_e1540 = as_type<packed_char4>(_e1540);
            packed_char4 reinterpreted_packed_char4_e1541 = as_type<packed_char4>(_e1541);
            high_1_5_ = as_type<int>(as_type<uint>(_e1539) + as_type<uint>(( + reinterpreted_packed_char4_e1540[0] * reinterpreted_packed_char4_e1541[0] + reinterpreted_packed_char4_e1540[1] * reinterpreted_packed_char4_e1541[1] + reinterpreted_packed_char4_e1540[2] * reinterpreted_packed_char4_e1541[2] + reinterpreted_packed_char4_e1540[3] * reinterpreted_packed_char4_e1541[3])));
            int _e1544 = low_1_5_;
            uint _e1545 = level;
            uint _e1546 = x_2_5_.y;
            packed_char4 reinterpreted_packed_char4_e1545 = as_type<packed_char4>(_e1545);
            packed_char4 reinterpreted_packed_char4_e1546 = as_type<packed_char4>(_e1546);
            low_1_5_ = as_type<int>(as_type<uint>(_e1544) + as_type<uint>(( + reinterpreted_packed_char4_e1545[0] * reinterpreted_packed_char4_e1546[0] + reinterpreted_packed_char4_e1545[1] * reinterpreted_packed_char4_e1546[1] + reinterpreted_packed_char4_e1545[2] * reinterpreted_packed_char4_e1546[2] + reinterpreted_packed_char4_e1545[3] * reinterpreted_packed_char4_e1546[3])));
            int _e1549 = high_1_6_;
            uint _e1550 = level;
            uint _e1551 = x_2_6_.x;
            packed_char4 reinterpreted_packed_char4_e1550 = as_type<packed_char4>(_e1550);
            packed_char4 reinterpreted_packed_char4_e1551 = as_type<packed_char4>(_e1551);
            high_1_6_ = as_type<int>(as_type<uint>(_e1549) + as_type<uint>(( + reinterpreted_packed_char4_e1550[0] * reinterpreted_packed_char4_e1551[0] + reinterpreted_packed_char4_e1550[1] * reinterpreted_packed_char4_e1551[1] + reinterpreted_packed_char4_e1550[2] * reinterpreted_packed_char4_e1551[2] + reinterpreted_packed_char4_e1550[3] * reinterpreted_packed_char4_e1551[3])));
            int _e1554 = low_1_6_;
            uint _e1555 = level;
            uint _e1556 = x_2_6_.y;
            packed_char4 reinterpreted_packed_char4_e1555 = as_type<packed_char4>(_e1555);
            packed_char4 reinterpreted_packed_char4_e1556 = as_type<packed_char4>(_e1556);
            low_1_6_ = as_type<int>(as_type<uint>(_e1554) + as_type<uint>(( + reinterpreted_packed_char4_e1555[0] * reinterpreted_packed_char4_e1556[0] + reinterpreted_packed_char4_e1555[1] * reinterpreted_packed_char4_e1556[1] + reinterpreted_packed_char4_e1555[2] * reinterpreted_packed_char4_e1556[2] + reinterpreted_packed_char4_e1555[3] * reinterpreted_packed_char4_e1556[3])));
            int _e1559 = high_1_7_;
            uint _e1560 = level;
            uint _e1561 = x_2_7_.x;
            packed_char4 reinterpreted_packed_char4_e1560 = as_type<packed_char4>(_e1560);
            packed_char4 reinterpreted_packed_char4_e1561 = as_type<packed_char4>(_e1561);
            high_1_7_ = as_type<int>(as_type<uint>(_e1559) + as_type<uint>(( + reinterpreted_packed_char4_e1560[0] * reinterpreted_packed_char4_e1561[0] + reinterpreted_packed_char4_e1560[1] * reinterpreted_packed_char4_e1561[1] + reinterpreted_packed_char4_e1560[2] * reinterpreted_packed_char4_e1561[2] + reinterpreted_packed_char4_e1560[3] * reinterpreted_packed_char4_e1561[3])));
            int _e1564 = low_1_7_;
            uint _e1565 = level;
            uint _e1566 = x_2_7_.y;
            packed_char4 reinterpreted_packed_char4_e1565 = as_type<packed_char4>(_e1565);
            packed_char4 reinterpreted_packed_char4_e1566 = as_type<packed_char4>(_e1566);
            low_1_7_ = as_type<int>(as_type<uint>(_e1564) + as_type<uint>(( + reinterpreted_packed_char4_e1565[0] * reinterpreted_packed_char4_e1566[0] + reinterpreted_packed_char4_e1565[1] * reinterpreted_packed_char4_e1566[1] + reinterpreted_packed_char4_e1565[2] * reinterpreted_packed_char4_e1566[2] + reinterpreted_packed_char4_e1565[3] * reinterpreted_packed_char4_e1566[3])));
            uint _e1570 = bits;
            uint _e1574 = table.inner[_e1570 >> 22u];
            entry = _e1574;
            uint _e1575 = total_1;
            uint _e1576 = entry;
            total_1 = _e1575 + _e1576;
            uint _e1578 = bits;
            uint _e1579 = entry;
            bits = _e1578 << (_e1579 & 15u);
            uint _e1583 = odd_0_;
            uint _e1584 = last_0_;
            odd_0_ = _e1583 ^ (_e1584 & 65792u);
            uint _e1588 = entry;
            last_0_ = _e1588;
            uint _e1589 = entry;
            uint _e1592 = odd_0_;
            level = (_e1589 & 4294901503u) | _e1592;
            int _e1594 = high_0_0_;
            uint _e1595 = level;
            uint _e1596 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e1595 = as_type<packed_char4>(_e1595);
            packed_char4 reinterpreted_packed_char4_e1596 = as_type<packed_char4>(_e1596);
            high_0_0_ = as_type<int>(as_type<uint>(_e1594) + as_type<uint>(( + reinterpreted_packed_char4_e1595[0] * reinterpreted_packed_char4_e1596[0] + reinterpreted_packed_char4_e1595[1] * reinterpreted_packed_char4_e1596[1] + reinterpreted_packed_char4_e1595[2] * reinterpreted_packed_char4_e1596[2] + reinterpreted_packed_char4_e1595[3] * reinterpreted_packed_char4_e1596[3])));
            int _e1599 = low_0_0_;
            uint _e1600 = level;
            uint _e1601 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e1600 = as_type<packed_char4>(_e1600);
            packed_char4 reinterpreted_packed_char4_e1601 = as_type<packed_char4>(_e1601);
            low_0_0_ = as_type<int>(as_type<uint>(_e1599) + as_type<uint>(( + reinterpreted_packed_char4_e1600[0] * reinterpreted_packed_char4_e1601[0] + reinterpreted_packed_char4_e1600[1] * reinterpreted_packed_char4_e1601[1] + reinterpreted_packed_char4_e1600[2] * reinterpreted_packed_char4_e1601[2] + reinterpreted_packed_char4_e1600[3] * reinterpreted_packed_char4_e1601[3])));
            int _e1604 = high_0_1_;
            uint _e1605 = level;
            uint _e1606 = x_2_1_.z;
            packed_char4 reinterpreted_packed_char4_e1605 = as_type<packed_char4>(_e1605);
            packed_char4 reinterpreted_packed_char4_e1606 = as_type<packed_char4>(_e1606);
            high_0_1_ = as_type<int>(as_type<uint>(_e1604) + as_type<uint>(( + reinterpreted_packed_char4_e1605[0] * reinterpreted_packed_char4_e1606[0] + reinterpreted_packed_char4_e1605[1] * reinterpreted_packed_char4_e1606[1] + reinterpreted_packed_char4_e1605[2] * reinterpreted_packed_char4_e1606[2] + reinterpreted_packed_char4_e1605[3] * reinterpreted_packed_char4_e1606[3])));
            int _e1609 = low_0_1_;
            uint _e1610 = level;
            uint _e1611 = x_2_1_.w;
            packed_char4 reinterpreted_packed_char4_e1610 = as_type<packed_char4>(_e1610);
            packed_char4 reinterpreted_packed_char4_e1611 = as_type<packed_char4>(_e1611);
            low_0_1_ = as_type<int>(as_type<uint>(_e1609) + as_type<uint>(( + reinterpreted_packed_char4_e1610[0] * reinterpreted_packed_char4_e1611[0] + reinterpreted_packed_char4_e1610[1] * reinterpreted_packed_char4_e1611[1] + reinterpreted_packed_char4_e1610[2] * reinterpreted_packed_char4_e1611[2] + reinterpreted_packed_char4_e1610[3] * reinterpreted_packed_char4_e1611[3])));
            int _e1614 = high_0_2_;
            uint _e1615 = level;
            uint _e1616 = x_2_2_.z;
            packed_char4 reinterpreted_packed_char4_e1615 = as_type<packed_char4>(_e1615);
            packed_char4 reinterpreted_packed_char4_e1616 = as_type<packed_char4>(_e1616);
            high_0_2_ = as_type<int>(as_type<uint>(_e1614) + as_type<uint>(( + reinterpreted_packed_char4_e1615[0] * reinterpreted_packed_char4_e1616[0] + reinterpreted_packed_char4_e1615[1] * reinterpreted_packed_char4_e1616[1] + reinterpreted_packed_char4_e1615[2] * reinterpreted_packed_char4_e1616[2] + reinterpreted_packed_char4_e1615[3] * reinterpreted_packed_char4_e1616[3])));
            int _e1619 = low_0_2_;
            uint _e1620 = level;
            uint _e1621 = x_2_2_.w;
            packed_char4 reinterpreted_packed_char4_e1620 = as_type<packed_char4>(_e1620);
            packed_char4 reinterpreted_packed_char4_e1621 = as_type<packed_char4>(_e1621);
            low_0_2_ = as_type<int>(as_type<uint>(_e1619) + as_type<uint>(( + reinterpreted_packed_char4_e1620[0] * reinterpreted_packed_char4_e1621[0] + reinterpreted_packed_char4_e1620[1] * reinterpreted_packed_char4_e1621[1] + reinterpreted_packed_char4_e1620[2] * reinterpreted_packed_char4_e1621[2] + reinterpreted_packed_char4_e1620[3] * reinterpreted_packed_char4_e1621[3])));
            int _e1624 = high_0_3_;
            uint _e1625 = level;
            uint _e1626 = x_2_3_.z;
            packed_char4 reinterpreted_packed_char4_e1625 = as_type<packed_char4>(_e1625);
            packed_char4 reinterpreted_packed_char4_e1626 = as_type<packed_char4>(_e1626);
            high_0_3_ = as_type<int>(as_type<uint>(_e1624) + as_type<uint>(( + reinterpreted_packed_char4_e1625[0] * reinterpreted_packed_char4_e1626[0] + reinterpreted_packed_char4_e1625[1] * reinterpreted_packed_char4_e1626[1] + reinterpreted_packed_char4_e1625[2] * reinterpreted_packed_char4_e1626[2] + reinterpreted_packed_char4_e1625[3] * reinterpreted_packed_char4_e1626[3])));
            int _e1629 = low_0_3_;
            uint _e1630 = level;
            uint _e1631 = x_2_3_.w;
            packed_char4 reinterpreted_packed_char4_e1630 = as_type<packed_char4>(_e1630);
            packed_char4 reinterpreted_packed_char4_e1631 = as_type<packed_char4>(_e1631);
            low_0_3_ = as_type<int>(as_type<uint>(_e1629) + as_type<uint>(( + reinterpreted_packed_char4_e1630[0] * reinterpreted_packed_char4_e1631[0] + reinterpreted_packed_char4_e1630[1] * reinterpreted_packed_char4_e1631[1] + reinterpreted_packed_char4_e1630[2] * reinterpreted_packed_char4_e1631[2] + reinterpreted_packed_char4_e1630[3] * reinterpreted_packed_char4_e1631[3])));
            int _e1634 = high_0_4_;
            uint _e1635 = level;
            uint _e1636 = x_2_4_.z;
            packed_char4 reinterpreted_packed_char4_e1635 = as_type<packed_char4>(_e1635);
            packed_char4 reinterpreted_packed_char4_e1636 = as_type<packed_char4>(_e1636);
            high_0_4_ = as_type<int>(as_type<uint>(_e1634) + as_type<uint>(( + reinterpreted_packed_char4_e1635[0] * reinterpreted_packed_char4_e1636[0] + reinterpreted_packed_char4_e1635[1] * reinterpreted_packed_char4_e1636[1] + reinterpreted_packed_char4_e1635[2] * reinterpreted_packed_char4_e1636[2] + reinterpreted_packed_char4_e1635[3] * reinterpreted_packed_char4_e1636[3])));
            int _e1639 = low_0_4_;
            uint _e1640 = level;
            uint _e1641 = x_2_4_.w;
            packed_char4 reinterpreted_packed_char4_e1640 = as_type<packed_char4>(_e1640);
            packed_char4 reinterpreted_packed_char4_e1641 = as_type<packed_char4>(_e1641);
            low_0_4_ = as_type<int>(as_type<uint>(_e1639) + as_type<uint>(( + reinterpreted_packed_char4_e1640[0] * reinterpreted_packed_char4_e1641[0] + reinterpreted_packed_char4_e1640[1] * reinterpreted_packed_char4_e1641[1] + reinterpreted_packed_char4_e1640[2] * reinterpreted_packed_char4_e1641[2] + reinterpreted_packed_char4_e1640[3] * reinterpreted_packed_char4_e1641[3])));
            int _e1644 = high_0_5_;
            uint _e1645 = level;
            uint _e1646 = x_2_5_.z;
            packed_char4 reinterpreted_packed_char4_e1645 = as_type<packed_char4>(_e1645);
            packed_char4 reinterpreted_packed_char4_e1646 = as_type<packed_char4>(_e1646);
            high_0_5_ = as_type<int>(as_type<uint>(_e1644) + as_type<uint>(( + reinterpreted_packed_char4_e1645[0] * reinterpreted_packed_char4_e1646[0] + reinterpreted_packed_char4_e1645[1] * reinterpreted_packed_char4_e1646[1] + reinterpreted_packed_char4_e1645[2] * reinterpreted_packed_char4_e1646[2] + reinterpreted_packed_char4_e1645[3] * reinterpreted_packed_char4_e1646[3])));
            int _e1649 = low_0_5_;
            uint _e1650 = level;
            uint _e1651 = x_2_5_.w;
            packed_char4 reinterpreted_packed_char4_e1650 = as_type<packed_char4>(_e1650);
            packed_char4 reinterpreted_packed_char4_e1651 = as_type<packed_char4>(_e1651);
            low_0_5_ = as_type<int>(as_type<uint>(_e1649) + as_type<uint>(( + reinterpreted_packed_char4_e1650[0] * reinterpreted_packed_char4_e1651[0] + reinterpreted_packed_char4_e1650[1] * reinterpreted_packed_char4_e1651[1] + reinterpreted_packed_char4_e1650[2] * reinterpreted_packed_char4_e1651[2] + reinterpreted_packed_char4_e1650[3] * reinterpreted_packed_char4_e1651[3])));
            int _e1654 = high_0_6_;
            uint _e1655 = level;
            uint _e1656 = x_2_6_.z;
            packed_char4 reinterpreted_packed_char4_e1655 = as_type<packed_char4>(_e1655);
            packed_char4 reinterpreted_packed_char4_e1656 = as_type<packed_char4>(_e1656);
            high_0_6_ = as_type<int>(as_type<uint>(_e1654) + as_type<uint>(( + reinterpreted_packed_char4_e1655[0] * reinterpreted_packed_char4_e1656[0] + reinterpreted_packed_char4_e1655[1] * reinterpreted_packed_char4_e1656[1] + reinterpreted_packed_char4_e1655[2] * reinterpreted_packed_char4_e1656[2] + reinterpreted_packed_char4_e1655[3] * reinterpreted_packed_char4_e1656[3])));
            int _e1659 = low_0_6_;
            uint _e1660 = level;
            uint _e1661 = x_2_6_.w;
            packed_char4 reinterpreted_packed_char4_e1660 = as_type<packed_char4>(_e1660);
            packed_char4 reinterpreted_packed_char4_e1661 = as_type<packed_char4>(_e1661);
            low_0_6_ = as_type<int>(as_type<uint>(_e1659) + as_type<uint>(( + reinterpreted_packed_char4_e1660[0] * reinterpreted_packed_char4_e1661[0] + reinterpreted_packed_char4_e1660[1] * reinterpreted_packed_char4_e1661[1] + reinterpreted_packed_char4_e1660[2] * reinterpreted_packed_char4_e1661[2] + reinterpreted_packed_char4_e1660[3] * reinterpreted_packed_char4_e1661[3])));
            int _e1664 = high_0_7_;
            uint _e1665 = level;
            uint _e1666 = x_2_7_.z;
            packed_char4 reinterpreted_packed_char4_e1665 = as_type<packed_char4>(_e1665);
            packed_char4 reinterpreted_packed_char4_e1666 = as_type<packed_char4>(_e1666);
            high_0_7_ = as_type<int>(as_type<uint>(_e1664) + as_type<uint>(( + reinterpreted_packed_char4_e1665[0] * reinterpreted_packed_char4_e1666[0] + reinterpreted_packed_char4_e1665[1] * reinterpreted_packed_char4_e1666[1] + reinterpreted_packed_char4_e1665[2] * reinterpreted_packed_char4_e1666[2] + reinterpreted_packed_char4_e1665[3] * reinterpreted_packed_char4_e1666[3])));
            int _e1669 = low_0_7_;
            uint _e1670 = level;
            uint _e1671 = x_2_7_.w;
            packed_char4 reinterpreted_packed_char4_e1670 = as_type<packed_char4>(_e1670);
            packed_char4 reinterpreted_packed_char4_e1671 = as_type<packed_char4>(_e1671);
            low_0_7_ = as_type<int>(as_type<uint>(_e1669) + as_type<uint>(( + reinterpreted_packed_char4_e1670[0] * reinterpreted_packed_char4_e1671[0] + reinterpreted_packed_char4_e1670[1] * reinterpreted_packed_char4_e1671[1] + reinterpreted_packed_char4_e1670[2] * reinterpreted_packed_char4_e1671[2] + reinterpreted_packed_char4_e1670[3] * reinterpreted_packed_char4_e1671[3])));
            uint _e1675 = bits;
            uint _e1679 = table.inner[_e1675 >> 22u];
            entry = _e1679;
            uint _e1680 = total_1;
            uint _e1681 = entry;
            total_1 = _e1680 + _e1681;
            uint _e1683 = odd_1_;
            uint _e1684 = last_1_;
            odd_1_ = _e1683 ^ (_e1684 & 65792u);
            uint _e1688 = entry;
            last_1_ = _e1688;
            uint _e1689 = entry;
            uint _e1692 = odd_1_;
            level = (_e1689 & 4294901503u) | _e1692;
            int _e1694 = high_1_0_;
            uint _e1695 = level;
            uint _e1696 = x_2_0_.z;
            packed_char4 reinterpreted_packed_char4_e1695 = as_type<packed_char4>(_e1695);
            packed_char4 reinterpreted_packed_char4_e1696 = as_type<packed_char4>(_e1696);
            high_1_0_ = as_type<int>(as_type<uint>(_e1694) + as_type<uint>(( + reinterpreted_packed_char4_e1695[0] * reinterpreted_packed_char4_e1696[0] + reinterpreted_packed_char4_e1695[1] * reinterpreted_packed_char4_e1696[1] + reinterpreted_packed_char4_e1695[2] * reinterpreted_packed_char4_e1696[2] + reinterpreted_packed_char4_e1695[3] * reinterpreted_packed_char4_e1696[3])));
            int _e1699 = low_1_0_;
            uint _e1700 = level;
            uint _e1701 = x_2_0_.w;
            packed_char4 reinterpreted_packed_char4_e1700 = as_type<packed_char4>(_e1700);
            packed_char4 reinterpreted_packed_char4_e1701 = as_type<packed_char4>(_e1701);
            low_1_0_ = as_type<int>(as_type<uint>(_e1699) + as_type<uint>(( + reinterpreted_packed_char4_e1700[0] * reinterpreted_packed_char4_e1701[0] + reinterpreted_packed_char4_e1700[1] * reinterpreted_packed_char4_e1701[1] + reinterpreted_packed_char4_e1700[2] * reinterpreted_packed_char4_e1701[2] + reinterpreted_packed_char4_e1700[3] * reinterpreted_packed_char4_e1701[3])));
            int _e1704 = high_1_1_;
            uint _e1705 = level;
            uint _e1706 = x_2_1_.z;
            packed_char4 reinterpreted_packed_char4_e1705 = as_type<packed_char4>(_e1705);
            packed_char4 reinterpreted_packed_char4_e1706 = as_type<packed_char4>(_e1706);
            high_1_1_ = as_type<int>(as_type<uint>(_e1704) + as_type<uint>(( + reinterpreted_packed_char4_e1705[0] * reinterpreted_packed_char4_e1706[0] + reinterpreted_packed_char4_e1705[1] * reinterpreted_packed_char4_e1706[1] + reinterpreted_packed_char4_e1705[2] * reinterpreted_packed_char4_e1706[2] + reinterpreted_packed_char4_e1705[3] * reinterpreted_packed_char4_e1706[3])));
            int _e1709 = low_1_1_;
            uint _e1710 = level;
            uint _e1711 = x_2_1_.w;
            packed_char4 reinterpreted_packed_char4_e1710 = as_type<packed_char4>(_e1710);
            packed_char4 reinterpreted_packed_char4_e1711 = as_type<packed_char4>(_e1711);
            low_1_1_ = as_type<int>(as_type<uint>(_e1709) + as_type<uint>(( + reinterpreted_packed_char4_e1710[0] * reinterpreted_packed_char4_e1711[0] + reinterpreted_packed_char4_e1710[1] * reinterpreted_packed_char4_e1711[1] + reinterpreted_packed_char4_e1710[2] * reinterpreted_packed_char4_e1711[2] + reinterpreted_packed_char4_e1710[3] * reinterpreted_packed_char4_e1711[3])));
            int _e1714 = high_1_2_;
            uint _e1715 = level;
            uint _e1716 = x_2_2_.z;
            packed_char4 reinterpreted_packed_char4_e1715 = as_type<packed_char4>(_e1715);
            packed_char4 reinterpreted_packed_char4_e1716 = as_type<packed_char4>(_e1716);
            high_1_2_ = as_type<int>(as_type<uint>(_e1714) + as_type<uint>(( + reinterpreted_packed_char4_e1715[0] * reinterpreted_packed_char4_e1716[0] + reinterpreted_packed_char4_e1715[1] * reinterpreted_packed_char4_e1716[1] + reinterpreted_packed_char4_e1715[2] * reinterpreted_packed_char4_e1716[2] + reinterpreted_packed_char4_e1715[3] * reinterpreted_packed_char4_e1716[3])));
            int _e1719 = low_1_2_;
            uint _e1720 = level;
            uint _e1721 = x_2_2_.w;
            packed_char4 reinterpreted_packed_char4_e1720 = as_type<packed_char4>(_e1720);
            packed_char4 reinterpreted_packed_char4_e1721 = as_type<packed_char4>(_e1721);
            low_1_2_ = as_type<int>(as_type<uint>(_e1719) + as_type<uint>(( + reinterpreted_packed_char4_e1720[0] * reinterpreted_packed_char4_e1721[0] + reinterpreted_packed_char4_e1720[1] * reinterpreted_packed_char4_e1721[1] + reinterpreted_packed_char4_e1720[2] * reinterpreted_packed_char4_e1721[2] + reinterpreted_packed_char4_e1720[3] * reinterpreted_packed_char4_e1721[3])));
            int _e1724 = high_1_3_;
            uint _e1725 = level;
            uint _e1726 = x_2_3_.z;
            packed_char4 reinterpreted_packed_char4_e1725 = as_type<packed_char4>(_e1725);
            packed_char4 reinterpreted_packed_char4_e1726 = as_type<packed_char4>(_e1726);
            high_1_3_ = as_type<int>(as_type<uint>(_e1724) + as_type<uint>(( + reinterpreted_packed_char4_e1725[0] * reinterpreted_packed_char4_e1726[0] + reinterpreted_packed_char4_e1725[1] * reinterpreted_packed_char4_e1726[1] + reinterpreted_packed_char4_e1725[2] * reinterpreted_packed_char4_e1726[2] + reinterpreted_packed_char4_e1725[3] * reinterpreted_packed_char4_e1726[3])));
            int _e1729 = low_1_3_;
            uint _e1730 = level;
            uint _e1731 = x_2_3_.w;
            packed_char4 reinterpreted_packed_char4_e1730 = as_type<packed_char4>(_e1730);
            packed_char4 reinterpreted_packed_char4_e1731 = as_type<packed_char4>(_e1731);
            low_1_3_ = as_type<int>(as_type<uint>(_e1729) + as_type<uint>(( + reinterpreted_packed_char4_e1730[0] * reinterpreted_packed_char4_e1731[0] + reinterpreted_packed_char4_e1730[1] * reinterpreted_packed_char4_e1731[1] + reinterpreted_packed_char4_e1730[2] * reinterpreted_packed_char4_e1731[2] + reinterpreted_packed_char4_e1730[3] * reinterpreted_packed_char4_e1731[3])));
            int _e1734 = high_1_4_;
            uint _e1735 = level;
            uint _e1736 = x_2_4_.z;
            packed_char4 reinterpreted_packed_char4_e1735 = as_type<packed_char4>(_e1735);
            packed_char4 reinterpreted_packed_char4_e1736 = as_type<packed_char4>(_e1736);
            high_1_4_ = as_type<int>(as_type<uint>(_e1734) + as_type<uint>(( + reinterpreted_packed_char4_e1735[0] * reinterpreted_packed_char4_e1736[0] + reinterpreted_packed_char4_e1735[1] * reinterpreted_packed_char4_e1736[1] + reinterpreted_packed_char4_e1735[2] * reinterpreted_packed_char4_e1736[2] + reinterpreted_packed_char4_e1735[3] * reinterpreted_packed_char4_e1736[3])));
            int _e1739 = low_1_4_;
            uint _e1740 = level;
            uint _e1741 = x_2_4_.w;
            packed_char4 reinterpreted_packed_char4_e1740 = as_type<packed_char4>(_e1740);
            packed_char4 reinterpreted_packed_char4_e1741 = as_type<packed_char4>(_e1741);
            low_1_4_ = as_type<int>(as_type<uint>(_e1739) + as_type<uint>(( + reinterpreted_packed_char4_e1740[0] * reinterpreted_packed_char4_e1741[0] + reinterpreted_packed_char4_e1740[1] * reinterpreted_packed_char4_e1741[1] + reinterpreted_packed_char4_e1740[2] * reinterpreted_packed_char4_e1741[2] + reinterpreted_packed_char4_e1740[3] * reinterpreted_packed_char4_e1741[3])));
            int _e1744 = high_1_5_;
            uint _e1745 = level;
            uint _e1746 = x_2_5_.z;
            packed_char4 reinterpreted_packed_char4_e1745 = as_type<packed_char4>(_e1745);
            packed_char4 reinterpreted_packed_char4_e1746 = as_type<packed_char4>(_e1746);
            high_1_5_ = as_type<int>(as_type<uint>(_e1744) + as_type<uint>(( + reinterpreted_packed_char4_e1745[0] * reinterpreted_packed_char4_e1746[0] + reinterpreted_packed_char4_e1745[1] * reinterpreted_packed_char4_e1746[1] + reinterpreted_packed_char4_e1745[2] * reinterpreted_packed_char4_e1746[2] + reinterpreted_packed_char4_e1745[3] * reinterpreted_packed_char4_e1746[3])));
            int _e1749 = low_1_5_;
            uint _e1750 = level;
            uint _e1751 = x_2_5_.w;
            packed_char4 reinterpreted_packed_char4_e1750 = as_type<packed_char4>(_e1750);
            packed_char4 reinterpreted_packed_char4_e1751 = as_type<packed_char4>(_e1751);
            low_1_5_ = as_type<int>(as_type<uint>(_e1749) + as_type<uint>(( + reinterpreted_packed_char4_e1750[0] * reinterpreted_packed_char4_e1751[0] + reinterpreted_packed_char4_e1750[1] * reinterpreted_packed_char4_e1751[1] + reinterpreted_packed_char4_e1750[2] * reinterpreted_packed_char4_e1751[2] + reinterpreted_packed_char4_e1750[3] * reinterpreted_packed_char4_e1751[3])));
            int _e1754 = high_1_6_;
            uint _e1755 = level;
            uint _e1756 = x_2_6_.z;
            packed_char4 reinterpreted_packed_char4_e1755 = as_type<packed_char4>(_e1755);
            packed_char4 reinterpreted_packed_char4_e1756 = as_type<packed_char4>(_e1756);
            high_1_6_ = as_type<int>(as_type<uint>(_e1754) + as_type<uint>(( + reinterpreted_packed_char4_e1755[0] * reinterpreted_packed_char4_e1756[0] + reinterpreted_packed_char4_e1755[1] * reinterpreted_packed_char4_e1756[1] + reinterpreted_packed_char4_e1755[2] * reinterpreted_packed_char4_e1756[2] + reinterpreted_packed_char4_e1755[3] * reinterpreted_packed_char4_e1756[3])));
            int _e1759 = low_1_6_;
            uint _e1760 = level;
            uint _e1761 = x_2_6_.w;
            packed_char4 reinterpreted_packed_char4_e1760 = as_type<packed_char4>(_e1760);
            packed_char4 reinterpreted_packed_char4_e1761 = as_type<packed_char4>(_e1761);
            low_1_6_ = as_type<int>(as_type<uint>(_e1759) + as_type<uint>(( + reinterpreted_packed_char4_e1760[0] * reinterpreted_packed_char4_e1761[0] + reinterpreted_packed_char4_e1760[1] * reinterpreted_packed_char4_e1761[1] + reinterpreted_packed_char4_e1760[2] * reinterpreted_packed_char4_e1761[2] + reinterpreted_packed_char4_e1760[3] * reinterpreted_packed_char4_e1761[3])));
            int _e1764 = high_1_7_;
            uint _e1765 = level;
            uint _e1766 = x_2_7_.z;
            packed_char4 reinterpreted_packed_char4_e1765 = as_type<packed_char4>(_e1765);
            packed_char4 reinterpreted_packed_char4_e1766 = as_type<packed_char4>(_e1766);
            high_1_7_ = as_type<int>(as_type<uint>(_e1764) + as_type<uint>(( + reinterpreted_packed_char4_e1765[0] * reinterpreted_packed_char4_e1766[0] + reinterpreted_packed_char4_e1765[1] * reinterpreted_packed_char4_e1766[1] + reinterpreted_packed_char4_e1765[2] * reinterpreted_packed_char4_e1766[2] + reinterpreted_packed_char4_e1765[3] * reinterpreted_packed_char4_e1766[3])));
            int _e1769 = low_1_7_;
            uint _e1770 = level;
            uint _e1771 = x_2_7_.w;
            packed_char4 reinterpreted_packed_char4_e1770 = as_type<packed_char4>(_e1770);
            packed_char4 reinterpreted_packed_char4_e1771 = as_type<packed_char4>(_e1771);
            low_1_7_ = as_type<int>(as_type<uint>(_e1769) + as_type<uint>(( + reinterpreted_packed_char4_e1770[0] * reinterpreted_packed_char4_e1771[0] + reinterpreted_packed_char4_e1770[1] * reinterpreted_packed_char4_e1771[1] + reinterpreted_packed_char4_e1770[2] * reinterpreted_packed_char4_e1771[2] + reinterpreted_packed_char4_e1770[3] * reinterpreted_packed_char4_e1771[3])));
            uint _e1774 = taken;
            uint _e1775 = total_1;
            taken = _e1774 + (_e1775 & 255u);
            uint _e1779 = taken;
            crossed = _e1779 >= 32u;
            uint _e1782 = taken;
            taken = _e1782 & 31u;
            uint _e1785 = word;
            uint _e1786 = next_1;
            bool _e1787 = crossed;
            word = _e1787 ? _e1786 : _e1785;
            uint _e1789 = next_1;
            uint _e1790 = ahead;
            bool _e1791 = crossed;
            next_1 = _e1791 ? _e1790 : _e1789;
            uint _e1793 = at;
            uint _e1794 = at;
            bool _e1797 = crossed;
            at = _e1797 ? (_e1794 + 32u) : _e1793;
            uint _e1800 = at;
            uint _e1802 = stream[_e1800];
            ahead = _e1802;
        }
    }
    int _e1806 = high_0_0_;
    int _e1809 = low_0_0_;
    int _e1811 = high_1_0_;
    int _e1814 = low_1_0_;
    int _e1817 = high_0_1_;
    int _e1820 = low_0_1_;
    int _e1822 = high_1_1_;
    int _e1825 = low_1_1_;
    int _e1828 = high_0_2_;
    int _e1831 = low_0_2_;
    int _e1833 = high_1_2_;
    int _e1836 = low_1_2_;
    int _e1839 = high_0_3_;
    int _e1842 = low_0_3_;
    int _e1844 = high_1_3_;
    int _e1847 = low_1_3_;
    int _e1850 = high_0_4_;
    int _e1853 = low_0_4_;
    int _e1855 = high_1_4_;
    int _e1858 = low_1_4_;
    int _e1861 = high_0_5_;
    int _e1864 = low_0_5_;
    int _e1866 = high_1_5_;
    int _e1869 = low_1_5_;
    int _e1872 = high_0_6_;
    int _e1875 = low_0_6_;
    int _e1877 = high_1_6_;
    int _e1880 = low_1_6_;
    int _e1883 = high_0_7_;
    int _e1886 = low_0_7_;
    int _e1888 = high_1_7_;
    int _e1891 = low_1_7_;
    return type_7 {{metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1806))) + as_type<uint>(_e1809)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1811))) + as_type<uint>(_e1814))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1817))) + as_type<uint>(_e1820)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1822))) + as_type<uint>(_e1825))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1828))) + as_type<uint>(_e1831)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1833))) + as_type<uint>(_e1836))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1839))) + as_type<uint>(_e1842)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1844))) + as_type<uint>(_e1847))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1850))) + as_type<uint>(_e1853)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1855))) + as_type<uint>(_e1858))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1861))) + as_type<uint>(_e1864)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1866))) + as_type<uint>(_e1869))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1872))) + as_type<uint>(_e1875)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1877))) + as_type<uint>(_e1880))), metal::int2(as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1883))) + as_type<uint>(_e1886)), as_type<int>(as_type<uint>(as_type<int>(as_type<uint>(256) * as_type<uint>(_e1888))) + as_type<uint>(_e1891)))}};
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
    uint lane_1 = naga_div(naga_mod(in_group, 8u), TUPLE);
    uint _e11 = p.segments;
    uint _e16 = p.padded_groups;
    uint group_2 = (((row_1 * _e11) + segment_1) * _e16) + naga_div(col_1, GROUP_COLS);
    uint at_2 = ((group_2 * 4u) + lane_1) * LANE_VECTORS;
    if (false) {
        uint _e37 = digits[at_2 + naga_div(in_group, 8u)][FIRST_BYTE + naga_mod(in_group, TUPLE)];
        return as_type<int>(_e37);
    }
    metal::uint4 vector = digits[at_2];
    metal::uint2 pair = (in_group >= 8u) ? vector.zw : vector.xy;
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
    if (false) {
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
        if (_e49 < 1024u) {
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
        if (_e67 < 1024u) {
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
                    total.inner[_e237] = metal::fma(scale, metal::fma(of_corrections, 2.0, of_codes), _e243);
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
