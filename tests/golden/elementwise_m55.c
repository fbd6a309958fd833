/* elementwise: elementwise, compiled by ircompile 0.1.0 for cortex-m55.
 *
 * Layers run in segments, one segment after the other. Within a segment they take turns, row by row, as the last one
 * needs their rows; elementwise_layer_0 and on are the layers. The segments are these layers:
 *   0, 1 to 4, 5 to 8
 *
 * Memory: a tensor is rows in the arena, row r at offset + (r + slot_offset) % slots * pitch. This map has, for all
 * that lies there, its bytes [from, to), slots x pitch, the first and the last layer that use it, and height x width x
 * channels. A row is pixels of channels; where chw is said, it is channels of pixels. Lines may overlap, within a
 * segment too: rows that are never needed at one time share bytes. Layers `first - last` touch a place; that is not how
 * long its bytes live: kept rows and scratch may take turns in the same bytes from step to step.
 *
 *   bytes       rows       layers  what
 *   [0, 384)    8 x 48      0 - 4  conv0 8x8x6
 *   [0, 384)    8 x 48      4 - 8  mul4 8x8x6, in the rows of conv0
 *   [0, 384)    8 x 48      8 - 8  sub8 8x8x6 output, in the rows of mul4
 *   [48, 432)   8 x 48      0 - 0  x 8x8x6 input
 *   [384, 408)              1 - 1  sums of mean1
 *   [384, 390)  1 x 6       2 - 3  conv2 1x1x6
 *   [384, 390)  1 x 6       3 - 4  table3 1x1x6, in the rows of conv2
 *   [384, 432)  1 x 48      5 - 6  conv5 8x8x6
 *   [384, 432)  1 x 48      6 - 7  prelu6 8x8x6, in the rows of conv5
 *   [384, 432)  1 x 48      7 - 8  max7 8x8x6, in the rows of prelu6
 *   [408, 414)  1 x 6       1 - 2  mean1 1x1x6
 *   [432, 440)              0 - 8  the schedule's state: steps done by each layer
 */
#if defined(__arm__) && defined(__GNUC__) && !defined(__clang__) && !defined(ELEMENTWISE_NO_ASM)
#pragma GCC optimize("omit-frame-pointer") /* loops in assembly need its register, too; to be said before any function */
#endif

#include "elementwise.h"
#if ELEMENTWISE_BUILD != 0xa74b6064u
#error "elementwise.c and elementwise.h are not from one compilation: take all files of one"
#endif

#include <stddef.h>
#include <string.h>
#if !defined(__ARM_FEATURE_MVE)
#error "compiled for cortex-m55, whose Helium instructions this core has not: compile the model with --target for this core"
#endif
#include <arm_mve.h>

/* Called before (0) and after (1) every row that a layer computes, with the layer's number; define it to measure or to
 * debug. Copies of rows that are kept are outside. */
#ifndef ELEMENTWISE_HOOK
#define ELEMENTWISE_HOOK(layer, phase)
#endif

extern const int8_t elementwise_conv0_weights[36];
extern const int32_t elementwise_conv0_requant[24];
extern const int32_t elementwise_mean1_requant[4];
extern const int8_t elementwise_conv2_weights[48];
extern const int32_t elementwise_conv2_requant[32];
extern const int8_t elementwise_table3_table[256];
extern const int32_t elementwise_mul4_requant[3];
extern const int8_t elementwise_conv5_weights[36];
extern const int32_t elementwise_conv5_requant[24];
extern const int8_t elementwise_prelu6_alpha[6];

/* Small functions are part of their callers; without optimization they are functions, for the debugger to step into. */
#if defined(__GNUC__) && defined(__OPTIMIZE__)
#define ELEMENTWISE_INLINE static inline __attribute__((always_inline))
#else
#define ELEMENTWISE_INLINE static inline
#endif

/* round(a * b / 2^31), ties up; a and b are not both INT32_MIN. */
static inline int32_t elementwise_multiply_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* round(x / 2^n), ties away from zero; 0 where n is over 31. */
static inline int32_t elementwise_shift_away(int32_t x, int32_t n)
{
    if (n > 31)
        return 0;
    const int32_t mask = (int32_t)((UINT32_C(1) << n) - 1u);
    return (x >> n) + ((x & mask) > (mask >> 1) + (x < 0 ? 1 : 0) ? 1 : 0);
}

/* TFLite's MultiplyByQuantizedMultiplier: x * multiplier * 2^(shift - 31), rounded twice. */
static inline int32_t elementwise_scale_double(int32_t x, int32_t multiplier, int32_t shift)
{
    const int32_t scaled = (int32_t)((uint32_t)x << (shift > 0 ? shift : 0));
    return elementwise_shift_away(elementwise_multiply_high(scaled, multiplier), shift > 0 ? 0 : -shift);
}

/* From an accumulator to a code: round(accumulator * scale) + zero point, as the model's framework rounds. Each
 * function below is cheaper than that and proved equal for all accumulators of its layers. What its name says:
 *   high     the high word of a 32 x 32 bit product; rounded: to the nearest, not down
 *   kink     accumulators below zero get a little less, because ties are rounded away from zero
 *   2        a number: the sum is shifted right by so many bits; without one, each channel has its shift
 */

/* Other words in names:
 *   xx          the operands of an elementwise operation: x has a code for every pixel and channel, c one a channel,
 *               w one a pixel, 1 a single one
 *   line_2      codes of a vector of sums: the high words of products, plus offsets, shifted right by 2 bits;
 *               without a number each channel has its shift; kink: sums below zero get a little less
 */

/* (value >> shift) saturated to int8: one instruction where shift is a constant. */
#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__)
#define ELEMENTWISE_SATURATE(value, shift) ((int32_t)__builtin_arm_ssat((value) >> (shift), 8))
#elif defined(__ARM_FEATURE_SAT)
#include <arm_acle.h>
#define ELEMENTWISE_SATURATE(value, shift) ((int32_t)__ssat((value) >> (shift), 8))
#else
#define ELEMENTWISE_SATURATE(value, shift) elementwise_saturate((value) >> (shift))
/* value within the codes of int8. */
static inline int32_t elementwise_saturate(int32_t value)
{
    return value < -128 ? -128 : value > 127 ? 127 : value;
}
#endif

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
/* offset + round(x * multiplier / 2^32), which fits int32: one instruction. */
static inline int32_t elementwise_rounded_high_word(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(x), "r"(multiplier), "r"(offset));
    return sum;
}
#else
/* offset + round(x * multiplier / 2^32), which fits int32. */
static inline int32_t elementwise_rounded_high_word(int32_t x, int32_t multiplier, int32_t offset)
{
    return offset + (int32_t)(((int64_t)x * multiplier + INT64_C(2147483648)) >> 32);
}
#endif

