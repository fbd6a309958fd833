/* moving: moving, compiled by ircompile 0.1.0 for host.
 *
 * Layers run in segments, one segment after the other. Within a segment they take turns, row by row, as the last one
 * needs their rows; moving_layer_0 and on are the layers. The segments are these layers:
 *   0 to 2, 3 to 5
 *
 * Memory: a tensor is rows in the arena, row r at offset + (r + slot_offset) % slots * pitch. This map has, for all
 * that lies there, its bytes [from, to), slots x pitch, the first and the last layer that use it, and height x width x
 * channels. A row is pixels of channels; where chw is said, it is channels of pixels. Lines may overlap, within a
 * segment too: rows that are never needed at one time share bytes. Layers `first - last` touch a place; that is not how
 * long its bytes live: kept rows and scratch may take turns in the same bytes from step to step.
 *
 *   bytes         rows         layers  what
 *   [0, 168)                    0 - 0  scratch of conv0
 *   [0, 32)       1 x 32        1 - 2  blocks1 16x16x2
 *   [0, 3136)     28 x 112      5 - 5  argmax5 28x28x1 output
 *   [168, 264)    3 x 32        0 - 0  x 8x8x4 input
 *   [264, 328)    1 x 64        0 - 1  conv0 8x8x8
 *   [2424, 2712)  12 x 24       2 - 3  slice2 12x12x2
 *   [2996, 3052)  2 x 28        3 - 4  pad3 14x14x2
 *   [3136, 3248)  1 x 112       4 - 5  transposed4 28x28x4
 *   [3248, 3258)                0 - 5  the schedule's state: steps done by each layer, rows pushed, output ready
 */
#if defined(__arm__) && defined(__GNUC__) && !defined(__clang__) && !defined(MOVING_NO_ASM)
#pragma GCC optimize("omit-frame-pointer") /* loops in assembly need its register, too; to be said before any function */
#endif

#include "moving.h"
#if MOVING_BUILD != 0x65ff4e8fu
#error "moving.c and moving.h are not from one compilation: take all files of one"
#endif

#include <stddef.h>
#include <string.h>

/* Called before (0) and after (1) every row that a layer computes, with the layer's number; define it to measure or to
 * debug. Copies of rows that are kept are outside. */
#ifndef MOVING_HOOK
#define MOVING_HOOK(layer, phase)
#endif

extern const int8_t moving_conv0_weights[291];
extern const int32_t moving_conv0_requant[32];
extern const int8_t moving_transposed4_weights[72];
extern const int32_t moving_transposed4_requant[6];

/* Small functions are part of their callers; without optimization they are functions, for the debugger to step into. */
#if defined(__GNUC__) && defined(__OPTIMIZE__)
#define MOVING_INLINE static inline __attribute__((always_inline))
#else
#define MOVING_INLINE static inline
#endif
#if defined(__GNUC__)
#define MOVING_NOINLINE static __attribute__((noinline))
#else
#define MOVING_NOINLINE static
#endif

/* From an accumulator to a code: round(accumulator * scale) + zero point, as the model's framework rounds. Each
 * function below is cheaper than that and proved equal for all accumulators of its layers. What its name says:
 *   high     the high word of a 32 x 32 bit product; rounded: to the nearest, not down
 *   kink     accumulators below zero get a little less, because ties are rounded away from zero
 *   2        a number: the sum is shifted right by so many bits; without one, each channel has its shift
 */

/* (value >> shift) saturated to int8: one instruction where shift is a constant. */
#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__)
#define MOVING_SATURATE(value, shift) ((int32_t)__builtin_arm_ssat((value) >> (shift), 8))
#elif defined(__ARM_FEATURE_SAT)
#include <arm_acle.h>
#define MOVING_SATURATE(value, shift) ((int32_t)__ssat((value) >> (shift), 8))
#else
#define MOVING_SATURATE(value, shift) moving_saturate((value) >> (shift))
/* value within the codes of int8. */
static inline int32_t moving_saturate(int32_t value)
{
    return value < -128 ? -128 : value > 127 ? 127 : value;
}
#endif
#if defined(__ARM_ARCH_6M__)
/* floor(x * multiplier / 2^32), multiplier >= 0: without a long multiply, from products of 16-bit halves. */
static inline int32_t moving_high_word(int32_t x, int32_t multiplier)
{
    const uint32_t low = (uint32_t)x & 0xFFFFu;
    const uint32_t lower = (uint32_t)multiplier & 0xFFFFu;
    const int32_t high = x >> 16;
    const int32_t upper = multiplier >> 16;
    const int32_t middle = high * (int32_t)lower + (int32_t)((low * lower) >> 16);
    const int32_t other = (int32_t)low * upper + (middle & 0xFFFF);
    return high * upper + (middle >> 16) + (other >> 16);
}
#else
/* floor(x * multiplier / 2^32). */
static inline int32_t moving_high_word(int32_t x, int32_t multiplier)
{
    return (int32_t)(((int64_t)x * multiplier) >> 32);
}
#endif

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
/* offset + round(x * multiplier / 2^32), which fits int32: one instruction. */
static inline int32_t moving_rounded_high_word(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(x), "r"(multiplier), "r"(offset));
    return sum;
}
#elif defined(__ARM_ARCH_6M__)
/* offset + round(x * multiplier / 2^32), which fits int32. */
static inline int32_t moving_rounded_high_word(int32_t x, int32_t multiplier, int32_t offset)
{
    return offset + moving_high_word(x, multiplier) + (int32_t)(((uint32_t)x * (uint32_t)multiplier) >> 31);
}
#else
/* offset + round(x * multiplier / 2^32), which fits int32. */
static inline int32_t moving_rounded_high_word(int32_t x, int32_t multiplier, int32_t offset)
{
    return offset + (int32_t)(((int64_t)x * multiplier + INT64_C(2147483648)) >> 32);
}
#endif

