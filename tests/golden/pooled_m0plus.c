/* pooled: pooled, compiled by ircompile 0.1.0 for cortex-m0plus.
 *
 * Layers run in segments, one segment after the other. Within a segment they take turns, row by row, as the last one
 * needs their rows; pooled_layer_0 and on are the layers. The segments are these layers:
 *   0 to 5, 6 to 7
 *
 * Memory: a tensor is rows in the arena, row r at offset + (r + slot_offset) % slots * pitch. This map has, for all
 * that lies there, its bytes [from, to), slots x pitch, the first and the last layer that use it, and height x width x
 * channels. A row is pixels of channels; where chw is said, it is channels of pixels. Lines may overlap, within a
 * segment too: rows that are never needed at one time share bytes. Layers `first - last` touch a place; that is not how
 * long its bytes live: kept rows and scratch may take turns in the same bytes from step to step.
 *
 *   bytes       rows        layers  what
 *   [0, 40)     1 x 40       2 - 3  pool1 6x5x8
 *   [0, 6)      1 x 6        6 - 7  conv6 1x1x6
 *   [0, 6)      1 x 6        7 - 7  softmax7 1x1x6 output, in the rows of conv6
 *   [8, 24)     1 x 16       5 - 6  extreme5 1x1x16
 *   [40, 56)                 5 - 5  sums of extreme5
 *   [56, 216)   2 x 80       0 - 2  conv0 12x10x8
 *   [136, 216)  1 x 80       3 - 4  resize2 12x10x8
 *   [216, 376)  2 x 80       1 - 1  lines of average3
 *   [376, 456)  2 x 40       0 - 0  lines of conv0
 *   [456, 624)               0 - 0  scratch of conv0
 *   [456, 616)  1 x 160      4 - 5  concat4 12x10x16
 *   [616, 696)  1 x 80       1 - 4  average3 12x10x8
 *   [624, 664)  1 x 40       0 - 0  x 12x10x4 input
 *   [696, 712)               0 - 7  the schedule's state: steps done by each layer, rows pushed, output ready
 */
#if defined(__arm__) && defined(__GNUC__) && !defined(__clang__) && !defined(POOLED_NO_ASM)
#pragma GCC optimize("omit-frame-pointer", "no-ipa-ra") /* registers are few; to be said before any function */
#endif

#include "pooled.h"
#if POOLED_BUILD != 0x364a2433u
#error "pooled.c and pooled.h are not from one compilation: take all files of one"
#endif

#include <stddef.h>
#include <string.h>

/* Called before (0) and after (1) every row that a layer computes, with the layer's number; define it to measure or to
 * debug. Copies of rows that are kept are outside. */
#ifndef POOLED_HOOK
#define POOLED_HOOK(layer, phase)
#endif

extern const int8_t pooled_conv0_weights[291];
extern const int32_t pooled_conv0_requant[17];
extern const int32_t pooled_average3_requant[30];
extern const int8_t pooled_conv6_weights[96];
extern const int32_t pooled_conv6_requant[13];
extern const int32_t pooled_softmax7_exps[256];

/* Small functions are part of their callers; without optimization they are functions, for the debugger to step into. */
#if defined(__GNUC__) && defined(__OPTIMIZE__)
#define POOLED_INLINE static inline __attribute__((always_inline))
#else
#define POOLED_INLINE static inline
#endif
#if defined(__GNUC__)
#define POOLED_NOINLINE static __attribute__((noinline))
#else
#define POOLED_NOINLINE static
#endif

/* round(a * b / 2^31), ties up; a and b are not both INT32_MIN. */
static inline int32_t pooled_multiply_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* round(x / 2^n), ties away from zero; 0 where n is over 31. */
static inline int32_t pooled_shift_away(int32_t x, int32_t n)
{
    if (n > 31)
        return 0;
    const int32_t mask = (int32_t)((UINT32_C(1) << n) - 1u);
    return (x >> n) + ((x & mask) > (mask >> 1) + (x < 0 ? 1 : 0) ? 1 : 0);
}

/* From an accumulator to a code: round(accumulator * scale) + zero point, as the model's framework rounds. Each
 * function below is cheaper than that and proved equal for all accumulators of its layers. What its name says:
 *   split    a product in 2 or 3 parts of so many bits (2x10, 3x8 ...), none longer than 32 bits
 *   2        a number: the sum is shifted right by so many bits; without one, each channel has its shift
 */

/* Other words in names:
 *   float32     accumulator * scale in float32 arithmetic, as ONNX Runtime has it, then rounded half to even
 *   quick37     the product in integers, and float32 arithmetic only next to ties; scales in units of 2^-37
 */

/* (value >> shift) saturated to int8: one instruction where shift is a constant. */
#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__)
#define POOLED_SATURATE(value, shift) ((int32_t)__builtin_arm_ssat((value) >> (shift), 8))
#elif defined(__ARM_FEATURE_SAT)
#include <arm_acle.h>
#define POOLED_SATURATE(value, shift) ((int32_t)__ssat((value) >> (shift), 8))
#else
#define POOLED_SATURATE(value, shift) pooled_saturate((value) >> (shift))
/* value within the codes of int8. */
static inline int32_t pooled_saturate(int32_t value)
{
    return value < -128 ? -128 : value > 127 ? 127 : value;
}
#endif
#if defined(__ARM_FP) && defined(__GNUC__)
/* round((float)acc * scale), half to even; scale is a float32 by its bits. The result is exact below 2^30; beyond, it
 * is only known to be large, and saturates. */