/* (offset + round(x * multiplier / 2^32)) >> 2, saturated. */
static inline int32_t elementwise_requant_high_rounded_2(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum = elementwise_rounded_high_word(x, multiplier, offset);
    return ELEMENTWISE_SATURATE(sum, 2);
}

/* (offset + round(x * multiplier / 2^32), less 1 where x < 0) >> shift, saturated. x is the accumulator times a power
 * of two. */
static inline int32_t elementwise_requant_high_rounded_kink(int32_t x, int32_t multiplier, int32_t offset,
    int32_t shift)
{
    int32_t sum = elementwise_rounded_high_word(x, multiplier, offset);
    sum += x >> 31; /* ties of negative numbers go down */
    return ELEMENTWISE_SATURATE(sum, shift);
}

/* The rows of a tensor in the arena: row r at offset + (r + slot_offset) % slots * pitch. */
struct elementwise_buffer {
    int32_t offset, pitch, height, slots, slot_offset;
};

static const struct elementwise_buffer elementwise_x_buffer = {.offset = 48, .pitch = 48, .height = 8, .slots = 8,
    .slot_offset = 0};
static const struct elementwise_buffer elementwise_conv0_buffer = {.offset = 0, .pitch = 48, .height = 8, .slots = 8,
    .slot_offset = 0};
static const struct elementwise_buffer elementwise_mean1_buffer = {.offset = 408, .pitch = 6, .height = 1, .slots = 1,
    .slot_offset = 0};
static const struct elementwise_buffer elementwise_conv2_buffer = {.offset = 384, .pitch = 6, .height = 1, .slots = 1,
    .slot_offset = 0};
static const struct elementwise_buffer elementwise_table3_buffer = {.offset = 384, .pitch = 6, .height = 1, .slots = 1,
    .slot_offset = 0};
static const struct elementwise_buffer elementwise_mul4_buffer = {.offset = 0, .pitch = 48, .height = 8, .slots = 8,
    .slot_offset = 0};
static const struct elementwise_buffer elementwise_conv5_buffer = {.offset = 384, .pitch = 48, .height = 8, .slots = 1,
    .slot_offset = 0};
static const struct elementwise_buffer elementwise_prelu6_buffer = {.offset = 384, .pitch = 48, .height = 8, .slots = 1,
    .slot_offset = 0};
static const struct elementwise_buffer elementwise_max7_buffer = {.offset = 384, .pitch = 48, .height = 8, .slots = 1,
    .slot_offset = 0};
static const struct elementwise_buffer elementwise_sub8_buffer = {.offset = 0, .pitch = 48, .height = 8, .slots = 8,
    .slot_offset = 0};

/* Where everything else lies. */
enum {
    ELEMENTWISE_COUNTERS = 432, /* the schedule's state */
    ELEMENTWISE_SUMS_mean1 = 384 /* 24 bytes */
};

/* Row `row` of a tensor. */
ELEMENTWISE_INLINE int8_t *elementwise_row(int8_t *arena, const struct elementwise_buffer *buffer, int32_t row)
{
    const int whole = buffer->slot_offset == 0 && buffer->slots >= buffer->height;
    return arena + buffer->offset + (whole ? row : (row + buffer->slot_offset) % buffer->slots) * buffer->pitch;
}

#if defined(__GNUC__)
/* Words into lanes i and j = i + 2 of a vector; `_FIRST` leaves the other two undefined. */
#define ELEMENTWISE_PAIR_FIRST(v, i, j, a, b) __asm__("vmov %q0[" #j "], %q0[" #i "], %1, %2" : "=w"(v) : "r"(a), "r"(b))
#define ELEMENTWISE_PAIR(v, i, j, a, b) __asm__("vmov %q0[" #j "], %q0[" #i "], %1, %2" : "+w"(v) : "r"(a), "r"(b))
/* Saturation into the lower half of each lane; the upper half is undefined. `_ROUND` shifts right before. */
#define ELEMENTWISE_NARROW_32(v) __asm__("vqmovnb.s32 %q0, %q0" : "+w"(v))
#define ELEMENTWISE_NARROW_16(v) __asm__("vqmovnb.s16 %q0, %q0" : "+w"(v))
#define ELEMENTWISE_ROUND_32(v, n) __asm__("vqrshrnb.s32 %q0, %q0, #" #n : "+w"(v))
/* The compiler takes the pointer for another one, and so does not load ahead of a loop what it has no registers for. */
#define ELEMENTWISE_FORGET(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")
/* An address that is not to be stepped by a register on the way: gcc 12 does so with VST4, which has no such form. */
#define ELEMENTWISE_FIXED(pointer) __asm__("" : "+r"(pointer))
/* The compiler finishes four vectors here instead of keeping for later what they are made of. */
#define ELEMENTWISE_FINISH(a, b, c, d) __asm__ volatile("" : "+w"(a), "+w"(b), "+w"(c), "+w"(d))
/* n bytes. */
#define ELEMENTWISE_COPY(to, from, n) \
    do { \
        int8x16_t copied; \
        int8_t *copy_to = to; \
        const int8_t *copy_from = from; \
        __asm__ volatile("wlstp.8 lr, %[count], 2f\n" \
                         "1:\n\t" \
                         "vldrb.8 %q[v], [%[from_]], #16\n\t" \
                         "vstrb.8 %q[v], [%[to_]], #16\n\t" \
                         "letp lr, 1b\n" \
                         "2:" \
                         : [v] "=&w"(copied), [to_] "+r"(copy_to), [from_] "+r"(copy_from) \
                         : [count] "r"(n) \
                         : "lr", "memory"); \
    } while (0)
#else
#define ELEMENTWISE_FORGET(pointer) ((void)0)
#define ELEMENTWISE_FIXED(pointer) ((void)0)
#define ELEMENTWISE_FINISH(a, b, c, d) ((void)0)
#define ELEMENTWISE_COPY(to, from, n) memcpy(to, from, (size_t)(n))
#define ELEMENTWISE_PAIR_FIRST(v, i, j, a, b) ((v) = vsetq_lane_s32(b, vdupq_n_s32(a), j))
#define ELEMENTWISE_PAIR(v, i, j, a, b) ((v) = vsetq_lane_s32(b, vsetq_lane_s32(a, v, i), j))
#define ELEMENTWISE_NARROW_32(v) ((v) = vreinterpretq_s32_s16(vqmovnbq_s32(vreinterpretq_s16_s32(v), v)))
#define ELEMENTWISE_NARROW_16(v) ((v) = vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s32(v), vreinterpretq_s16_s32(v))))
#define ELEMENTWISE_ROUND_32(v, n) ((v) = vreinterpretq_s32_s16(vqrshrnbq_n_s32(vreinterpretq_s16_s32(v), v, n)))
#endif

