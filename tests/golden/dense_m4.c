/* dense: dense, compiled by ircompile 0.1.0 for cortex-m4.
 *
 * Layers run in segments, one segment after the other. Within a segment they take turns, row by row, as the last one
 * needs their rows; dense_layer_0 and on are the layers. The segments are these layers:
 *   0 to 3, 4
 *
 * Memory: a tensor is rows in the arena, row r at offset + (r + slot_offset) % slots * pitch. This map has, for all
 * that lies there, its bytes [from, to), slots x pitch, the first and the last layer that use it, and height x width x
 * channels. A row is pixels of channels; where chw is said, it is channels of pixels. Lines may overlap, within a
 * segment too: rows that are never needed at one time share bytes. Layers `first - last` touch a place; that is not how
 * long its bytes live: kept rows and scratch may take turns in the same bytes from step to step.
 *
 *   bytes       rows       layers  what
 *   [0, 132)                0 - 0  scratch of conv0
 *   [0, 32)                 1 - 1  scratch of conv1
 *   [0, 504)                2 - 2  scratch of conv2
 *   [0, 10)     1 x 10      4 - 4  conv4 1x1x10 output
 *   [12, 20)    1 x 8       3 - 4  mean3 1x1x8
 *   [132, 168)  1 x 36      0 - 0  x 12x12x3 input
 *   [504, 648)  2 x 72      2 - 2  lines of conv2
 *   [648, 720)  2 x 36      0 - 0  lines of conv0
 *   [684, 756)  1 x 72      1 - 2  conv1 6x6x12
 *   [756, 804)  1 x 48      0 - 1  conv0 6x6x8, one of 2 in this ring
 *   [756, 804)  1 x 48      2 - 3  conv2 6x6x8, one of 2 in this ring
 *   [804, 836)              3 - 3  sums of mean3
 *   [836, 848)              0 - 4  the schedule's state: steps done by each layer, rows pushed, output ready
 */
#if defined(__arm__) && defined(__GNUC__) && !defined(__clang__) && !defined(DENSE_NO_ASM)
#pragma GCC optimize("omit-frame-pointer") /* loops in assembly need its register, too; to be said before any function */
#endif

#include "dense.h"
#if DENSE_BUILD != 0xc24b5e8bu
#error "dense.c and dense.h are not from one compilation: take all files of one"
#endif

#include <stddef.h>
#include <string.h>

/* Called before (0) and after (1) every row that a layer computes, with the layer's number; define it to measure or to
 * debug. Copies of rows that are kept are outside. */
#ifndef DENSE_HOOK
#define DENSE_HOOK(layer, phase)
#endif

extern const int32_t dense_conv0_stream[132];
extern const int32_t dense_conv1_stream[54];
extern const int32_t dense_conv2_stream[257];
extern const int32_t dense_mean3_requant[4];
extern const int32_t dense_conv4_stream[72];

/* Small functions are part of their callers; without optimization they are functions, for the debugger to step into. */
#if defined(__GNUC__) && defined(__OPTIMIZE__)
#define DENSE_INLINE static inline __attribute__((always_inline))
#else
#define DENSE_INLINE static inline
#endif
#if defined(__GNUC__)
#define DENSE_NOINLINE static __attribute__((noinline))
#else
#define DENSE_NOINLINE static
#endif

/* Kernels with assembly that takes all registers: their variables must be near the stack pointer, so they are not in
 * line with what has others. */
#if defined(__GNUC__)
#define DENSE_ALONE __attribute__((noinline))
#else
#define DENSE_ALONE
#endif

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
/* sum + bottom * bottom. */
DENSE_INLINE int32_t dense_smlabb(int32_t a, int32_t b, int32_t sum)
{
    return __smlabb(a, b, sum);
}

/* sum + bottom * bottom + top * top. */
DENSE_INLINE int32_t dense_smlad(int32_t a, int32_t b, int32_t sum)
{
    return __smlad(a, b, sum);
}

/* sum + top * bottom. */
DENSE_INLINE int32_t dense_smlatb(int32_t a, int32_t b, int32_t sum)
{
    return __smlatb(a, b, sum);
}

/* bottom + byte 0, top + byte 2 of a word: halfwords that fit. */
DENSE_INLINE int32_t dense_sxtab16(int32_t sums, int32_t word)
{
    return __sxtab16(sums, word);
}

/* Bytes 0 and 2 of a word as signed halfwords. */
DENSE_INLINE int32_t dense_sxtb16(int32_t word)
{
    return __sxtb16(word);
}
#elif defined(__arm__)
#error "compiled for cortex-m4, whose DSP instructions this core has not: compile the model with --target for this core"
#else
/* The same in plain C: this code runs on a PC, too, with the same results. */

/* The lower halfword, signed. */
DENSE_INLINE int32_t dense_bottom(int32_t word)
{
    return (int16_t)(uint16_t)((uint32_t)word & 0xFFFFu);
}

/* The upper halfword, signed. */
DENSE_INLINE int32_t dense_top(int32_t word)
{
    return word >> 16;
}

/* sum + first + second, modulo 2^32. */
DENSE_INLINE int32_t dense_wrap(int32_t sum, int32_t first, int32_t second)
{
    return (int32_t)((uint32_t)sum + (uint32_t)first + (uint32_t)second);
}

/* Two halfwords as a word. */
DENSE_INLINE int32_t dense_pair(int32_t low, int32_t high)
{
    return (int32_t)(((uint32_t)low & 0xFFFFu) | (uint32_t)high << 16);
}

/* sum + bottom * bottom. */
DENSE_INLINE int32_t dense_smlabb(int32_t a, int32_t b, int32_t sum)
{
    return dense_wrap(sum, dense_bottom(a) * dense_bottom(b), 0);
}

/* sum + bottom * bottom + top * top. */
DENSE_INLINE int32_t dense_smlad(int32_t a, int32_t b, int32_t sum)
{
    return dense_wrap(sum, dense_bottom(a) * dense_bottom(b), dense_top(a) * dense_top(b));
}

/* sum + top * bottom. */
DENSE_INLINE int32_t dense_smlatb(int32_t a, int32_t b, int32_t sum)
{
    return dense_wrap(sum, dense_top(a) * dense_bottom(b), 0);
}

/* bottom + byte 0, top + byte 2 of a word: halfwords that fit. */
DENSE_INLINE int32_t dense_sxtab16(int32_t sums, int32_t word)
{
    return dense_pair(dense_bottom(sums) + (int8_t)(uint8_t)word,
        dense_top(sums) + (int8_t)(uint8_t)((uint32_t)word >> 16));
}

/* Bytes 0 and 2 of a word as signed halfwords. */
DENSE_INLINE int32_t dense_sxtb16(int32_t word)
{
    return dense_pair((int8_t)(uint8_t)word, (int8_t)(uint8_t)((uint32_t)word >> 16));
}
#endif

/* From an accumulator to a code: round(accumulator * scale) + zero point, as the model's framework rounds. Each
 * function below is cheaper than that and proved equal for all accumulators of its layers. What its name says:
 *   high     the high word of a 32 x 32 bit product; rounded: to the nearest, not down
 *   kink     accumulators below zero get a little less, because ties are rounded away from zero
 *   2        a number: the sum is shifted right by so many bits; without one, each channel has its shift
 */

/* Other words in names:
 *   pairs       weights of two channels share a halfword, low + 256 * high; their sums share a word
 *   unrolled8   the loop over the codes of a pixel is written out: 8 words of two codes each
 */

/* (value >> shift) saturated to int8: one instruction where shift is a constant. */
#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__)
#define DENSE_SATURATE(value, shift) ((int32_t)__builtin_arm_ssat((value) >> (shift), 8))
#elif defined(__ARM_FEATURE_SAT)
#include <arm_acle.h>
#define DENSE_SATURATE(value, shift) ((int32_t)__ssat((value) >> (shift), 8))
#else
#define DENSE_SATURATE(value, shift) dense_saturate((value) >> (shift))
/* value within the codes of int8. */
static inline int32_t dense_saturate(int32_t value)
{
    return value < -128 ? -128 : value > 127 ? 127 : value;
}
#endif

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
/* offset + round(x * multiplier / 2^32), which fits int32: one instruction. */
static inline int32_t dense_rounded_high_word(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(x), "r"(multiplier), "r"(offset));
    return sum;
}
#else
/* offset + round(x * multiplier / 2^32), which fits int32. */
static inline int32_t dense_rounded_high_word(int32_t x, int32_t multiplier, int32_t offset)
{
    return offset + (int32_t)(((int64_t)x * multiplier + INT64_C(2147483648)) >> 32);
}
#endif

/* (offset + round(x * multiplier / 2^32)) >> 11, saturated. x is the accumulator times a power of two. */
static inline int32_t dense_requant_high_rounded_11(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum = dense_rounded_high_word(x, multiplier, offset);
    return DENSE_SATURATE(sum, 11);
}