/* (offset + floor(x * multiplier / 2^32)) >> 2, saturated. */
static inline int32_t moving_requant_high_2(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum = offset + moving_high_word(x, multiplier);
    return MOVING_SATURATE(sum, 2);
}

/* (offset + round(x * multiplier / 2^32), less 1 where x < 0) >> shift, saturated. x is the accumulator times a power
 * of two. */
static inline int32_t moving_requant_high_rounded_kink(int32_t x, int32_t multiplier, int32_t offset, int32_t shift)
{
    int32_t sum = moving_rounded_high_word(x, multiplier, offset);
    sum += x >> 31; /* ties of negative numbers go down */
    return MOVING_SATURATE(sum, shift);
}

/* The rows of a tensor in the arena: row r at offset + (r + slot_offset) % slots * pitch. */
struct moving_buffer {
    int32_t offset, pitch, height, slots, slot_offset;
};

static const struct moving_buffer moving_x_buffer = {.offset = 168, .pitch = 32, .height = 8, .slots = 3,
    .slot_offset = 0};
static const struct moving_buffer moving_conv0_buffer = {.offset = 264, .pitch = 64, .height = 8, .slots = 1,
    .slot_offset = 0};
static const struct moving_buffer moving_blocks1_buffer = {.offset = 0, .pitch = 32, .height = 16, .slots = 1,
    .slot_offset = 0};
static const struct moving_buffer moving_slice2_buffer = {.offset = 2424, .pitch = 24, .height = 12, .slots = 12,
    .slot_offset = 0};
static const struct moving_buffer moving_pad3_buffer = {.offset = 2996, .pitch = 28, .height = 14, .slots = 2,
    .slot_offset = 0};
static const struct moving_buffer moving_transposed4_buffer = {.offset = 3136, .pitch = 112, .height = 28, .slots = 1,
    .slot_offset = 0};
static const struct moving_buffer moving_argmax5_buffer = {.offset = 0, .pitch = 112, .height = 28, .slots = 28,
    .slot_offset = 0};

/* Where everything else lies. */
enum {
    MOVING_COUNTERS = 3248, /* the schedule's state */
    MOVING_SCRATCH_conv0 = 0 /* 168 bytes */
};

/* Row `row` of a tensor. */
MOVING_INLINE int8_t *moving_row(int8_t *arena, const struct moving_buffer *buffer, int32_t row)
{
    const int whole = buffer->slot_offset == 0 && buffer->slots >= buffer->height;
    return arena + buffer->offset + (whole ? row : (row + buffer->slot_offset) % buffer->slots) * buffer->pitch;
}

/* Pointers to `count` rows from `first` on, `apart` rows from each other, of a ring of `slots` rows of `pitch` bytes at
 * `base`; NULL outside of the picture. Many call it, once a row: in line it would take more flash and save next to no
 * time. */
MOVING_NOINLINE void moving_rows_at(const int8_t **rows, int32_t count, int32_t first, int32_t apart,
    const int8_t *base, int32_t height, int32_t slot_offset, int32_t slots, int32_t pitch)
{
    for (int32_t i = 0; i < count; i++, first += apart)
        rows[i] = first < 0 || first >= height ? NULL : base + (first + slot_offset) % slots * pitch;
}

/* Pointers to `count` rows of a tensor from `first` on, `apart` rows from each other; NULL outside of the picture. */
MOVING_INLINE void moving_window(const int8_t **rows, const int8_t *arena, const struct moving_buffer *buffer,
    int32_t first, int32_t count, int32_t apart)
{
    moving_rows_at(rows, count, first, apart, arena + buffer->offset, buffer->height, buffer->slot_offset,
        buffer->slots, buffer->pitch);
}

/* Assembly where the compiler spreads loads that follow each other at one cycle each; C does the same. Define
 * MOVING_NO_ASM to build without. */
#if defined(__thumb2__) && !defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__clang__) && !defined(MOVING_NO_ASM)
#define MOVING_TILE_ASM 1
#else
#define MOVING_TILE_ASM 0
#endif

/* `count` codes of two pixels a and b as words, b's in the upper half: to[k] = a[k] + 65536 * b[k]. */
static void moving_both_codes(uint32_t *to, const int8_t *a, const int8_t *b, int32_t count)
{
    const int8_t *const end = a + count;
#if MOVING_TILE_ASM
    if (count >= 4) {
        const int8_t *const fours = a + (count & ~3);
        int32_t a0, a1, a2, a3, b0, b1, b2, b3;
        __asm__ volatile(
            "1:\n\t"
            "ldrsb %[a1], [%[a], #1]\n\t"
            "ldrsb %[a2], [%[a], #2]\n\t"
            "ldrsb %[a3], [%[a], #3]\n\t"
            "ldrsb %[a0], [%[a]], #4\n\t"
            "ldrsb %[b1], [%[b], #1]\n\t"
            "ldrsb %[b2], [%[b], #2]\n\t"
            "ldrsb %[b3], [%[b], #3]\n\t"
            "ldrsb %[b0], [%[b]], #4\n\t"
            "add %[a0], %[a0], %[b0], lsl #16\n\t"
            "add %[a1], %[a1], %[b1], lsl #16\n\t"
            "add %[a2], %[a2], %[b2], lsl #16\n\t"
            "add %[a3], %[a3], %[b3], lsl #16\n\t"
            "str %[a1], [%[to], #4]\n\t"
            "str %[a2], [%[to], #8]\n\t"
            "str %[a3], [%[to], #12]\n\t"
            "str %[a0], [%[to]], #16\n\t"
            "cmp %[a], %[fours]\n\t"
            "bne 1b\n\t"
            : [a] "+&r"(a), [b] "+&r"(b), [to] "+&r"(to), [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2),
                [a3] "=&r"(a3), [b0] "=&r"(b0), [b1] "=&r"(b1), [b2] "=&r"(b2), [b3] "=&r"(b3)
            : [fours] "r"(fours)
            : "cc", "memory");
    }
#endif
    while (a != end)
        *to++ = (uint32_t)*a++ + ((uint32_t)*b++ << 16);
}