/* Assembly for loops that fill all registers, where the compiler spills; intrinsics do the same. Before version 12 gcc
 * has no name for the predicate. Define ELEMENTWISE_NO_ASM
 * to do without it. */
#if defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && !defined(ELEMENTWISE_NO_ASM)
#define ELEMENTWISE_HELIUM_ASM 1
#else
#define ELEMENTWISE_HELIUM_ASM 0
#endif

/* A layer as elementwise_dense reads it. */
struct elementwise_dense_layer {
    int32_t count; /* of codes or pixels */
    int32_t channels_out; /* of an output pixel */
};

/* All channels c of pixels x:
 *
 *   out[x][c] = requant(start[c] + sum over k of in[x][k] * weights[c][k])
 *
 * start[c], the first word of a channel's in requant, is the bias less the input's zero point times the sum of the
 * weights, moved by what the requantization needs. Dot products of `count` pixels with the filters of all channels,
 * four pixels a vector, filters of depth 6 in registers. */
static void elementwise_dense_resident_6_line_kink(const int8_t *in, int8_t *out, const int8_t *weights,
    const int32_t *requant, int32_t count, int32_t channels_out)
{
    const uint16x8_t number = vidupq_n_u16(0, 1); /* two channels of a pixel, of the next */
    const uint16x8_t places = vmlaq_n_u16(vandq_u16(number, vdupq_n_u16(1)), vshrq_n_u16(number, 1),
        (uint16_t)channels_out);
    for (int32_t c = 0; c < channels_out; c += 2) {
        const int32_t *const words = requant + c * 4;
        const int8_t *const filter = weights + c * 6;
        const int8_t *pixel = in;
        int8_t *place = out + c;
        int32_t turns = count >> 2;
        int32_t rest = count & 3;
        for (;;) {
#if ELEMENTWISE_HELIUM_ASM
            {
                register int32_t more __asm__("lr") = turns;
                int32_t a_0, a_1, b_0, b_1;
                int32x4_t sum_0, sum_1;
                int8x16_t v, w0_0, w1_0;
                __asm__ volatile("mov %[a_0], #6\n\t"
                    "vctp.8 %[a_0]\n\t"
                    "vpstt\n\t"
                    "vldrbt.8 %q[w0_0], [%[filter]]\n\t"
                    "vldrbt.8 %q[w1_0], [%[filter], #6]\n\t"
                    "1:"
                    "vldrb.8 %q[v], [%[pixel]], #6\n\t"
                    "vmladav.s8 %[a_0], %q[v], %q[w0_0]\n\t"
                    "vmladav.s8 %[a_1], %q[v], %q[w1_0]\n\t"
                    "vldrb.8 %q[v], [%[pixel]], #6\n\t"
                    "vmladav.s8 %[b_0], %q[v], %q[w0_0]\n\t"
                    "vmladav.s8 %[b_1], %q[v], %q[w1_0]\n\t"
                    "vmov %e[sum_0], %[a_0], %[b_0]\n\t"
                    "vmov %e[sum_1], %[a_1], %[b_1]\n\t"
                    "vpst\n\t"
                    "vldrbt.8 %q[v], [%[pixel]], #6\n\t"
                    "vmladav.s8 %[a_0], %q[v], %q[w0_0]\n\t"
                    "vmladav.s8 %[a_1], %q[v], %q[w1_0]\n\t"
                    "vpst\n\t"
                    "vldrbt.8 %q[v], [%[pixel]], #6\n\t"
                    "vmladav.s8 %[b_0], %q[v], %q[w0_0]\n\t"
                    "vmladav.s8 %[b_1], %q[v], %q[w1_0]\n\t"
                    "vmov %f[sum_0], %[a_0], %[b_0]\n\t"
                    "vmov %f[sum_1], %[a_1], %[b_1]\n\t"
                    "ldrd %[a_0], %[b_0], [%[words], #0]\n\t"
                    "vadd.i32 %q[sum_0], %q[sum_0], %[a_0]\n\t"
                    "vshr.s32 %q[v], %q[sum_0], #31\n\t"
                    "vqrdmulh.s32 %q[sum_0], %q[sum_0], %[b_0]\n\t"
                    "ldrd %[a_0], %[b_0], [%[words], #8]\n\t"
                    "vadd.i32 %q[sum_0], %q[sum_0], %[a_0]\n\t"
                    "vadd.i32 %q[sum_0], %q[sum_0], %q[v]\n\t"
                    "vshl.s32 %q[sum_0], %[b_0]\n\t"
                    "ldrd %[a_1], %[b_1], [%[words], #16]\n\t"
                    "vadd.i32 %q[sum_1], %q[sum_1], %[a_1]\n\t"
                    "vshr.s32 %q[v], %q[sum_1], #31\n\t"
                    "vqrdmulh.s32 %q[sum_1], %q[sum_1], %[b_1]\n\t"
                    "ldrd %[a_1], %[b_1], [%[words], #24]\n\t"
                    "vadd.i32 %q[sum_1], %q[sum_1], %[a_1]\n\t"
                    "vadd.i32 %q[sum_1], %q[sum_1], %q[v]\n\t"
                    "vshl.s32 %q[sum_1], %[b_1]\n\t"
                    "vqmovnb.s32 %q[sum_0], %q[sum_0]\n\t"
                    "vqmovnt.s32 %q[sum_0], %q[sum_1]\n\t"
                    "vqmovnb.s16 %q[sum_0], %q[sum_0]\n\t"
                    "vstrb.16 %q[sum_0], [%[place], %q[places]]\n\t"
                    "add %[place], %[place], %[step]\n\t"
                    "le lr, 1b"
                    : [sum_0] "=&w"(sum_0), [sum_1] "=&w"(sum_1), [a_0] "=&Te"(a_0), [a_1] "=&Te"(a_1),
                        [b_0] "=&Te"(b_0), [b_1] "=&Te"(b_1), [v] "=&w"(v), [pixel] "+r"(pixel), [place] "+l"(place),
                        "+r"(more), [w0_0] "=&w"(w0_0), [w1_0] "=&w"(w1_0)
                    : [step] "r"(4 * channels_out), [places] "w"(places), [filter] "[b_1]"(filter), [words] "r"(words)
                    : "p0", "memory");
            }
#else
            const mve_pred16_t whole = vctp8q(6);
            const int8x16_t w0_0 = vldrbq_z_s8(filter, whole);
            const int8x16_t w1_0 = vldrbq_z_s8(filter + 6, whole);
            for (; turns > 0; turns--) {
                int32x4_t sum_0, sum_1;
                const int8x16_t pixel_0_0 = vldrbq_z_s8(pixel + 0, whole);
                const int32_t dot_0_0 = vmladavq_s8(pixel_0_0, w0_0);
                const int32_t dot_0_1 = vmladavq_s8(pixel_0_0, w1_0);
                const int8x16_t pixel_1_0 = vldrbq_z_s8(pixel + 6, whole);
                const int32_t dot_1_0 = vmladavq_s8(pixel_1_0, w0_0);
                const int32_t dot_1_1 = vmladavq_s8(pixel_1_0, w1_0);
                const int8x16_t pixel_2_0 = vldrbq_z_s8(pixel + 12, whole);
                const int32_t dot_2_0 = vmladavq_s8(pixel_2_0, w0_0);
                const int32_t dot_2_1 = vmladavq_s8(pixel_2_0, w1_0);
                const int8x16_t pixel_3_0 = vldrbq_z_s8(pixel + 18, whole);
                const int32_t dot_3_0 = vmladavq_s8(pixel_3_0, w0_0);
                const int32_t dot_3_1 = vmladavq_s8(pixel_3_0, w1_0);
                const int32_t bias_0 = words[0];
                const int32_t multiplier_0 = words[1];
                const int32_t offset_0 = words[2];
                const int32_t shift_0 = words[3];
                ELEMENTWISE_PAIR_FIRST(sum_0, 0, 2, dot_0_0, dot_2_0);
                ELEMENTWISE_PAIR(sum_0, 1, 3, dot_1_0, dot_3_0);
                sum_0 = vaddq_n_s32(sum_0, bias_0);
                const int32x4_t sign_sum_0 = vshrq_n_s32(sum_0, 31); /* ties of negative numbers go down */
                sum_0 = vaddq_n_s32(vqrdmulhq_n_s32(sum_0, multiplier_0), offset_0);
                sum_0 = vaddq_s32(sum_0, sign_sum_0);
                sum_0 = vshlq_r_s32(sum_0, shift_0);
                const int32_t bias_1 = (words + 4)[0];
                const int32_t multiplier_1 = (words + 4)[1];
                const int32_t offset_1 = (words + 4)[2];
                const int32_t shift_1 = (words + 4)[3];
                ELEMENTWISE_PAIR_FIRST(sum_1, 0, 2, dot_0_1, dot_2_1);
                ELEMENTWISE_PAIR(sum_1, 1, 3, dot_1_1, dot_3_1);
                sum_1 = vaddq_n_s32(sum_1, bias_1);
                const int32x4_t sign_sum_1 = vshrq_n_s32(sum_1, 31); /* ties of negative numbers go down */
                sum_1 = vaddq_n_s32(vqrdmulhq_n_s32(sum_1, multiplier_1), offset_1);
                sum_1 = vaddq_s32(sum_1, sign_sum_1);
                sum_1 = vshlq_r_s32(sum_1, shift_1);
                ELEMENTWISE_NARROW_32(sum_0);
                sum_0 = vreinterpretq_s32_s16(vqmovntq_s32(vreinterpretq_s16_s32(sum_0), sum_1));
                ELEMENTWISE_NARROW_16(sum_0);
                vstrbq_scatter_offset_s16(place, places, vreinterpretq_s16_s32(sum_0));
                place += 4 * channels_out;
                pixel += 24;
            }
#endif
            if (rest == 0)
                break;
            /* the last four pixels again: some are new */
            pixel -= (4 - rest) * 6;
            place -= (4 - rest) * channels_out;
            rest = 0;
            turns = 1;
        }
    }
}