static inline int32_t pooled_scale_float32(int32_t acc, int32_t scale)
{
    union { int32_t bits; float value; } factor;
    float rounded;
    int32_t code;
    factor.bits = scale;
    __asm__("vcvtr.s32.f32 %0, %1" : "=t"(rounded) : "t"((float)acc * factor.value));
    __asm__("vmov %0, %1" : "=r"(code) : "t"(rounded));
    return code;
}
#else
/* round(value / 2^shift), half to even; shift > 0. */
static inline uint64_t pooled_half_even(uint64_t value, int32_t shift)
{
    return (value + (UINT64_C(1) << (shift - 1)) - 1u + ((value >> shift) & 1u)) >> shift;
}

/* round((float)acc * scale), half to even; scale is a float32 by its bits. In integers: a product of 24-bit numbers,
 * rounded to 24 bits, then to a whole number. */
static int32_t pooled_scale_float32(int32_t acc, int32_t scale)
{
    const uint32_t magnitude = acc < 0 ? 0u - (uint32_t)acc : (uint32_t)acc;
    uint64_t product = (uint64_t)magnitude * (((uint32_t)scale & 0x7FFFFFu) | 0x800000u);
    int32_t lost = 0;
    for (int32_t step = 16; step > 0; step >>= 1) { /* product < 2^55 */
        lost += product >> (lost + step + 23) != 0 ? step : 0;
    }
    if (lost > 0) {
        product = pooled_half_even(product, lost);
    }
    const int32_t shift = 150 - ((scale >> 23) & 0xFF) - lost;
    if (shift > 0) {
        product = shift > 25 ? 0u : pooled_half_even(product, shift);
    }
    return (acc ^ scale) < 0 ? -(int32_t)product : (int32_t)product;
}
#endif
#if defined(__GNUC__)
#define POOLED_SELDOM __attribute__((noinline, cold))
#else
#define POOLED_SELDOM
#endif

/* round((float)acc * (multiplier / 2^exponent)), half to even: what float32 arithmetic makes of a product next to a
 * tie. */
POOLED_SELDOM static int32_t pooled_near_tie(int32_t acc, int32_t multiplier, int32_t exponent)
{
    uint32_t mantissa = multiplier < 0 ? 0u - (uint32_t)multiplier : (uint32_t)multiplier;
    int32_t power = 150 - exponent; /* of the mantissa's lowest bit, as a float32 has it */
    for (; mantissa >= 0x1000000u; mantissa >>= 1)
        power++;
    for (; mantissa < 0x800000u; mantissa <<= 1)
        power--;
    mantissa = (mantissa & 0x7FFFFFu) | (uint32_t)power << 23;
    return pooled_scale_float32(acc, (int32_t)(multiplier < 0 ? mantissa | 0x80000000u : mantissa));
}

/* round((float)acc * scale) + zero point, half to even, saturated, as float32 arithmetic has it; x is acc, the scale
 * multiplier / 2^36. The sum, in units of 2^-17 codes, is so near to the product that it tells the code but next to
 * ties. */
POOLED_NOINLINE int32_t pooled_requant_float32_quick36(int32_t x, int32_t multiplier, int32_t base)
{
    const int32_t upper = multiplier >> 19;
    const int32_t lower = (multiplier >> 7) & 0xFFF;
    int32_t sum = x * upper + ((x * lower) >> 12) + base;
    if ((sum & 0x1FE00) == 0) {
        sum = base + pooled_near_tie(x, multiplier, 36) * 131072;
    }
    return POOLED_SATURATE(sum, 17);
}

/* (x * upper + floor(x * lower / 2^14) + offset) >> shift, saturated. */
static inline int32_t pooled_requant_split_2x14(int32_t x, int32_t upper, int32_t lower, int32_t offset, int32_t shift)
{
    int32_t sum = x * upper + ((x * lower) >> 14) + offset;
    return POOLED_SATURATE(sum, shift);
}

/* The rows of a tensor in the arena: row r at offset + (r + slot_offset) % slots * pitch. */
struct pooled_buffer {
    int32_t offset, pitch, height, slots, slot_offset;
};

static const struct pooled_buffer pooled_conv0_buffer = {.offset = 56, .pitch = 80, .height = 12, .slots = 2,
    .slot_offset = 0};
static const struct pooled_buffer pooled_x_buffer = {.offset = 624, .pitch = 40, .height = 12, .slots = 1,
    .slot_offset = 0};
static const struct pooled_buffer pooled_conv0_lines = {.offset = 376, .pitch = 40, .height = 12, .slots = 2,
    .slot_offset = 0};
static const struct pooled_buffer pooled_average3_buffer = {.offset = 616, .pitch = 80, .height = 12, .slots = 1,
    .slot_offset = 0};
static const struct pooled_buffer pooled_average3_lines = {.offset = 216, .pitch = 80, .height = 12, .slots = 2,
    .slot_offset = 0};