/* `wide` pixels of a row from `column` on, and from `further` columns on, as words of both. Codes are zero_in outside
 * of the picture, where the row is NULL, too; what reaches over an edge is put together at `edge` first. */
static void moving_window_run(uint32_t *to, const int8_t *row, int32_t column, int32_t further, int32_t wide,
    int32_t width_in, int32_t channels_in, int32_t zero_in, int8_t *edge)
{
    const int32_t run = wide * channels_in;
    const int8_t *a = edge, *b = edge + run;
    if (row != NULL && column >= 0 && column + further + wide <= width_in) {
        a = row + column * channels_in;
        b = a + further * channels_in;
    } else {
        memset(edge, zero_in, (size_t)(2 * run));
        for (; row != NULL && edge <= b; edge += run, column += further) {
            const int32_t start = column < 0 ? 0 : column;
            const int32_t stop = column + wide < width_in ? column + wide : width_in;
            if (start < stop)
                memcpy(edge + (start - column) * channels_in, row + start * channels_in,
                    (size_t)((stop - start) * channels_in));
        }
    }
    moving_both_codes(to, a, b, run);
}

/* All channels c of two pixels a and b of `count` codes, two channels at a time, the last of an odd number twice:
 *
 *   out[c * channel_step] = requant(start[c] + sum over k of a[k] * weights[c][k]); b's are pixel_step bytes from there
 *
 * start[c], the first word of a channel's in requant, is the bias less the input's zero point times the sum of the
 * weights, moved by what the requantization needs. A word of `codes` is a code of both, b's in the upper half: one
 * product is that of both pixels; behind them is room for what makes them fours. The weights are such that the sum of
 * two products fits the halves: its upper half, rounded, is b's; a's is what the sum of all words leaves beside
 * those. */