/* A layer as elementwise_mean reads it. */
struct elementwise_mean_layer {
    int32_t last; /* the number of the last step, which writes the output */
    int32_t channels; /* of a pixel */
    int32_t width; /* pixels of a row */
};

/* Mean over rows and columns x, with s[i] the sum of in[x][i]:
 *
 *   out[i] = requant(start + s[i])
 *
 * in: pixels of channels, i is a channel. The sums grow in `state` while rows pass; the last step writes the output. */
static void elementwise_mean_hw_high_rounded_kink(const int8_t *in, int8_t *out, const int32_t *requant, int32_t last,
    int32_t channels, int32_t width, int32_t step, int8_t *state)
{
    const int32_t each = channels;
    int32_t i = 0;
    int32_t *const sums = (int32_t *)(void *)state;
    const int32_t multiplier = requant[0];
    const int32_t offset = requant[1];
    const int32_t shift = requant[2];
    const int32_t *const words = requant + 3;
    const int32_t start = words[0];
    for (; i + 4 <= each; i += 4) {
        int32_t sum0 = step > 0 ? sums[i + 0] : start;
        int32_t sum1 = step > 0 ? sums[i + 1] : start;
        int32_t sum2 = step > 0 ? sums[i + 2] : start;
        int32_t sum3 = step > 0 ? sums[i + 3] : start;
        const int8_t *code = in + i;
        for (int32_t x = width; x > 0; x--, code += channels) {
            sum0 += code[0];
            sum1 += code[1];
            sum2 += code[2];
            sum3 += code[3];
        }
        if (step < last) {
            sums[i + 0] = sum0;
            sums[i + 1] = sum1;
            sums[i + 2] = sum2;
            sums[i + 3] = sum3;
            continue;
        }
        out[i + 0] = (int8_t)elementwise_requant_high_rounded_kink((int32_t)((uint32_t)(sum0) << 1), multiplier, offset,
            shift);
        out[i + 1] = (int8_t)elementwise_requant_high_rounded_kink((int32_t)((uint32_t)(sum1) << 1), multiplier, offset,
            shift);
        out[i + 2] = (int8_t)elementwise_requant_high_rounded_kink((int32_t)((uint32_t)(sum2) << 1), multiplier, offset,
            shift);
        out[i + 3] = (int8_t)elementwise_requant_high_rounded_kink((int32_t)((uint32_t)(sum3) << 1), multiplier, offset,
            shift);
    }
    for (int32_t left = each & 3; left > 0; left--, i++) {
        int32_t sum0 = step > 0 ? sums[i + 0] : start;
        const int8_t *code = in + i;
        for (int32_t x = width; x > 0; x--, code += channels) {
            sum0 += code[0];
        }
        if (step < last) {
            sums[i + 0] = sum0;
            continue;
        }
        out[i + 0] = (int8_t)elementwise_requant_high_rounded_kink((int32_t)((uint32_t)(sum0) << 1), multiplier, offset,
            shift);
    }
}