/* (offset + round(x * multiplier / 2^32)) >> 3, saturated. */
static inline int32_t dense_requant_high_rounded_3(int32_t x, int32_t multiplier, int32_t offset)
{
    int32_t sum = dense_rounded_high_word(x, multiplier, offset);
    return DENSE_SATURATE(sum, 3);
}

/* (offset + round(x * multiplier / 2^32), less 1 where x < 0) >> shift, saturated. x is the accumulator times a power
 * of two. */
static inline int32_t dense_requant_high_rounded_kink(int32_t x, int32_t multiplier, int32_t offset, int32_t shift)
{
    int32_t sum = dense_rounded_high_word(x, multiplier, offset);
    sum += x >> 31; /* ties of negative numbers go down */
    return DENSE_SATURATE(sum, shift);
}

/* The rows of a tensor in the arena: row r at offset + (r + slot_offset) % slots * pitch. */
struct dense_buffer {
    int32_t offset, pitch, height, slots, slot_offset;
};

static const struct dense_buffer dense_conv0_buffer = {.offset = 756, .pitch = 48, .height = 6, .slots = 1,
    .slot_offset = 0};
static const struct dense_buffer dense_x_buffer = {.offset = 132, .pitch = 36, .height = 12, .slots = 1,
    .slot_offset = 0};
static const struct dense_buffer dense_conv0_lines = {.offset = 648, .pitch = 36, .height = 12, .slots = 2,
    .slot_offset = 0};
static const struct dense_buffer dense_conv1_buffer = {.offset = 684, .pitch = 72, .height = 6, .slots = 1,
    .slot_offset = 0};
static const struct dense_buffer dense_conv2_buffer = {.offset = 756, .pitch = 48, .height = 6, .slots = 1,
    .slot_offset = 0};
static const struct dense_buffer dense_conv2_lines = {.offset = 504, .pitch = 72, .height = 6, .slots = 2,
    .slot_offset = 0};
static const struct dense_buffer dense_mean3_buffer = {.offset = 12, .pitch = 8, .height = 1, .slots = 1,
    .slot_offset = 0};
static const struct dense_buffer dense_conv4_buffer = {.offset = 0, .pitch = 10, .height = 1, .slots = 1,
    .slot_offset = 0};

/* Where everything else lies. */
enum {
    DENSE_COUNTERS = 836, /* the schedule's state */
    DENSE_SCRATCH_conv0 = 0, /* 132 bytes */
    DENSE_SCRATCH_conv1 = 0, /* 32 bytes */
    DENSE_SCRATCH_conv2 = 0, /* 504 bytes */
    DENSE_SUMS_mean3 = 804 /* 32 bytes */
};

/* Row `row` of a tensor. */
DENSE_INLINE int8_t *dense_row(int8_t *arena, const struct dense_buffer *buffer, int32_t row)
{
    const int whole = buffer->slot_offset == 0 && buffer->slots >= buffer->height;
    return arena + buffer->offset + (whole ? row : (row + buffer->slot_offset) % buffer->slots) * buffer->pitch;
}

/* Pointers to `count` rows from `first` on, `apart` rows from each other, of a ring of `slots` rows of `pitch` bytes at
 * `base`; NULL outside of the picture. Many call it, once a row: in line it would take more flash and save next to no
 * time. */
DENSE_NOINLINE void dense_rows_at(const int8_t **rows, int32_t count, int32_t first, int32_t apart, const int8_t *base,
    int32_t height, int32_t slot_offset, int32_t slots, int32_t pitch)
{
    for (int32_t i = 0; i < count; i++, first += apart)
        rows[i] = first < 0 || first >= height ? NULL : base + (first + slot_offset) % slots * pitch;
}

/* Pointers to `count` rows of a tensor from `first` on, `apart` rows from each other; NULL outside of the picture. */
DENSE_INLINE void dense_window(const int8_t **rows, const int8_t *arena, const struct dense_buffer *buffer,
    int32_t first, int32_t count, int32_t apart)
{
    dense_rows_at(rows, count, first, apart, arena + buffer->offset, buffer->height, buffer->slot_offset, buffer->slots,
        buffer->pitch);
}

/* Copies a row that is still needed to where it is kept; the places may overlap. */
static void dense_keep(int8_t *to, const int8_t *from, int32_t bytes)
{
    const int32_t apart = (int32_t)(to < from ? from - to : to - from);
    for (int32_t done = 0, run; apart > 0 && done < bytes; done += run) {
        run = apart < bytes - done ? apart : bytes - done;
        const int32_t at = to < from ? done : bytes - done - run;
        memcpy(to + at, from + at, (size_t)run);
    }
}

/* Assembly for loops that fill all registers, where the compiler spills; what stands beside it in C does the same, with
 * other compilers and on other machines, or where DENSE_NO_ASM is defined. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__clang__) && !defined(DENSE_NO_ASM)
#define DENSE_ASM 1
#define DENSE_BARRIER(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory") /* no work on it is moved or kept */
#define DENSE_SPILLED volatile
#else
#define DENSE_ASM 0
#define DENSE_BARRIER(pointer)
#define DENSE_SPILLED
#endif

/* The register of a variable, for assembly: in any case, or as the optimizer does best. */
#if DENSE_ASM
#define DENSE_IN(name) __asm__(name)
#else
#define DENSE_IN(name)
#endif
#if DENSE_ASM && defined(__OPTIMIZE__)
#define DENSE_BEST_IN(name) __asm__(name)
#else
#define DENSE_BEST_IN(name) /* calls take registers */
#endif

/* Four codes from any address, as one word. */
static inline int32_t dense_unpack_word(const int8_t *codes)
{
    int32_t word;
    memcpy(&word, codes, sizeof word);
    return word;
}

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__clang__)
/* Codes 1 and 3 of a word as halfwords; dense_sxtb16 takes codes 0 and 2. */
static inline int32_t dense_unpack_odd(int32_t word)
{
    int32_t halves;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
}
#else
/* Codes 1 and 3 of a word as halfwords; dense_sxtb16 takes codes 0 and 2. */
static inline int32_t dense_unpack_odd(int32_t word)
{
    return dense_sxtb16((int32_t)((uint32_t)word >> 8));
}
#endif

/* A turn: two codes of a pixel, x, times the weights w of four channels, added to their sums. */
DENSE_INLINE void dense_turn_4(int32_t *sums, const int32_t *w, int32_t x)
{
    sums[0] = dense_smlad(w[0], x, sums[0]);
    sums[1] = dense_smlad(w[1], x, sums[1]);
    sums[2] = dense_smlad(w[2], x, sums[2]);
    sums[3] = dense_smlad(w[3], x, sums[3]);
}

/* A turn in assembly, of codes in the FPU's registers: a0 has two of pixel a, b0 those of b. Their products with the
 * weights of four channels come to the sums a0 to a3 and b0 to b3; the latter start from those of pixel `from`.
 * dense_turn_4 is the same in C, for one pixel. */
#define DENSE_HELD_ONE(from, a0, b0) \
    "ldmia %[w]!, { r9, r10, r11, r12 }\n\t" \
    "vmov %[x0], " b0 "\n\t" \
    "smlad %[b0], r9, %[x0], %[" from "0]\n\t" \
    "smlad %[b1], r10, %[x0], %[" from "1]\n\t" \
    "smlad %[b2], r11, %[x0], %[" from "2]\n\t" \
    "smlad %[b3], r12, %[x0], %[" from "3]\n\t" \
    "vmov %[x0], " a0 "\n\t" \
    "smlad %[a0], r9, %[x0], %[a0]\n\t" \
    "smlad %[a1], r10, %[x0], %[a1]\n\t" \
    "smlad %[a2], r11, %[x0], %[a2]\n\t" \
    "smlad %[a3], r12, %[x0], %[a3]\n\t"

/* Makes codes of the sums of two channels, in place, for pixel a and for b. words: two multipliers
 * and an offset: the second channel's, whose lower half is the first one's. Returns the words behind. */
DENSE_INLINE const int32_t *dense_pair_codes_two_high_rounded_3(const int32_t *words, int32_t *a_first,
    int32_t *a_second, int32_t *b_first, int32_t *b_second)
{
#if DENSE_ASM
    register int32_t multiplier_first DENSE_IN("r9");
    register int32_t multiplier_second DENSE_IN("r10");
    register int32_t offset_second DENSE_IN("r11");
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
    *a_second = dense_requant_high_rounded_3(*a_second, multiplier_second, offset_second);
    *b_second = dense_requant_high_rounded_3(*b_second, multiplier_second, offset_second);
    *a_first = dense_requant_high_rounded_3(*a_first, multiplier_first, offset_first);
    *b_first = dense_requant_high_rounded_3(*b_first, multiplier_first, offset_first);
    return words;
}

