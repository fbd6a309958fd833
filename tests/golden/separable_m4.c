/* separable: separable, compiled by ircompile 0.1.0 for cortex-m4.
 *
 * Layers run in segments, one segment after the other. Within a segment they take turns, row by row, as the last one
 * needs their rows; separable_layer_0 and on are the layers. The segments are these layers:
 *   0 to 3, 4 to 7
 *
 * Memory: a tensor is rows in the arena, row r at offset + (r + slot_offset) % slots * pitch. This map has, for all
 * that lies there, its bytes [from, to), slots x pitch, the first and the last layer that use it, and height x width x
 * channels. A row is pixels of channels; where chw is said, it is channels of pixels. Lines may overlap, within a
 * segment too: rows that are never needed at one time share bytes. Layers `first - last` touch a place; that is not how
 * long its bytes live: kept rows and scratch may take turns in the same bytes from step to step.
 *
 *   bytes         rows        layers  what
 *   [0, 16)                    0 - 0  scratch of conv0
 *   [0, 16)                    1 - 1  scratch of dw1
 *   [0, 64)                    2 - 2  scratch of conv2
 *   [0, 16)                    4 - 4  scratch of conv4
 *   [0, 16)                    5 - 5  scratch of dw5
 *   [0, 64)                    6 - 6  scratch of conv6
 *   [0, 64)                    7 - 7  scratch of dw7
 *   [64, 1088)    16 x 64      0 - 3  x 16x16x4 input
 *   [64, 1088)    16 x 64      3 - 4  add3 16x16x4, in the rows of x
 *   [64, 384)     5 x 64       6 - 7  conv6 8x8x8 chw
 *   [384, 896)    8 x 64       7 - 7  dw7 8x8x8 output
 *   [1088, 1344)  1 x 256      1 - 2  dw1 16x16x16
 *   [1088, 1344)  1 x 256      2 - 3  conv2 16x16x4, in the rows of dw1
 *   [1088, 1216)  1 x 128      5 - 6  dw5 8x8x16
 *   [1216, 1984)  3 x 256      4 - 5  conv4 16x16x16 chw
 *   [1344, 2112)  3 x 256      0 - 1  conv0 16x16x16 chw
 *   [2112, 2120)               0 - 7  the schedule's state: steps done by each layer
 */
#if defined(__arm__) && defined(__GNUC__) && !defined(__clang__) && !defined(SEPARABLE_NO_ASM)
#pragma GCC optimize("omit-frame-pointer") /* loops in assembly need its register, too; to be said before any function */
#endif

#include "separable.h"
#if SEPARABLE_BUILD != 0x139cc196u
#error "separable.c and separable.h are not from one compilation: take all files of one"
#endif

#include <stddef.h>
#include <string.h>

/* Called before (0) and after (1) every row that a layer computes, with the layer's number; define it to measure or to
 * debug. Copies of rows that are kept are outside. */
#ifndef SEPARABLE_HOOK
#define SEPARABLE_HOOK(layer, phase)
#endif

extern const int32_t separable_conv0_stream[56];
extern const int8_t separable_dw1_weights[144];
extern const int32_t separable_dw1_requant[32];
extern const int32_t separable_conv2_stream[32];
extern const int32_t separable_conv4_stream[56];
extern const int8_t separable_dw5_weights[144];
extern const int32_t separable_dw5_requant[32];
extern const int32_t separable_conv6_stream[64];
extern const int8_t separable_dw7_weights[203];
extern const int32_t separable_dw7_requant[32];

/* Small functions are part of their callers; without optimization they are functions, for the debugger to step into. */
#if defined(__GNUC__) && defined(__OPTIMIZE__)
#define SEPARABLE_INLINE static inline __attribute__((always_inline))
#else
#define SEPARABLE_INLINE static inline
#endif
#if defined(__GNUC__)
#define SEPARABLE_NOINLINE static __attribute__((noinline))
#else
#define SEPARABLE_NOINLINE static
#endif

/* Kernels with assembly that takes all registers: their variables must be near the stack pointer, so they are not in
 * line with what has others. */
#if defined(__GNUC__)
#define SEPARABLE_ALONE __attribute__((noinline))
#else
#define SEPARABLE_ALONE
#endif

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
/* sum + bottom * bottom. */
SEPARABLE_INLINE int32_t separable_smlabb(int32_t a, int32_t b, int32_t sum)
{
    return __smlabb(a, b, sum);
}

/* sum + bottom * bottom + top * top. */
SEPARABLE_INLINE int32_t separable_smlad(int32_t a, int32_t b, int32_t sum)
{
    return __smlad(a, b, sum);
}

/* sum + bottom * top + top * bottom. */
SEPARABLE_INLINE int32_t separable_smladx(int32_t a, int32_t b, int32_t sum)
{
    return __smladx(a, b, sum);
}

/* sum + top * bottom. */
SEPARABLE_INLINE int32_t separable_smlatb(int32_t a, int32_t b, int32_t sum)
{
    return __smlatb(a, b, sum);
}

/* Bytes 0 and 2 of a word as signed halfwords. */
SEPARABLE_INLINE int32_t separable_sxtb16(int32_t word)
{
    return __sxtb16(word);
}
#elif defined(__arm__)
#error "compiled for cortex-m4, whose DSP instructions this core has not: compile the model with --target for this core"
#else
/* The same in plain C: this code runs on a PC, too, with the same results. */

/* The lower halfword, signed. */
SEPARABLE_INLINE int32_t separable_bottom(int32_t word)
{
    return (int16_t)(uint16_t)((uint32_t)word & 0xFFFFu);
}

/* The upper halfword, signed. */
SEPARABLE_INLINE int32_t separable_top(int32_t word)
{
    return word >> 16;
}

/* sum + first + second, modulo 2^32. */
SEPARABLE_INLINE int32_t separable_wrap(int32_t sum, int32_t first, int32_t second)
{
    return (int32_t)((uint32_t)sum + (uint32_t)first + (uint32_t)second);
}

/* Two halfwords as a word. */
SEPARABLE_INLINE int32_t separable_pair(int32_t low, int32_t high)
{
    return (int32_t)(((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16);
}

/* sum + bottom * bottom. */
SEPARABLE_INLINE int32_t separable_smlabb(int32_t a, int32_t b, int32_t sum)
{
    return separable_wrap(sum, separable_bottom(a) * separable_bottom(b), 0);
}

/* sum + bottom * bottom + top * top. */
SEPARABLE_INLINE int32_t separable_smlad(int32_t a, int32_t b, int32_t sum)
{
    return separable_wrap(sum, separable_bottom(a) * separable_bottom(b), separable_top(a) * separable_top(b));
}

/* sum + bottom * top + top * bottom. */
SEPARABLE_INLINE int32_t separable_smladx(int32_t a, int32_t b, int32_t sum)
{
    return separable_wrap(sum, separable_bottom(a) * separable_top(b), separable_top(a) * separable_bottom(b));
}

/* sum + top * bottom. */
SEPARABLE_INLINE int32_t separable_smlatb(int32_t a, int32_t b, int32_t sum)
{
    return separable_wrap(sum, separable_top(a) * separable_bottom(b), 0);
}

/* Bytes 0 and 2 of a word as signed halfwords. */
SEPARABLE_INLINE int32_t separable_sxtb16(int32_t word)
{
    return separable_pair((int8_t)(uint8_t)word, (int8_t)(uint8_t)((uint32_t)word >> 16));
}
#endif

/* From an accumulator to a code: round(accumulator * scale) + zero point, as the model's framework rounds. Each
 * function below is cheaper than that and proved equal for all accumulators of its layers. What its name says:
 *   high     the high word of a 32 x 32 bit product; rounded: to the nearest, not down
 *   kink     accumulators below zero get a little less, because ties are rounded away from zero
 *   2        a number: the sum is shifted right by so many bits; without one, each channel has its shift
 */

/* Other words in names:
 *   pair_up_22  two codes times a multiplier each; the sum is shifted right by 22 bits; up: rounded down as it is,
 *               away, even: its ties corrected, away from zero or to even
 *   xx          the operands of an elementwise operation: x has a code for every pixel and channel, c one a channel,
 *               w one a pixel, 1 a single one
 */

/* (value >> shift) saturated to int8: one instruction where shift is a constant. */
#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__)
#define SEPARABLE_SATURATE(value, shift) ((int32_t)__builtin_arm_ssat((value) >> (shift), 8))
#elif defined(__ARM_FEATURE_SAT)
#include <arm_acle.h>
#define SEPARABLE_SATURATE(value, shift) ((int32_t)__ssat((value) >> (shift), 8))
#else
#define SEPARABLE_SATURATE(value, shift) separable_saturate((value) >> (shift))
/* value within the codes of int8. */
static inline int32_t separable_saturate(int32_t value)
{
    return value < -128 ? -128 : value > 127 ? 127 : value;
}
#endif

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
/* offset + round(x * multiplier / 2^32), which fits int32: one instruction. */
static inline int32_t separable_rounded_high_word(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(x), "r"(multiplier), "r"(offset));
    return sum;
}
#else
/* offset + round(x * multiplier / 2^32), which fits int32. */
static inline int32_t separable_rounded_high_word(int32_t x, int32_t multiplier, int32_t offset)
{
    return offset + (int32_t)(((int64_t)x * multiplier + INT64_C(2147483648)) >> 32);
}
#endif

/* (offset + round(x * multiplier / 2^32)) >> 11, saturated. x is the accumulator times a power of two. */
static inline int32_t separable_requant_high_rounded_11(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum = separable_rounded_high_word(x, multiplier, offset);
    return SEPARABLE_SATURATE(sum, 11);
}

/* (offset + round(x * multiplier / 2^32)) >> 2, saturated. */
static inline int32_t separable_requant_high_rounded_2(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum = separable_rounded_high_word(x, multiplier, offset);
    return SEPARABLE_SATURATE(sum, 2);
}

/* (offset + round(x * multiplier / 2^32)) >> 3, saturated. */
static inline int32_t separable_requant_high_rounded_3(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum = separable_rounded_high_word(x, multiplier, offset);
    return SEPARABLE_SATURATE(sum, 3);
}

/* (offset + round(x * multiplier / 2^32), less 1 where x < 0) >> shift, saturated. x is the accumulator times a power
 * of two. */
static inline int32_t separable_requant_high_rounded_kink(int32_t x, int32_t multiplier, int32_t offset, int32_t shift)
{
    int32_t sum = separable_rounded_high_word(x, multiplier, offset);
    sum += x >> 31; /* ties of negative numbers go down */
    return SEPARABLE_SATURATE(sum, shift);
}

/* (offset + a * multiplier_a + b * multiplier_b) / 2^22, rounded down, saturated. */
static inline int32_t separable_requant_pair_up_22(int32_t a, int32_t b, int32_t multiplier_a, int32_t multiplier_b,
    int32_t offset)
{
    int32_t sum = offset + a * multiplier_a + b * multiplier_b;
    return SEPARABLE_SATURATE(sum, 22);
}

/* The rows of a tensor in the arena: row r at offset + (r + slot_offset) % slots * pitch. */
struct separable_buffer {
    int32_t offset, pitch, height, slots, slot_offset;
};

static const struct separable_buffer separable_x_buffer = {.offset = 64, .pitch = 64, .height = 16, .slots = 16,
    .slot_offset = 0};
static const struct separable_buffer separable_conv0_buffer = {.offset = 1344, .pitch = 256, .height = 16, .slots = 3,
    .slot_offset = 0};
static const struct separable_buffer separable_dw1_buffer = {.offset = 1088, .pitch = 256, .height = 16, .slots = 1,
    .slot_offset = 0};
static const struct separable_buffer separable_conv2_buffer = {.offset = 1088, .pitch = 256, .height = 16, .slots = 1,
    .slot_offset = 0};
static const struct separable_buffer separable_add3_buffer = {.offset = 64, .pitch = 64, .height = 16, .slots = 16,
    .slot_offset = 0};
static const struct separable_buffer separable_conv4_buffer = {.offset = 1216, .pitch = 256, .height = 16, .slots = 3,
    .slot_offset = 0};
static const struct separable_buffer separable_dw5_buffer = {.offset = 1088, .pitch = 128, .height = 8, .slots = 1,
    .slot_offset = 0};
static const struct separable_buffer separable_conv6_buffer = {.offset = 64, .pitch = 64, .height = 8, .slots = 5,
    .slot_offset = 0};
static const struct separable_buffer separable_dw7_buffer = {.offset = 384, .pitch = 64, .height = 8, .slots = 8,
    .slot_offset = 0};

/* Where everything else lies. */
enum {
    SEPARABLE_COUNTERS = 2112, /* the schedule's state */
    SEPARABLE_SCRATCH_conv0 = 0, /* 16 bytes */
    SEPARABLE_SCRATCH_dw1 = 0, /* 16 bytes */
    SEPARABLE_SCRATCH_conv2 = 0, /* 64 bytes */
    SEPARABLE_SCRATCH_conv4 = 0, /* 16 bytes */
    SEPARABLE_SCRATCH_dw5 = 0, /* 16 bytes */
    SEPARABLE_SCRATCH_conv6 = 0, /* 64 bytes */
    SEPARABLE_SCRATCH_dw7 = 0 /* 64 bytes */
};

/* Row `row` of a tensor. */
SEPARABLE_INLINE int8_t *separable_row(int8_t *arena, const struct separable_buffer *buffer, int32_t row)
{
    const int whole = buffer->slot_offset == 0 && buffer->slots >= buffer->height;
    return arena + buffer->offset + (whole ? row : (row + buffer->slot_offset) % buffer->slots) * buffer->pitch;
}

/* Pointers to `count` rows from `first` on, `apart` rows from each other, of a ring of `slots` rows of `pitch` bytes at
 * `base`; NULL outside of the picture. Many call it, once a row: in line it would take more flash and save next to no
 * time. */
SEPARABLE_NOINLINE void separable_rows_at(const int8_t **rows, int32_t count, int32_t first, int32_t apart,
    const int8_t *base, int32_t height, int32_t slot_offset, int32_t slots, int32_t pitch)
{
    for (int32_t i = 0; i < count; i++, first += apart)
        rows[i] = first < 0 || first >= height ? NULL : base + (first + slot_offset) % slots * pitch;
}

/* Pointers to `count` rows of a tensor from `first` on, `apart` rows from each other; NULL outside of the picture. */
SEPARABLE_INLINE void separable_window(const int8_t **rows, const int8_t *arena, const struct separable_buffer *buffer,
    int32_t first, int32_t count, int32_t apart)
{
    separable_rows_at(rows, count, first, apart, arena + buffer->offset, buffer->height, buffer->slot_offset,
        buffer->slots, buffer->pitch);
}

/* Assembly for loops that fill all registers, where the compiler spills; what stands beside it in C does the same, with
 * other compilers and on other machines, or where SEPARABLE_NO_ASM is defined. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__clang__) && !defined(SEPARABLE_NO_ASM)
#define SEPARABLE_ASM 1
#define SEPARABLE_BARRIER(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory") /* no work on it is moved or kept */
#define SEPARABLE_SPILLED volatile
#else
#define SEPARABLE_ASM 0
#define SEPARABLE_BARRIER(pointer)
#define SEPARABLE_SPILLED
#endif

/* The register of a variable, for assembly: in any case, or as the optimizer does best. */
#if SEPARABLE_ASM
#define SEPARABLE_IN(name) __asm__(name)
#else
#define SEPARABLE_IN(name)
#endif
#if SEPARABLE_ASM && defined(__OPTIMIZE__)
#define SEPARABLE_BEST_IN(name) __asm__(name)
#else
#define SEPARABLE_BEST_IN(name) /* calls take registers */
#endif

/* Four codes from any address, as one word. */
static inline int32_t separable_unpack_word(const int8_t *codes)
{
    int32_t word;
    memcpy(&word, codes, sizeof word);
    return word;
}

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__clang__)
/* Codes 1 and 3 of a word as halfwords; separable_sxtb16 takes codes 0 and 2. */
static inline int32_t separable_unpack_odd(int32_t word)
{
    int32_t halves;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
}
#else
/* Codes 1 and 3 of a word as halfwords; separable_sxtb16 takes codes 0 and 2. */
static inline int32_t separable_unpack_odd(int32_t word)
{
    return separable_sxtb16((int32_t)((uint32_t)word >> 8));
}
#endif