/* A layer as elementwise_dense reads it. */
struct elementwise_dense_layer_depth {
    int32_t count; /* of codes or pixels */
    int32_t channels_out; /* of an output pixel */
    int32_t depth; /* codes of a dot product */
};

/* All channels c of pixels x:
 *
 *   out[x][c] = requant(start[c] + sum over k of in[x][k] * weights[c][k])
 *
 * start[c], the first word of a channel's in requant, is the bias less the input's zero point times the sum of the
 * weights, moved by what the requantization needs; words of four channels stand side by side. Dot products of `count`
 * pixels with the filters of all channels, four channels a vector. */
static void elementwise_dense_channels_1_line_kink(const int8_t *in, int8_t *out, const int8_t *weights,
    const int32_t *requant, int32_t count, int32_t channels_out, int32_t depth)
{
    for (int32_t c = 0; c < channels_out; c += 4) {
        const int32_t *const words = requant + c * 4;
        const int32x4_t bias_w = vldrwq_s32(words);
        const int32x4_t multiplier_w = vldrwq_s32(words + 4);
        const int32x4_t offset_w = vldrwq_s32(words + 8);
        const int32x4_t shift_w = vldrwq_s32(words + 12);
        const mve_pred16_t there = vctp32q((uint32_t)(channels_out - c));
        const int8_t *pixel = in;
        int8_t *place = out + c;
        for (int32_t pixels = count;;) {
            const int8_t *w = weights + c * depth;
            int32x4_t sum_p0;
#if ELEMENTWISE_HELIUM_ASM
            {
                /* so many that the compiler is told which */
                register int32_t turns __asm__("lr");
                register const int8_t *p0 __asm__("r1") = pixel;
                register const int8_t *filter __asm__("r9") = w;
                register const int32_t left __asm__("r11") = depth; /* codes */
                register int32_t acc_0_0 __asm__("r0");
                register int32_t acc_1_0 __asm__("r2");
                register int32_t acc_2_0 __asm__("r4");
                register int32_t acc_3_0 __asm__("r6");
                int8x16_t v_0, v_outer;
                __asm__("and lr, %[left], #15\n\t"
                    "vctp.8 lr\n\t"
                    "vpstt\n\t"
                    "vldrbt.8 %q[v_0], [%[p0]]\n\t"
                    "vldrbt.8 %q[v_outer], [%[w]]\n\t"
                    "vmladav.s8 %[acc_0_0], %q[v_outer], %q[v_0]\n\t"
                    "add %[w], %[w], lr\n\t"
                    "vpst\n\t"
                    "vldrbt.8 %q[v_outer], [%[w]]\n\t"
                    "vmladav.s8 %[acc_1_0], %q[v_outer], %q[v_0]\n\t"
                    "add %[w], %[w], lr\n\t"
                    "vpst\n\t"
                    "vldrbt.8 %q[v_outer], [%[w]]\n\t"
                    "vmladav.s8 %[acc_2_0], %q[v_outer], %q[v_0]\n\t"
                    "add %[w], %[w], lr\n\t"
                    "vpst\n\t"
                    "vldrbt.8 %q[v_outer], [%[w]]\n\t"
                    "vmladav.s8 %[acc_3_0], %q[v_outer], %q[v_0]\n\t"
                    "add %[w], %[w], lr\n\t"
                    "vmov %q[sum_p0][2], %q[sum_p0][0], %[acc_0_0], %[acc_1_0]\n\t"
                    "vmov %q[sum_p0][3], %q[sum_p0][1], %[acc_2_0], %[acc_3_0]\n\t"
                    "add %[p0], %[p0], lr"
                    : [sum_p0] "=&w"(sum_p0), [acc_0_0] "=&r"(acc_0_0), [acc_1_0] "=&r"(acc_1_0),
                        [acc_2_0] "=&r"(acc_2_0), [acc_3_0] "=&r"(acc_3_0), [v_0] "=&w"(v_0), [v_outer] "=&w"(v_outer),
                        [p0] "+r"(p0), [w] "+r"(filter), "=&r"(turns)
                    : [left] "r"(left)
                    : "p0", "cc", "memory");
                pixel = p0;
            }
#else
            {
                const int8_t *p0 = pixel;
                int32_t acc_p0_0 = 0;
                int32_t acc_p0_1 = 0;
                int32_t acc_p0_2 = 0;
                int32_t acc_p0_3 = 0;
                {
                    const int32_t left = depth & 15;
                    const mve_pred16_t some = vctp8q((uint32_t)left);
                    const int8x16_t v_0 = vldrbq_z_s8(w, some);
                    w += left;
                    const int8x16_t v_1 = vldrbq_z_s8(w, some);
                    w += left;
                    const int8x16_t v_2 = vldrbq_z_s8(w, some);
                    w += left;
                    const int8x16_t v_3 = vldrbq_z_s8(w, some);
                    w += left;
                    const int8x16_t v_p0 = vldrbq_z_s8(p0, some);
                    acc_p0_0 = vmladavaq_s8(acc_p0_0, v_p0, v_0);
                    acc_p0_1 = vmladavaq_s8(acc_p0_1, v_p0, v_1);
                    acc_p0_2 = vmladavaq_s8(acc_p0_2, v_p0, v_2);
                    acc_p0_3 = vmladavaq_s8(acc_p0_3, v_p0, v_3);
                }
                ELEMENTWISE_PAIR_FIRST(sum_p0, 0, 2, acc_p0_0, acc_p0_1);
                ELEMENTWISE_PAIR(sum_p0, 1, 3, acc_p0_2, acc_p0_3);
            }
            pixel += 1 * depth;
#endif
            sum_p0 = vaddq_s32(sum_p0, bias_w);
            const int32x4_t sign_sum_p0 = vshrq_n_s32(sum_p0, 31); /* ties of negative numbers go down */
            sum_p0 = vaddq_s32(vqrdmulhq_s32(sum_p0, multiplier_w), offset_w);
            sum_p0 = vaddq_s32(sum_p0, sign_sum_p0);
            sum_p0 = vshlq_s32(sum_p0, shift_w);
            ELEMENTWISE_NARROW_32(sum_p0);
            ELEMENTWISE_NARROW_16(sum_p0);
            vstrbq_p_s32(place, sum_p0, there);
            place += channels_out;
            pixels -= 1;
            if (pixels <= 0)
                break;
        }
    }
}

/* A layer as elementwise_table reads it. */
struct elementwise_table_layer {
    int32_t count; /* of codes or pixels */
};