/* Spreads four codes of pixels a and b as halfwords, codes 0 and 2 of both, then 1 and 3; moves the pointers on. */
DENSE_INLINE void dense_spread_four(int32_t **to, const int8_t **a, const int8_t **b)
{
    int32_t *next = *to;
#if DENSE_ASM
    register int32_t even_a DENSE_IN("r8");
    register int32_t even_b DENSE_IN("r9");
    register int32_t odd_a DENSE_IN("r10");
    register int32_t odd_b DENSE_IN("r11");
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
    next[0] = dense_sxtb16(dense_unpack_word(*a));
    next[1] = dense_sxtb16(dense_unpack_word(*b));
    next[2] = dense_unpack_odd(dense_unpack_word(*a));
    next[3] = dense_unpack_odd(dense_unpack_word(*b));
    *to += 4;
    *a += 4;
    *b += 4;
#endif
}

/* What the assembly of a tile leaves no register for. */
struct dense_kept {
    const int32_t *patch, *stream;
    int8_t *out, *out_end;
    int32_t pixel_step, channel_step;
};

/* Keeps what is the same for all pixels of a row. */
DENSE_INLINE void dense_kept_begin(DENSE_SPILLED struct dense_kept *kept, const int32_t *patch, const int32_t *stream,
    int32_t pixel_step, int32_t channel_step)
{
    kept->patch = patch;
    kept->stream = stream;
    kept->pixel_step = pixel_step;
    kept->channel_step = channel_step;
}

/* The windows of pixels a and b in assembly, 3 rows of 9 codes as halfwords in the FPU's registers: row i of a begins
 * at lines[i] + at, that of b `apart` codes from there. dense_held_window is the same in C, to memory. */
#define DENSE_HELD_WINDOW \
    "ldr %[a], [%[lines]]\n\t" \
    "add %[a], %[a], %[at]\n\t" \
    "add %[b], %[a], %[apart]\n\t" \
    "ldr %[oa], [%[a]], #4\n\t" \
    "ldr %[ob], [%[b]], #4\n\t" \
    "sxtb16 %[ea], %[oa]\n\t" \
    "sxtb16 %[eb], %[ob]\n\t" \
    "sxtb16 %[oa], %[oa], ror #8\n\t" \
    "sxtb16 %[ob], %[ob], ror #8\n\t" \
    "vmov s0, %[ea]\n\t" \
    "vmov s1, %[eb]\n\t" \
    "vmov s2, %[oa]\n\t" \
    "vmov s3, %[ob]\n\t" \
    "ldr %[oa], [%[a]], #4\n\t" \
    "ldr %[ob], [%[b]], #4\n\t" \
    "sxtb16 %[ea], %[oa]\n\t" \
    "sxtb16 %[eb], %[ob]\n\t" \
    "sxtb16 %[oa], %[oa], ror #8\n\t" \
    "sxtb16 %[ob], %[ob], ror #8\n\t" \
    "vmov s4, %[ea]\n\t" \
    "vmov s5, %[eb]\n\t" \
    "vmov s6, %[oa]\n\t" \
    "vmov s7, %[ob]\n\t" \
    "ldrsb %[ta], [%[a]]\n\t" \
    "ldrsb %[tb], [%[b]]\n\t" \
    "ldr %[a], [%[lines], #4]\n\t" \
    "add %[a], %[a], %[at]\n\t" \
    "add %[b], %[a], %[apart]\n\t" \
    "ldr %[oa], [%[a]], #4\n\t" \
    "ldr %[ob], [%[b]], #4\n\t" \
    "sxtb16 %[ea], %[oa]\n\t" \
    "sxtb16 %[eb], %[ob]\n\t" \
    "sxtb16 %[oa], %[oa], ror #8\n\t" \
    "sxtb16 %[ob], %[ob], ror #8\n\t" \
    "vmov s8, %[ea]\n\t" \
    "vmov s9, %[eb]\n\t" \
    "vmov s10, %[oa]\n\t" \
    "vmov s11, %[ob]\n\t" \
    "ldr %[oa], [%[a]], #4\n\t" \
    "ldr %[ob], [%[b]], #4\n\t" \
    "sxtb16 %[ea], %[oa]\n\t" \
    "sxtb16 %[eb], %[ob]\n\t" \
    "sxtb16 %[oa], %[oa], ror #8\n\t" \
    "sxtb16 %[ob], %[ob], ror #8\n\t" \
    "vmov s12, %[ea]\n\t" \
    "vmov s13, %[eb]\n\t" \
    "vmov s14, %[oa]\n\t" \
    "vmov s15, %[ob]\n\t" \
    "ldrsb %[oa], [%[a]]\n\t" \
    "ldrsb %[ob], [%[b]]\n\t" \
    "pkhbt %[ta], %[ta], %[oa], lsl #16\n\t" \
    "pkhbt %[tb], %[tb], %[ob], lsl #16\n\t" \
    "vmov s24, %[ta]\n\t" \
    "vmov s25, %[tb]\n\t" \
    "ldr %[a], [%[lines], #8]\n\t" \
    "add %[a], %[a], %[at]\n\t" \
    "add %[b], %[a], %[apart]\n\t" \
    "ldr %[oa], [%[a]], #4\n\t" \
    "ldr %[ob], [%[b]], #4\n\t" \
    "sxtb16 %[ea], %[oa]\n\t" \
    "sxtb16 %[eb], %[ob]\n\t" \
    "sxtb16 %[oa], %[oa], ror #8\n\t" \
    "sxtb16 %[ob], %[ob], ror #8\n\t" \
    "vmov s16, %[ea]\n\t" \
    "vmov s17, %[eb]\n\t" \
    "vmov s18, %[oa]\n\t" \
    "vmov s19, %[ob]\n\t" \
    "ldr %[oa], [%[a]], #4\n\t" \
    "ldr %[ob], [%[b]], #4\n\t" \
    "sxtb16 %[ea], %[oa]\n\t" \
    "sxtb16 %[eb], %[ob]\n\t" \
    "sxtb16 %[oa], %[oa], ror #8\n\t" \
    "sxtb16 %[ob], %[ob], ror #8\n\t" \
    "vmov s20, %[ea]\n\t" \
    "vmov s21, %[eb]\n\t" \
    "vmov s22, %[oa]\n\t" \
    "vmov s23, %[ob]\n\t" \
    "ldrsb %[ta], [%[a]]\n\t" \
    "ldrsb %[tb], [%[b]]\n\t" \
    "vmov s26, %[ta]\n\t" \
    "vmov s27, %[tb]\n\t"

/* The same in C: whole words of each row, then what is left over of all rows, both pixels in turn. */
DENSE_INLINE void dense_held_window(int32_t *patch, const int8_t *const *lines, int32_t at, int32_t apart)
{
    int32_t *next = patch;
    int32_t left = 24;
    int32_t pending[2] = {0, 0};
    for (int32_t i = 0; i < 3; i++) {
        const int8_t *a = lines[i] + at;
        const int8_t *b = a + apart;
        dense_spread_four(&next, &a, &b);
        dense_spread_four(&next, &a, &b);
        for (int32_t k = 0; k < 1; k++) {
            if ((i * 1 + k) % 2 == 0) {
                pending[0] = patch[left] = a[k];
                pending[1] = patch[left + 1] = b[k];
            } else {
                patch[left] = (int32_t)((uint32_t)a[k] << 16 | (uint16_t)pending[0]);
                patch[left + 1] = (int32_t)((uint32_t)b[k] << 16 | (uint16_t)pending[1]);
                left += 2;
            }
        }
    }
}

/* All channels c of pixels a and b, whose codes are the `words` words of the patch, four at a time:
 *
 *   out[c * channel_step] = requant(start[c] + sum over k of a[k] * weights[c][k]); b's are pixel_step from there
 *
 * Row i of a's window begins at lines[i] + at, that of b's `apart` codes from there; `patch` has room for both.
 * All 14 turns stand one after the other; the FPU's registers keep the codes of both pixels over all channels. */