static const struct pooled_buffer pooled_pool1_buffer = {.offset = 0, .pitch = 40, .height = 6, .slots = 1,
    .slot_offset = 0};
static const struct pooled_buffer pooled_resize2_buffer = {.offset = 136, .pitch = 80, .height = 12, .slots = 1,
    .slot_offset = 0};
static const struct pooled_buffer pooled_concat4_buffer = {.offset = 456, .pitch = 160, .height = 12, .slots = 1,
    .slot_offset = 0};
static const struct pooled_buffer pooled_extreme5_buffer = {.offset = 8, .pitch = 16, .height = 1, .slots = 1,
    .slot_offset = 0};
static const struct pooled_buffer pooled_conv6_buffer = {.offset = 0, .pitch = 6, .height = 1, .slots = 1,
    .slot_offset = 0};
static const struct pooled_buffer pooled_softmax7_buffer = {.offset = 0, .pitch = 6, .height = 1, .slots = 1,
    .slot_offset = 0};

/* Where everything else lies. */
enum {
    POOLED_COUNTERS = 696, /* the schedule's state */
    POOLED_SCRATCH_conv0 = 456, /* 168 bytes */
    POOLED_SUMS_extreme5 = 40 /* 16 bytes */
};

/* Row `row` of a tensor. */
POOLED_INLINE int8_t *pooled_row(int8_t *arena, const struct pooled_buffer *buffer, int32_t row)
{
    const int whole = buffer->slot_offset == 0 && buffer->slots >= buffer->height;
    return arena + buffer->offset + (whole ? row : (row + buffer->slot_offset) % buffer->slots) * buffer->pitch;
}

/* Pointers to `count` rows from `first` on, `apart` rows from each other, of a ring of `slots` rows of `pitch` bytes at
 * `base`; NULL outside of the picture. Many call it, once a row: in line it would take more flash and save next to no
 * time. */
POOLED_NOINLINE void pooled_rows_at(const int8_t **rows, int32_t count, int32_t first, int32_t apart,
    const int8_t *base, int32_t height, int32_t slot_offset, int32_t slots, int32_t pitch)
{
    for (int32_t i = 0; i < count; i++, first += apart)
        rows[i] = first < 0 || first >= height ? NULL : base + (first + slot_offset) % slots * pitch;
}

/* Pointers to `count` rows of a tensor from `first` on, `apart` rows from each other; NULL outside of the picture. */
POOLED_INLINE void pooled_window(const int8_t **rows, const int8_t *arena, const struct pooled_buffer *buffer,
    int32_t first, int32_t count, int32_t apart)
{
    pooled_rows_at(rows, count, first, apart, arena + buffer->offset, buffer->height, buffer->slot_offset,
        buffer->slots, buffer->pitch);
}

/* Copies a row that is still needed to where it is kept; the places may overlap. */
static void pooled_keep(int8_t *to, const int8_t *from, int32_t bytes)
{
    const int32_t apart = (int32_t)(to < from ? from - to : to - from);
    for (int32_t done = 0, run; apart > 0 && done < bytes; done += run) {
        run = apart < bytes - done ? apart : bytes - done;
        const int32_t at = to < from ? done : bytes - done - run;
        memcpy(to + at, from + at, (size_t)run);
    }
}

/* `count` codes of two pixels a and b as words, b's in the upper half: to[k] = a[k] + 65536 * b[k]. */
static void pooled_both_codes(uint32_t *to, const int8_t *a, const int8_t *b, int32_t count)
{
    const int8_t *const end = a + count;
    while (a != end)
        *to++ = (uint32_t)*a++ + ((uint32_t)*b++ << 16);
}

/* `wide` pixels of a row from `column` on, and from `further` columns on, as words of both. Codes are zero_in outside
 * of the picture, where the row is NULL, too; what reaches over an edge is put together at `edge` first. */
static void pooled_window_run(uint32_t *to, const int8_t *row, int32_t column, int32_t further, int32_t wide,
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
    pooled_both_codes(to, a, b, run);
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
static void pooled_tile_packed_float32_quick36(uint32_t *codes, int32_t count, const int8_t *weights,
    const int32_t *requant, int8_t *out, int32_t channels, int32_t pixel_step, int32_t channel_step)
{
    const int32_t *words = requant + 1;
    const uint32_t *end = codes + count;
    const int32_t base = requant[0];
    for (; ((end - codes) & 3) != 0; end++)
        codes[end - codes] = 0; /* whatever weights are read there */
    for (; channels > 0; channels -= 2) {
        const int8_t *w0 = weights;
        const int8_t *w1 = channels > 1 ? weights + count : weights;
        const int32_t *const second = channels > 1 ? words + 2 : words;
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
            out[0] = (int8_t)pooled_requant_float32_quick36((int32_t)(both0 - (b0 << 16)), multiplier_c, base);
            out[pixel_step] = (int8_t)pooled_requant_float32_quick36((int32_t)(b0 + (uint32_t)words[0]), multiplier_c,
                base);
            out += channel_step;
        }
        if (channels == 1)
            break;
        {
            const int32_t multiplier_c = second[1];
            out[0] = (int8_t)pooled_requant_float32_quick36((int32_t)(both1 - (b1 << 16)), multiplier_c, base);
            out[pixel_step] = (int8_t)pooled_requant_float32_quick36((int32_t)(b1 + (uint32_t)second[0]), multiplier_c,
                base);
            out += channel_step;
        }
        weights += 2 * count;
        words += 4;
    }
}