/* A function of one code, looked up, sixteen at a time: out[i] = table[in[i] + 128]. */
static void elementwise_table(const int8_t *in, int8_t *out, const int8_t *table, int32_t count)
{
    const uint8x16_t from_least = vdupq_n_u8(128); /* a code's place in the table, modulo 256, is this much more */
    for (int32_t blocks = count >> 4; blocks > 0; blocks--) {
        const uint8x16_t places = vaddq_u8(vreinterpretq_u8_s8(vldrbq_s8(in)), from_least);
        vstrbq_s8(out, vldrbq_gather_offset_s8(table, places));
        in += 16, out += 16;
    }
    if (count & 15) {
        const mve_pred16_t some = vctp8q((uint32_t)(count & 15));
        const uint8x16_t places = vaddq_u8(vreinterpretq_u8_s8(vldrbq_z_s8(in, some)), from_least);
        vstrbq_p_s8(out, vldrbq_gather_offset_z_s8(table, places, some), some);
    }
}

/* A layer as elementwise_binary reads it. */
struct elementwise_binary_layer {
    int32_t width; /* pixels of a row */
    int32_t channels; /* of a pixel */
    int32_t zero_a;
    int32_t zero_b;
};

/* mul of two rows, element by element:
 *
 *   out[x][c] = requant(start + (a[x][c] - zero_a) * (b[x][c] - zero_b))
 *
 * All lie alike, in any order; an operand that is one for all pixels or channels is repeated. */
static void elementwise_binary_mul_xc_high_rounded_2(const int8_t *a, const int8_t *b, int8_t *out,
    const int32_t *requant, int32_t width, int32_t channels, int32_t zero_a, int32_t zero_b)
{
    const int32_t multiplier = requant[0];
    const int32_t offset = requant[1];
    const int32_t *const words = requant + 2;
    const int32_t start = words[0];
    for (int32_t x = 0; x < width; x++) {
        for (int32_t c = 0; c < channels; c++) {
            const int32_t p = (a[x * channels + c] - zero_a);
            const int32_t q = (b[c] - zero_b);
            out[x * channels + c] = (int8_t)elementwise_requant_high_rounded_2(start + p * q, multiplier, offset);
        }
    }
}

/* A layer as elementwise_prelu reads it. */
struct elementwise_prelu_layer {
    int32_t width; /* pixels of a row */
    int32_t channels; /* of a pixel */
    int32_t zero_in; /* the code of zero in the input */
    int32_t zero_alpha; /* the code of a slope of zero */
    int32_t zero_out; /* the code of zero in the output */
    int32_t multiplier_up; /* a factor, fixed-point */
    int32_t shift_up; /* how far products are shifted */
    int32_t multiplier_down; /* a factor, fixed-point */
    int32_t shift_down; /* how far products are shifted */
};

/* Codes at and above zero rescaled, those below times a slope a channel; with v = in[x][c] - zero_in:
 *
 *   out[x][c] = saturate(zero_out + (v >= 0 ? scale_up(v) : scale_down(v * (alpha[c] - zero_alpha))))
 *
 * in and out: pixels of channels. */
static void elementwise_prelu_double_c(const int8_t *in, int8_t *out, const int8_t *alpha, int32_t width,
    int32_t channels, int32_t zero_in, int32_t zero_alpha, int32_t zero_out, int32_t multiplier_up, int32_t shift_up,
    int32_t multiplier_down, int32_t shift_down)
{
    for (int32_t x = 0; x < width; x++) {
        for (int32_t c = 0; c < channels; c++) {
            const int32_t code = in[x * channels + c] - zero_in;
            const int32_t slope = alpha[c] - zero_alpha;
            const int32_t scaled = code >= 0 ? elementwise_scale_double(code, multiplier_up,
                shift_up) : elementwise_scale_double(code * slope, multiplier_down, shift_down);
            const int32_t result = scaled + zero_out;
            out[x * channels + c] = (int8_t)(result < -128 ? -128 : result > 127 ? 127 : result);
        }
    }
}

/* A layer as elementwise_binary reads it. */
struct elementwise_binary_layer_v2 {
    int32_t count; /* of codes or pixels */
    int32_t zero_a;
    int32_t zero_b;
    int32_t zero_out; /* the code of zero in the output */
    int32_t low; /* the least code */
    int32_t high; /* the greatest code */
};

/* max of two rows, element by element:
 *
 *   out[x][c] = max(a[x][c], b[x][c]), within [low, high]
 *
 * All lie alike, in any order. */
static void elementwise_binary_max_xx_raw(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, int32_t zero_a,
    int32_t zero_b, int32_t zero_out, int32_t low, int32_t high)
{
    (void)zero_a, (void)zero_b, (void)zero_out;
    for (int32_t i = count >> 2; i > 0; i--) {
        const int32_t p0 = a[0];
        const int32_t q0 = b[0];
        const int32_t p1 = a[1];
        const int32_t q1 = b[1];
        const int32_t p2 = a[2];
        const int32_t q2 = b[2];
        const int32_t p3 = a[3];
        const int32_t q3 = b[3];
        {
            const int32_t code = p0 > q0 ? p0 : q0;
            out[0] = (int8_t)(code < low ? low : code > high ? high : code);
        }
        {
            const int32_t code = p1 > q1 ? p1 : q1;
            out[1] = (int8_t)(code < low ? low : code > high ? high : code);
        }
        {
            const int32_t code = p2 > q2 ? p2 : q2;
            out[2] = (int8_t)(code < low ? low : code > high ? high : code);
        }
        {
            const int32_t code = p3 > q3 ? p3 : q3;
            out[3] = (int8_t)(code < low ? low : code > high ? high : code);
        }
        a += 4, b += 4, out += 4;
    }
    for (int32_t i = 0; i < (count & 3); i++) {
        const int32_t p = a[i];
        const int32_t q = b[i];
        {
            const int32_t code = p > q ? p : q;
            out[i] = (int8_t)(code < low ? low : code > high ? high : code);
        }
    }
}

/* A layer as elementwise_add_lanes reads it. */
struct elementwise_add_lanes_layer {
    int32_t count; /* of codes or pixels */
    int32_t shift; /* how far products are shifted */
    int32_t multiplier_a; /* of the first input, fixed-point */
    int32_t multiplier_b; /* of the second input, fixed-point */
    int32_t offset; /* added to the sum of products */
};

/* SUB of two rows, four codes a vector: out[i] = saturate((a[i] * multiplier_a + b[i] * multiplier_b + offset) >>
 * -shift), equal to the reference for every pair of codes. */