DENSE_INLINE void dense_tile_unrolled14_high_rounded_3(DENSE_SPILLED struct dense_kept *kept, int32_t *patch,
    int32_t words, int32_t channels_out, const int8_t *const *lines, int32_t at, int32_t apart)
{
    const int32_t *w = kept->stream;
#if DENSE_ASM && defined(__ARM_FP)
    /* Of each, the first half is two codes of pixel a, as halfwords, and the second those of b: the codes of a turn. */
    register double codes0 DENSE_IN("d0");
    register double codes1 DENSE_IN("d1");
    register double codes2 DENSE_IN("d2");
    register double codes3 DENSE_IN("d3");
    register double codes4 DENSE_IN("d4");
    register double codes5 DENSE_IN("d5");
    register double codes6 DENSE_IN("d6");
    register double codes7 DENSE_IN("d7");
    register double codes8 DENSE_IN("d8");
    register double codes9 DENSE_IN("d9");
    register double codes10 DENSE_IN("d10");
    register double codes11 DENSE_IN("d11");
    register double codes12 DENSE_IN("d12");
    register double codes13 DENSE_IN("d13");
    int32_t window_a, window_b, even_a, even_b, odd_a, odd_b, tail_a, tail_b;
    __asm__(
        DENSE_HELD_WINDOW
        : "=w"(codes0), "=w"(codes1), "=w"(codes2), "=w"(codes3), "=w"(codes4), "=w"(codes5), "=w"(codes6),
            "=w"(codes7), "=w"(codes8), "=w"(codes9), "=w"(codes10), "=w"(codes11), "=w"(codes12), "=w"(codes13),
        [a] "=&r"(window_a), [b] "=&r"(window_b), [ea] "=&r"(even_a), [eb] "=&r"(even_b), [oa] "=&r"(odd_a),
            [ob] "=&r"(odd_b),
        [ta] "=&r"(tail_a), [tb] "=&r"(tail_b)
        : [lines] "r"(lines), [at] "r"(at), [apart] "r"(apart)
        : "memory");
#else
    dense_held_window(patch, lines, at, apart);
#endif
    kept->out_end = kept->out + channels_out * kept->channel_step;
    for (const int8_t *done = kept->out; done != kept->out_end;) {
#if DENSE_ASM && defined(__ARM_FP)
        register int32_t a0 DENSE_IN("r4");
        register int32_t a1 DENSE_IN("r5");
        register int32_t a2 DENSE_IN("r6");
        register int32_t a3 DENSE_IN("r8");
        int32_t b0, b1, b2, b3, x0;
        __asm__ volatile(
            "ldmia %[w]!, { %[a0], %[a1], %[a2], %[a3] }\n\t"
            DENSE_HELD_ONE("a", "s0", "s1")
            DENSE_HELD_ONE("b", "s2", "s3")
            DENSE_HELD_ONE("b", "s4", "s5")
            DENSE_HELD_ONE("b", "s6", "s7")
            DENSE_HELD_ONE("b", "s8", "s9")
            DENSE_HELD_ONE("b", "s10", "s11")
            DENSE_HELD_ONE("b", "s12", "s13")
            DENSE_HELD_ONE("b", "s14", "s15")
            DENSE_HELD_ONE("b", "s16", "s17")
            DENSE_HELD_ONE("b", "s18", "s19")
            DENSE_HELD_ONE("b", "s20", "s21")
            DENSE_HELD_ONE("b", "s22", "s23")
            DENSE_HELD_ONE("b", "s24", "s25")
            DENSE_HELD_ONE("b", "s26", "s27")
            : [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3),
            [b0] "=&r"(b0), [b1] "=&r"(b1), [b2] "=&r"(b2), [b3] "=&r"(b3),
            [x0] "=&r"(x0), [w] "+&r"(w)
            : "w"(codes0), "w"(codes1), "w"(codes2), "w"(codes3),
            "w"(codes4), "w"(codes5), "w"(codes6), "w"(codes7),
            "w"(codes8), "w"(codes9), "w"(codes10), "w"(codes11),
            "w"(codes12), "w"(codes13)
            : "r9", "r10", "r11", "r12", "memory");
        const int32_t a[4] = {a0, a1, a2, a3}, b[4] = {b0, b1, b2, b3};
#else
        int32_t a[4], b[4];
        for (int32_t j = 0; j < 4; j++) {
            a[j] = w[j];
            b[j] = w[j];
        }
        w += 4;
        for (const int32_t *codes = patch; codes < patch + words; codes += 2, w += 4) {
            dense_turn_4(a, w, codes[0]);
            dense_turn_4(b, w, codes[1]);
        }
#endif
        int32_t a_0 = a[0], b_0 = b[0];
        int32_t a_1 = a[1], b_1 = b[1];
        int32_t a_2 = a[2], b_2 = b[2];
        int32_t a_3 = a[3], b_3 = b[3];
        w = dense_pair_codes_two_high_rounded_3(w, &a_0, &a_1, &b_0, &b_1);
        int8_t *to = kept->out;
        const int32_t across = kept->pixel_step;
        const int32_t down = kept->channel_step;
        to[0] = (int8_t)a_0;
        to[across] = (int8_t)b_0;
        to += down;
        to[0] = (int8_t)a_1;
        to[across] = (int8_t)b_1;
        to += down;
        w = dense_pair_codes_two_high_rounded_3(w, &a_2, &a_3, &b_2, &b_3);
        to[0] = (int8_t)a_2;
        to[across] = (int8_t)b_2;
        to += down;
        to[0] = (int8_t)a_3;
        to[across] = (int8_t)b_3;
        to += down;
        kept->out = to;
        done = to;
    }
    (void)patch, (void)words; /* in assembly, what is kept says them */
}

/* A layer as dense_stem reads it. */
struct dense_stem_layer {
    int32_t channels_out; /* of an output pixel */
    int32_t width; /* pixels of a row */
    int32_t pixel_step; /* bytes from a pixel to the next */
    int32_t channel_step; /* bytes from a channel of a pixel to the next */
    int32_t zero_in; /* the code of zero in the input */
    int32_t row_bytes; /* of an input row */
    int32_t words; /* of the patch: pairs of codes of two pixels */
};

/* A row of a window with what lies outside of the picture as the zero point. */
DENSE_NOINLINE const int8_t *dense_stem_3x3_s2_p0_c3_high_rounded_3_border(int8_t *to, const int8_t *row, int32_t first,
    int32_t row_bytes, int32_t zero_in)
{
    const int32_t stop = first + 15 < row_bytes ? first + 15 : row_bytes;
    const uint32_t zeros = (uint8_t)zero_in * 0x01010101u;
    memcpy(to, &zeros, sizeof zeros);
    memcpy(to + 4, &zeros, sizeof zeros);
    memcpy(to + 8, &zeros, sizeof zeros);
    to[12] = (int8_t)zero_in;
    to[13] = (int8_t)zero_in;
    to[14] = (int8_t)zero_in;
    for (int32_t k = first < 0 ? 0 : first; row != NULL && k < stop; k++)
        to[k - first] = row[k];
    return to;
}

/* A row of a 3 x 3 convolution of 3 channels, two pixels x at a time, the last of an odd row twice:
 *
 *   out[x][c] = requant(start[c] + sum over i, j, k of rows[i][x * 2 + j][k] * weights[c][i][j][k])
 *
 * rows: pixels of channels, NULL outside of the picture, where codes are zero_in. out: pixel_step and channel_step say
 * where. stream: how it is laid out stands above its array. Their windows are gathered in the FPU's registers: whole
 * words of each row, then what is left over of all rows. */
DENSE_ALONE static void dense_stem_3x3_s2_p0_c3_high_rounded_3(const int8_t *const *rows, int8_t *out,
    const int32_t *stream, const struct dense_stem_layer *layer, int8_t *scratch)
{
    const int32_t channels_out = layer->channels_out;
    const int32_t width = layer->width;
    const int32_t pixel_step = layer->pixel_step;
    const int32_t channel_step = layer->channel_step;
    const int32_t zero_in = layer->zero_in;
    const int32_t row_bytes = layer->row_bytes;
    const int32_t words = layer->words;
    int32_t *const patch = (int32_t *)(void *)scratch;
    DENSE_SPILLED struct dense_kept kept;
    dense_kept_begin(&kept, patch, stream, pixel_step, channel_step);
    int8_t border[3][15]; /* rows of two windows that lie in part outside of the picture */
    const int8_t *filled[3];
    const int outside = rows[0] == NULL || rows[1] == NULL || rows[2] == NULL;
    for (int32_t x = 0; x < width; x += 2) {
        const int32_t first = (x * 2 - 0) * 3;
        const int32_t apart = x + 1 < width ? 6 : 0;
        const int inside = first >= 0 && first + apart + 9 <= row_bytes;
        const int8_t *const *lines = rows;
        int32_t at = first;
        if (outside || !inside) {
            for (int32_t i = 0; i < 3; i++)
                filled[i] = inside && rows[i] != NULL ? rows[i] + first
                    : dense_stem_3x3_s2_p0_c3_high_rounded_3_border(border[i], rows[i], first, row_bytes, zero_in);
            lines = filled;
            at = 0;
        }
        kept.out = out;
        kept.pixel_step = apart != 0 ? pixel_step : 0;
        dense_tile_unrolled14_high_rounded_3(&kept, patch, words, channels_out, lines, at, apart);
        out += 2 * pixel_step;
    }
}

/* A turn: two codes of a pixel, x, times the weights w of four channels, added to their sums. */
DENSE_INLINE void dense_turn_pairs_4(int32_t *sums, const int32_t *w, int32_t x)
{
    sums[1] = dense_smlad(w[0], x, sums[1]);
    sums[0] = dense_smlad(dense_sxtb16(w[0]), x, sums[0]);
    sums[3] = dense_smlad(w[1], x, sums[3]);
    sums[2] = dense_smlad(dense_sxtb16(w[1]), x, sums[2]);
}