static void moving_tile_packed_high_rounded_kink(uint32_t *codes, int32_t count, const int8_t *weights,
    const int32_t *requant, int8_t *out, int32_t channels, int32_t pixel_step, int32_t channel_step)
{
    const int32_t *words = requant;
    const uint32_t *end = codes + count;
    for (; ((end - codes) & 3) != 0; end++)
        codes[end - codes] = 0; /* whatever weights are read there */
#if MOVING_TILE_ASM
    const int32_t begun = (int32_t)(end - codes) & 4; /* what the first turn has less, or has */
    const int32_t over = (int32_t)(end - codes) - count;
    const int8_t *w0, *w1 = weights + over;
    const uint32_t *const first = codes;
    const int32_t b_apart = pixel_step;
    for (int32_t left = channels; left > 0; left = left > 1 ? left & 1 : 0) {
        const int two = left > 1; /* else the last of an odd number stands for both */
        const int32_t pitch = two ? count : 0, further = two ? 16 : 0, step = two ? channel_step : 0;
        const int32_t *const stop = words + 4 * (two ? left & ~1 : 2);
        uint32_t both0, both1, b0, b1, x0, x1, x2, x3, p0, p1, p2;
        const uint32_t *x;
        __asm__ volatile(
            "0:\n\t"
            "ldr %[p0], %[words]\n\t"
            "ldr %[p1], %[further]\n\t"
            "ldr %[p2], %[pitch]\n\t"
            "ldr %[x3], %[over]\n\t"
            "ldr %[x], %[first]\n\t"
            "sub %[w0], %[w1], %[x3]\n\t"
            "add %[w1], %[w0], %[p2]\n\t"
            "ldr %[b1], [%[p0], %[p1]]\n\t"
            "ldr %[b0], [%[p0]]\n\t"
            "ldr %[x3], %[begun]\n\t"
            "add %[both0], %[b0], %[b0], lsl #16\n\t"
            "add %[both1], %[b1], %[b1], lsl #16\n\t"
            "cmp %[x3], #0\n\t"
            "bne 2f\n\t"
            "1:\n\t"
            "ldr %[x1], [%[x], #4]\n\t"
            "ldr %[x2], [%[x], #8]\n\t"
            "ldr %[x3], [%[x], #12]\n\t"
            "ldr %[x0], [%[x]], #16\n\t"
            "ldrsb %[p0], [%[w0], #2]\n\t"
            "ldrsb %[p1], [%[w0], #3]\n\t"
            "ldrsb %[p2], [%[w1], #2]\n\t"
            "muls %[p0], %[x2], %[p0]\n\t"
            "mla %[p0], %[x3], %[p1], %[p0]\n\t"
            "add %[both0], %[both0], %[p0]\n\t"
            "add %[p0], %[p0], #0x8000\n\t"
            "add %[b0], %[b0], %[p0], asr #16\n\t"
            "ldrsb %[p0], [%[w1], #3]\n\t"
            "ldrsb %[p1], [%[w0], #1]\n\t"
            "muls %[p2], %[x2], %[p2]\n\t"
            "mla %[p2], %[x3], %[p0], %[p2]\n\t"
            "add %[both1], %[both1], %[p2]\n\t"
            "add %[p2], %[p2], #0x8000\n\t"
            "add %[b1], %[b1], %[p2], asr #16\n\t"
            "ldrsb %[p0], [%[w0]], #4\n\t"
            "ldrsb %[p2], [%[w1], #1]\n\t"
            "ldrsb %[x2], [%[w1]], #4\n\t"
            "muls %[p1], %[x1], %[p1]\n\t"
            "mla %[p1], %[x0], %[p0], %[p1]\n\t"
            "add %[both0], %[both0], %[p1]\n\t"
            "add %[p1], %[p1], #0x8000\n\t"
            "add %[b0], %[b0], %[p1], asr #16\n\t"
            "muls %[p2], %[x1], %[p2]\n\t"
            "mla %[p2], %[x0], %[x2], %[p2]\n\t"
            "add %[both1], %[both1], %[p2]\n\t"
            "add %[p2], %[p2], #0x8000\n\t"
            "add %[b1], %[b1], %[p2], asr #16\n\t"
            "2:\n\t"
            "ldr %[x1], [%[x], #4]\n\t"
            "ldr %[x2], [%[x], #8]\n\t"
            "ldr %[x3], [%[x], #12]\n\t"
            "ldr %[x0], [%[x]], #16\n\t"
            "ldrsb %[p0], [%[w0], #2]\n\t"
            "ldrsb %[p1], [%[w0], #3]\n\t"
            "ldrsb %[p2], [%[w1], #2]\n\t"
            "muls %[p0], %[x2], %[p0]\n\t"
            "mla %[p0], %[x3], %[p1], %[p0]\n\t"
            "add %[both0], %[both0], %[p0]\n\t"
            "add %[p0], %[p0], #0x8000\n\t"
            "add %[b0], %[b0], %[p0], asr #16\n\t"
            "ldrsb %[p0], [%[w1], #3]\n\t"
            "ldrsb %[p1], [%[w0], #1]\n\t"
            "muls %[p2], %[x2], %[p2]\n\t"
            "mla %[p2], %[x3], %[p0], %[p2]\n\t"
            "add %[both1], %[both1], %[p2]\n\t"
            "add %[p2], %[p2], #0x8000\n\t"
            "add %[b1], %[b1], %[p2], asr #16\n\t"
            "ldrsb %[p0], [%[w0]], #4\n\t"
            "ldrsb %[p2], [%[w1], #1]\n\t"
            "ldrsb %[x2], [%[w1]], #4\n\t"
            "ldr %[x3], %[end]\n\t"
            "muls %[p1], %[x1], %[p1]\n\t"
            "mla %[p1], %[x0], %[p0], %[p1]\n\t"
            "add %[both0], %[both0], %[p1]\n\t"
            "add %[p1], %[p1], #0x8000\n\t"
            "add %[b0], %[b0], %[p1], asr #16\n\t"
            "muls %[p2], %[x1], %[p2]\n\t"
            "mla %[p2], %[x0], %[x2], %[p2]\n\t"
            "add %[both1], %[both1], %[p2]\n\t"
            "add %[p2], %[p2], #0x8000\n\t"
            "add %[b1], %[b1], %[p2], asr #16\n\t"
            "cmp %[x], %[x3]\n\t"
            "bne 1b\n\t"
            "ldr %[p0], %[words]\n\t"
            "ldr %[p1], %[out]\n\t"
            "ldr %[p2], %[b_apart]\n\t"
            "ldr %[x3], %[further]\n\t"
            "ldr %[x0], [%[p0], #4]\n\t"
            "ldr %[x1], [%[p0], #8]\n\t"
            "ldr %[x2], [%[p0], #12]\n\t"
            "add %[x3], %[x3], %[p0]\n\t"
            "sub %[both0], %[both0], %[b0], lsl #16\n\t"
            "lsl %[both0], %[both0], #1\n\t"
            "smull %[x], %[w0], %[both0], %[x0]\n\t"
            "adds %[x], %[x], #0x80000000\n\t"
            "adc %[w0], %[w0], %[x1]\n\t"
            "add %[w0], %[w0], %[both0], asr #31\n\t"
            "asr %[w0], %[w0], %[x2]\n\t"
            "ssat %[w0], #8, %[w0]\n\t"
            "strb %[w0], [%[p1]]\n\t"
            "lsl %[b0], %[b0], #1\n\t"
            "smull %[x], %[w0], %[b0], %[x0]\n\t"
            "adds %[x], %[x], #0x80000000\n\t"
            "adc %[w0], %[w0], %[x1]\n\t"
            "add %[w0], %[w0], %[b0], asr #31\n\t"
            "asr %[w0], %[w0], %[x2]\n\t"
            "ssat %[w0], #8, %[w0]\n\t"
            "strb %[w0], [%[p1], %[p2]]\n\t"
            "add %[p0], %[p0], #32\n\t"
            "ldr %[x0], [%[x3], #4]\n\t"
            "ldr %[x1], [%[x3], #8]\n\t"
            "ldr %[x2], [%[x3], #12]\n\t"
            "ldr %[x3], %[step]\n\t"
            "add %[p1], %[p1], %[x3]\n\t"
            "sub %[both1], %[both1], %[b1], lsl #16\n\t"
            "lsl %[both1], %[both1], #1\n\t"
            "smull %[x], %[w0], %[both1], %[x0]\n\t"
            "adds %[x], %[x], #0x80000000\n\t"
            "adc %[w0], %[w0], %[x1]\n\t"
            "add %[w0], %[w0], %[both1], asr #31\n\t"
            "asr %[w0], %[w0], %[x2]\n\t"
            "ssat %[w0], #8, %[w0]\n\t"
            "strb %[w0], [%[p1]]\n\t"
            "lsl %[b1], %[b1], #1\n\t"
            "smull %[x], %[w0], %[b1], %[x0]\n\t"
            "adds %[x], %[x], #0x80000000\n\t"
            "adc %[w0], %[w0], %[x1]\n\t"
            "add %[w0], %[w0], %[b1], asr #31\n\t"
            "asr %[w0], %[w0], %[x2]\n\t"
            "ssat %[w0], #8, %[w0]\n\t"
            "strb %[w0], [%[p1], %[p2]]\n\t"
            "add %[p1], %[p1], %[x3]\n\t"
            "ldr %[x0], %[stop]\n\t"
            "str %[p0], %[words]\n\t"
            "str %[p1], %[out]\n\t"
            "cmp %[p0], %[x0]\n\t"
            "bne 0b\n\t"
            : [both0] "=&r"(both0), [both1] "=&r"(both1), [b0] "=&r"(b0), [b1] "=&r"(b1), [x0] "=&l"(x0),
                [x1] "=&l"(x1), [x2] "=&l"(x2), [x3] "=&l"(x3),
            [p0] "=&l"(p0), [p1] "=&l"(p1), [p2] "=&l"(p2), [x] "=&l"(x), [w0] "=&r"(w0), [w1] "+&r"(w1),
                [words] "+m"(words), [out] "+m"(out)
            : [end] "m"(end), [begun] "m"(begun), [over] "m"(over), [first] "m"(first), [pitch] "m"(pitch),
                [further] "m"(further), [step] "m"(step),
            [stop] "m"(stop), [b_apart] "m"(b_apart)
            : "cc", "memory");
    }
#else
    for (; channels > 0; channels -= 2) {
        const int8_t *w0 = weights;
        const int8_t *w1 = channels > 1 ? weights + count : weights;
        const int32_t *const second = channels > 1 ? words + 4 : words;
        const uint32_t *x = codes;
        uint32_t both0 = (uint32_t)words[0], both1 = (uint32_t)second[0], b0 = 0, b1 = 0;
        do {
            const int32_t first0 = w0[0];
            const int32_t other0 = w0[1];
            const uint32_t p0 = x[0] * (uint32_t)first0 + x[1] * (uint32_t)other0;
            both0 += p0;
            b0 += (uint32_t)((int32_t)(p0 + 0x8000u) >> 16);
            const int32_t first1 = w1[0];
            const int32_t other1 = w1[1];
            const uint32_t p1 = x[0] * (uint32_t)first1 + x[1] * (uint32_t)other1;
            both1 += p1;
            b1 += (uint32_t)((int32_t)(p1 + 0x8000u) >> 16);
            x += 2;
            w0 += 2;
            w1 += 2;
        } while (x != end);
        {
            const int32_t multiplier_c = words[1];
            const int32_t offset_c = words[2];
            const int32_t shift_c = words[3];
            out[0] = (int8_t)moving_requant_high_rounded_kink((int32_t)((uint32_t)((int32_t)(both0 - (b0 << 16))) << 1),
                multiplier_c, offset_c, shift_c);
            out[pixel_step] = (int8_t)moving_requant_high_rounded_kink((int32_t)((uint32_t)((int32_t)(b0
                + (uint32_t)words[0])) << 1), multiplier_c, offset_c, shift_c);
            out += channel_step;
        }
        if (channels == 1)
            break;
        {
            const int32_t multiplier_c = second[1];
            const int32_t offset_c = second[2];
            const int32_t shift_c = second[3];
            out[0] = (int8_t)moving_requant_high_rounded_kink((int32_t)((uint32_t)((int32_t)(both1 - (b1 << 16))) << 1),
                multiplier_c, offset_c, shift_c);
            out[pixel_step] = (int8_t)moving_requant_high_rounded_kink((int32_t)((uint32_t)((int32_t)(b1
                + (uint32_t)second[0])) << 1), multiplier_c, offset_c, shift_c);
            out += channel_step;
        }
        weights += 2 * count;
        words += 8;
    }
#endif
}