static void elementwise_add_lanes_up(const int8_t *a, const int8_t *b, int8_t *out, int32_t count, int32_t shift,
    int32_t multiplier_a, int32_t multiplier_b, int32_t offset)
{
    const int32x4_t factor = vdupq_n_s32(multiplier_a);
    for (int32_t blocks = count >> 2; blocks > 0; blocks--) {
        {
            int32x4_t sum = vmlasq_n_s32(vldrbq_s32(a), factor, offset);
            sum = vmlaq_n_s32(sum, vldrbq_s32(b), multiplier_b);
            sum = vshlq_r_s32(sum, shift);
            ELEMENTWISE_NARROW_32(sum);
            ELEMENTWISE_NARROW_16(sum);
            vstrbq_s32(out, sum);
        }
        a += 4;
        b += 4;
        out += 4;
    }
}

/* Layer 0, conv0: Conv 1x1, 8x8x6 -> 8x8x6, from node 0 'conv0' of the model.
 * Reads x [48, 432), writes conv0 [0, 384).
 * Accumulators, bias included, lie in [-74,903, 67,897] for every input. */
static void elementwise_layer_0_conv0(int8_t *arena, int32_t step)
{
    static const struct elementwise_dense_layer layer = {.count = 8, .channels_out = 6};
    ELEMENTWISE_HOOK(0, 0);
    elementwise_dense_resident_6_line_kink(elementwise_row(arena, &elementwise_x_buffer, step),
        elementwise_row(arena, &elementwise_conv0_buffer, step), elementwise_conv0_weights, elementwise_conv0_requant,
        layer.count, layer.channels_out);
    ELEMENTWISE_HOOK(0, 1);
}

/* Layer 1, mean1: Mean, 8x8x6 -> 1x1x6, from node 1 'mean1' of the model.
 * Reads conv0 [0, 384), writes mean1 [408, 414), sums [384, 408). */
static void elementwise_layer_1_mean1(int8_t *arena, int32_t step)
{
    static const struct elementwise_mean_layer layer = {.last = 7, .channels = 6, .width = 8};
    ELEMENTWISE_HOOK(1, 0);
    elementwise_mean_hw_high_rounded_kink(elementwise_row(arena, &elementwise_conv0_buffer, step),
        elementwise_row(arena, &elementwise_mean1_buffer, 0), elementwise_mean1_requant, layer.last, layer.channels,
        layer.width, step, arena + ELEMENTWISE_SUMS_mean1);
    ELEMENTWISE_HOOK(1, 1);
}

/* Layer 2, conv2: Conv 1x1, 1x1x6 -> 1x1x6, from node 2 'conv2' of the model.
 * Reads mean1 [408, 414), writes conv2 [384, 390).
 * Accumulators, bias included, lie in [-58,011, 66,284] for every input. */
static void elementwise_layer_2_conv2(int8_t *arena, int32_t step)
{
    (void)step;
    static const struct elementwise_dense_layer_depth layer = {.count = 1, .channels_out = 6, .depth = 6};
    ELEMENTWISE_HOOK(2, 0);
    elementwise_dense_channels_1_line_kink(elementwise_row(arena, &elementwise_mean1_buffer, 0),
        elementwise_row(arena, &elementwise_conv2_buffer, 0), elementwise_conv2_weights, elementwise_conv2_requant,
        layer.count, layer.channels_out, layer.depth);
    ELEMENTWISE_HOOK(2, 1);
}

/* Layer 3, table3: Table, 1x1x6 -> 1x1x6, from node 3 'table3' of the model.
 * Reads conv2 [384, 390), writes table3 [384, 390), over the row that it reads. */
static void elementwise_layer_3_table3(int8_t *arena, int32_t step)
{
    (void)step;
    static const struct elementwise_table_layer layer = {.count = 6};
    ELEMENTWISE_HOOK(3, 0);
    elementwise_table(elementwise_row(arena, &elementwise_conv2_buffer, 0),
        elementwise_row(arena, &elementwise_table3_buffer, 0), elementwise_table3_table, layer.count);
    ELEMENTWISE_HOOK(3, 1);
}

/* Layer 4, mul4: Mul, 8x8x6 + 1x1x6 -> 8x8x6, from node 4 'mul4' of the model.
 * Reads conv0 [0, 384) and table3 [384, 390), writes mul4 [0, 384), over the row that it reads of conv0. */
static void elementwise_layer_4_mul4(int8_t *arena, int32_t step)
{
    static const struct elementwise_binary_layer layer = {.width = 8, .channels = 6, .zero_a = 26, .zero_b = 23};
    ELEMENTWISE_HOOK(4, 0);
    elementwise_binary_mul_xc_high_rounded_2(elementwise_row(arena, &elementwise_conv0_buffer, step),
        elementwise_row(arena, &elementwise_table3_buffer, 0), elementwise_row(arena, &elementwise_mul4_buffer, step),
        elementwise_mul4_requant, layer.width, layer.channels, layer.zero_a, layer.zero_b);
    ELEMENTWISE_HOOK(4, 1);
}

/* Layer 5, conv5: Conv 1x1, 8x8x6 -> 8x8x6, from node 5 'conv5' of the model.
 * Reads mul4 [0, 384), writes conv5 [384, 432).
 * Accumulators, bias included, lie in [-68,313, 60,623] for every input. */
static void elementwise_layer_5_conv5(int8_t *arena, int32_t step)
{
    static const struct elementwise_dense_layer layer = {.count = 8, .channels_out = 6};
    ELEMENTWISE_HOOK(5, 0);
    elementwise_dense_resident_6_line_kink(elementwise_row(arena, &elementwise_mul4_buffer, step),
        elementwise_row(arena, &elementwise_conv5_buffer, step), elementwise_conv5_weights, elementwise_conv5_requant,
        layer.count, layer.channels_out);
    ELEMENTWISE_HOOK(5, 1);
}

/* Layer 6, prelu6: Prelu, 8x8x6 -> 8x8x6, from node 6 'prelu6' of the model.
 * Reads conv5 [384, 432), writes prelu6 [384, 432), over the row that it reads. */
static void elementwise_layer_6_prelu6(int8_t *arena, int32_t step)
{
    static const struct elementwise_prelu_layer layer = {.width = 8, .channels = 6, .zero_in = -15, .zero_alpha = 0,
        .zero_out = -12, .multiplier_up = 1073741824, .shift_up = 1, .multiplier_down = 1374389535, .shift_down = -6};
    ELEMENTWISE_HOOK(6, 0);
    elementwise_prelu_double_c(elementwise_row(arena, &elementwise_conv5_buffer, step),
        elementwise_row(arena, &elementwise_prelu6_buffer, step), elementwise_prelu6_alpha, layer.width, layer.channels,
        layer.zero_in, layer.zero_alpha, layer.zero_out, layer.multiplier_up, layer.shift_up, layer.multiplier_down,
        layer.shift_down);
    ELEMENTWISE_HOOK(6, 1);
}