/* A turn: two codes of a pixel, x, times the weights w of four channels, added to their sums. */
SEPARABLE_INLINE void separable_turn_4(int32_t *sums, const int32_t *w, int32_t x)
{
    sums[1] = separable_smlad(w[0], x, sums[1]);
    sums[0] = separable_smlad(separable_sxtb16(w[0]), x, sums[0]);
    sums[3] = separable_smlad(w[1], x, sums[3]);
    sums[2] = separable_smlad(separable_sxtb16(w[1]), x, sums[2]);
}

/* A turn in assembly, the first: b's sums begin where a's do. x0 and x1 become the next two codes of pixels a and b;
 * their products with the weights of four channels come to the sums a0 to a3 and b0 to b3. separable_turn_4 is the same
 * in C, for one pixel. */
#define SEPARABLE_ASM_TURN_FIRST \
    "ldrd %[x0], %[x1], [%[x]], #8\n\t" \
    "ldrd %[w0], %[w1], [%[w]], #8\n\t" \
    "smlad %[b1], %[w0], %[x1], %[a1]\n\t" \
    "smlad %[a1], %[w0], %[x0], %[a1]\n\t" \
    "sxtb16 %[w0], %[w0]\n\t" \
    "smlad %[b0], %[w0], %[x1], %[a0]\n\t" \
    "smlad %[a0], %[w0], %[x0], %[a0]\n\t" \
    "smlad %[b3], %[w1], %[x1], %[a3]\n\t" \
    "smlad %[a3], %[w1], %[x0], %[a3]\n\t" \
    "sxtb16 %[w1], %[w1]\n\t" \
    "smlad %[b2], %[w1], %[x1], %[a2]\n\t" \
    "smlad %[a2], %[w1], %[x0], %[a2]\n\t"

/* A turn in assembly. x0 and x1 become the next two codes of pixels a and b; their products with the weights of
 * four channels come to the sums a0 to a3 and b0 to b3. separable_turn_4 is the same in C, for one pixel. */
#define SEPARABLE_ASM_TURN_TWO \
    "ldrd %[x0], %[x1], [%[x]], #8\n\t" \
    "ldrd %[w0], %[w1], [%[w]], #8\n\t" \
    "smlad %[b1], %[w0], %[x1], %[b1]\n\t" \
    "smlad %[a1], %[w0], %[x0], %[a1]\n\t" \
    "sxtb16 %[w0], %[w0]\n\t" \
    "smlad %[b0], %[w0], %[x1], %[b0]\n\t" \
    "smlad %[a0], %[w0], %[x0], %[a0]\n\t" \
    "smlad %[b3], %[w1], %[x1], %[b3]\n\t" \
    "smlad %[a3], %[w1], %[x0], %[a3]\n\t" \
    "sxtb16 %[w1], %[w1]\n\t" \
    "smlad %[b2], %[w1], %[x1], %[b2]\n\t" \
    "smlad %[a2], %[w1], %[x0], %[a2]\n\t"

/* Makes codes of the sums of two channels, in place, for pixel a and for b. Sums of the second one are times 256.
 * words: two multipliers and an offset: the second channel's, whose lower half is the first one's. Returns the words
 * behind. */
SEPARABLE_INLINE const int32_t *separable_pair_codes_two_high_rounded_3(const int32_t *words, int32_t *a_first,
    int32_t *a_second, int32_t *b_first, int32_t *b_second)
{
#if SEPARABLE_ASM
    register int32_t multiplier_first SEPARABLE_IN("r9");
    register int32_t multiplier_second SEPARABLE_IN("r10");
    register int32_t offset_second SEPARABLE_IN("r11");
    __asm__ volatile(
        "ldmia %[words]!, { %[first], %[second], %[offset] }\n\t"
        : [first] "=&r"(multiplier_first), [second] "=&r"(multiplier_second), [offset] "=&r"(offset_second),
            [words] "+&r"(words)
        :
        : "memory");
#else
    const int32_t multiplier_first = words[0], multiplier_second = words[1], offset_second = words[2];
    words += 3;
#endif
    const int32_t offset_first = (int16_t)offset_second;
    *a_second = separable_requant_high_rounded_11(*a_second, multiplier_second, offset_second);
    *b_second = separable_requant_high_rounded_11(*b_second, multiplier_second, offset_second);
    *a_first = separable_requant_high_rounded_3(*a_first, multiplier_first, offset_first);
    *b_first = separable_requant_high_rounded_3(*b_first, multiplier_first, offset_first);
    return words;
}

/* Spreads four codes of pixels a and b as halfwords, codes 0 and 2 of both, then 1 and 3; moves the pointers on. */
SEPARABLE_INLINE void separable_spread_four(int32_t **to, const int8_t **a, const int8_t **b)
{
    int32_t *next = *to;
#if SEPARABLE_ASM
    register int32_t even_a SEPARABLE_IN("r8");
    register int32_t even_b SEPARABLE_IN("r9");
    register int32_t odd_a SEPARABLE_IN("r10");
    register int32_t odd_b SEPARABLE_IN("r11");
    __asm__ volatile(
        "ldr %[oa], [%[a]], #4\n\t"
        "ldr %[ob], [%[b]], #4\n\t"
        "sxtb16 %[ea], %[oa]\n\t"
        "sxtb16 %[eb], %[ob]\n\t"
        "sxtb16 %[oa], %[oa], ror #8\n\t"
        "sxtb16 %[ob], %[ob], ror #8\n\t"
        "stmia %[to]!, { %[ea], %[eb], %[oa], %[ob] }\n\t"
        : [ea] "=&r"(even_a), [eb] "=&r"(even_b), [oa] "=&r"(odd_a), [ob] "=&r"(odd_b), [a] "+&r"(*a), [b] "+&r"(*b),
        [to] "+&r"(next)
        :
        : "memory");
    *to = next;
#else
    next[0] = separable_sxtb16(separable_unpack_word(*a));
    next[1] = separable_sxtb16(separable_unpack_word(*b));
    next[2] = separable_unpack_odd(separable_unpack_word(*a));
    next[3] = separable_unpack_odd(separable_unpack_word(*b));
    *to += 4;
    *a += 4;
    *b += 4;
#endif
}

/* Spreads `count` codes of pixels a and b as halfwords from `next` on, the last count mod 4 in their order; returns
 * what follows. */
SEPARABLE_INLINE int32_t *separable_spread(int32_t *next, const int8_t *a, const int8_t *b, int32_t count)
{
    for (; count >= 8; count -= 8) {
        separable_spread_four(&next, &a, &b);
        separable_spread_four(&next, &a, &b);
    }
    if (count >= 4) {
        separable_spread_four(&next, &a, &b);
        count -= 4;
    }
    if (count > 0) {
        next[0] = count > 1 ? (int32_t)(((uint32_t)a[1] << 16) | (uint16_t)a[0]) : a[0];
        next[1] = count > 1 ? (int32_t)(((uint32_t)b[1] << 16) | (uint16_t)b[0]) : b[0];
        next += 2;
    }
    if (count > 2) {
        next[0] = a[2];
        next[1] = b[2];
        next += 2;
    }
    return next;
}

/* What the assembly of a tile leaves no register for. */
struct separable_kept {
    const int32_t *limit; /* the end of the patch */
    int32_t left_out; /* pairs of turns of the loop that are left out when it is entered */
    const int32_t *patch, *stream;
    int8_t *out, *out_end;
    int32_t pixel_step, channel_step;
};

/* Keeps what is the same for all pixels of a row. The patch has `words` words. */
SEPARABLE_INLINE void separable_kept_begin(SEPARABLE_SPILLED struct separable_kept *kept, const int32_t *patch,
    int32_t words, const int32_t *stream, int32_t pixel_step, int32_t channel_step)
{
    kept->limit = patch + words;
    kept->left_out = -(words >> 2) & 3;
    kept->patch = patch;
    kept->stream = stream;
    kept->pixel_step = pixel_step;
    kept->channel_step = channel_step;
}

/* All channels c of pixels a and b, whose codes are the `words` words of the patch, four at a time:
 *
 *   out[c * channel_step] = requant(start[c] + sum over k of a[k] * weights[c][k]); b's are beside them
 *
 * Turns are even in number. The loop in assembly is of eight behind the first, and entered where as many are left as
 * there are. */