/* A layer as moving_conv reads it. */
struct moving_conv_layer {
    int32_t channels_in; /* of an input pixel */
    int32_t channels_out; /* of an output pixel */
    int32_t width; /* pixels of a row */
    int32_t pixel_step; /* bytes from a pixel to the next */
    int32_t channel_step; /* bytes from a channel of a pixel to the next */
    int32_t zero_in; /* the code of zero in the input */
    int32_t width_in; /* pixels of an input row */
    int32_t height; /* rows of the input, or of a window */
    int32_t taps; /* of a window's row */
    int32_t tap_width; /* pixels that lie side by side in a tap */
    int32_t apart; /* pixels, or bytes, from a tap of a row to the next */
    int32_t stride; /* pixels from a window to the next */
    int32_t left; /* columns of padding before a row */
};

/* A row of a convolution, two pixels x at a time, the last of an odd row twice:
 *
 *   out[x][c] = requant(start[c] + sum over i, j, k of rows[i][x * stride - left + j * apart][k] * weights[c][i][j][k])
 *
 * start[c], the first word of a channel's in requant, is the bias less the input's zero point times the sum of the
 * weights, moved by what the requantization needs. rows: pixels of channels, NULL outside of the picture, where codes
 * are zero_in. out: pixel_step and channel_step say where. scratch: the windows of two pixels as words of both, `taps`
 * runs of `tap_width` pixels from each row; behind them two such runs that reach over an edge. */