/* A layer as pooled_conv reads it. */
struct pooled_conv_layer {
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
static void pooled_conv_float32_quick36(const int8_t *const *rows, int8_t *out, const int8_t *weights,
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
                pooled_window_run(to, rows[i], column, two * stride, tap_width, width_in, channels_in, zero_in, edge);
        }
        pooled_tile_packed_float32_quick36(codes, count, weights, requant, out, channels_out, two * pixel_step,
            channel_step);
    }
}

/* A layer as pooled_pool reads it. */
struct pooled_pool_layer {
    int32_t width_in; /* pixels of an input row */
    int32_t width_out; /* pixels of an output row */
    int32_t channels; /* of a pixel */
};

/* A row of 3 x 3 average pooling, over the n codes of a window, padding left out:
 *
 *   out[x][c] = requant_n(start_n + sum over i, j of rows[i][x - 1 + j][c])
 *
 * rows: pixels of channels, NULL outside of the picture. requant: words for n = 4, 5, ... */
static void pooled_pool_average_3x3_p1_split_2x14(const int8_t *const *rows, int8_t *out, const int32_t *requant,
    int32_t width_in, int32_t width_out, int32_t channels)
{
    const int8_t *inside[3] = { NULL };
    int32_t height = 0;
    for (int32_t i = 0; i < 3; i++)
        if (rows[i] != NULL)
            inside[height++] = rows[i];
    for (int32_t x = 0; x < width_out; x++) {
        int32_t column = x * 1 - 1;
        int32_t taps = 3;
        for (; column < 0; column += 1)
            taps--;
        while (column + (taps - 1) * 1 >= width_in)
            taps--;
        const int32_t count = height * taps;
        const int32_t *const words = requant + 0 + (count - 4) * 5;
        const int32_t upper_c = words[1];
        const int32_t lower_c = words[2];
        const int32_t offset_c = words[3];
        const int32_t shift_c = words[4];
        const int32_t start = words[0];
        for (int32_t c = 0; c < channels; c++) {
            int32_t value = start;
            for (int32_t i = 0; i < height; i++) {
                const int8_t *code = inside[i] + column * channels + c;
                for (int32_t j = taps; j > 0; j--, code += channels) {
                    value += *code;
                }
            }
            *out++ = (int8_t)pooled_requant_split_2x14(value, upper_c, lower_c, offset_c, shift_c);
        }
    }
}

/* A layer as pooled_pool reads it. */
struct pooled_pool_layer_low_high {
    int32_t width_in; /* pixels of an input row */
    int32_t width_out; /* pixels of an output row */
    int32_t channels; /* of a pixel */
    int32_t low; /* the least code */
    int32_t high; /* the greatest code */
};

/* A row of 2 x 2 maximum pooling, over the n codes of a window, padding left out:
 *
 *   out[x][c] = max over i, j of rows[i][x * 2 + j][c], within [low, high]
 *
 * rows: pixels of channels, NULL outside of the picture. */
static void pooled_pool_max_2x2_s2_p0(const int8_t *const *rows, int8_t *out, int32_t width_in, int32_t width_out,
    int32_t channels, int32_t low, int32_t high)
{
    const int8_t *inside[2] = { NULL };
    int32_t height = 0;
    for (int32_t i = 0; i < 2; i++)
        if (rows[i] != NULL)
            inside[height++] = rows[i];
    for (int32_t x = 0; x < width_out; x++) {
        int32_t column = x * 2;
        int32_t taps = 2;
        for (; column < 0; column += 1)
            taps--;
        while (column + (taps - 1) * 1 >= width_in)
            taps--;
        for (int32_t c = 0; c < channels; c++) {
            int32_t value = -128;
            for (int32_t i = 0; i < height; i++) {
                const int8_t *code = inside[i] + column * channels + c;
                for (int32_t j = taps; j > 0; j--, code += channels) {
                    value = *code > value ? *code : value;
                }
            }
            *out++ = (int8_t)(value < low ? low : value > high ? high : value);
        }
    }
}

/* A layer as pooled_upsample reads it. */
struct pooled_upsample_layer {
    int32_t width_in; /* pixels of an input row */
    int32_t channels; /* of a pixel */
    int32_t factor; /* how often a pixel is written */
};

/* A row of an enlarged map, every pixel `factor` times: out[x * factor + i] = in[x], pixels of channels. */
static void pooled_upsample(const int8_t *in, int8_t *out, int32_t width_in, int32_t channels, int32_t factor)
{
    for (int32_t x = 0; x < width_in; x++, in += channels)
        for (int32_t i = 0; i < factor; i++, out += channels)
            memcpy(out, in, (size_t)channels);
}

/* A layer as pooled_concat reads it. */
struct pooled_concat_layer {
    int32_t width; /* pixels of a row */
    int32_t bytes_0; /* of a run that is copied in one piece */
    int32_t bytes_1; /* of a run that is copied in one piece */
};

/* A row of 2 inputs joined on the channel axis: out[x] = in_0[x], in_1[x] and so on, one behind the other.
 * Rows are pixels of channels. */