SEPARABLE_INLINE void separable_tile_high_rounded_3(SEPARABLE_SPILLED struct separable_kept *kept, const int32_t *patch,
    int32_t words, int32_t channels_out)
{
    const int32_t *w = kept->stream;
#if SEPARABLE_ASM
    const int32_t *const limit = kept->limit;
    const int32_t left_out = kept->left_out;
#endif
    kept->out_end = kept->out + channels_out * kept->channel_step;
    for (const int8_t *done = kept->out; done != kept->out_end;) {
        const int32_t *codes = kept->patch;
#if SEPARABLE_ASM
        register int32_t a0 SEPARABLE_IN("r4");
        register int32_t a1 SEPARABLE_IN("r5");
        register int32_t a2 SEPARABLE_IN("r6");
        register int32_t a3 SEPARABLE_IN("r8");
        int32_t b0, b1, b2, b3, x0, x1, w0, w1;
        __asm__ volatile(
            "ldmia %[w]!, { %[a0], %[a1], %[a2], %[a3] }\n\t"
            SEPARABLE_ASM_TURN_FIRST
            "ldr %[w0], %[left_out]\n\t"
            "tbb [pc, %[w0]]\n"
            "0:\n\t"
            ".byte (2f - 0b) / 2, (3f - 0b) / 2, (4f - 0b) / 2, (5f - 0b) / 2\n\t"
            "1:\n\t"
            SEPARABLE_ASM_TURN_TWO
            "2:\n\t"
            SEPARABLE_ASM_TURN_TWO
            SEPARABLE_ASM_TURN_TWO
            "3:\n\t"
            SEPARABLE_ASM_TURN_TWO
            SEPARABLE_ASM_TURN_TWO
            "4:\n\t"
            SEPARABLE_ASM_TURN_TWO
            SEPARABLE_ASM_TURN_TWO
            "5:\n\t"
            SEPARABLE_ASM_TURN_TWO
            "ldr %[w0], %[limit]\n\t"
            "cmp %[x], %[w0]\n\t"
            "bcc 1b\n\t"
            : [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3),
            [b0] "=&r"(b0), [b1] "=&r"(b1), [b2] "=&r"(b2), [b3] "=&r"(b3),
            [x0] "=&r"(x0), [x1] "=&r"(x1), [w0] "=&r"(w0), [w1] "=&r"(w1), [x] "+&r"(codes), [w] "+&r"(w)
            : [limit] "m"(limit), [left_out] "m"(left_out)
            : "cc", "memory");
        const int32_t a[4] = {a0, a1, a2, a3}, b[4] = {b0, b1, b2, b3};
#else
        int32_t a[4], b[4];
        for (int32_t j = 0; j < 4; j++) {
            a[j] = w[j];
            b[j] = w[j];
        }
        w += 4;
        for (; codes < patch + words; codes += 2, w += 2) {
            separable_turn_4(a, w, codes[0]);
            separable_turn_4(b, w, codes[1]);
        }
#endif
        int32_t a_0 = a[0], b_0 = b[0];
        int32_t a_1 = (int32_t)((uint32_t)a[1] - (uint32_t)a[0]), b_1 = (int32_t)((uint32_t)b[1] - (uint32_t)b[0]);
        int32_t a_2 = a[2], b_2 = b[2];
        int32_t a_3 = (int32_t)((uint32_t)a[3] - (uint32_t)a[2]), b_3 = (int32_t)((uint32_t)b[3] - (uint32_t)b[2]);
        w = separable_pair_codes_two_high_rounded_3(w, &a_0, &a_1, &b_0, &b_1);
        int8_t *to = kept->out;
        const int32_t down = kept->channel_step;
        to[0] = (int8_t)a_0;
        to[1] = (int8_t)b_0;
        to += down;
        to[0] = (int8_t)a_1;
        to[1] = (int8_t)b_1;
        to += down;
        w = separable_pair_codes_two_high_rounded_3(w, &a_2, &a_3, &b_2, &b_3);
        to[0] = (int8_t)a_2;
        to[1] = (int8_t)b_2;
        to += down;
        to[0] = (int8_t)a_3;
        to[1] = (int8_t)b_3;
        to += down;
        kept->out = to;
        done = to;
    }
    (void)patch, (void)words; /* in assembly, what is kept says them */
}

/* A layer as separable_pointwise reads it. */
struct separable_pointwise_layer {
    int32_t channels_in; /* of an input pixel */
    int32_t channels_out; /* of an output pixel */
    int32_t width; /* pixels of a row */
    int32_t pixel_step; /* bytes from a pixel to the next */
    int32_t channel_step; /* bytes from a channel of a pixel to the next */
    int32_t words; /* of the patch: pairs of codes of two pixels */
};

/* A row of a 1 x 1 convolution, two pixels x at a time:
 *
 *   out[x][c] = requant(start[c] + sum over k of in[x][k] * weights[c][k])
 *
 * start[c] is the bias less the input's zero point times the sum of the weights, moved by what the requantization
 * needs. in: pixels of channels; out: pixel_step and channel_step say where. stream: how it is laid out stands above
 * its array. scratch: a patch, the codes of two pixels as halfwords. */
SEPARABLE_ALONE static void separable_pointwise_high_rounded_3(const int8_t *in, int8_t *out, const int32_t *stream,
    const struct separable_pointwise_layer *layer, int8_t *scratch)
{
    const int32_t channels_in = layer->channels_in;
    const int32_t channels_out = layer->channels_out;
    const int32_t width = layer->width;
    const int32_t pixel_step = layer->pixel_step;
    const int32_t channel_step = layer->channel_step;
    const int32_t words = layer->words;
    int32_t *const patch = (int32_t *)(void *)scratch;
    SEPARABLE_SPILLED struct separable_kept kept;
    separable_kept_begin(&kept, patch, words, stream, pixel_step, channel_step);
    for (int32_t x = width; x >= 2; x -= 2) {
        separable_spread(patch, in, in + channels_in, channels_in);
        kept.out = out;
        separable_tile_high_rounded_3(&kept, patch, words, channels_out);
        in += 2 * channels_in;
        out += 2 * pixel_step;
    }
}

/* A row of a window for two outputs at the left end of a row: what its codes, times the outer weights s and that
 * between, m, add to the sums y0 and y1. Returns the codes' next place. */
SEPARABLE_INLINE const int8_t *separable_two_taps_left_c(int32_t *y0, int32_t *y1, const int8_t *codes, int32_t s,
    int32_t m, uint32_t pad)
{
    int32_t e = separable_unpack_word(codes);
    e = (int32_t)(pad | (uint32_t)e << 8);
    const int32_t o = separable_unpack_odd(e);
    e = separable_sxtb16(e);
    *y0 = separable_smlad(e, s, *y0);
    *y0 = separable_smlabb(o, m, *y0);
    *y1 = separable_smlad(o, s, *y1);
    *y1 = separable_smlatb(e, m, *y1);
    return codes + 1;
}

/* A row of a window for two outputs: what its codes, times the outer weights s and that between, m, add to the sums
 * y0 and y1. Returns the codes' next place. */
SEPARABLE_INLINE const int8_t *separable_two_taps_middle_c(int32_t *y0, int32_t *y1, const int8_t *codes, int32_t s,
    int32_t m)
{
    int32_t e = separable_unpack_word(codes);
    const int32_t o = separable_unpack_odd(e);
    e = separable_sxtb16(e);
    *y0 = separable_smlad(e, s, *y0);
    *y0 = separable_smlabb(o, m, *y0);
    *y1 = separable_smlad(o, s, *y1);
    *y1 = separable_smlatb(e, m, *y1);
    return codes + 2;
}

/* A row of a window for two outputs at the right end of a row: what its codes, times the outer weights s and that
 * between, m, add to the sums y0 and y1. Returns the codes' next place. */
SEPARABLE_INLINE const int8_t *separable_two_taps_last_c(int32_t *y0, int32_t *y1, const int8_t *codes, int32_t s,
    int32_t m, uint32_t pad)
{
    int32_t e = separable_unpack_word(codes - 1);
    e = (int32_t)(pad | (uint32_t)e >> 8);
    const int32_t o = separable_unpack_odd(e);
    e = separable_sxtb16(e);
    *y0 = separable_smlad(e, s, *y0);
    *y0 = separable_smlabb(o, m, *y0);
    *y1 = separable_smlad(o, s, *y1);
    *y1 = separable_smlatb(e, m, *y1);
    return codes;
}

/* A layer as separable_depthwise_3x3 reads it. */
struct separable_depthwise_3x3_layer {
    int32_t zero_in; /* the code of zero in the input */
    int32_t width_in; /* pixels of an input row */
    int32_t channels; /* of a pixel */
    int32_t span; /* bytes of an input row that the loop over pairs of outputs walks along */
    int32_t pixel_step; /* bytes from a pixel to the next */
    int32_t channel_step; /* bytes from a channel of a pixel to the next */
};

/* A row of a 3 x 3 depthwise convolution, stride 1:
 *
 *   out[x][c] = requant(start + sum over i, j of rows[i][c][x - 1 + j] * filters[c][i][j])
 *
 * four or two outputs at once. rows: one channel after the other, NULL outside of the picture, where a row of padding
 * takes their place: zero_in. out: pixel_step and channel_step say where. filters: of each output channel its weights
 * [i][j] in the order 00 10 02 12 20 01 22 11 21. requant: of each output channel its start, which is the bias less
 * zero_in times the sum of the weights, moved by what the requantization needs, and multiplier, offset. */