static void moving_conv_high_rounded_kink(const int8_t *const *rows, int8_t *out, const int8_t *weights,
    const int32_t *requant, int32_t channels_in, int32_t channels_out, int32_t width, int32_t pixel_step,
    int32_t channel_step, int32_t zero_in, int32_t width_in, int32_t height, int32_t taps, int32_t tap_width,
    int32_t apart, int32_t stride, int32_t left, int8_t *scratch)
{
    const int32_t run = tap_width * channels_in;
    const int32_t count = height * taps * run;
    uint32_t *const codes = (uint32_t *)(void *)scratch;
    int8_t *const edge = scratch + 4 * ((count + 3) & ~3);
    for (int32_t x = 0; x < width; x += 2, out += 2 * pixel_step) {
        const int32_t two = x + 1 < width ? 1 : 0;
        uint32_t *to = codes;
        for (int32_t i = 0; i < height; i++) {
            int32_t column = x * stride - left;
            for (int32_t tap = 0; tap < taps; tap++, column += apart, to += run)
                moving_window_run(to, rows[i], column, two * stride, tap_width, width_in, channels_in, zero_in, edge);
        }
        moving_tile_packed_high_rounded_kink(codes, count, weights, requant, out, channels_out, two * pixel_step,
            channel_step);
    }
}

/* A layer as moving_depth_to_space reads it. */
struct moving_depth_to_space_layer {
    int32_t block; /* rows and columns of a block */
    int32_t width; /* pixels of a row */
    int32_t bytes; /* of a run that is copied in one piece */
};

/* A row of the blocks that a row of pixels unfolds to: out[x][i] = in[x][step mod block][i], i below `bytes`: block
 * pixels. */
static void moving_depth_to_space(const int8_t *in, int8_t *out, int32_t block, int32_t width, int32_t bytes,
    int32_t step)
{
    in += step % block * bytes;
    for (int32_t x = 0; x < width; x++, in += block * bytes, out += bytes)
        memcpy(out, in, (size_t)bytes);
}

/* A layer as moving_slice reads it. */
struct moving_slice_layer {
    int32_t first; /* bytes before the part */
    int32_t bytes; /* of a run that is copied in one piece */
};

/* A part of a row, in one piece: out[i] = in[first + i]. */
static void moving_slice_row(const int8_t *in, int8_t *out, int32_t first, int32_t bytes)
{
    in += first;
    memcpy(out, in, (size_t)bytes);
}

/* A layer as moving_pad reads it. */
struct moving_pad_layer {
    int32_t top; /* rows of padding above */
    int32_t height; /* rows of the input, or of a window */
    int32_t left; /* columns of padding before a row */
    int32_t width; /* pixels of a row */
    int32_t right; /* columns of padding behind a row */
    int32_t front; /* channels of padding before those of a pixel */
    int32_t channels; /* of a pixel */
    int32_t back; /* channels of padding behind those of a pixel */
    int32_t value; /* the code of padding */
};

/* A row with its padding: out[left + x][front + c] = in[x][c], and `value` around it and in rows above and below. Both
 * are pixels of channels. */
static void moving_pad(const int8_t *in, int8_t *out, int32_t top, int32_t height, int32_t left, int32_t width,
    int32_t right, int32_t front, int32_t channels, int32_t back, int32_t value, int32_t step)
{
    const int32_t pixel = front + channels + back;
    memset(out, value, (size_t)((left + width + right) * pixel));
    if (step < top || step >= top + height)
        return;
    for (int32_t x = 0; x < width; x++)
        memcpy(out + (left + x) * pixel + front, in + x * channels, (size_t)channels);
}

/* A layer as moving_transpose_conv reads it. */
struct moving_transpose_conv_layer {
    int32_t zero_in; /* the code of zero in the input */
    int32_t height_in; /* rows of the input */
    int32_t width_in; /* pixels of an input row */
    int32_t channels_in; /* of an input pixel */
    int32_t top; /* rows of padding above */
    int32_t left; /* columns of padding before a row */
    int32_t width_out; /* pixels of an output row */
    int32_t channels_out; /* of an output pixel */
    int32_t pixel_step; /* bytes from a pixel to the next */
    int32_t channel_step; /* bytes from a channel of a pixel to the next */
};

/* A row of a 3 x 3 transposed convolution, stride 2, which gathers what each input pixel gives to an output pixel:
 *
 *   out[x][c] = requant(start[c] + sum over i, j, k of (in[i][j][k] - zero_in)
 *     * weights[c][step + top - i * 2][x + left - j * 2][k])
 *
 * over the i and j whose weights there are. in: pixels of channels; out: pixel_step and channel_step say where. */
static void moving_transpose_conv_3x3_s2_high_2(const int8_t *in, int32_t slots, int32_t pitch, int8_t *out,
    const int8_t *weights, const int32_t *requant, int32_t zero_in, int32_t height_in, int32_t width_in,
    int32_t channels_in, int32_t top, int32_t left, int32_t width_out, int32_t channels_out, int32_t pixel_step,
    int32_t channel_step, int32_t step)
{
    const int32_t multiplier = requant[0];
    const int32_t offset = requant[1];
    const int32_t row = step + top;
    const int32_t first_row = row < 3 ? 0 : (row - 3) / 2 + 1;
    const int32_t last_row = row / 2 < height_in ? row / 2 : height_in - 1;
    for (int32_t c = 0; c < channels_out; c++) {
        const int8_t *const filter = weights + c * (9 * channels_in);
        const int32_t *const words = requant + 2 + c * 1;
        for (int32_t x = 0; x < width_out; x++) {
            const int32_t column = x + left;
            const int32_t first_column = column < 3 ? 0 : (column - 3) / 2 + 1;
            const int32_t last_column = column / 2 < width_in ? column / 2 : width_in - 1;
            int32_t acc = words[0];
            for (int32_t i = first_row; i <= last_row; i++) {
                const int8_t *pixel = in + i % slots * pitch + first_column * channels_in;
                const int8_t *tap = filter + ((row - i * 2) * 3 + column - first_column * 2) * channels_in;
                for (int32_t j = first_column; j <= last_column; j++) {
                    for (int32_t k = 0; k < channels_in; k++)
                        acc += (pixel[k] - zero_in) * tap[k];
                    pixel += channels_in;
                    tap -= 2 * channels_in;
                }
            }
            out[x * pixel_step + c * channel_step] = (int8_t)moving_requant_high_2(acc, multiplier, offset);
        }
    }
}