/* Layer 7, max7: Max, 8x8x6 + 8x8x6 -> 8x8x6, from node 7 'max7' of the model.
 * Reads mul4 [0, 384) and prelu6 [384, 432), writes max7 [384, 432), over the row that it reads of prelu6. */
static void elementwise_layer_7_max7(int8_t *arena, int32_t step)
{
    static const struct elementwise_binary_layer_v2 layer = {.count = 48, .zero_a = -12, .zero_b = -12, .zero_out = -12,
        .low = -128, .high = 127};
    ELEMENTWISE_HOOK(7, 0);
    elementwise_binary_max_xx_raw(elementwise_row(arena, &elementwise_mul4_buffer, step),
        elementwise_row(arena, &elementwise_prelu6_buffer, step),
        elementwise_row(arena, &elementwise_max7_buffer, step), layer.count, layer.zero_a, layer.zero_b, layer.zero_out,
        layer.low, layer.high);
    ELEMENTWISE_HOOK(7, 1);
}

/* Layer 8, sub8: Sub, 8x8x6 + 8x8x6 -> 8x8x6, from node 8 'sub8' of the model.
 * Reads mul4 [0, 384) and max7 [384, 432), writes sub8 [0, 384), over the row that it reads of mul4. */
static void elementwise_layer_8_sub8(int8_t *arena, int32_t step)
{
    static const struct elementwise_add_lanes_layer layer = {.count = 48, .shift = -22, .multiplier_a = 4194304,
        .multiplier_b = -4194304, .offset = -102760449};
    ELEMENTWISE_HOOK(8, 0);
    elementwise_add_lanes_up(elementwise_row(arena, &elementwise_mul4_buffer, step),
        elementwise_row(arena, &elementwise_max7_buffer, step), elementwise_row(arena, &elementwise_sub8_buffer, step),
        layer.count, layer.shift, layer.multiplier_a, layer.multiplier_b, layer.offset);
    ELEMENTWISE_HOOK(8, 1);
}

/* Computes step `step` of a node. Nodes are the layers that the schedule fires, numbered in its order. */
static void elementwise_fire(int8_t *arena, int32_t node, int32_t step)
{
    switch (node) {
    case 0:
        elementwise_layer_0_conv0(arena, step);
        break;
    case 1:
        elementwise_layer_1_mean1(arena, step);
        break;
    case 2:
        elementwise_layer_2_conv2(arena, step);
        break;
    case 3:
        elementwise_layer_3_table3(arena, step);
        break;
    case 4:
        elementwise_layer_4_mul4(arena, step);
        break;
    case 5:
        elementwise_layer_5_conv5(arena, step);
        break;
    case 6:
        elementwise_layer_6_prelu6(arena, step);
        break;
    case 7:
        elementwise_layer_7_max7(arena, step);
        break;
    case 8:
        elementwise_layer_8_sub8(arena, step);
        break;
    default:
        break;
    }
}

/* Every node: its steps; its waits in the table below, from first_wait up to, without, end_wait; and resume_at, the
 * node whose turn it is after a step: where the branches that begin with this one have come together. */
static const struct {
    uint16_t steps, first_wait, end_wait, resume_at;
} elementwise_nodes[] = {
    {8, 0, 0, 0}, /* node 0: layer 0, conv0 */
    {8, 0, 0, 2}, /* node 1: layer 1, mean1 */
    {1, 0, 1, 3}, /* node 2: layer 2, conv2 */
    {1, 1, 2, 4}, /* node 3: layer 3, table3 */
    {8, 2, 3, 4}, /* node 4: layer 4, mul4 */
    {8, 3, 3, 6}, /* node 5: layer 5, conv5 */
    {8, 3, 4, 7}, /* node 6: layer 6, prelu6 */
    {8, 4, 5, 8}, /* node 7: layer 7, max7 */
    {8, 5, 6, 8}, /* node 8: layer 8, sub8 */
};

/* Step s waits until `source` has done (s * times + plus) / over of its steps, at most `most`. */
static const struct {
    int16_t source, times, plus, over, most;
} elementwise_waits[] = {
    {1, 0, 8, 1, 8},
    {2, 0, 1, 1, 1},
    {3, 0, 1, 1, 1},
    {5, 1, 1, 1, 8},
    {6, 1, 1, 1, 8},
    {7, 1, 1, 1, 8},
};

/* The first node of every segment, and the end of the last. */
static const uint16_t elementwise_segments[] = {0, 1, 5, 9};

/* `node` itself if the rows that its next step reads are there; else the node that owes some, or the one before it
 * where none does: it has done all of its steps. `done` counts the steps of nodes `first` and on. */
static int32_t elementwise_next(const uint16_t *done, int32_t first, int32_t node)
{
    const int32_t step = done[node - first];
    if (step == elementwise_nodes[node].steps)
        return node - 1;
    for (int32_t i = elementwise_nodes[node].first_wait; i < elementwise_nodes[node].end_wait; i++) {
        const int32_t source = elementwise_waits[i].source;
        int32_t need = step * elementwise_waits[i].times + elementwise_waits[i].plus; /* `over` is 1 in all */
        if (need > elementwise_waits[i].most)
            need = elementwise_waits[i].most;
        if (done[source - first] < need)
            return source;
    }
    return node;
}

/* Fires what the last node of the segment [first, stop) needs, row by row, then what else can fire. */
static void elementwise_stream(int8_t *arena, uint16_t *done, int32_t first, int32_t stop)
{
    int32_t node = stop - 1;
    while (node >= first) {
        int32_t next = elementwise_next(done, first, node);
        if (next == node) {
            next = elementwise_nodes[node].resume_at;
            elementwise_fire(arena, node, done[node - first]++);
        }
        node = next;
    }
}

void elementwise_run(void *arena)
{
    uint16_t *const done = (uint16_t *)(void *)((int8_t *)arena + ELEMENTWISE_COUNTERS);
    for (int32_t i = 0; i < 3; i++) {
        memset(done, 0, 4 * sizeof *done);
        elementwise_stream(arena, done, elementwise_segments[i], elementwise_segments[i + 1]);
    }
}

int8_t *elementwise_input(void *arena)
{
    return (int8_t *)((int8_t *)arena + elementwise_x_buffer.offset);
}

const int8_t *elementwise_output(const void *arena)
{
    return (const int8_t *)((const int8_t *)arena + elementwise_sub8_buffer.offset);
}