SEPARABLE_ALONE static void separable_depthwise_3x3_high_rounded_2(const int8_t *const *rows, int8_t *out,
    const int8_t *filters, const int32_t *requant, int32_t zero_in, int32_t width_in, int32_t channels, int32_t span,
    int32_t pixel_step, int32_t channel_step, int8_t *padding)
{
    const int32_t *words = requant;
    const int8_t *row0 = rows[0];
    int32_t next0 = 3;
    const int8_t *row1 = rows[1];
    const int8_t *row2 = rows[2];
    int32_t next2 = 3;
    if (row0 == NULL) {
        row0 = padding;
        next0 -= width_in;
    }
    if (row2 == NULL) {
        row2 = padding;
        next2 -= width_in;
    }
    memset(padding, zero_in, (size_t)width_in);
#if SEPARABLE_ASM
    SEPARABLE_SPILLED struct {
        const int32_t *words;
        const int8_t *filters, *end;
        int8_t *to;
        int32_t step;
        int32_t line[2]; /* multiplier and offset */
        int32_t bias[2]; /* and that of the last output */
        int32_t pad[2]; /* and in the upper half how many blocks */
        int32_t nexts[2]; /* from the last outputs to the next channel; the same of rows outside, as halves */
    } kept; /* what the assembly leaves no register for */
    kept.words = words;
    kept.filters = filters;
    kept.to = out;
    kept.step = pixel_step;
    kept.pad[0] = zero_in;
    kept.pad[1] = (span / 2 - 3) * 65536;
    kept.nexts[0] = channel_step - (span + 2) * pixel_step;
    kept.nexts[1] = (int32_t)((uint16_t)(next0 - 3) | (uint32_t)(next2 - 3) << 16);
    kept.end = filters + 9 * channels;
    {
        register int32_t y0 __asm__("r0"); /* with these many instructions are short */
        register int32_t y1 __asm__("r1");
        register int32_t y2 __asm__("r2");
        register int32_t y3 __asm__("r3");
        register int32_t e __asm__("r4");
        register int32_t o __asm__("r5");
        register const int8_t *codes0 __asm__("r8") = row0;
        register const int8_t *codes1 __asm__("r9") = row1;
        register const int8_t *codes2 __asm__("r10") = row2;
        int32_t s0, s1, s2, m01, m2;
        __asm__ volatile(
            "ldrd %[y0], %[y1], %[words]\n\t"
            "sub %[row0], %[row0], #4\n\t"
            "sub %[row1], %[row1], #4\n\t"
            "sub %[row2], %[row2], #4\n\t"
            "1:\n\t"
            "ldrd %[e], %[y2], [%[y0]], #8\n\t"
            "ldr %[s0], [%[y1]], #4\n\t"
            "ldr %[s2], [%[y1]], #4\n\t"
            "ldrsb %[m2], [%[y1]], #1\n\t"
            "strd %[y0], %[y1], %[words]\n\t"
            "sbfx %[o], %[e], #0, #11\n\t"
            "asr %[y3], %[e], #11\n\t"
            "strd %[y2], %[o], %[line]\n\t"
            "sxtb16 %[s1], %[s0], ror #8\n\t"
            "sxtb16 %[s0], %[s0]\n\t"
            "sxtb16 %[m01], %[s2], ror #8\n\t"
            "sxtb16 %[s2], %[s2]\n\t"
            "ldrd %[e], %[o], %[pad]\n\t"
            "pkhbt %[m2], %[m2], %[o]\n\t" /* in its upper half, twice the blocks but one, and 1 where four are last */
            "sadd16 %[o], %[s0], %[s1]\n\t"
            "sadd16 %[o], %[o], %[s2]\n\t"
            "smlabb %[y0], %[e], %[o], %[y3]\n\t"
            "smlabt %[y1], %[e], %[o], %[y3]\n\t"
            "strd %[y3], %[y1], %[bias]\n\t"
            "ldr %[e], [%[row0], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlabt %[y0], %[o], %[s0], %[y0]\n\t"
            "smlad %[y1], %[e], %[s0], %[y3]\n\t"
            "smlad %[y2], %[o], %[s0], %[y3]\n\t"
            "smlabb %[y0], %[e], %[m01], %[y0]\n\t"
            "smlabb %[y1], %[o], %[m01], %[y1]\n\t"
            "smlatb %[y2], %[e], %[m01], %[y2]\n\t"
            "ldr %[e], [%[row0], #1]!\n\t"
            "sxtb16 %[e], %[e], ror #8\n\t"
            "smlad %[y3], %[e], %[s0], %[y3]\n\t"
            "smlatb %[y3], %[o], %[m01], %[y3]\n\t"
            "ldr %[e], [%[row1], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlabt %[y0], %[o], %[s1], %[y0]\n\t"
            "smlad %[y1], %[e], %[s1], %[y1]\n\t"
            "smlad %[y2], %[o], %[s1], %[y2]\n\t"
            "smlabt %[y0], %[e], %[m01], %[y0]\n\t"
            "smlabt %[y1], %[o], %[m01], %[y1]\n\t"
            "smlatt %[y2], %[e], %[m01], %[y2]\n\t"
            "ldr %[e], [%[row1], #1]!\n\t"
            "sxtb16 %[e], %[e], ror #8\n\t"
            "smlad %[y3], %[e], %[s1], %[y3]\n\t"
            "smlatt %[y3], %[o], %[m01], %[y3]\n\t"
            "ldr %[e], [%[row2], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlabt %[y0], %[o], %[s2], %[y0]\n\t"
            "smlad %[y1], %[e], %[s2], %[y1]\n\t"
            "smlad %[y2], %[o], %[s2], %[y2]\n\t"
            "smlabb %[y0], %[e], %[m2], %[y0]\n\t"
            "smlabb %[y1], %[o], %[m2], %[y1]\n\t"
            "smlatb %[y2], %[e], %[m2], %[y2]\n\t"
            "ldr %[e], [%[row2], #1]!\n\t"
            "sxtb16 %[e], %[e], ror #8\n\t"
            "smlad %[y3], %[e], %[s2], %[y3]\n\t"
            "smlatb %[y3], %[o], %[m2], %[y3]\n\t"
            "ldrd %[e], %[o], %[line]\n\t"
            "smmlar %[y0], %[y0], %[e], %[o]\n\t"
            "smmlar %[y1], %[y1], %[e], %[o]\n\t"
            "smmlar %[y2], %[y2], %[e], %[o]\n\t"
            "smmlar %[y3], %[y3], %[e], %[o]\n\t"
            "ssat %[y0], #8, %[y0], asr #2\n\t"
            "ssat %[y1], #8, %[y1], asr #2\n\t"
            "ssat %[y2], #8, %[y2], asr #2\n\t"
            "ssat %[y3], #8, %[y3], asr #2\n\t"
            "ldrd %[e], %[o], %[to]\n\t"
            "strb %[y0], [%[e]]\n\t"
            "strb %[y1], [%[e], %[o]]\n\t"
            "add %[e], %[e], %[o], lsl #1\n\t"
            "strb %[y2], [%[e]]\n\t"
            "strb %[y3], [%[e], %[o]]\n\t"
            "add %[e], %[e], %[o], lsl #1\n\t"
            "str %[e], %[to]\n\t"
            "2:\n\t"
            "ldr %[y0], %[bias]\n\t"
            "ldr %[e], [%[row0], #2]!\n\t"
            "ldr %[y3], [%[row0], #2]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlad %[y1], %[o], %[s0], %[y0]\n\t"
            "smlad %[y2], %[e], %[s0], %[y0]\n\t"
            "smlatb %[y1], %[e], %[m01], %[y1]\n\t"
            "smlabb %[y2], %[o], %[m01], %[y2]\n\t"
            "sxtb16 %[o], %[y3], ror #8\n\t"
            "sxtb16 %[e], %[y3]\n\t"
            "smlad %[y3], %[o], %[s0], %[y0]\n\t"
            "smlad %[y0], %[e], %[s0], %[y0]\n\t"
            "smlatb %[y3], %[e], %[m01], %[y3]\n\t"
            "smlabb %[y0], %[o], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row1], #2]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlad %[y1], %[o], %[s1], %[y1]\n\t"
            "smlad %[y2], %[e], %[s1], %[y2]\n\t"
            "smlatt %[y1], %[e], %[m01], %[y1]\n\t"
            "smlabt %[y2], %[o], %[m01], %[y2]\n\t"
            "ldr %[e], [%[row1], #2]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlad %[y3], %[o], %[s1], %[y3]\n\t"
            "smlad %[y0], %[e], %[s1], %[y0]\n\t"
            "smlatt %[y3], %[e], %[m01], %[y3]\n\t"
            "smlabt %[y0], %[o], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row2], #2]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlad %[y1], %[o], %[s2], %[y1]\n\t"
            "smlad %[y2], %[e], %[s2], %[y2]\n\t"
            "smlatb %[y1], %[e], %[m2], %[y1]\n\t"
            "smlabb %[y2], %[o], %[m2], %[y2]\n\t"
            "ldr %[e], [%[row2], #2]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlad %[y3], %[o], %[s2], %[y3]\n\t"
            "smlad %[y0], %[e], %[s2], %[y0]\n\t"
            "smlatb %[y3], %[e], %[m2], %[y3]\n\t"
            "smlabb %[y0], %[o], %[m2], %[y0]\n\t"
            "ldrd %[e], %[o], %[line]\n\t"
            "smmlar %[y2], %[y2], %[e], %[o]\n\t"
            "smmlar %[y1], %[y1], %[e], %[o]\n\t"
            "smmlar %[y0], %[y0], %[e], %[o]\n\t"
            "smmlar %[y3], %[y3], %[e], %[o]\n\t"
            "ssat %[y2], #8, %[y2], asr #2\n\t"
            "ssat %[y1], #8, %[y1], asr #2\n\t"
            "ssat %[y0], #8, %[y0], asr #2\n\t"
            "ssat %[y3], #8, %[y3], asr #2\n\t"
            "ldrd %[e], %[o], %[to]\n\t"
            "strb %[y2], [%[e]]\n\t"
            "strb %[y1], [%[e], %[o]]\n\t"
            "add %[e], %[e], %[o], lsl #1\n\t"
            "strb %[y0], [%[e]]\n\t"
            "strb %[y3], [%[e], %[o]]\n\t"
            "add %[e], %[e], %[o], lsl #1\n\t"
            "str %[e], %[to]\n\t"
            "subs %[m2], %[m2], #131072\n\t"
            "bpl 2b\n\t"
            "lsls %[e], %[m2], #16\n\t"
            "bcc 4f\n\t"
            "ldrd %[y0], %[y3], %[bias]\n\t"
            "ldr %[e], [%[row0], #2]!\n\t"
            "ldr %[o], [%[row0], #1]!\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlad %[y1], %[e], %[s0], %[y0]\n\t"
            "sxtb16 %[e], %[o]\n\t"
            "sxtb16 %[o], %[o], ror #8\n\t"
            "smlad %[y2], %[o], %[s0], %[y0]\n\t"
            "smlatb %[y3], %[e], %[s0], %[y3]\n\t"
            "smlabb %[y1], %[e], %[m01], %[y1]\n\t"
            "smlad %[y0], %[e], %[s0], %[y0]\n\t"
            "smlatb %[y2], %[e], %[m01], %[y2]\n\t"
            "smlatb %[y3], %[o], %[m01], %[y3]\n\t"
            "smlabb %[y0], %[o], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row1], #2]!\n\t"
            "ldr %[o], [%[row1], #1]!\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlad %[y1], %[e], %[s1], %[y1]\n\t"
            "sxtb16 %[e], %[o]\n\t"
            "sxtb16 %[o], %[o], ror #8\n\t"
            "smlad %[y2], %[o], %[s1], %[y2]\n\t"
            "smlatb %[y3], %[e], %[s1], %[y3]\n\t"
            "smlabt %[y1], %[e], %[m01], %[y1]\n\t"
            "smlad %[y0], %[e], %[s1], %[y0]\n\t"
            "smlatt %[y2], %[e], %[m01], %[y2]\n\t"
            "smlatt %[y3], %[o], %[m01], %[y3]\n\t"
            "smlabt %[y0], %[o], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row2], #2]!\n\t"
            "ldr %[o], [%[row2], #1]!\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlad %[y1], %[e], %[s2], %[y1]\n\t"
            "sxtb16 %[e], %[o]\n\t"
            "sxtb16 %[o], %[o], ror #8\n\t"
            "smlad %[y2], %[o], %[s2], %[y2]\n\t"
            "smlatb %[y3], %[e], %[s2], %[y3]\n\t"
            "smlabb %[y1], %[e], %[m2], %[y1]\n\t"
            "smlad %[y0], %[e], %[s2], %[y0]\n\t"
            "smlatb %[y2], %[e], %[m2], %[y2]\n\t"
            "smlatb %[y3], %[o], %[m2], %[y3]\n\t"
            "smlabb %[y0], %[o], %[m2], %[y0]\n\t"
            "ldrd %[e], %[o], %[line]\n\t"
            "smmlar %[y1], %[y1], %[e], %[o]\n\t"
            "smmlar %[y0], %[y0], %[e], %[o]\n\t"
            "smmlar %[y2], %[y2], %[e], %[o]\n\t"
            "smmlar %[y3], %[y3], %[e], %[o]\n\t"
            "ssat %[y1], #8, %[y1], asr #2\n\t"
            "ssat %[y0], #8, %[y0], asr #2\n\t"
            "ssat %[y2], #8, %[y2], asr #2\n\t"
            "ssat %[y3], #8, %[y3], asr #2\n\t"
            "ldrd %[e], %[o], %[to]\n\t"
            "strb %[y1], [%[e]]\n\t"
            "strb %[y0], [%[e], %[o]]\n\t"
            "add %[e], %[e], %[o], lsl #1\n\t"
            "strb %[y2], [%[e]]\n\t"
            "strb %[y3], [%[e], %[o]]\n\t"
            "3:\n\t"
            "ldrd %[y0], %[y1], %[nexts]\n\t"
            "add %[e], %[e], %[y0]\n\t"
            "str %[e], %[to]\n\t"
            "sxtah %[row0], %[row0], %[y1]\n\t"
            "sxtah %[row2], %[row2], %[y1], ror #16\n\t"
            "ldrd %[y0], %[y1], %[words]\n\t"
            "ldr %[e], %[end]\n\t"
            "cmp %[y1], %[e]\n\t"
            "bne 1b\n\t"
            "b 5f\n\t"
            "4:\n\t"
            "ldrd %[y0], %[y1], %[bias]\n\t"
            "ldr %[e], [%[row0], #1]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatb %[y1], %[e], %[s0], %[y1]\n\t"
            "smlad %[y0], %[o], %[s0], %[y0]\n\t"
            "smlatb %[y1], %[o], %[m01], %[y1]\n\t"
            "smlatb %[y0], %[e], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row1], #1]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatb %[y1], %[e], %[s1], %[y1]\n\t"
            "smlad %[y0], %[o], %[s1], %[y0]\n\t"
            "smlatt %[y1], %[o], %[m01], %[y1]\n\t"
            "smlatt %[y0], %[e], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row2], #1]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatb %[y1], %[e], %[s2], %[y1]\n\t"
            "smlad %[y0], %[o], %[s2], %[y0]\n\t"
            "smlatb %[y1], %[o], %[m2], %[y1]\n\t"
            "smlatb %[y0], %[e], %[m2], %[y0]\n\t"
            "ldrd %[e], %[o], %[line]\n\t"
            "smmlar %[y0], %[y0], %[e], %[o]\n\t"
            "smmlar %[y1], %[y1], %[e], %[o]\n\t"
            "ssat %[y0], #8, %[y0], asr #2\n\t"
            "ssat %[y1], #8, %[y1], asr #2\n\t"
            "ldrd %[e], %[o], %[to]\n\t"
            "strb %[y0], [%[e]]\n\t"
            "strb %[y1], [%[e], %[o]]\n\t"
            "b 3b\n\t"
            "5:\n\t"
            : [y0] "=&r"(y0), [y1] "=&r"(y1), [y2] "=&r"(y2), [y3] "=&r"(y3), [e] "=&r"(e), [o] "=&r"(o),
                [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [m01] "=&r"(m01), [m2] "=&r"(m2), [row0] "+&r"(codes0),
                [row1] "+&r"(codes1), [row2] "+&r"(codes2), [words] "+m"(kept.words), [to] "+m"(kept.to),
                [line] "+m"(kept.line), [bias] "+m"(kept.bias)
            : [end] "m"(kept.end), [pad] "m"(kept.pad), [turns] "m"(kept.pad[1]), [nexts] "m"(kept.nexts)
            : "cc", "memory");
    }
#else
    const uint32_t pad = (uint8_t)zero_in;
    const int32_t next1 = 3;
    for (int32_t c = 0; c < channels; c++) {
        /* Outer weights of the rows, then those between, two of them in one word. */
        const int32_t sides = separable_unpack_word(filters);
        const int32_t others = separable_unpack_word(filters + 4);
        const int32_t s0 = separable_sxtb16(sides);
        const int32_t s1 = separable_unpack_odd(sides);
        const int32_t s2 = separable_sxtb16(others);
        const int32_t m01 = separable_unpack_odd(others);
        const int32_t m2 = filters[8];
        const int32_t multiplier_c = words[1];
        const int32_t offset_c = (int32_t)((uint32_t)words[0] << 21) >> 21;
        const int32_t bias = (words[0] >> 11);
        int8_t *y = out;
        int32_t y0;
        int32_t y1;
        const int32_t across = pixel_step;
        /* The first two: a column of padding. */
        y0 = y1 = bias;
        row0 = separable_two_taps_left_c(&y0, &y1, row0, s0, m01, pad);
        row1 = separable_two_taps_left_c(&y0, &y1, row1, s1, m01 >> 16, pad);
        row2 = separable_two_taps_left_c(&y0, &y1, row2, s2, m2, pad);
        y[0] = (int8_t)separable_requant_high_rounded_2(y0, multiplier_c, offset_c);
        y[across] = (int8_t)separable_requant_high_rounded_2(y1, multiplier_c, offset_c);
        y += 2 * across;
        for (const int8_t *const end = row0 + span; row0 < end;) {
            y0 = y1 = bias;
            row0 = separable_two_taps_middle_c(&y0, &y1, row0, s0, m01);
            row1 = separable_two_taps_middle_c(&y0, &y1, row1, s1, m01 >> 16);
            row2 = separable_two_taps_middle_c(&y0, &y1, row2, s2, m2);
            y[0] = (int8_t)separable_requant_high_rounded_2(y0, multiplier_c, offset_c);
            y[across] = (int8_t)separable_requant_high_rounded_2(y1, multiplier_c, offset_c);
            y += 2 * across;
        }
        /* The last two: a column of padding. */
        y0 = y1 = bias;
        separable_two_taps_last_c(&y0, &y1, row0, s0, m01, pad << 24);
        separable_two_taps_last_c(&y0, &y1, row1, s1, m01 >> 16, pad << 24);
        separable_two_taps_last_c(&y0, &y1, row2, s2, m2, pad << 24);
        y[0] = (int8_t)separable_requant_high_rounded_2(y0, multiplier_c, offset_c);
        y[across] = (int8_t)separable_requant_high_rounded_2(y1, multiplier_c, offset_c);
        out += channel_step;
        filters += 9;
        words += 2;
        row0 += next0;
        row1 += next1;
        row2 += next2;
    }
#endif
}

/* Stores a channel's code of pixel a, whose sum times 2 is `a`, and that of b, `across` codes from there. words:
 * multiplier, offset, shift. Returns the words behind. */
SEPARABLE_INLINE const int32_t *separable_store_two_high_rounded_kink(int8_t *out, int32_t across, int32_t a, int32_t b,
    const int32_t *words)
{
#if SEPARABLE_ASM
    register int32_t multiplier_c SEPARABLE_IN("r9");
    register int32_t offset_c SEPARABLE_IN("r10");
    register int32_t shift_c SEPARABLE_IN("r11");
    __asm__ volatile(
        "ldmia %[words]!, { %[multiplier], %[offset], %[shift] }\n\t"
        : [multiplier] "=&r"(multiplier_c), [offset] "=&r"(offset_c), [shift] "=&r"(shift_c), [words] "+&r"(words)
        :
        : "memory");
#else
    const int32_t multiplier_c = words[0];
    const int32_t offset_c = words[1];
    const int32_t shift_c = words[2];
    words += 3;
#endif
    out[0] = (int8_t)separable_requant_high_rounded_kink(a, multiplier_c, offset_c, shift_c);
    out[across] = (int8_t)separable_requant_high_rounded_kink(b, multiplier_c, offset_c, shift_c);
    return words;
}

/* All channels c of pixels a and b, whose codes are the `words` words of the patch, four at a time:
 *
 *   out[c * channel_step] = requant(start[c] + sum over k of a[k] * weights[c][k]); b's are pixel_step from there
 *
 * Turns are even in number. The loop in assembly is of eight behind the first, and entered where as many are left as
 * there are. */
SEPARABLE_INLINE void separable_tile_high_rounded_kink(SEPARABLE_SPILLED struct separable_kept *kept,
    const int32_t *patch, int32_t words, int32_t channels_out)
{
    const int32_t *w = kept->stream;
#if SEPARABLE_ASM
    const int32_t *const limit = kept->limit;
    const int32_t left_out = kept->left_out;
#endif
    kept->out_end = kept->out + channels_out * kept->channel_step;
    for (const int8_t *done = kept->out; done != kept->out_end;) {
        const int32_t *codes = kept->patch;
#if SEPARABLE_ASM
        register int32_t a0 SEPARABLE_IN("r4");
        register int32_t a1 SEPARABLE_IN("r5");
        register int32_t a2 SEPARABLE_IN("r6");
        register int32_t a3 SEPARABLE_IN("r8");
        int32_t b0, b1, b2, b3, x0, x1, w0, w1;
        __asm__ volatile(
            "ldmia %[w]!, { %[a0], %[a1], %[a2], %[a3] }\n\t"
            SEPARABLE_ASM_TURN_FIRST
            "ldr %[w0], %[left_out]\n\t"
            "tbb [pc, %[w0]]\n"
            "0:\n\t"
            ".byte (2f - 0b) / 2, (3f - 0b) / 2, (4f - 0b) / 2, (5f - 0b) / 2\n\t"
            "1:\n\t"
            SEPARABLE_ASM_TURN_TWO
            "2:\n\t"
            SEPARABLE_ASM_TURN_TWO
            SEPARABLE_ASM_TURN_TWO
            "3:\n\t"
            SEPARABLE_ASM_TURN_TWO
            SEPARABLE_ASM_TURN_TWO
            "4:\n\t"
            SEPARABLE_ASM_TURN_TWO
            SEPARABLE_ASM_TURN_TWO
            "5:\n\t"
            SEPARABLE_ASM_TURN_TWO
            "ldr %[w0], %[limit]\n\t"
            "cmp %[x], %[w0]\n\t"
            "bcc 1b\n\t"
            : [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3),
            [b0] "=&r"(b0), [b1] "=&r"(b1), [b2] "=&r"(b2), [b3] "=&r"(b3),
            [x0] "=&r"(x0), [x1] "=&r"(x1), [w0] "=&r"(w0), [w1] "=&r"(w1), [x] "+&r"(codes), [w] "+&r"(w)
            : [limit] "m"(limit), [left_out] "m"(left_out)
            : "cc", "memory");
        const int32_t a[4] = {a0, a1, a2, a3}, b[4] = {b0, b1, b2, b3};
#else
        int32_t a[4], b[4];
        for (int32_t j = 0; j < 4; j++) {
            a[j] = w[j];
            b[j] = w[j];
        }
        w += 4;
        for (; codes < patch + words; codes += 2, w += 2) {
            separable_turn_4(a, w, codes[0]);
            separable_turn_4(b, w, codes[1]);
        }
#endif
        int8_t *to = kept->out;
        const int32_t across = kept->pixel_step;
        const int32_t down = kept->channel_step;
        w = separable_store_two_high_rounded_kink(to, across, (int32_t)((uint32_t)a[0] << 1),
            (int32_t)((uint32_t)b[0] << 1), w);
        to += down;
        w = separable_store_two_high_rounded_kink(to, across, (int32_t)((uint32_t)a[1] - (uint32_t)a[0]) >> 7,
            (int32_t)((uint32_t)b[1] - (uint32_t)b[0]) >> 7, w);
        to += down;
        w = separable_store_two_high_rounded_kink(to, across, (int32_t)((uint32_t)a[2] << 1),
            (int32_t)((uint32_t)b[2] << 1), w);
        to += down;
        w = separable_store_two_high_rounded_kink(to, across, (int32_t)((uint32_t)a[3] - (uint32_t)a[2]) >> 7,
            (int32_t)((uint32_t)b[3] - (uint32_t)b[2]) >> 7, w);
        to += down;
        kept->out = to;
        done = to;
    }
    (void)patch, (void)words; /* in assembly, what is kept says them */
}

/* A row of a 1 x 1 convolution, two pixels x at a time:
 *
 *   out[x][c] = requant(start[c] + sum over k of in[x][k] * weights[c][k])
 *
 * start[c] is the bias less the input's zero point times the sum of the weights, moved by what the requantization
 * needs. in: pixels of channels; out: pixel_step and channel_step say where. stream: how it is laid out stands above
 * its array. scratch: a patch, the codes of two pixels as halfwords. */
SEPARABLE_ALONE static void separable_pointwise_high_rounded_kink(const int8_t *in, int8_t *out, const int32_t *stream,
    const struct separable_pointwise_layer *layer, int8_t *scratch)
{
    const int32_t channels_in = layer->channels_in;
    const int32_t channels_out = layer->channels_out;
    const int32_t width = layer->width;
    const int32_t pixel_step = layer->pixel_step;
    const int32_t channel_step = layer->channel_step;
    const int32_t words = layer->words;
    int32_t *const patch = (int32_t *)(void *)scratch;
    SEPARABLE_SPILLED struct separable_kept kept;
    separable_kept_begin(&kept, patch, words, stream, pixel_step, channel_step);
    for (int32_t x = width; x >= 2; x -= 2) {
        separable_spread(patch, in, in + channels_in, channels_in);
        kept.out = out;
        separable_tile_high_rounded_kink(&kept, patch, words, channels_out);
        in += 2 * channels_in;
        out += 2 * pixel_step;
    }
}

/* A layer as separable_binary reads it. */
struct separable_binary_layer {
    int32_t count; /* of codes or pixels */
    int32_t multiplier_a; /* of the first input, fixed-point */
    int32_t multiplier_b; /* of the second input, fixed-point */
    int32_t offset; /* added to the sum of products */
};

/* add of two rows, element by element:
 *
 *   out[x][c] = requant(a[x][c], b[x][c])
 *
 * All lie alike, in any order. */
static void separable_binary_add_xx_pair_up_22(const int8_t *a, const int8_t *b, int8_t *out, int32_t count,
    int32_t multiplier_a, int32_t multiplier_b, int32_t offset)
{
    for (int32_t i = count >> 2; i > 0; i--) {
        const int32_t p0 = a[0];
        const int32_t q0 = b[0];
        const int32_t p1 = a[1];
        const int32_t q1 = b[1];
        const int32_t p2 = a[2];
        const int32_t q2 = b[2];
        const int32_t p3 = a[3];
        const int32_t q3 = b[3];
        out[0] = (int8_t)separable_requant_pair_up_22(p0, q0, multiplier_a, multiplier_b, offset);
        out[1] = (int8_t)separable_requant_pair_up_22(p1, q1, multiplier_a, multiplier_b, offset);
        out[2] = (int8_t)separable_requant_pair_up_22(p2, q2, multiplier_a, multiplier_b, offset);
        out[3] = (int8_t)separable_requant_pair_up_22(p3, q3, multiplier_a, multiplier_b, offset);
        a += 4, b += 4, out += 4;
    }
    for (int32_t i = 0; i < (count & 3); i++) {
        const int32_t p = a[i];
        const int32_t q = b[i];
        out[i] = (int8_t)separable_requant_pair_up_22(p, q, multiplier_a, multiplier_b, offset);
    }
}

/* A row of a window for two outputs: what its codes, times the outer weights s and that between, m, add to the sums
 * y0 and y1. Returns the codes' next place. */
SEPARABLE_INLINE const int8_t *separable_two_taps_middle_s2_c(int32_t *y0, int32_t *y1, const int8_t *codes, int32_t s,
    int32_t m)
{
    int32_t e = separable_unpack_word(codes);
    const int32_t o = separable_unpack_odd(e);
    e = separable_sxtb16(e);
    *y0 = separable_smlad(e, s, *y0);
    *y0 = separable_smlabb(o, m, *y0);
    *y1 = separable_smlatb(o, m, *y1);
    *y1 = separable_smlad(separable_unpack_odd(separable_unpack_word(codes + 1)), s, *y1);
    return codes + 4;
}

/* A row of a window for two outputs at the right end of a row: what its codes, times the outer weights s and that
 * between, m, add to the sums y0 and y1. Returns the codes' next place. */
SEPARABLE_INLINE const int8_t *separable_two_taps_last_s2_c(int32_t *y0, int32_t *y1, const int8_t *codes, int32_t s,
    int32_t m, uint32_t pad)
{
    int32_t e = separable_unpack_word(codes);
    const int32_t o = separable_unpack_odd(e);
    e = separable_sxtb16(e);
    *y0 = separable_smlad(e, s, *y0);
    *y0 = separable_smlabb(o, m, *y0);
    *y1 = separable_smlatb(o, m, *y1);
    *y1 = separable_smlad((int32_t)(pad | (uint32_t)e >> 16), s, *y1);
    return codes;
}

/* A row of a 3 x 3 depthwise convolution, stride 2:
 *
 *   out[x][c] = requant(start + sum over i, j of rows[i][c][x * 2 + j] * filters[c][i][j])
 *
 * four or two outputs at once. rows: one channel after the other, NULL outside of the picture, where a row of padding
 * takes their place: zero_in. out: pixel_step and channel_step say where. filters: of each output channel its weights
 * [i][j] in the order 00 10 02 12 20 01 22 11 21. requant: of each output channel its start, which is the bias less
 * zero_in times the sum of the weights, moved by what the requantization needs, and multiplier, offset. */
SEPARABLE_ALONE static void separable_depthwise_3x3_s2_high_rounded_2(const int8_t *const *rows, int8_t *out,
    const int8_t *filters, const int32_t *requant, int32_t zero_in, int32_t width_in, int32_t channels, int32_t span,
    int32_t pixel_step, int32_t channel_step, int8_t *padding)
{
    const int32_t *words = requant;
    const int8_t *row0 = rows[0];
    const int8_t *row1 = rows[1];
    const int8_t *row2 = rows[2];
    int32_t next2 = 4;
    if (row2 == NULL) {
        row2 = padding;
        next2 -= width_in;
    }
    memset(padding, zero_in, (size_t)width_in);
#if SEPARABLE_ASM
    SEPARABLE_SPILLED struct {
        const int32_t *words;
        const int8_t *filters, *end;
        int8_t *to;
        int32_t step;
        int32_t line[2]; /* multiplier and offset */
        int32_t bias[2]; /* and that of the last output */
        int32_t pad[2]; /* and in the upper half how many blocks */
        int32_t nexts[2]; /* from the last outputs to the next channel; the same of rows outside, as halves */
    } kept; /* what the assembly leaves no register for */
    kept.words = words;
    kept.filters = filters;
    kept.to = out;
    kept.step = pixel_step;
    kept.pad[0] = zero_in;
    kept.pad[1] = (span / 4 - 2) * 65536;
    kept.nexts[0] = channel_step - (span / 2) * pixel_step;
    kept.nexts[1] = (int32_t)((uint16_t)(next2 - 4));
    kept.end = filters + 9 * channels;
    {
        register int32_t y0 __asm__("r0"); /* with these many instructions are short */
        register int32_t y1 __asm__("r1");
        register int32_t y2 __asm__("r2");
        register int32_t y3 __asm__("r3");
        register int32_t e __asm__("r4");
        register int32_t o __asm__("r5");
        register const int8_t *codes0 __asm__("r8") = row0;
        register const int8_t *codes1 __asm__("r9") = row1;
        register const int8_t *codes2 __asm__("r10") = row2;
        int32_t s0, s1, s2, m01, m2;
        __asm__ volatile(
            "ldrd %[y0], %[y1], %[words]\n\t"
            "sub %[row0], %[row0], #4\n\t"
            "sub %[row1], %[row1], #4\n\t"
            "sub %[row2], %[row2], #4\n\t"
            "1:\n\t"
            "ldrd %[e], %[y2], [%[y0]], #8\n\t"
            "ldr %[s0], [%[y1]], #4\n\t"
            "ldr %[s2], [%[y1]], #4\n\t"
            "ldrsb %[m2], [%[y1]], #1\n\t"
            "strd %[y0], %[y1], %[words]\n\t"
            "sbfx %[o], %[e], #0, #11\n\t"
            "asr %[y3], %[e], #11\n\t"
            "strd %[y2], %[o], %[line]\n\t"
            "sxtb16 %[s1], %[s0], ror #8\n\t"
            "sxtb16 %[s0], %[s0]\n\t"
            "sxtb16 %[m01], %[s2], ror #8\n\t"
            "sxtb16 %[s2], %[s2]\n\t"
            "ldrd %[e], %[o], %[pad]\n\t"
            "pkhbt %[m2], %[m2], %[o]\n\t" /* in its upper half, twice the blocks but one, and 1 where four are last */
            "sadd16 %[o], %[s0], %[s1]\n\t"
            "sadd16 %[o], %[o], %[s2]\n\t"
            "smlabt %[y1], %[e], %[o], %[y3]\n\t"
            "strd %[y3], %[y1], %[bias]\n\t"
            "2:\n\t"
            "ldr %[y0], %[bias]\n\t"
            "ldr %[e], [%[row0], #4]!\n\t"
            "ldr %[y3], [%[row0], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatb %[y1], %[o], %[m01], %[y0]\n\t"
            "smlad %[y2], %[e], %[s0], %[y0]\n\t"
            "smlatb %[y1], %[e], %[s0], %[y1]\n\t"
            "smlabb %[y2], %[o], %[m01], %[y2]\n\t"
            "sxtb16 %[o], %[y3], ror #8\n\t"
            "sxtb16 %[e], %[y3]\n\t"
            "smlabt %[y1], %[e], %[s0], %[y1]\n\t"
            "smlatb %[y3], %[o], %[m01], %[y0]\n\t"
            "smlad %[y0], %[e], %[s0], %[y0]\n\t"
            "smlatb %[y3], %[e], %[s0], %[y3]\n\t"
            "smlabb %[y0], %[o], %[m01], %[y0]\n\t"
            "ldrsb %[e], [%[row0], #4]\n\t"
            "smlabt %[y3], %[e], %[s0], %[y3]\n\t"
            "ldr %[e], [%[row1], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatt %[y1], %[o], %[m01], %[y1]\n\t"
            "smlad %[y2], %[e], %[s1], %[y2]\n\t"
            "smlatb %[y1], %[e], %[s1], %[y1]\n\t"
            "smlabt %[y2], %[o], %[m01], %[y2]\n\t"
            "ldr %[e], [%[row1], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlabt %[y1], %[e], %[s1], %[y1]\n\t"
            "smlatt %[y3], %[o], %[m01], %[y3]\n\t"
            "smlad %[y0], %[e], %[s1], %[y0]\n\t"
            "smlatb %[y3], %[e], %[s1], %[y3]\n\t"
            "smlabt %[y0], %[o], %[m01], %[y0]\n\t"
            "ldrsb %[e], [%[row1], #4]\n\t"
            "smlabt %[y3], %[e], %[s1], %[y3]\n\t"
            "ldr %[e], [%[row2], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatb %[y1], %[o], %[m2], %[y1]\n\t"
            "smlad %[y2], %[e], %[s2], %[y2]\n\t"
            "smlatb %[y1], %[e], %[s2], %[y1]\n\t"
            "smlabb %[y2], %[o], %[m2], %[y2]\n\t"
            "ldr %[e], [%[row2], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlabt %[y1], %[e], %[s2], %[y1]\n\t"
            "smlatb %[y3], %[o], %[m2], %[y3]\n\t"
            "smlad %[y0], %[e], %[s2], %[y0]\n\t"
            "smlatb %[y3], %[e], %[s2], %[y3]\n\t"
            "smlabb %[y0], %[o], %[m2], %[y0]\n\t"
            "ldrsb %[e], [%[row2], #4]\n\t"
            "smlabt %[y3], %[e], %[s2], %[y3]\n\t"
            "ldrd %[e], %[o], %[line]\n\t"
            "smmlar %[y2], %[y2], %[e], %[o]\n\t"
            "smmlar %[y1], %[y1], %[e], %[o]\n\t"
            "smmlar %[y0], %[y0], %[e], %[o]\n\t"
            "smmlar %[y3], %[y3], %[e], %[o]\n\t"
            "ssat %[y2], #8, %[y2], asr #2\n\t"
            "ssat %[y1], #8, %[y1], asr #2\n\t"
            "ssat %[y0], #8, %[y0], asr #2\n\t"
            "ssat %[y3], #8, %[y3], asr #2\n\t"
            "ldrd %[e], %[o], %[to]\n\t"
            "strb %[y2], [%[e]]\n\t"
            "strb %[y1], [%[e], %[o]]\n\t"
            "add %[e], %[e], %[o], lsl #1\n\t"
            "strb %[y0], [%[e]]\n\t"
            "strb %[y3], [%[e], %[o]]\n\t"
            "add %[e], %[e], %[o], lsl #1\n\t"
            "str %[e], %[to]\n\t"
            "subs %[m2], %[m2], #131072\n\t"
            "bpl 2b\n\t"
            "lsls %[e], %[m2], #16\n\t"
            "bcc 4f\n\t"
            "ldrd %[y0], %[y3], %[bias]\n\t"
            "ldr %[e], [%[row0], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatb %[y1], %[o], %[m01], %[y0]\n\t"
            "smlad %[y2], %[e], %[s0], %[y0]\n\t"
            "smlatb %[y1], %[e], %[s0], %[y1]\n\t"
            "smlabb %[y2], %[o], %[m01], %[y2]\n\t"
            "ldr %[e], [%[row0], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlabt %[y1], %[e], %[s0], %[y1]\n\t"
            "smlatb %[y3], %[o], %[m01], %[y3]\n\t"
            "smlad %[y0], %[e], %[s0], %[y0]\n\t"
            "smlatb %[y3], %[e], %[s0], %[y3]\n\t"
            "smlabb %[y0], %[o], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row1], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatt %[y1], %[o], %[m01], %[y1]\n\t"
            "smlad %[y2], %[e], %[s1], %[y2]\n\t"
            "smlatb %[y1], %[e], %[s1], %[y1]\n\t"
            "smlabt %[y2], %[o], %[m01], %[y2]\n\t"
            "ldr %[e], [%[row1], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlabt %[y1], %[e], %[s1], %[y1]\n\t"
            "smlatt %[y3], %[o], %[m01], %[y3]\n\t"
            "smlad %[y0], %[e], %[s1], %[y0]\n\t"
            "smlatb %[y3], %[e], %[s1], %[y3]\n\t"
            "smlabt %[y0], %[o], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row2], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatb %[y1], %[o], %[m2], %[y1]\n\t"
            "smlad %[y2], %[e], %[s2], %[y2]\n\t"
            "smlatb %[y1], %[e], %[s2], %[y1]\n\t"
            "smlabb %[y2], %[o], %[m2], %[y2]\n\t"
            "ldr %[e], [%[row2], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlabt %[y1], %[e], %[s2], %[y1]\n\t"
            "smlatb %[y3], %[o], %[m2], %[y3]\n\t"
            "smlad %[y0], %[e], %[s2], %[y0]\n\t"
            "smlatb %[y3], %[e], %[s2], %[y3]\n\t"
            "smlabb %[y0], %[o], %[m2], %[y0]\n\t"
            "ldrd %[e], %[o], %[line]\n\t"
            "smmlar %[y2], %[y2], %[e], %[o]\n\t"
            "smmlar %[y1], %[y1], %[e], %[o]\n\t"
            "smmlar %[y0], %[y0], %[e], %[o]\n\t"
            "smmlar %[y3], %[y3], %[e], %[o]\n\t"
            "ssat %[y2], #8, %[y2], asr #2\n\t"
            "ssat %[y1], #8, %[y1], asr #2\n\t"
            "ssat %[y0], #8, %[y0], asr #2\n\t"
            "ssat %[y3], #8, %[y3], asr #2\n\t"
            "ldrd %[e], %[o], %[to]\n\t"
            "strb %[y2], [%[e]]\n\t"
            "strb %[y1], [%[e], %[o]]\n\t"
            "add %[e], %[e], %[o], lsl #1\n\t"
            "strb %[y0], [%[e]]\n\t"
            "strb %[y3], [%[e], %[o]]\n\t"
            "3:\n\t"
            "ldrd %[y0], %[y1], %[nexts]\n\t"
            "add %[e], %[e], %[y0]\n\t"
            "str %[e], %[to]\n\t"
            "sxtah %[row2], %[row2], %[y1]\n\t"
            "ldrd %[y0], %[y1], %[words]\n\t"
            "ldr %[e], %[end]\n\t"
            "cmp %[y1], %[e]\n\t"
            "bne 1b\n\t"
            "b 5f\n\t"
            "4:\n\t"
            "ldrd %[y0], %[y1], %[bias]\n\t"
            "ldr %[e], [%[row0], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatb %[y1], %[o], %[m01], %[y1]\n\t"
            "smlad %[y0], %[e], %[s0], %[y0]\n\t"
            "smlatb %[y1], %[e], %[s0], %[y1]\n\t"
            "smlabb %[y0], %[o], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row1], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatt %[y1], %[o], %[m01], %[y1]\n\t"
            "smlad %[y0], %[e], %[s1], %[y0]\n\t"
            "smlatb %[y1], %[e], %[s1], %[y1]\n\t"
            "smlabt %[y0], %[o], %[m01], %[y0]\n\t"
            "ldr %[e], [%[row2], #4]!\n\t"
            "sxtb16 %[o], %[e], ror #8\n\t"
            "sxtb16 %[e], %[e]\n\t"
            "smlatb %[y1], %[o], %[m2], %[y1]\n\t"
            "smlad %[y0], %[e], %[s2], %[y0]\n\t"
            "smlatb %[y1], %[e], %[s2], %[y1]\n\t"
            "smlabb %[y0], %[o], %[m2], %[y0]\n\t"
            "ldrd %[e], %[o], %[line]\n\t"
            "smmlar %[y0], %[y0], %[e], %[o]\n\t"
            "smmlar %[y1], %[y1], %[e], %[o]\n\t"
            "ssat %[y0], #8, %[y0], asr #2\n\t"
            "ssat %[y1], #8, %[y1], asr #2\n\t"
            "ldrd %[e], %[o], %[to]\n\t"
            "strb %[y0], [%[e]]\n\t"
            "strb %[y1], [%[e], %[o]]\n\t"
            "b 3b\n\t"
            "5:\n\t"
            : [y0] "=&r"(y0), [y1] "=&r"(y1), [y2] "=&r"(y2), [y3] "=&r"(y3), [e] "=&r"(e), [o] "=&r"(o),
                [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [m01] "=&r"(m01), [m2] "=&r"(m2), [row0] "+&r"(codes0),
                [row1] "+&r"(codes1), [row2] "+&r"(codes2), [words] "+m"(kept.words), [to] "+m"(kept.to),
                [line] "+m"(kept.line), [bias] "+m"(kept.bias)
            : [end] "m"(kept.end), [pad] "m"(kept.pad), [turns] "m"(kept.pad[1]), [nexts] "m"(kept.nexts)
            : "cc", "memory");
    }
#else
    const int32_t next0 = 4;
    const int32_t next1 = 4;
    for (int32_t c = 0; c < channels; c++) {
        /* Outer weights of the rows, then those between, two of them in one word. */
        const int32_t sides = separable_unpack_word(filters);
        const int32_t others = separable_unpack_word(filters + 4);
        const int32_t s0 = separable_sxtb16(sides);
        const int32_t s1 = separable_unpack_odd(sides);
        const int32_t s2 = separable_sxtb16(others);
        const int32_t m01 = separable_unpack_odd(others);
        const int32_t m2 = filters[8];
        const int32_t multiplier_c = words[1];
        const int32_t offset_c = (int32_t)((uint32_t)words[0] << 21) >> 21;
        const int32_t bias = (words[0] >> 11);
        int8_t *y = out;
        int32_t y0;
        int32_t y1;
        const int32_t across = pixel_step;
        for (const int8_t *const end = row0 + span; row0 < end;) {
            y0 = y1 = bias;
            row0 = separable_two_taps_middle_s2_c(&y0, &y1, row0, s0, m01);
            row1 = separable_two_taps_middle_s2_c(&y0, &y1, row1, s1, m01 >> 16);
            row2 = separable_two_taps_middle_s2_c(&y0, &y1, row2, s2, m2);
            y[0] = (int8_t)separable_requant_high_rounded_2(y0, multiplier_c, offset_c);
            y[across] = (int8_t)separable_requant_high_rounded_2(y1, multiplier_c, offset_c);
            y += 2 * across;
        }
        /* The last two: a column of padding. */
        y0 = y1 = bias;
        separable_two_taps_last_s2_c(&y0, &y1, row0, s0, m01, (uint32_t)zero_in << 16);
        separable_two_taps_last_s2_c(&y0, &y1, row1, s1, m01 >> 16, (uint32_t)zero_in << 16);
        separable_two_taps_last_s2_c(&y0, &y1, row2, s2, m2, (uint32_t)zero_in << 16);
        y[0] = (int8_t)separable_requant_high_rounded_2(y0, multiplier_c, offset_c);
        y[across] = (int8_t)separable_requant_high_rounded_2(y1, multiplier_c, offset_c);
        out += channel_step;
        filters += 9;
        words += 2;
        row0 += next0;
        row1 += next1;
        row2 += next2;
    }
#endif
}

/* Rows of a channel, each `width` codes of rows[i] from `at` on, into a strip whose rows are `pitch` apart; NULL, a row
 * of padding, is left out. Four words at a time, two, one or half of one; the last ones overlap those before. */
SEPARABLE_INLINE void separable_gather_rows(int8_t *to, const int8_t *const *rows, int32_t count, int32_t at,
    int32_t width, int32_t pitch)
{
    for (const int8_t *const *const end = rows + count; rows != end; rows++, to += pitch) {
        if (*rows == NULL)
            continue;
        const int8_t *from = *rows + at;
        int32_t a, b, c, d;
        if (width >= 16) {
            int8_t *x = to;
            for (int32_t left = width - 16;;) {
                memcpy(&a, from, 4);
                memcpy(&b, from + 4, 4);
                memcpy(&c, from + 8, 4);
                memcpy(&d, from + 12, 4);
                memcpy(x, &a, 4);
                memcpy(x + 4, &b, 4);
                memcpy(x + 8, &c, 4);
                memcpy(x + 12, &d, 4);
                if (left < 16)
                    break;
                from += 16;
                x += 16;
                left -= 16;
            }
            if (width % 16 > 0) {
                from += width % 16;
                x += width % 16;
                memcpy(&a, from, 4);
                memcpy(&b, from + 4, 4);
                memcpy(&c, from + 8, 4);
                memcpy(&d, from + 12, 4);
                memcpy(x, &a, 4);
                memcpy(x + 4, &b, 4);
                memcpy(x + 8, &c, 4);
                memcpy(x + 12, &d, 4);
            }
        } else if (width >= 8) {
            memcpy(&a, from, 4);
            memcpy(&b, from + 4, 4);
            memcpy(&c, from + width - 8, 4);
            memcpy(&d, from + width - 4, 4);
            memcpy(to, &a, 4);
            memcpy(to + 4, &b, 4);
            memcpy(to + width - 8, &c, 4);
            memcpy(to + width - 4, &d, 4);
        } else if (width >= 4) {
            memcpy(&a, from, 4);
            memcpy(&b, from + width - 4, 4);
            memcpy(to, &a, 4);
            memcpy(to + width - 4, &b, 4);
        } else if (width >= 2) {
            int16_t first, second;
            memcpy(&first, from, 2);
            memcpy(&second, from + width - 2, 2);
            memcpy(to, &first, 2);
            memcpy(to + width - 2, &second, 2);
        } else {
            *to = *from;
        }
    }
}

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__clang__)
/* The bottom half of one word below the top half of another. */
static inline int32_t separable_mix(int32_t bottom, int32_t top)
{
    int32_t word;
    __asm__("pkhbt %0, %1, %2" : "=r"(word) : "r"(bottom), "r"(top));
    return word;
}
#else
/* The bottom half of one word below the top half of another. */
static inline int32_t separable_mix(int32_t bottom, int32_t top)
{
    return (int32_t)(((uint32_t)bottom & 0xFFFFu) | ((uint32_t)top & 0xFFFF0000u));
}
#endif

/* The sum of so many weights, four at a time. */
SEPARABLE_NOINLINE int32_t separable_sum_of(const int8_t *weights, int32_t count)
{
    int32_t sum = 0;
    for (; count >= 4; count -= 4, weights += 4) {
        const int32_t word = separable_unpack_word(weights);
        sum = separable_smlad(separable_sxtb16(word), 0x00010001, sum);
        sum = separable_smlad(separable_unpack_odd(word), 0x00010001, sum);
    }
    for (; count > 0; count--)
        sum += *weights++;
    return sum;
}

/* A row of 5 taps under 4 outputs in assembly: sums y0 to y3; `first` codes, `filter` weights of the row, which moves
 * on. separable_strip_row_5_by4 is the same in C. */
#define SEPARABLE_STRIP_ROW_5_BY4 \
    "ldr %[t0], [%[first], #0]\n\t" \
    "ldr %[t1], [%[filter]], #5\n\t" \
    "sxtb16 %[t2], %[t1], ror #8\n\t" \
    "sxtb16 %[t1], %[t1]\n\t" \
    "sxtb16 %[t3], %[t0], ror #8\n\t" \
    "sxtb16 %[t0], %[t0]\n\t" \
    "smlad %[y0], %[t0], %[t1], %[y0]\n\t" \
    "smlad %[y0], %[t3], %[t2], %[y0]\n\t" \
    "smlad %[y1], %[t3], %[t1], %[y1]\n\t" \
    "ldr %[t4], [%[first], #4]\n\t" \
    "ldrsb %[t5], [%[filter], #-1]\n\t" \
    "sxtb16 %[t6], %[t4], ror #8\n\t" \
    "sxtb16 %[t4], %[t4]\n\t" \
    "pkhbt %[t0], %[t4], %[t0]\n\t" \
    "smladx %[y1], %[t0], %[t2], %[y1]\n\t" \
    "smladx %[y2], %[t0], %[t1], %[y2]\n\t" \
    "pkhbt %[t3], %[t6], %[t3]\n\t" \
    "smladx %[y2], %[t3], %[t2], %[y2]\n\t" \
    "smladx %[y3], %[t3], %[t1], %[y3]\n\t" \
    "smlad %[y3], %[t4], %[t2], %[y3]\n\t" \
    "smlabb %[y0], %[t4], %[t5], %[y0]\n\t" \
    "smlabb %[y1], %[t6], %[t5], %[y1]\n\t" \
    "smlatb %[y2], %[t4], %[t5], %[y2]\n\t" \
    "smlatb %[y3], %[t6], %[t5], %[y3]\n\t"

/* A row of 5 taps under 4 outputs, 1 code from each other: adds codes from `first` on times the row's weights to their
 * sums. w: words of codes; e and o: codes 0, 2 and codes 1, 3 of one; p and q: the halves of two neighbours. f, u, v:
 * of weights. */
SEPARABLE_INLINE void separable_strip_row_5_by4(int32_t *y, const int8_t *first, const int8_t *filter)
{
    const int32_t w0 = separable_unpack_word(first);
    const int32_t o0 = separable_unpack_odd(w0);
    const int32_t e0 = separable_sxtb16(w0);
    const int32_t f0 = separable_unpack_word(filter);
    const int32_t u0 = separable_sxtb16(f0);
    const int32_t v0 = separable_unpack_odd(f0);
    y[0] = separable_smlad(e0, u0, y[0]);
    y[0] = separable_smlad(o0, v0, y[0]);
    y[1] = separable_smlad(o0, u0, y[1]);
    const int32_t w1 = separable_unpack_word(first + 4);
    const int32_t o1 = separable_unpack_odd(w1);
    const int32_t e1 = separable_sxtb16(w1);
    const int32_t p0 = separable_mix(e1, e0);
    y[1] = separable_smladx(p0, v0, y[1]);
    y[2] = separable_smladx(p0, u0, y[2]);
    const int32_t q0 = separable_mix(o1, o0);
    y[2] = separable_smladx(q0, v0, y[2]);
    y[3] = separable_smladx(q0, u0, y[3]);
    y[3] = separable_smlad(e1, v0, y[3]);
    const int32_t u1 = filter[4];
    y[0] = separable_smlabb(e1, u1, y[0]);
    y[1] = separable_smlabb(o1, u1, y[1]);
    y[2] = separable_smlatb(e1, u1, y[2]);
    y[3] = separable_smlatb(o1, u1, y[3]);
}

/* A layer as separable_depthwise_strip reads it. */
struct separable_depthwise_strip_layer {
    int32_t zero_in; /* the code of zero in the input */
    int32_t channels; /* of a pixel */
    int32_t width_in; /* pixels of an input row */
    int32_t width_out; /* pixels of an output row */
    int32_t pixel_step; /* bytes from a pixel to the next */
    int32_t channel_step; /* bytes from a channel of a pixel to the next */
};

/* A row of a 5 x 5 depthwise convolution, stride 1:
 *
 *   out[x][c] = requant(start + sum over i, j of rows[i][c][x * 1 - 2 + j] * filters[c][i][j])
 *
 * The rows hold one channel after the other. Each channel's rows are gathered into a strip with its padding, along
 * which the window slides without any border, 4 outputs at once. Rows outside of the picture are left out. */
SEPARABLE_ALONE static void separable_depthwise_strip_5x5_p2_by4_high_rounded_kink(const int8_t *const *rows,
    int8_t *out, const int8_t *filters, const int32_t *requant, int32_t zero_in, int32_t channels, int32_t width_in,
    int32_t width_out, int32_t pixel_step, int32_t channel_step, int8_t *strip)
{
    SEPARABLE_SPILLED struct {
        int32_t pitch;
    } kept; /* what the assembly leaves no register for */
    kept.pitch = width_in + 4;
    const int32_t *words = requant;
    int32_t above = 0;
    int32_t stop = 5;
    while (above < 5 && rows[above] == NULL)
        above++;
    while (stop > above && rows[stop - 1] == NULL)
        stop--;
    if (above == stop) /* a window of nothing but padding */
        above = 0, stop = 5;
    memset(strip, zero_in, (size_t)(5 * kept.pitch));
    for (int32_t c = 0; c < channels * width_in; c += width_in) {
        separable_gather_rows(strip + 2, rows + above, stop - above, c, width_in, kept.pitch);
        {
            const int32_t multiplier_c = words[1];
            const int32_t offset_c = words[2];
            const int32_t shift_c = words[3];
            const int8_t *start = strip;
            const int8_t *const begin = filters + above * 5;
            int8_t *pixel = out;
            int32_t bias = words[0];
            if (above > 0) /* what rows of padding, which are left out, would add */
                bias += zero_in * separable_sum_of(begin - above * 5, above * 5);
            if (stop < 5)
                bias += zero_in * separable_sum_of(begin + (stop - above) * 5, (5 - stop) * 5);
            for (int32_t ahead = width_out - 4;;) {
                const int8_t *first = start;
                const int8_t *filter = begin;
                int32_t sums[4] = {bias, bias, bias, bias};
#if SEPARABLE_ASM
                int32_t t0, t1, t2, t3, t4, t5, t6, left = ((stop - above) - 1) * 65536 + kept.pitch;
                __asm__ volatile(
                    "1:\n\t"
                    SEPARABLE_STRIP_ROW_5_BY4
                    "uxtah %[first], %[first], %[left]\n\t" /* the pitch */
                    "subs %[left], %[left], #65536\n\t" /* a row less */
                    "bpl 1b\n\t"
                    : [y0] "+r"(sums[0]), [y1] "+r"(sums[1]), [y2] "+r"(sums[2]), [y3] "+r"(sums[3]),
                    [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),
                        [t6] "=&r"(t6),
                    [left] "+r"(left), [first] "+r"(first), [filter] "+r"(filter)
                    :
                    : "cc", "memory");
#else
                for (int32_t row = 0; row < (stop - above); row++, first += kept.pitch, filter += 5)
                    separable_strip_row_5_by4(sums, first, filter);
#endif
                pixel[0] = (int8_t)separable_requant_high_rounded_kink((int32_t)((uint32_t)(sums[0]) << 1),
                    multiplier_c, offset_c, shift_c);
                pixel[pixel_step] = (int8_t)separable_requant_high_rounded_kink((int32_t)((uint32_t)(sums[1]) << 1),
                    multiplier_c, offset_c, shift_c);
                pixel[2 * pixel_step] = (int8_t)separable_requant_high_rounded_kink((int32_t)((uint32_t)(sums[2]) << 1),
                    multiplier_c, offset_c, shift_c);
                pixel[3 * pixel_step] = (int8_t)separable_requant_high_rounded_kink((int32_t)((uint32_t)(sums[3]) << 1),
                    multiplier_c, offset_c, shift_c);
                if (ahead <= 0)
                    break;
                const int32_t step = ahead < 4 ? ahead : 4;
                ahead -= step;
                start += step;
                pixel += step * pixel_step;
            }
            out += channel_step;
            filters += 25;
            words += 4;
        }
    }
}

/* Layers 0 and 4 read this. */
static const struct separable_pointwise_layer separable_geometry_0 = {.channels_in = 4, .channels_out = 16, .width = 16,
    .pixel_step = 1, .channel_step = 16, .words = 4};

/* Layer 0, conv0: Conv 1x1, 16x16x4 -> 16x16x16, from node 0 'conv0' of the model.
 * Reads x [64, 1088), writes conv0 [1344, 2112), scratch [0, 16).
 * Accumulators, bias included, lie in [-54,878, 44,062] for every input. */
static void separable_layer_0_conv0(int8_t *arena, int32_t step)
{
    SEPARABLE_HOOK(0, 0);
    separable_pointwise_high_rounded_3(separable_row(arena, &separable_x_buffer, step),
        separable_row(arena, &separable_conv0_buffer, step), separable_conv0_stream, &separable_geometry_0,
        arena + SEPARABLE_SCRATCH_conv0);
    SEPARABLE_HOOK(0, 1);
}

/* Layer 1, dw1: Depthwise 3x3, 16x16x16 -> 16x16x16, from node 1 'dw1' of the model.
 * Reads conv0 [1344, 2112), writes dw1 [1088, 1344), scratch [0, 16).
 * Accumulators, bias included, lie in [-112,906, 101,421] for every input. */
static void separable_layer_1_dw1(int8_t *arena, int32_t step)
{
    static const struct separable_depthwise_3x3_layer layer = {.zero_in = -128, .width_in = 16, .channels = 16,
        .span = 12, .pixel_step = 16, .channel_step = 1};
    const int8_t *rows[3];
    separable_window(rows, arena, &separable_conv0_buffer, step - 1, 3, 1);
    SEPARABLE_HOOK(1, 0);
    separable_depthwise_3x3_high_rounded_2(rows, separable_row(arena, &separable_dw1_buffer, step),
        separable_dw1_weights, separable_dw1_requant, layer.zero_in, layer.width_in, layer.channels, layer.span,
        layer.pixel_step, layer.channel_step, arena + SEPARABLE_SCRATCH_dw1);
    SEPARABLE_HOOK(1, 1);
}

/* Layer 2, conv2: Conv 1x1, 16x16x16 -> 16x16x4, from node 2 'conv2' of the model.
 * Reads dw1 [1088, 1344), writes conv2 [1088, 1344), over the row that it reads, scratch [0, 64).
 * Accumulators, bias included, lie in [-132,966, 138,468] for every input. */
static void separable_layer_2_conv2(int8_t *arena, int32_t step)
{
    static const struct separable_pointwise_layer layer = {.channels_in = 16, .channels_out = 4, .width = 16,
        .pixel_step = 4, .channel_step = 1, .words = 16};
    SEPARABLE_HOOK(2, 0);
    separable_pointwise_high_rounded_kink(separable_row(arena, &separable_dw1_buffer, step),
        separable_row(arena, &separable_conv2_buffer, step), separable_conv2_stream, &layer,
        arena + SEPARABLE_SCRATCH_conv2);
    SEPARABLE_HOOK(2, 1);
}

/* Layer 3, add3: Add, 16x16x4 + 16x16x4 -> 16x16x4, from node 3 'add3' of the model.
 * Reads x [64, 1088) and conv2 [1088, 1344), writes add3 [64, 1088), over the row that it reads of x. */
static void separable_layer_3_add3(int8_t *arena, int32_t step)
{
    static const struct separable_binary_layer layer = {.count = 64, .multiplier_a = 4194304, .multiplier_b = 4194304,
        .offset = 10485759};
    SEPARABLE_HOOK(3, 0);
    separable_binary_add_xx_pair_up_22(separable_row(arena, &separable_x_buffer, step),
        separable_row(arena, &separable_conv2_buffer, step), separable_row(arena, &separable_add3_buffer, step),
        layer.count, layer.multiplier_a, layer.multiplier_b, layer.offset);
    SEPARABLE_HOOK(3, 1);
}

/* Layer 4, conv4: Conv 1x1, 16x16x4 -> 16x16x16, from node 4 'conv4' of the model.
 * Reads add3 [64, 1088), writes conv4 [1216, 1984), scratch [0, 16).
 * Accumulators, bias included, lie in [-51,232, 56,062] for every input. */
static void separable_layer_4_conv4(int8_t *arena, int32_t step)
{
    SEPARABLE_HOOK(4, 0);
    separable_pointwise_high_rounded_3(separable_row(arena, &separable_add3_buffer, step),
        separable_row(arena, &separable_conv4_buffer, step), separable_conv4_stream, &separable_geometry_0,
        arena + SEPARABLE_SCRATCH_conv4);
    SEPARABLE_HOOK(4, 1);
}

/* Layer 5, dw5: Depthwise 3x3, 16x16x16 -> 8x8x16, from node 5 'dw5' of the model.
 * Reads conv4 [1216, 1984), writes dw5 [1088, 1216), scratch [0, 16).
 * Accumulators, bias included, lie in [-119,805, 87,149] for every input. */
static void separable_layer_5_dw5(int8_t *arena, int32_t step)
{
    static const struct separable_depthwise_3x3_layer layer = {.zero_in = -128, .width_in = 16, .channels = 16,
        .span = 12, .pixel_step = 16, .channel_step = 1};
    const int8_t *rows[3];
    separable_window(rows, arena, &separable_conv4_buffer, step * 2, 3, 1);
    SEPARABLE_HOOK(5, 0);
    separable_depthwise_3x3_s2_high_rounded_2(rows, separable_row(arena, &separable_dw5_buffer, step),
        separable_dw5_weights, separable_dw5_requant, layer.zero_in, layer.width_in, layer.channels, layer.span,
        layer.pixel_step, layer.channel_step, arena + SEPARABLE_SCRATCH_dw5);
    SEPARABLE_HOOK(5, 1);
}

/* Layer 6, conv6: Conv 1x1, 8x8x16 -> 8x8x8, from node 6 'conv6' of the model.
 * Reads dw5 [1088, 1216), writes conv6 [64, 384), scratch [0, 64).
 * Accumulators, bias included, lie in [-95,924, 151,129] for every input. */
static void separable_layer_6_conv6(int8_t *arena, int32_t step)
{
    static const struct separable_pointwise_layer layer = {.channels_in = 16, .channels_out = 8, .width = 8,
        .pixel_step = 1, .channel_step = 8, .words = 16};
    SEPARABLE_HOOK(6, 0);
    separable_pointwise_high_rounded_kink(separable_row(arena, &separable_dw5_buffer, step),
        separable_row(arena, &separable_conv6_buffer, step), separable_conv6_stream, &layer,
        arena + SEPARABLE_SCRATCH_conv6);
    SEPARABLE_HOOK(6, 1);
}

/* Layer 7, dw7: Depthwise 5x5, 8x8x8 -> 8x8x8, from node 7 'dw7' of the model.
 * Reads conv6 [64, 384), writes dw7 [384, 896), scratch [0, 64).
 * Accumulators, bias included, lie in [-225,689, 250,141] for every input. */
static void separable_layer_7_dw7(int8_t *arena, int32_t step)
{
    static const struct separable_depthwise_strip_layer layer = {.zero_in = 16, .channels = 8, .width_in = 8,
        .width_out = 8, .pixel_step = 8, .channel_step = 1};
    const int8_t *rows[5];
    separable_window(rows, arena, &separable_conv6_buffer, step - 2, 5, 1);
    SEPARABLE_HOOK(7, 0);
    separable_depthwise_strip_5x5_p2_by4_high_rounded_kink(rows, separable_row(arena, &separable_dw7_buffer, step),
        separable_dw7_weights, separable_dw7_requant, layer.zero_in, layer.channels, layer.width_in, layer.width_out,
        layer.pixel_step, layer.channel_step, arena + SEPARABLE_SCRATCH_dw7);
    SEPARABLE_HOOK(7, 1);
}

/* Computes step `step` of a node. Nodes are the layers that the schedule fires, numbered in its order. */
static void separable_fire(int8_t *arena, int32_t node, int32_t step)
{
    switch (node) {
    case 0:
        separable_layer_0_conv0(arena, step);
        break;
    case 1:
        separable_layer_1_dw1(arena, step);
        break;
    case 2:
        separable_layer_2_conv2(arena, step);
        break;
    case 3:
        separable_layer_3_add3(arena, step);
        break;
    case 4:
        separable_layer_4_conv4(arena, step);
        break;
    case 5:
        separable_layer_5_dw5(arena, step);
        break;
    case 6:
        separable_layer_6_conv6(arena, step);
        break;
    case 7:
        separable_layer_7_dw7(arena, step);
        break;
    default:
        break;
    }
}

/* Every node: its steps; its waits in the table below, from first_wait up to, without, end_wait; and resume_at, the
 * node whose turn it is after a step: where the branches that begin with this one have come together. */
static const struct {
    uint16_t steps, first_wait, end_wait, resume_at;
} separable_nodes[] = {
    {16, 0, 0, 1}, /* node 0: layer 0, conv0 */
    {16, 0, 1, 2}, /* node 1: layer 1, dw1 */
    {16, 1, 2, 3}, /* node 2: layer 2, conv2 */
    {16, 2, 3, 3}, /* node 3: layer 3, add3 */
    {16, 3, 3, 5}, /* node 4: layer 4, conv4 */
    {8, 3, 4, 6}, /* node 5: layer 5, dw5 */
    {8, 4, 5, 7}, /* node 6: layer 6, conv6 */
    {8, 5, 6, 7}, /* node 7: layer 7, dw7 */
};

/* Step s waits until `source` has done (s * times + plus) / over of its steps, at most `most`. */
static const struct {
    int16_t source, times, plus, over, most;
} separable_waits[] = {
    {0, 1, 2, 1, 16},
    {1, 1, 1, 1, 16},
    {2, 1, 1, 1, 16},
    {4, 2, 3, 1, 16},
    {5, 1, 1, 1, 8},
    {6, 1, 3, 1, 8},
};

/* The first node of every segment, and the end of the last. */
static const uint16_t separable_segments[] = {0, 4, 8};

/* `node` itself if the rows that its next step reads are there; else the node that owes some, or the one before it
 * where none does: it has done all of its steps. `done` counts the steps of nodes `first` and on. */
static int32_t separable_next(const uint16_t *done, int32_t first, int32_t node)
{
    const int32_t step = done[node - first];
    if (step == separable_nodes[node].steps)
        return node - 1;
    for (int32_t i = separable_nodes[node].first_wait; i < separable_nodes[node].end_wait; i++) {
        const int32_t source = separable_waits[i].source;
        int32_t need = step * separable_waits[i].times + separable_waits[i].plus; /* `over` is 1 in all */
        if (need > separable_waits[i].most)
            need = separable_waits[i].most;
        if (done[source - first] < need)
            return source;
    }
    return node;
}

/* Fires what the last node of the segment [first, stop) needs, row by row, then what else can fire. */
static void separable_stream(int8_t *arena, uint16_t *done, int32_t first, int32_t stop)
{
    int32_t node = stop - 1;
    while (node >= first) {
        int32_t next = separable_next(done, first, node);
        if (next == node) {
            next = separable_nodes[node].resume_at;
            separable_fire(arena, node, done[node - first]++);
        }
        node = next;
    }
}

void separable_run(void *arena)
{
    uint16_t *const done = (uint16_t *)(void *)((int8_t *)arena + SEPARABLE_COUNTERS);
    for (int32_t i = 0; i < 2; i++) {
        memset(done, 0, 4 * sizeof *done);
        separable_stream(arena, done, separable_segments[i], separable_segments[i + 1]);
    }
}

int8_t *separable_input(void *arena)
{
    return (int8_t *)((int8_t *)arena + separable_x_buffer.offset);
}

const int8_t *separable_output(const void *arena)
{
    return (const int8_t *)((const int8_t *)arena + separable_dw7_buffer.offset);
}