/* A layer as moving_argmax reads it. */
struct moving_argmax_layer {
    int32_t width; /* pixels of a row */
    int32_t channels; /* of a pixel */
};

/* out[x] = the first c of those with the greatest in[x][c]. in: pixels of channels; out: an int32 of each pixel. */
static void moving_argmax(const int8_t *in, int32_t *out, int32_t width, int32_t channels)
{
    for (int32_t x = 0; x < width; x++, in += channels) {
        int32_t best = 0;
        for (int32_t c = 1; c < channels; c++)
            if (in[c] > in[best])
                best = c;
        out[x] = best;
    }
}

/* Layer 0, conv0: Conv 3x3, 8x8x4 -> 8x8x8, from node 0 'conv0' of the model.
 * Reads x [168, 264), writes conv0 [264, 328), scratch [0, 168).
 * Accumulators, bias included, lie in [-315,741, 319,209] for every input. */
static void moving_layer_0_conv0(int8_t *arena, int32_t step)
{
    static const struct moving_conv_layer layer = {.channels_in = 4, .channels_out = 8, .width = 8, .pixel_step = 8,
        .channel_step = 1, .zero_in = 6, .width_in = 8, .height = 3, .taps = 1, .tap_width = 3, .apart = 1, .stride = 1,
        .left = 1};
    const int8_t *rows[3];
    moving_window(rows, arena, &moving_x_buffer, step - 1, 3, 1);
    MOVING_HOOK(0, 0);
    moving_conv_high_rounded_kink(rows, moving_row(arena, &moving_conv0_buffer, step), moving_conv0_weights,
        moving_conv0_requant, layer.channels_in, layer.channels_out, layer.width, layer.pixel_step, layer.channel_step,
        layer.zero_in, layer.width_in, layer.height, layer.taps, layer.tap_width, layer.apart, layer.stride, layer.left,
        arena + MOVING_SCRATCH_conv0);
    MOVING_HOOK(0, 1);
}

/* Layer 1, blocks1: DepthToSpace, 8x8x8 -> 16x16x2, from node 1 'blocks1' of the model.
 * Reads conv0 [264, 328), writes blocks1 [0, 32). */
static void moving_layer_1_blocks1(int8_t *arena, int32_t step)
{
    static const struct moving_depth_to_space_layer layer = {.block = 2, .width = 8, .bytes = 4};
    MOVING_HOOK(1, 0);
    moving_depth_to_space(moving_row(arena, &moving_conv0_buffer, step / 2),
        moving_row(arena, &moving_blocks1_buffer, step), layer.block, layer.width, layer.bytes, step);
    MOVING_HOOK(1, 1);
}

/* Layer 2, slice2: Slice, 16x16x2 -> 12x12x2, from node 2 'slice2' of the model.
 * Reads blocks1 [0, 32), writes slice2 [2424, 2712). */
static void moving_layer_2_slice2(int8_t *arena, int32_t step)
{
    static const struct moving_slice_layer layer = {.first = 4, .bytes = 24};
    MOVING_HOOK(2, 0);
    moving_slice_row(moving_row(arena, &moving_blocks1_buffer, step + 1),
        moving_row(arena, &moving_slice2_buffer, step), layer.first, layer.bytes);
    MOVING_HOOK(2, 1);
}

/* Layer 3, pad3: Pad, 12x12x2 -> 14x14x2, from node 3 'pad3' of the model.
 * Reads slice2 [2424, 2712), writes pad3 [2996, 3052). */
static void moving_layer_3_pad3(int8_t *arena, int32_t step)
{
    static const struct moving_pad_layer layer = {.top = 1, .height = 12, .left = 0, .width = 12, .right = 2,
        .front = 0, .channels = 2, .back = 0, .value = 18};
    MOVING_HOOK(3, 0);
    moving_pad(moving_row(arena, &moving_slice2_buffer, step - 1 < 0 ? 0 : step - 1 < 12 ? step - 1 : 11),
        moving_row(arena, &moving_pad3_buffer, step), layer.top, layer.height, layer.left, layer.width, layer.right,
        layer.front, layer.channels, layer.back, layer.value, step);
    MOVING_HOOK(3, 1);
}

/* Layer 4, transposed4: TransposeConv, 14x14x2 -> 28x28x4, from node 4 'transposed4' of the model.
 * Reads pad3 [2996, 3052), writes transposed4 [3136, 3248).
 * Accumulators, bias included, lie in [-77,542, 80,608] for every input. */
static void moving_layer_4_transposed4(int8_t *arena, int32_t step)
{
    static const struct moving_transpose_conv_layer layer = {.zero_in = 18, .height_in = 14, .width_in = 14,
        .channels_in = 2, .top = 0, .left = 0, .width_out = 28, .channels_out = 4, .pixel_step = 4, .channel_step = 1};
    MOVING_HOOK(4, 0);
    moving_transpose_conv_3x3_s2_high_2(arena + moving_pad3_buffer.offset, moving_pad3_buffer.slots,
        moving_pad3_buffer.pitch, moving_row(arena, &moving_transposed4_buffer, step), moving_transposed4_weights,
        moving_transposed4_requant, layer.zero_in, layer.height_in, layer.width_in, layer.channels_in, layer.top,
        layer.left, layer.width_out, layer.channels_out, layer.pixel_step, layer.channel_step, step);
    MOVING_HOOK(4, 1);
}