/* A turn in assembly, the first: b's sums begin where a's do. x0 and x1 become the next two codes of pixels a and b;
 * their products with the weights of four channels come to the sums a0 to a3 and b0 to b3. dense_turn_pairs_4 is the
 * same in C, for one pixel. */
#define DENSE_ASM_TURN_FIRST \
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
 * four channels come to the sums a0 to a3 and b0 to b3. dense_turn_pairs_4 is the same in C, for one pixel. */
#define DENSE_ASM_TURN_TWO \
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
DENSE_INLINE const int32_t *dense_pair_codes_two_high_rounded_3_v2(const int32_t *words, int32_t *a_first,
    int32_t *a_second, int32_t *b_first, int32_t *b_second)
{
#if DENSE_ASM
    register int32_t multiplier_first DENSE_IN("r9");
    register int32_t multiplier_second DENSE_IN("r10");
    register int32_t offset_second DENSE_IN("r11");
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
    *a_second = dense_requant_high_rounded_11(*a_second, multiplier_second, offset_second);
    *b_second = dense_requant_high_rounded_11(*b_second, multiplier_second, offset_second);
    *a_first = dense_requant_high_rounded_3(*a_first, multiplier_first, offset_first);
    *b_first = dense_requant_high_rounded_3(*b_first, multiplier_first, offset_first);
    return words;
}

/* Spreads `count` codes of pixels a and b as halfwords from `next` on, the last count mod 4 in their order; returns
 * what follows. */