static void pooled_concat_channels_2(const int8_t *in_0, const int8_t *in_1, int8_t *out, int32_t width,
    int32_t bytes_0, int32_t bytes_1)
{
    for (int32_t x = 0; x < width; x++) {
        memcpy(out, in_0, (size_t)bytes_0);
        in_0 += bytes_0;
        out += bytes_0;
        memcpy(out, in_1, (size_t)bytes_1);
        in_1 += bytes_1;
        out += bytes_1;
    }
}

/* A layer as pooled_extreme reads it. */
struct pooled_extreme_layer {
    int32_t pixels; /* of a row */
    int32_t codes; /* that a row's pixels share places of */
    int32_t last; /* the number of the last step, which writes the output */
};

/* out[i] = max over x of in[x][i], x below `pixels`, and over all rows, of which the last one writes the output. */
static void pooled_extreme_max(const int8_t *in, int8_t *out, int32_t pixels, int32_t codes, int32_t last, int32_t step,
    int8_t *state)
{
    for (int32_t i = 0; i < codes; i++) {
        int8_t best = in[i];
        for (int32_t x = 1; x < pixels; x++)
            best = in[x * codes + i] > best ? in[x * codes + i] : best;
        if (step > 0 && state[i] > best)
            best = state[i];
        state[i] = best;
        if (step < last)
            continue;
        out[i] = best;
    }
}

/* All channels c of one pixel of `count` codes, four at a time and then one:
 *
 *   out[c * channel_step] = requant(start[c] + sum over k of in[k] * weights[c][k])
 *
 * start[c], the first word of a channel's in requant, is the bias less the input's zero point times the sum of the
 * weights, moved by what the requantization needs; the others requantize. */
static void pooled_pixel_float32_quick36(const int8_t *in, int32_t count, const int8_t *weights, const int32_t *requant,
    int8_t *out, int32_t channels, int32_t channel_step)
{
    const int8_t *const end = in + (count & ~3);
    const int32_t *words = requant + 1;
    const int32_t base = requant[0];
    for (; channels >= 4; channels -= 4) {
        const int8_t *w0 = weights, *w1 = w0 + count, *w2 = w1 + count, *w3 = w2 + count;
        int32_t sum0 = (int32_t)words[0];
        int32_t sum1 = (int32_t)words[2];
        int32_t sum2 = (int32_t)words[4];
        int32_t sum3 = (int32_t)words[6];
        const int8_t *x = in;
        for (; x != end; x += 4) {
            sum0 += (int32_t)(x[0] * w0[0]);
            sum1 += (int32_t)(x[0] * w1[0]);
            sum2 += (int32_t)(x[0] * w2[0]);
            sum3 += (int32_t)(x[0] * w3[0]);
            sum0 += (int32_t)(x[1] * w0[1]);
            sum1 += (int32_t)(x[1] * w1[1]);
            sum2 += (int32_t)(x[1] * w2[1]);
            sum3 += (int32_t)(x[1] * w3[1]);
            sum0 += (int32_t)(x[2] * w0[2]);
            sum1 += (int32_t)(x[2] * w1[2]);
            sum2 += (int32_t)(x[2] * w2[2]);
            sum3 += (int32_t)(x[2] * w3[2]);
            sum0 += (int32_t)(x[3] * w0[3]);
            sum1 += (int32_t)(x[3] * w1[3]);
            sum2 += (int32_t)(x[3] * w2[3]);
            sum3 += (int32_t)(x[3] * w3[3]);
            w0 += 4;
            w1 += 4;
            w2 += 4;
            w3 += 4;
        }
        for (int32_t k = 0; k < (count & 3); k++) {
            sum0 += (int32_t)(x[k] * w0[k]);
            sum1 += (int32_t)(x[k] * w1[k]);
            sum2 += (int32_t)(x[k] * w2[k]);
            sum3 += (int32_t)(x[k] * w3[k]);
        }
        {
            const int32_t multiplier_c = words[1];
            *out = (int8_t)pooled_requant_float32_quick36((int32_t)sum0, multiplier_c, base);
            out += channel_step;
        }
        {
            const int32_t multiplier_c = (words + 2)[1];
            *out = (int8_t)pooled_requant_float32_quick36((int32_t)sum1, multiplier_c, base);
            out += channel_step;
        }
        {
            const int32_t multiplier_c = (words + 4)[1];
            *out = (int8_t)pooled_requant_float32_quick36((int32_t)sum2, multiplier_c, base);
            out += channel_step;
        }
        {
            const int32_t multiplier_c = (words + 6)[1];
            *out = (int8_t)pooled_requant_float32_quick36((int32_t)sum3, multiplier_c, base);
            out += channel_step;
        }
        weights += 4 * count;
        words += 8;
    }
    for (; channels > 0; channels--) {
        int32_t sum = (int32_t)words[0];
        for (const int8_t *x = in; x != in + count; x++)
            sum += (int32_t)(*x * *weights++);
        const int32_t multiplier_c = words[1];
        *out = (int8_t)pooled_requant_float32_quick36((int32_t)sum, multiplier_c, base);
        out += channel_step;
        words += 2;
    }
}