/* Layer 5, argmax5: ArgMax, 28x28x4 -> 28x28x1, from node 5 'argmax5' of the model.
 * Reads transposed4 [3136, 3248), writes argmax5 [0, 3136). */
static void moving_layer_5_argmax5(int8_t *arena, int32_t step)
{
    static const struct moving_argmax_layer layer = {.width = 28, .channels = 4};
    MOVING_HOOK(5, 0);
    moving_argmax(moving_row(arena, &moving_transposed4_buffer, step),
        (int32_t *)(void *)moving_row(arena, &moving_argmax5_buffer, step), layer.width, layer.channels);
    MOVING_HOOK(5, 1);
}

/* Computes step `step` of a node. Nodes are the layers that the schedule fires, numbered in its order. */
static void moving_fire(int8_t *arena, int32_t node, int32_t step)
{
    switch (node) {
    case 0:
        moving_layer_0_conv0(arena, step);
        break;
    case 1:
        moving_layer_1_blocks1(arena, step);
        break;
    case 2:
        moving_layer_2_slice2(arena, step);
        break;
    case 3:
        moving_layer_3_pad3(arena, step);
        break;
    case 4:
        moving_layer_4_transposed4(arena, step);
        break;
    case 5:
        moving_layer_5_argmax5(arena, step);
        break;
    default:
        break;
    }
}

/* Every node: its steps; its waits in the table below, from first_wait up to, without, end_wait; and resume_at, the
 * node whose turn it is after a step: where the branches that begin with this one have come together. */
static const struct {
    uint16_t steps, first_wait, end_wait, resume_at;
} moving_nodes[] = {
    {8, 0, 1, 1}, /* node 0: layer 0, conv0 */
    {16, 1, 2, 2}, /* node 1: layer 1, blocks1 */
    {12, 2, 3, 2}, /* node 2: layer 2, slice2 */
    {14, 3, 3, 4}, /* node 3: layer 3, pad3 */
    {28, 3, 4, 5}, /* node 4: layer 4, transposed4 */
    {28, 4, 5, 5}, /* node 5: layer 5, argmax5 */
};

/* Step s waits until `source` has done (s * times + plus) / over of its steps, at most `most`. */
static const struct {
    int16_t source, times, plus, over, most;
} moving_waits[] = {
    {-1, 1, 2, 1, 8},
    {0, 1, 2, 2, 8},
    {1, 1, 2, 1, 13},
    {3, 1, 2, 2, 14},
    {4, 1, 1, 1, 28},
};

/* The first node of every segment, and the end of the last. */
static const uint16_t moving_segments[] = {0, 3, 6};

/* `node` itself if the rows that its next step reads are there; else the node that owes some, or the one before it
 * where none does: it has done all of its steps, or waits for the input. `done` counts the steps of nodes `first` and
 * on. */
static int32_t moving_next(const uint16_t *done, int32_t first, int32_t node, int32_t pushed)
{
    const int32_t step = done[node - first];
    if (step == moving_nodes[node].steps)
        return node - 1;
    for (int32_t i = moving_nodes[node].first_wait; i < moving_nodes[node].end_wait; i++) {
        const int32_t source = moving_waits[i].source;
        int32_t need = (step * moving_waits[i].times + moving_waits[i].plus) / moving_waits[i].over;
        if (need > moving_waits[i].most)
            need = moving_waits[i].most;
        if ((source < 0 ? pushed : (int32_t)done[source - first]) < need)
            return source < 0 ? node - 1 : source;
    }
    return node;
}

/* Fires what the last node of the segment [first, stop) needs, row by row, then what else can fire. */
static void moving_stream(int8_t *arena, uint16_t *done, int32_t first, int32_t stop, int32_t pushed)
{
    int32_t node = stop - 1;
    while (node >= first) {
        int32_t next = moving_next(done, first, node, pushed);
        if (next == node) {
            next = moving_nodes[node].resume_at;
            moving_fire(arena, node, done[node - first]++);
        }
        node = next;
    }
}

/* The schedule's state, in the arena: rows pushed, whether the output is ready, steps done of each node of the segment
 * that runs. */
struct moving_state {
    uint16_t pushed, ready, done[3];
};

/* Where it lies. */
static struct moving_state *moving_state_of(void *arena)
{
    return (struct moving_state *)(void *)((int8_t *)arena + MOVING_COUNTERS);
}

void moving_begin(void *arena)
{
    memset(moving_state_of(arena), 0, sizeof(struct moving_state));
}

int moving_push_row(void *arena, const int8_t *row)
{
    struct moving_state *const state = moving_state_of(arena);
    if (state->ready)
        return 1;
    memcpy(moving_row((int8_t *)arena, &moving_x_buffer, state->pushed), row, 32);
    state->pushed++;
    moving_stream(arena, state->done, moving_segments[0], moving_segments[1], state->pushed);
    if (state->pushed < 8)
        return 0;
    for (int32_t i = 1; i < 2; i++) {
        memset(state->done, 0, sizeof state->done);
        moving_stream(arena, state->done, moving_segments[i], moving_segments[i + 1], 0);
    }
    state->ready = 1;
    return 1;
}

const int32_t *moving_output(const void *arena)
{
    return (const int32_t *)(const void *)((const int8_t *)arena + moving_argmax5_buffer.offset);
}