DENSE_INLINE int32_t *dense_spread(int32_t *next, const int8_t *a, const int8_t *b, int32_t count)
{
    for (; count >= 8; count -= 8) {
        dense_spread_four(&next, &a, &b);
        dense_spread_four(&next, &a, &b);
    }
    if (count >= 4) {
        dense_spread_four(&next, &a, &b);
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
struct dense_kept_loops {
    const int32_t *limit; /* the end of the patch */
    int32_t left_out; /* pairs of turns of the loop that are left out when it is entered */
    const int32_t *patch, *stream;
    int8_t *out, *out_end;
    int32_t pixel_step, channel_step;
};

/* Keeps what is the same for all pixels of a row. The patch has `words` words. */
DENSE_INLINE void dense_kept_loops_begin(DENSE_SPILLED struct dense_kept_loops *kept, const int32_t *patch,
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
 *   out[c * channel_step] = requant(start[c] + sum over k of a[k] * weights[c][k]); b's are pixel_step from there
 *
 * Turns are even in number. The loop in assembly is of eight behind the first, and entered where as many are left as
 * there are. */
DENSE_INLINE void dense_tile_high_rounded_3(DENSE_SPILLED struct dense_kept_loops *kept, const int32_t *patch,
    int32_t words, int32_t channels_out)
{
    const int32_t *w = kept->stream;
#if DENSE_ASM
    const int32_t *const limit = kept->limit;
    const int32_t left_out = kept->left_out;
#endif
    kept->out_end = kept->out + channels_out * kept->channel_step;
    for (const int8_t *done = kept->out; done != kept->out_end;) {
        const int32_t *codes = kept->patch;
#if DENSE_ASM
        register int32_t a0 DENSE_IN("r4");
        register int32_t a1 DENSE_IN("r5");
        register int32_t a2 DENSE_IN("r6");
        register int32_t a3 DENSE_IN("r8");
        int32_t b0, b1, b2, b3, x0, x1, w0, w1;
        __asm__ volatile(
            "ldmia %[w]!, { %[a0], %[a1], %[a2], %[a3] }\n\t"
            DENSE_ASM_TURN_FIRST
            "ldr %[w0], %[left_out]\n\t"
            "tbb [pc, %[w0]]\n"
            "0:\n\t"
            ".byte (2f - 0b) / 2, (3f - 0b) / 2, (4f - 0b) / 2, (5f - 0b) / 2\n\t"
            "1:\n\t"
            DENSE_ASM_TURN_TWO
            "2:\n\t"
            DENSE_ASM_TURN_TWO
            DENSE_ASM_TURN_TWO
            "3:\n\t"
            DENSE_ASM_TURN_TWO
            DENSE_ASM_TURN_TWO
            "4:\n\t"
            DENSE_ASM_TURN_TWO
            DENSE_ASM_TURN_TWO
            "5:\n\t"
            DENSE_ASM_TURN_TWO
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
            dense_turn_pairs_4(a, w, codes[0]);
            dense_turn_pairs_4(b, w, codes[1]);
        }
#endif
        int32_t a_0 = a[0], b_0 = b[0];
        int32_t a_1 = (int32_t)((uint32_t)a[1] - (uint32_t)a[0]), b_1 = (int32_t)((uint32_t)b[1] - (uint32_t)b[0]);
        int32_t a_2 = a[2], b_2 = b[2];
        int32_t a_3 = (int32_t)((uint32_t)a[3] - (uint32_t)a[2]), b_3 = (int32_t)((uint32_t)b[3] - (uint32_t)b[2]);
        w = dense_pair_codes_two_high_rounded_3_v2(w, &a_0, &a_1, &b_0, &b_1);
        int8_t *to = kept->out;
        const int32_t across = kept->pixel_step;
        const int32_t down = kept->channel_step;
        to[0] = (int8_t)a_0;
        to[across] = (int8_t)b_0;
        to += down;
        to[0] = (int8_t)a_1;
        to[across] = (int8_t)b_1;
        to += down;
        w = dense_pair_codes_two_high_rounded_3_v2(w, &a_2, &a_3, &b_2, &b_3);
        to[0] = (int8_t)a_2;
        to[across] = (int8_t)b_2;
        to += down;
        to[0] = (int8_t)a_3;
        to[across] = (int8_t)b_3;
        to += down;
        kept->out = to;
        done = to;
    }
    (void)patch, (void)words; /* in assembly, what is kept says them */
}

/* A layer as dense_pointwise reads it. */
struct dense_pointwise_layer {
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
DENSE_ALONE static void dense_pointwise_high_rounded_3(const int8_t *in, int8_t *out, const int32_t *stream,
    const struct dense_pointwise_layer *layer, int8_t *scratch)
{
    const int32_t channels_in = layer->channels_in;
    const int32_t channels_out = layer->channels_out;
    const int32_t width = layer->width;
    const int32_t pixel_step = layer->pixel_step;
    const int32_t channel_step = layer->channel_step;
    const int32_t words = layer->words;
    int32_t *const patch = (int32_t *)(void *)scratch;
    DENSE_SPILLED struct dense_kept_loops kept;
    dense_kept_loops_begin(&kept, patch, words, stream, pixel_step, channel_step);
    for (int32_t x = width; x >= 2; x -= 2) {
        dense_spread(patch, in, in + channels_in, channels_in);
        kept.out = out;
        dense_tile_high_rounded_3(&kept, patch, words, channels_out);
        in += 2 * channels_in;
        out += 2 * pixel_step;
    }
}

/* Stores a channel's code of pixel a, whose sum times 2 is `a`, and that of b, `across` codes from there. words:
 * multiplier, offset, shift. Returns the words behind. */
DENSE_INLINE const int32_t *dense_store_two_high_rounded_kink(int8_t *out, int32_t across, int32_t a, int32_t b,
    const int32_t *words)
{
#if DENSE_ASM
    register int32_t multiplier_c DENSE_IN("r9");
    register int32_t offset_c DENSE_IN("r10");
    register int32_t shift_c DENSE_IN("r11");
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
    out[0] = (int8_t)dense_requant_high_rounded_kink(a, multiplier_c, offset_c, shift_c);
    out[across] = (int8_t)dense_requant_high_rounded_kink(b, multiplier_c, offset_c, shift_c);
    return words;
}

/* All channels c of pixels a and b, whose codes are the `words` words of the patch, four at a time:
 *
 *   out[c * channel_step] = requant(start[c] + sum over k of a[k] * weights[c][k]); b's are pixel_step from there
 *
 * Turns are even in number. The loop in assembly is of eight behind the first, and entered where as many are left as
 * there are. */
DENSE_INLINE void dense_tile_high_rounded_kink(DENSE_SPILLED struct dense_kept_loops *kept, const int32_t *patch,
    int32_t words, int32_t channels_out)
{
    const int32_t *w = kept->stream;
#if DENSE_ASM
    const int32_t *const limit = kept->limit;
    const int32_t left_out = kept->left_out;
#endif
    kept->out_end = kept->out + channels_out * kept->channel_step;
    for (const int8_t *done = kept->out; done != kept->out_end;) {
        const int32_t *codes = kept->patch;
#if DENSE_ASM
        register int32_t a0 DENSE_IN("r4");
        register int32_t a1 DENSE_IN("r5");
        register int32_t a2 DENSE_IN("r6");
        register int32_t a3 DENSE_IN("r8");
        int32_t b0, b1, b2, b3, x0, x1, w0, w1;
        __asm__ volatile(
            "ldmia %[w]!, { %[a0], %[a1], %[a2], %[a3] }\n\t"
            DENSE_ASM_TURN_FIRST
            "ldr %[w0], %[left_out]\n\t"
            "tbb [pc, %[w0]]\n"
            "0:\n\t"
            ".byte (2f - 0b) / 2, (3f - 0b) / 2, (4f - 0b) / 2, (5f - 0b) / 2\n\t"
            "1:\n\t"
            DENSE_ASM_TURN_TWO
            "2:\n\t"
            DENSE_ASM_TURN_TWO
            DENSE_ASM_TURN_TWO
            "3:\n\t"
            DENSE_ASM_TURN_TWO
            DENSE_ASM_TURN_TWO
            "4:\n\t"
            DENSE_ASM_TURN_TWO
            DENSE_ASM_TURN_TWO
            "5:\n\t"
            DENSE_ASM_TURN_TWO
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
            dense_turn_pairs_4(a, w, codes[0]);
            dense_turn_pairs_4(b, w, codes[1]);
        }
#endif
        int8_t *to = kept->out;
        const int32_t across = kept->pixel_step;
        const int32_t down = kept->channel_step;
        w = dense_store_two_high_rounded_kink(to, across, (int32_t)((uint32_t)a[0] << 1),
            (int32_t)((uint32_t)b[0] << 1), w);
        to += down;
        w = dense_store_two_high_rounded_kink(to, across, (int32_t)((uint32_t)a[1] - (uint32_t)a[0]) >> 7,
            (int32_t)((uint32_t)b[1] - (uint32_t)b[0]) >> 7, w);
        to += down;
        w = dense_store_two_high_rounded_kink(to, across, (int32_t)((uint32_t)a[2] << 1),
            (int32_t)((uint32_t)b[2] << 1), w);
        to += down;
        w = dense_store_two_high_rounded_kink(to, across, (int32_t)((uint32_t)a[3] - (uint32_t)a[2]) >> 7,
            (int32_t)((uint32_t)b[3] - (uint32_t)b[2]) >> 7, w);
        to += down;
        kept->out = to;
        done = to;
    }
    (void)patch, (void)words; /* in assembly, what is kept says them */
}

/* A layer as dense_conv reads it. */
struct dense_conv_layer {
    int32_t channels_in; /* of an input pixel */
    int32_t channels_out; /* of an output pixel */
    int32_t width; /* pixels of a row */
    int32_t pixel_step; /* bytes from a pixel to the next */
    int32_t channel_step; /* bytes from a channel of a pixel to the next */
    int32_t width_in; /* pixels of an input row */
    int32_t height; /* rows of the input, or of a window */
    int32_t taps; /* of a window's row */
    int32_t tap_width; /* pixels that lie side by side in a tap */
    int32_t apart; /* pixels, or bytes, from a tap of a row to the next */
    int32_t stride; /* pixels from a window to the next */
    int32_t left; /* columns of padding before a row */
    int32_t words; /* of the patch: pairs of codes of two pixels */
};

/* `count` pixels of a row from `column` on. Where some lie outside of the row, a copy at `to` with these as the zero
 * point; where all do, `outside`. */
static const int8_t *dense_conv_high_rounded_kink_run(int8_t *to, const int8_t *row, int32_t column, int32_t count,
    int32_t width_in, int32_t channels_in, const int8_t *outside)
{
    const int32_t first = column < 0 ? 0 : column;
    const int32_t stop = column + count < width_in ? column + count : width_in;
    if (row == NULL || first >= stop)
        return outside;
    if (stop - first == count)
        return row + column * channels_in;
    memcpy(to, outside, (size_t)(count * channels_in));
    memcpy(to + (first - column) * channels_in, row + first * channels_in, (size_t)((stop - first) * channels_in));
    return to;
}

/* A row of a convolution, two pixels x at a time, the last of an odd row twice:
 *
 *   out[x][c] = requant(start[c] + sum over i, j, k of rows[i][x * stride - left + j * apart][k] * weights[c][i][j][k])
 *
 * rows: pixels of channels, NULL outside of the picture, where codes are those of zero. out: pixel_step and
 * channel_step say where. stream: how it is laid out stands above its array. scratch: the windows of two pixels are
 * gathered in a patch, `taps` runs of `tap_width` pixels from each row. */
DENSE_ALONE static void dense_conv_high_rounded_kink(const int8_t *const *rows, int8_t *out, const int32_t *stream,
    const struct dense_conv_layer *layer, int8_t *scratch)
{
    const int32_t channels_in = layer->channels_in;
    const int32_t channels_out = layer->channels_out;
    const int32_t width = layer->width;
    const int32_t pixel_step = layer->pixel_step;
    const int32_t channel_step = layer->channel_step;
    const int32_t width_in = layer->width_in;
    const int32_t height = layer->height;
    const int32_t taps = layer->taps;
    const int32_t tap_width = layer->tap_width;
    const int32_t apart = layer->apart;
    const int32_t stride = layer->stride;
    const int32_t left = layer->left;
    const int32_t words = layer->words;
    const int32_t run = tap_width * channels_in;
    const int8_t *const outside = (const int8_t *)stream;
    stream += (run + 3) >> 2;
    int32_t *const patch = (int32_t *)(void *)scratch;
    DENSE_SPILLED struct dense_kept_loops kept;
    dense_kept_loops_begin(&kept, patch, words, stream, pixel_step, channel_step);
    int8_t *const border = scratch + 4 * words;
    for (int32_t x = 0; x < width; x += 2) {
        const int32_t first = x * stride - left;
        const int32_t second = x + 1 < width ? first + stride : first;
        const int inside = first >= 0 && second + (taps - 1) * apart + tap_width <= width_in;
        int32_t *next = patch;
        for (int32_t i = 0; i < height; i++) {
            for (int32_t j = 0; j < taps * apart; j += apart) {
                const int8_t *a, *b;
                if (inside && rows[i] != NULL) {
                    a = rows[i] + (first + j) * channels_in;
                    b = rows[i] + (second + j) * channels_in;
                } else {
                    a = dense_conv_high_rounded_kink_run(border, rows[i], first + j, tap_width, width_in, channels_in,
                        outside);
                    b = dense_conv_high_rounded_kink_run(border + run, rows[i], second + j, tap_width, width_in,
                        channels_in, outside);
                }
                next = dense_spread(next, a, b, run);
            }
        }
        kept.out = out;
        kept.pixel_step = second != first ? pixel_step : 0;
        dense_tile_high_rounded_kink(&kept, patch, words, channels_out);
        out += 2 * pixel_step;
    }
}

/* A layer as dense_mean_words reads it. */
struct dense_mean_words_layer {
    int32_t last; /* the number of the last step, which writes the output */
    int32_t channels; /* of a pixel */
    int32_t width; /* pixels of a row */
};

/* Mean over rows and columns x, with s[i] the sum of in[x][i]:
 *
 *   out[i] = requant(start + s[i])
 *
 * in: pixels of channels, i is a channel. The sums grow in `state` while rows pass; the last step writes the output. */
static void dense_mean_words_hw_high_rounded_kink(const int8_t *in, int8_t *out, const int32_t *requant, int32_t last,
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
    if (step == 0) {
        for (; i < each; i++)
            sums[i] = start;
    }
    /* The sums of a row, eight channels at once in 16 bits: two words of a pixel, bytes 0 and 2 of each, then 1 and
     * 3. */
    for (i = 0; i + 8 <= each; i += 8) {
        const int8_t *code = in + i;
        int32_t first02 = 0, first13 = 0, second02 = 0, second13 = 0;
        for (int32_t x = width; x > 0; x--, code += channels) {
            const int32_t first = dense_unpack_word(code), second = dense_unpack_word(code + 4);
            first02 = dense_sxtab16(first02, first);
            first13 = dense_sxtab16(first13, first >> 8);
            second02 = dense_sxtab16(second02, second);
            second13 = dense_sxtab16(second13, second >> 8);
        }
        sums[i] = dense_smlabb(first02, 1, sums[i]);
        sums[i + 2] = dense_smlatb(first02, 1, sums[i + 2]);
        sums[i + 1] = dense_smlabb(first13, 1, sums[i + 1]);
        sums[i + 3] = dense_smlatb(first13, 1, sums[i + 3]);
        sums[i + 4] = dense_smlabb(second02, 1, sums[i + 4]);
        sums[i + 6] = dense_smlatb(second02, 1, sums[i + 6]);
        sums[i + 5] = dense_smlabb(second13, 1, sums[i + 5]);
        sums[i + 7] = dense_smlatb(second13, 1, sums[i + 7]);
    }
    for (int32_t left = each % 8; left > 0; left--, i++)
        for (int32_t x = 0; x < width; x++)
            sums[i] += in[x * channels + i];
    if (step == last) {
        for (i = 0; i < each; i++) {
            const int32_t sum0 = sums[i];
            out[i + 0] = (int8_t)dense_requant_high_rounded_kink((int32_t)((uint32_t)(sum0) << 1), multiplier, offset,
                shift);
        }
    }
}

/* A turn in assembly: two codes of a pixel, x, times words v and w of the weights of four channels come to the sums a0
 * to a3. dense_turn_pairs_4 is the same in C. */
#define DENSE_ASM_TURN_ONE(x, v, w) \
    "smlad %[a1], %[" v "], %[" x "], %[a1]\n\t" \
    "sxtb16 %[" v "], %[" v "]\n\t" \
    "smlad %[a0], %[" v "], %[" x "], %[a0]\n\t" \
    "smlad %[a3], %[" w "], %[" x "], %[a3]\n\t" \
    "sxtb16 %[" w "], %[" w "]\n\t" \
    "smlad %[a2], %[" w "], %[" x "], %[a2]\n\t"

/* Four channels of one pixel: its codes from x to `end`, a multiple of four and not none, times the weights from w on,
 * added to the sums; returns the weights that follow. The loop in assembly is of sixteen codes, and entered
 * where as many are left as there are. */
DENSE_INLINE const int32_t *dense_one_pixel(int32_t *sums, const int8_t *x, const int8_t *end, const int32_t *w)
{
#if DENSE_ASM
    int32_t a0 = sums[0], a1 = sums[1], a2 = sums[2], a3 = sums[3];
    register int32_t w0 DENSE_IN("r9");
    register int32_t w1 DENSE_IN("r10");
    register int32_t w2 DENSE_IN("r11");
    register int32_t w3 DENSE_IN("r12");
    int32_t x0, x1;
    w0 = -((end - x) >> 2) & 3;
    __asm__(
        "tbb [pc, %[w0]]\n"
        "0:\n\t"
        ".byte (1f - 0b) / 2, (2f - 0b) / 2, (3f - 0b) / 2, (4f - 0b) / 2\n"
        "1:\n\t"
        "ldr %[x0], [%[x]], #4\n\t"
        "sxtb16 %[x1], %[x0], ror #8\n\t"
        "sxtb16 %[x0], %[x0]\n\t"
        "ldmia %[w]!, { %[w0], %[w1], %[w2], %[w3] }\n\t"
        DENSE_ASM_TURN_ONE("x0", "w0", "w1")
        DENSE_ASM_TURN_ONE("x1", "w2", "w3")
        "2:\n\t"
        "ldr %[x0], [%[x]], #4\n\t"
        "sxtb16 %[x1], %[x0], ror #8\n\t"
        "sxtb16 %[x0], %[x0]\n\t"
        "ldmia %[w]!, { %[w0], %[w1], %[w2], %[w3] }\n\t"
        DENSE_ASM_TURN_ONE("x0", "w0", "w1")
        DENSE_ASM_TURN_ONE("x1", "w2", "w3")
        "3:\n\t"
        "ldr %[x0], [%[x]], #4\n\t"
        "sxtb16 %[x1], %[x0], ror #8\n\t"
        "sxtb16 %[x0], %[x0]\n\t"
        "ldmia %[w]!, { %[w0], %[w1], %[w2], %[w3] }\n\t"
        DENSE_ASM_TURN_ONE("x0", "w0", "w1")
        DENSE_ASM_TURN_ONE("x1", "w2", "w3")
        "4:\n\t"
        "ldr %[x0], [%[x]], #4\n\t"
        "sxtb16 %[x1], %[x0], ror #8\n\t"
        "sxtb16 %[x0], %[x0]\n\t"
        "ldmia %[w]!, { %[w0], %[w1], %[w2], %[w3] }\n\t"
        DENSE_ASM_TURN_ONE("x0", "w0", "w1")
        DENSE_ASM_TURN_ONE("x1", "w2", "w3")
        "cmp %[x], %[end]\n\t"
        "bcc 1b\n\t"
        : [a0] "+&r"(a0), [a1] "+&r"(a1), [a2] "+&r"(a2), [a3] "+&r"(a3),
        [x0] "=&r"(x0), [x1] "=&r"(x1), [w0] "+&r"(w0), [w1] "=&r"(w1), [w2] "=&r"(w2), [w3] "=&r"(w3), [x] "+&r"(x),
            [w] "+&r"(w)
        : [end] "r"(end)
        : "cc", "memory");
    sums[0] = a0;
    sums[1] = a1;
    sums[2] = a2;
    sums[3] = a3;
#else
    for (; x < end; x += 4, w += 4) {
        dense_turn_pairs_4(sums, w, dense_sxtb16(dense_unpack_word(x)));
        dense_turn_pairs_4(sums, w + 2, dense_unpack_odd(dense_unpack_word(x)));
    }
#endif
    return w;
}

/* Stores a channel's code, whose sum times 2 is `a`. words: multiplier, offset, shift. Returns the words behind. */
DENSE_INLINE const int32_t *dense_store_one_high_rounded_kink(int8_t *out, int32_t a, const int32_t *words)
{
#if DENSE_ASM
    register int32_t multiplier_c DENSE_IN("r9");
    register int32_t offset_c DENSE_IN("r10");
    register int32_t shift_c DENSE_IN("r11");
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
    out[0] = (int8_t)dense_requant_high_rounded_kink(a, multiplier_c, offset_c, shift_c);
    return words;
}

/* All channels c, the last four of them, where others are left over, once more, of one pixel of `count` codes: out[c *
 * channel_step] = requant(start[c] + sum over k of in[k] * weights[c][k]). The stream is that of two pixels. */
static void dense_pixel_high_rounded_kink(const int8_t *in, int32_t count, const int32_t *stream, int8_t *out,
    int32_t channels, int32_t channel_step)
{
    const int8_t *const end = in + (count & ~3);
    int32_t tail0 = 0, tail1 = 0; /* the codes behind */
    const int32_t *w = stream;
    if ((count & 3) != 0) {
        tail0 = (count & 3) > 1 ? (int32_t)(((uint32_t)end[1] << 16) | (uint16_t)end[0]) : end[0];
        tail1 = in[count - 1];
    }
    for (int32_t again = channels & 3;; again = 0) {
        for (; channels >= 4; channels -= 4) {
            int32_t a[4] = {w[0], w[1], w[2], w[3]};
            w += 4;
            if (in < end)
                w = dense_one_pixel(a, in, end, w);
            if ((count & 3) != 0) {
                dense_turn_pairs_4(a, w, tail0);
                dense_turn_pairs_4(a, w + 2, tail1);
                w += 4;
            }
            w = dense_store_one_high_rounded_kink(out, (int32_t)((uint32_t)a[0] << 1), w);
            out += channel_step;
            w = dense_store_one_high_rounded_kink(out, (int32_t)((uint32_t)a[1] - (uint32_t)a[0]) >> 7, w);
            out += channel_step;
            w = dense_store_one_high_rounded_kink(out, (int32_t)((uint32_t)a[2] << 1), w);
            out += channel_step;
            w = dense_store_one_high_rounded_kink(out, (int32_t)((uint32_t)a[3] - (uint32_t)a[2]) >> 7, w);
            out += channel_step;
        }
        if (again == 0)
            break;
        out -= (4 - again) * channel_step;
        channels = 4;
    }
}

/* A layer as dense_fully_connected reads it. */
struct dense_fully_connected_layer {
    int32_t channels_in; /* of an input pixel */
    int32_t channels_out; /* of an output pixel */
};

/* A row of one pixel: out[c] = requant(start[c] + sum over k of in[k] * weights[c][k]). */
static void dense_fully_connected_high_rounded_kink(const int8_t *in, int8_t *out, const int32_t *stream,
    const struct dense_fully_connected_layer *layer)
{
    const int32_t channels_in = layer->channels_in;
    const int32_t channels_out = layer->channels_out;
    dense_pixel_high_rounded_kink(in, channels_in, stream, out, channels_out, 1);
}

/* Layer 0, conv0: Conv 3x3, 12x12x3 -> 6x6x8, from node 0 'conv0' of the model.
 * Reads x [132, 168), writes conv0 [756, 804), scratch [0, 132), keeps rows in [648, 720).
 * Step s takes input row s and writes output row (s - 2) / 2, where that is one; row s is not kept yet.
 * Accumulators, bias included, lie in [-242,034, 241,956] for every input. */
static void dense_layer_0_conv0(int8_t *arena, int32_t step)
{
    if (step >= 2 && (step - 2) % 2 == 0) {
        const int8_t *rows[3];
        dense_window(rows, arena, &dense_conv0_lines, step - 2, 3, 1);
        if (step < 12) rows[2] = dense_row(arena, &dense_x_buffer, step);
        static const struct dense_stem_layer layer = {.channels_out = 8, .width = 6, .pixel_step = 8, .channel_step = 1,
            .zero_in = -2, .row_bytes = 36, .words = 28};
        DENSE_HOOK(0, 0);
        dense_stem_3x3_s2_p0_c3_high_rounded_3(rows, dense_row(arena, &dense_conv0_buffer, (step - 2) / 2),
            dense_conv0_stream, &layer, arena + DENSE_SCRATCH_conv0);
        DENSE_HOOK(0, 1);
    }
    if (step < 12)
        dense_keep(dense_row(arena, &dense_conv0_lines, step), dense_row(arena, &dense_x_buffer, step),
            dense_conv0_lines.pitch);
}

/* Layer 1, conv1: Conv 1x1, 6x6x8 -> 6x6x12, from node 1 'conv1' of the model.
 * Reads conv0 [756, 804), writes conv1 [684, 756), scratch [0, 32).
 * Accumulators, bias included, lie in [-117,248, 134,448] for every input. */
static void dense_layer_1_conv1(int8_t *arena, int32_t step)
{
    static const struct dense_pointwise_layer layer = {.channels_in = 8, .channels_out = 12, .width = 6,
        .pixel_step = 12, .channel_step = 1, .words = 8};
    DENSE_HOOK(1, 0);
    dense_pointwise_high_rounded_3(dense_row(arena, &dense_conv0_buffer, step),
        dense_row(arena, &dense_conv1_buffer, step), dense_conv1_stream, &layer, arena + DENSE_SCRATCH_conv1);
    DENSE_HOOK(1, 1);
}

/* Layer 2, conv2: Conv 3x3, 6x6x12 -> 6x6x8, from node 2 'conv2' of the model.
 * Reads conv1 [684, 756), writes conv2 [756, 804), scratch [0, 504), keeps rows in [504, 648).
 * Step s takes input row s and writes output row s - 1, where that is one; row s is not kept yet.
 * Accumulators, bias included, lie in [-870,161, 791,532] for every input. */
static void dense_layer_2_conv2(int8_t *arena, int32_t step)
{
    if (step >= 1) {
        const int8_t *rows[3];
        dense_window(rows, arena, &dense_conv2_lines, step - 2, 3, 1);
        if (step < 6) rows[2] = dense_row(arena, &dense_conv1_buffer, step);
        static const struct dense_conv_layer layer = {.channels_in = 12, .channels_out = 8, .width = 6, .pixel_step = 8,
            .channel_step = 1, .width_in = 6, .height = 3, .taps = 1, .tap_width = 3, .apart = 1, .stride = 1,
            .left = 1, .words = 108};
        DENSE_HOOK(2, 0);
        dense_conv_high_rounded_kink(rows, dense_row(arena, &dense_conv2_buffer, (step - 1)), dense_conv2_stream,
            &layer, arena + DENSE_SCRATCH_conv2);
        DENSE_HOOK(2, 1);
    }
    if (step < 6)
        dense_keep(dense_row(arena, &dense_conv2_lines, step), dense_row(arena, &dense_conv1_buffer, step),
            dense_conv2_lines.pitch);
}

/* Layer 3, mean3: Mean, 6x6x8 -> 1x1x8, from node 3 'mean3' of the model.
 * Reads conv2 [756, 804), writes mean3 [12, 20), sums [804, 836). */
static void dense_layer_3_mean3(int8_t *arena, int32_t step)
{
    static const struct dense_mean_words_layer layer = {.last = 5, .channels = 8, .width = 6};
    DENSE_HOOK(3, 0);
    dense_mean_words_hw_high_rounded_kink(dense_row(arena, &dense_conv2_buffer, step),
        dense_row(arena, &dense_mean3_buffer, 0), dense_mean3_requant, layer.last, layer.channels, layer.width, step,
        arena + DENSE_SUMS_mean3);
    DENSE_HOOK(3, 1);
}

/* Layer 4, conv4: Conv 1x1, 1x1x8 -> 1x1x10, from node 4 'conv4' of the model.
 * Reads mean3 [12, 20), writes conv4 [0, 10).
 * Accumulators, bias included, lie in [-84,108, 83,892] for every input. */
static void dense_layer_4_conv4(int8_t *arena, int32_t step)
{
    (void)step;
    static const struct dense_fully_connected_layer layer = {.channels_in = 8, .channels_out = 10};
    DENSE_HOOK(4, 0);
    dense_fully_connected_high_rounded_kink(dense_row(arena, &dense_mean3_buffer, 0),
        dense_row(arena, &dense_conv4_buffer, 0), dense_conv4_stream, &layer);
    DENSE_HOOK(4, 1);
}

/* Computes step `step` of a node. Nodes are the layers that the schedule fires, numbered in its order. */
static void dense_fire(int8_t *arena, int32_t node, int32_t step)
{
    switch (node) {
    case 0:
        dense_layer_0_conv0(arena, step);
        break;
    case 1:
        dense_layer_1_conv1(arena, step);
        break;
    case 2:
        dense_layer_2_conv2(arena, step);
        break;
    case 3:
        dense_layer_3_mean3(arena, step);
        break;
    case 4:
        dense_layer_4_conv4(arena, step);
        break;
    default:
        break;
    }
}

/* Every node: its steps; its waits in the table below, from first_wait up to, without, end_wait; and resume_at, the
 * node whose turn it is after a step: where the branches that begin with this one have come together. */
static const struct {
    uint16_t steps, first_wait, end_wait, resume_at;
} dense_nodes[] = {
    {13, 0, 1, 1}, /* node 0: layer 0, conv0 */
    {6, 1, 2, 2}, /* node 1: layer 1, conv1 */
    {7, 2, 3, 3}, /* node 2: layer 2, conv2 */
    {6, 3, 4, 3}, /* node 3: layer 3, mean3 */
    {1, 4, 4, 4}, /* node 4: layer 4, conv4 */
};

/* Step s waits until `source` has done (s * times + plus) / over of its steps, at most `most`. */
static const struct {
    int16_t source, times, plus, over, most;
} dense_waits[] = {
    {-1, 1, 1, 1, 12},
    {0, 2, 3, 1, 13},
    {1, 1, 1, 1, 6},
    {2, 1, 2, 1, 7},
};

/* The first node of every segment, and the end of the last. */
static const uint16_t dense_segments[] = {0, 4, 5};

/* `node` itself if the rows that its next step reads are there; else the node that owes some, or the one before it
 * where none does: it has done all of its steps, or waits for the input. `done` counts the steps of nodes `first` and
 * on. */
static int32_t dense_next(const uint16_t *done, int32_t first, int32_t node, int32_t pushed)
{
    const int32_t step = done[node - first];
    if (step == dense_nodes[node].steps)
        return node - 1;
    for (int32_t i = dense_nodes[node].first_wait; i < dense_nodes[node].end_wait; i++) {
        const int32_t source = dense_waits[i].source;
        int32_t need = step * dense_waits[i].times + dense_waits[i].plus; /* `over` is 1 in all */
        if (need > dense_waits[i].most)
            need = dense_waits[i].most;
        if ((source < 0 ? pushed : (int32_t)done[source - first]) < need)
            return source < 0 ? node - 1 : source;
    }
    return node;
}

/* Fires what the last node of the segment [first, stop) needs, row by row, then what else can fire. */
static void dense_stream(int8_t *arena, uint16_t *done, int32_t first, int32_t stop, int32_t pushed)
{
    int32_t node = stop - 1;
    while (node >= first) {
        int32_t next = dense_next(done, first, node, pushed);
        if (next == node) {
            next = dense_nodes[node].resume_at;
            dense_fire(arena, node, done[node - first]++);
        }
        node = next;
    }
}

/* The schedule's state, in the arena: rows pushed, whether the output is ready, steps done of each node of the segment
 * that runs. */
struct dense_state {
    uint16_t pushed, ready, done[4];
};

/* Where it lies. */
static struct dense_state *dense_state_of(void *arena)
{
    return (struct dense_state *)(void *)((int8_t *)arena + DENSE_COUNTERS);
}

void dense_begin(void *arena)
{
    memset(dense_state_of(arena), 0, sizeof(struct dense_state));
}

int dense_push_row(void *arena, const int8_t *row)
{
    struct dense_state *const state = dense_state_of(arena);
    if (state->ready)
        return 1;
    memcpy(dense_row((int8_t *)arena, &dense_x_buffer, state->pushed), row, 36);
    state->pushed++;
    dense_stream(arena, state->done, dense_segments[0], dense_segments[1], state->pushed);
    if (state->pushed < 12)
        return 0;
    for (int32_t i = 1; i < 2; i++) {
        memset(state->done, 0, sizeof state->done);
        dense_stream(arena, state->done, dense_segments[i], dense_segments[i + 1], 0);
    }
    state->ready = 1;
    return 1;
}

const int8_t *dense_output(const void *arena)
{
    return (const int8_t *)((const int8_t *)arena + dense_conv4_buffer.offset);
}