/* A layer as pooled_fully_connected reads it. */
struct pooled_fully_connected_layer {
    int32_t channels_in; /* of an input pixel */
    int32_t channels_out; /* of an output pixel */
};

/* A row of one pixel: out[c] = requant(start[c] + sum over k of in[k] * weights[c][k]). */
static void pooled_fully_connected_float32_quick36(const int8_t *in, int8_t *out, const int8_t *weights,
    const int32_t *requant, int32_t channels_in, int32_t channels_out)
{
    pooled_pixel_float32_quick36(in, channels_in, weights, requant, out, channels_out, 1);
}

/* A layer as pooled_softmax reads it. */
struct pooled_softmax_layer {
    int32_t width; /* pixels of a row */
    int32_t channels; /* of a pixel */
};

/* Softmax over the channels of each pixel, with m the greatest of its codes:
 *
 *   out[x][c] = round(256 * e(m - in[x][c]) / sum over k of e(m - in[x][k])) - 128, as gemmlowp's fixed point has it
 *
 * exps: e(d) = exp(-scale * d) for d = 0 to 255, fixed point. */
static void pooled_softmax_gemmlowp(const int8_t *in, int8_t *out, const int32_t *exps, int32_t width, int32_t channels)
{
    for (int32_t x = 0; x < width; x++, in += channels, out += channels) {
        int32_t greatest = in[0];
        for (int32_t c = 1; c < channels; c++)
            greatest = in[c] > greatest ? in[c] : greatest;
        /* gemmlowp: exponentials in Q0.31, their sum in Q12.19, a Newton reciprocal in Q2.29. */
        int32_t total = 0;
        for (int32_t c = 0; c < channels; c++)
            total += pooled_shift_away(exps[greatest - in[c]], 12);
        int32_t headroom = 0;
        while ((uint32_t)total << headroom < UINT32_C(0x80000000))
            headroom++;
        const int32_t denominator = (int32_t)(((int64_t)(((uint32_t)total << headroom) - UINT32_C(0x80000000))
            + INT32_MAX + 1) >> 1);
        int32_t inverse = 1515870810 + pooled_multiply_high(denominator, -1010580540);
        for (int32_t i = 0; i < 3; i++) {
            const int32_t error = (1 << 29) - pooled_multiply_high(denominator, inverse);
            inverse += pooled_multiply_high(inverse, error) * 4;
        }
        const int32_t scale = inverse >= (1 << 30) ? INT32_MAX : inverse * 2;
        for (int32_t c = 0; c < channels; c++) {
            const int32_t exponential = exps[greatest - in[c]];
            const int32_t share = pooled_shift_away(pooled_multiply_high(scale, exponential), 12 - headroom + 23) - 128;
            out[c] = (int8_t)(exponential == 0 ? -128 : share > 127 ? 127 : share);
        }
    }
}

/* Layer 0, conv0: Conv 3x3, 12x10x4 -> 12x10x8, from node 0 'conv0' of the model.
 * Reads x [624, 664), writes conv0 [56, 216), scratch [456, 624), keeps rows in [376, 456).
 * Step s takes input row s and writes output row s - 1, where that is one; row s is not kept yet.
 * Accumulators, bias included, lie in [-325,606, 320,564] for every input. */
static void pooled_layer_0_conv0(int8_t *arena, int32_t step)
{
    if (step >= 1) {
        const int8_t *rows[3];
        pooled_window(rows, arena, &pooled_conv0_lines, step - 2, 3, 1);
        if (step < 12) rows[2] = pooled_row(arena, &pooled_x_buffer, step);
        static const struct pooled_conv_layer layer = {.channels_in = 4, .channels_out = 8, .width = 10,
            .pixel_step = 8, .channel_step = 1, .zero_in = 12, .width_in = 10, .height = 3, .taps = 1, .tap_width = 3,
            .apart = 1, .stride = 1, .left = 1};
        POOLED_HOOK(0, 0);
        pooled_conv_float32_quick36(rows, pooled_row(arena, &pooled_conv0_buffer, (step - 1)), pooled_conv0_weights,
            pooled_conv0_requant, layer.channels_in, layer.channels_out, layer.width, layer.pixel_step,
            layer.channel_step, layer.zero_in, layer.width_in, layer.height, layer.taps, layer.tap_width, layer.apart,
            layer.stride, layer.left, arena + POOLED_SCRATCH_conv0);
        POOLED_HOOK(0, 1);
    }
    if (step < 12)
        pooled_keep(pooled_row(arena, &pooled_conv0_lines, step), pooled_row(arena, &pooled_x_buffer, step),
            pooled_conv0_lines.pitch);
}

/* Layer 1, average3: AveragePool 3x3, 12x10x8 -> 12x10x8, from node 3 'average3' of the model.
 * Reads conv0 [56, 216), writes average3 [616, 696), keeps rows in [216, 376).
 * Step s takes input row s and writes output row s - 1, where that is one; row s is not kept yet. */
static void pooled_layer_1_average3(int8_t *arena, int32_t step)
{
    if (step >= 1) {
        const int8_t *rows[3];
        pooled_window(rows, arena, &pooled_average3_lines, step - 2, 3, 1);
        if (step < 12) rows[2] = pooled_row(arena, &pooled_conv0_buffer, step);
        static const struct pooled_pool_layer layer = {.width_in = 10, .width_out = 10, .channels = 8};
        POOLED_HOOK(1, 0);
        pooled_pool_average_3x3_p1_split_2x14(rows, pooled_row(arena, &pooled_average3_buffer, (step - 1)),
            pooled_average3_requant, layer.width_in, layer.width_out, layer.channels);
        POOLED_HOOK(1, 1);
    }
    if (step < 12)
        pooled_keep(pooled_row(arena, &pooled_average3_lines, step), pooled_row(arena, &pooled_conv0_buffer, step),
            pooled_average3_lines.pitch);
}

/* Layer 2, pool1: MaxPool 2x2, 12x10x8 -> 6x5x8, from node 1 'pool1' of the model.
 * Reads conv0 [56, 216), writes pool1 [0, 40). */
static void pooled_layer_2_pool1(int8_t *arena, int32_t step)
{
    static const struct pooled_pool_layer_low_high layer = {.width_in = 10, .width_out = 5, .channels = 8, .low = -128,
        .high = 127};
    const int8_t *rows[2];
    pooled_window(rows, arena, &pooled_conv0_buffer, step * 2, 2, 1);
    POOLED_HOOK(2, 0);
    pooled_pool_max_2x2_s2_p0(rows, pooled_row(arena, &pooled_pool1_buffer, step), layer.width_in, layer.width_out,
        layer.channels, layer.low, layer.high);
    POOLED_HOOK(2, 1);
}

/* Layer 3, resize2: Resize, 6x5x8 -> 12x10x8, from node 2 'resize2' of the model.
 * Reads pool1 [0, 40), writes resize2 [136, 216). */
static void pooled_layer_3_resize2(int8_t *arena, int32_t step)
{
    static const struct pooled_upsample_layer layer = {.width_in = 5, .channels = 8, .factor = 2};
    POOLED_HOOK(3, 0);
    pooled_upsample(pooled_row(arena, &pooled_pool1_buffer, step / 2), pooled_row(arena, &pooled_resize2_buffer, step),
        layer.width_in, layer.channels, layer.factor);
    POOLED_HOOK(3, 1);
}

/* Layer 4, concat4: Concat, 12x10x8 + 12x10x8 -> 12x10x16, from node 4 'concat4' of the model.
 * Reads resize2 [136, 216) and average3 [616, 696), writes concat4 [456, 616). */
static void pooled_layer_4_concat4(int8_t *arena, int32_t step)
{
    static const struct pooled_concat_layer layer = {.width = 10, .bytes_0 = 8, .bytes_1 = 8};
    POOLED_HOOK(4, 0);
    pooled_concat_channels_2(pooled_row(arena, &pooled_resize2_buffer, step),
        pooled_row(arena, &pooled_average3_buffer, step), pooled_row(arena, &pooled_concat4_buffer, step), layer.width,
        layer.bytes_0, layer.bytes_1);
    POOLED_HOOK(4, 1);
}

/* Layer 5, extreme5: Extreme, 12x10x16 -> 1x1x16, from node 5 'extreme5' of the model.
 * Reads concat4 [456, 616), writes extreme5 [8, 24), sums [40, 56). */
static void pooled_layer_5_extreme5(int8_t *arena, int32_t step)
{
    static const struct pooled_extreme_layer layer = {.pixels = 10, .codes = 16, .last = 11};
    POOLED_HOOK(5, 0);
    pooled_extreme_max(pooled_row(arena, &pooled_concat4_buffer, step), pooled_row(arena, &pooled_extreme5_buffer, 0),
        layer.pixels, layer.codes, layer.last, step, arena + POOLED_SUMS_extreme5);
    POOLED_HOOK(5, 1);
}

/* Layer 6, conv6: Conv 1x1, 1x1x16 -> 1x1x6, from node 6 'conv6' of the model.
 * Reads extreme5 [8, 24), writes conv6 [0, 6).
 * Accumulators, bias included, lie in [-178,954, 157,391] for every input. */
static void pooled_layer_6_conv6(int8_t *arena, int32_t step)
{
    (void)step;
    static const struct pooled_fully_connected_layer layer = {.channels_in = 16, .channels_out = 6};
    POOLED_HOOK(6, 0);
    pooled_fully_connected_float32_quick36(pooled_row(arena, &pooled_extreme5_buffer, 0),
        pooled_row(arena, &pooled_conv6_buffer, 0), pooled_conv6_weights, pooled_conv6_requant, layer.channels_in,
        layer.channels_out);
    POOLED_HOOK(6, 1);
}

/* Layer 7, softmax7: Softmax, 1x1x6 -> 1x1x6, from node 7 'softmax7' of the model.
 * Reads conv6 [0, 6), writes softmax7 [0, 6), over the row that it reads. */
static void pooled_layer_7_softmax7(int8_t *arena, int32_t step)
{
    (void)step;
    static const struct pooled_softmax_layer layer = {.width = 1, .channels = 6};
    POOLED_HOOK(7, 0);
    pooled_softmax_gemmlowp(pooled_row(arena, &pooled_conv6_buffer, 0), pooled_row(arena, &pooled_softmax7_buffer, 0),
        pooled_softmax7_exps, layer.width, layer.channels);
    POOLED_HOOK(7, 1);
}

/* Computes step `step` of a node. Nodes are the layers that the schedule fires, numbered in its order. */
static void pooled_fire(int8_t *arena, int32_t node, int32_t step)
{
    switch (node) {
    case 0:
        pooled_layer_0_conv0(arena, step);
        break;
    case 1:
        pooled_layer_1_average3(arena, step);
        break;
    case 2:
        pooled_layer_2_pool1(arena, step);
        break;
    case 3:
        pooled_layer_3_resize2(arena, step);
        break;
    case 4:
        pooled_layer_4_concat4(arena, step);
        break;
    case 5:
        pooled_layer_5_extreme5(arena, step);
        break;
    case 6:
        pooled_layer_6_conv6(arena, step);
        break;
    case 7:
        pooled_layer_7_softmax7(arena, step);
        break;
    default:
        break;
    }
}

/* Every node: its steps; its waits in the table below, from first_wait up to, without, end_wait; and resume_at, the
 * node whose turn it is after a step: where the branches that begin with this one have come together. */
static const struct {
    uint16_t steps, first_wait, end_wait, resume_at;
} pooled_nodes[] = {
    {13, 0, 1, 4}, /* node 0: layer 0, conv0 */
    {13, 1, 2, 4}, /* node 1: layer 1, average3 */
    {6, 2, 3, 3}, /* node 2: layer 2, pool1 */
    {12, 3, 4, 4}, /* node 3: layer 3, resize2 */
    {12, 4, 6, 5}, /* node 4: layer 4, concat4 */
    {12, 6, 7, 5}, /* node 5: layer 5, extreme5 */
    {1, 7, 7, 7}, /* node 6: layer 6, conv6 */
    {1, 7, 8, 7}, /* node 7: layer 7, softmax7 */
};

/* Step s waits until `source` has done (s * times + plus) / over of its steps, at most `most`. */
static const struct {
    int16_t source, times, plus, over, most;
} pooled_waits[] = {
    {-1, 1, 1, 1, 12},
    {0, 1, 2, 1, 13},
    {0, 2, 3, 1, 13},
    {2, 1, 2, 2, 6},
    {1, 1, 2, 1, 13},
    {3, 1, 1, 1, 12},
    {4, 1, 1, 1, 12},
    {6, 0, 1, 1, 1},
};

/* The first node of every segment, and the end of the last. */
static const uint16_t pooled_segments[] = {0, 6, 8};

/* `node` itself if the rows that its next step reads are there; else the node that owes some, or the one before it
 * where none does: it has done all of its steps, or waits for the input. `done` counts the steps of nodes `first` and
 * on. */
static int32_t pooled_next(const uint16_t *done, int32_t first, int32_t node, int32_t pushed)
{
    const int32_t step = done[node - first];
    if (step == pooled_nodes[node].steps)
        return node - 1;
    for (int32_t i = pooled_nodes[node].first_wait; i < pooled_nodes[node].end_wait; i++) {
        const int32_t source = pooled_waits[i].source;
        int32_t need = (step * pooled_waits[i].times + pooled_waits[i].plus) / pooled_waits[i].over;
        if (need > pooled_waits[i].most)
            need = pooled_waits[i].most;
        if ((source < 0 ? pushed : (int32_t)done[source - first]) < need)
            return source < 0 ? node - 1 : source;
    }
    return node;
}

/* Fires what the last node of the segment [first, stop) needs, row by row, then what else can fire. */
static void pooled_stream(int8_t *arena, uint16_t *done, int32_t first, int32_t stop, int32_t pushed)
{
    int32_t node = stop - 1;
    while (node >= first) {
        int32_t next = pooled_next(done, first, node, pushed);
        if (next == node) {
            next = pooled_nodes[node].resume_at;
            pooled_fire(arena, node, done[node - first]++);
        }
        node = next;
    }
}

/* The schedule's state, in the arena: rows pushed, whether the output is ready, steps done of each node of the segment
 * that runs. */
struct pooled_state {
    uint16_t pushed, ready, done[6];
};

/* Where it lies. */
static struct pooled_state *pooled_state_of(void *arena)
{
    return (struct pooled_state *)(void *)((int8_t *)arena + POOLED_COUNTERS);
}

void pooled_begin(void *arena)
{
    memset(pooled_state_of(arena), 0, sizeof(struct pooled_state));
}

int pooled_push_row(void *arena, const int8_t *row)
{
    struct pooled_state *const state = pooled_state_of(arena);
    if (state->ready)
        return 1;
    memcpy(pooled_row((int8_t *)arena, &pooled_x_buffer, state->pushed), row, 40);
    state->pushed++;
    pooled_stream(arena, state->done, pooled_segments[0], pooled_segments[1], state->pushed);
    if (state->pushed < 12)
        return 0;
    for (int32_t i = 1; i < 2; i++) {
        memset(state->done, 0, sizeof state->done);
        pooled_stream(arena, state->done, pooled_segments[i], pooled_segments[i + 1], 0);
    }
    state->ready = 1;
    return 1;
}

const int8_t *pooled_output(const void *arena)
{
    return (const int8_t *)((const int8_t *)arena + pooled_softmax7_buffer.offset);
}
