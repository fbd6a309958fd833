/* The DSP intrinsics of <arm_acle.h> in plain C, so that code for a Cortex-M runs on the host under sanitizers.
 * Meanings: Arm C Language Extensions, "32-bit SIMD intrinsics". */
#ifndef H_ARM_ACLE_H
#define H_ARM_ACLE_H
#include <stdint.h>

typedef int32_t int8x4_t, int16x2_t;
typedef uint32_t uint8x4_t, uint16x2_t;

static inline int32_t h_low(int32_t x) { return (int16_t)(uint16_t)(uint32_t)x; }
static inline int32_t h_high(int32_t x) { return x >> 16; }
static inline int32_t h_pair(int32_t low, int32_t high)
{
    return (int32_t)(((uint32_t)low & 0xffffu) | (uint32_t)high << 16);
}
static inline int32_t h_wrap(int64_t x) { return (int32_t)(uint32_t)(uint64_t)x; }
static inline int32_t h_byte(int32_t x, int32_t i) { return (int8_t)(uint8_t)((uint32_t)x >> (8 * i)); }

#define __ssat(x, n) h_ssat((x), (n))
static inline int32_t h_ssat(int32_t x, int32_t n)
{
    const int32_t high = (int32_t)((UINT32_C(1) << (n - 1)) - 1u);
    return x > high ? high : x < -high - 1 ? -high - 1 : x;
}
#define __usat(x, n) h_usat((x), (n))
static inline uint32_t h_usat(int32_t x, int32_t n)
{
    const int32_t high = (int32_t)((UINT32_C(1) << n) - 1u);
    return (uint32_t)(x > high ? high : x < 0 ? 0 : x);
}
static inline uint32_t __ror(uint32_t x, uint32_t n) { n &= 31u; return n ? x >> n | x << (32u - n) : x; }
static inline int32_t __sxtb16(int32_t x) { return h_pair(h_byte(x, 0), h_byte(x, 2)); }
static inline uint32_t __uxtb16(uint32_t x) { return x & 0x00ff00ffu; }
static inline int32_t __sadd16(int32_t a, int32_t b) { return h_pair(h_low(a) + h_low(b), h_high(a) + h_high(b)); }
static inline int32_t __ssub16(int32_t a, int32_t b) { return h_pair(h_low(a) - h_low(b), h_high(a) - h_high(b)); }
static inline int32_t __sxtab16(int32_t a, int32_t x) { return __sadd16(a, __sxtb16(x)); }
static inline int32_t __qadd16(int32_t a, int32_t b)
{
    return h_pair(h_ssat(h_low(a) + h_low(b), 16), h_ssat(h_high(a) + h_high(b), 16));
}
static inline int32_t __smulbb(int32_t a, int32_t b) { return h_low(a) * h_low(b); }
static inline int32_t __smulbt(int32_t a, int32_t b) { return h_low(a) * h_high(b); }
static inline int32_t __smultb(int32_t a, int32_t b) { return h_high(a) * h_low(b); }
static inline int32_t __smultt(int32_t a, int32_t b) { return h_high(a) * h_high(b); }
static inline int32_t __smlabb(int32_t a, int32_t b, int32_t c) { return h_wrap((int64_t)c + __smulbb(a, b)); }
static inline int32_t __smlabt(int32_t a, int32_t b, int32_t c) { return h_wrap((int64_t)c + __smulbt(a, b)); }
static inline int32_t __smlatb(int32_t a, int32_t b, int32_t c) { return h_wrap((int64_t)c + __smultb(a, b)); }
static inline int32_t __smlatt(int32_t a, int32_t b, int32_t c) { return h_wrap((int64_t)c + __smultt(a, b)); }
static inline int32_t __smuad(int32_t a, int32_t b) { return h_wrap((int64_t)__smulbb(a, b) + __smultt(a, b)); }
static inline int32_t __smlad(int32_t a, int32_t b, int32_t c)
{
    return h_wrap((int64_t)c + __smulbb(a, b) + __smultt(a, b));
}
static inline int32_t __smladx(int32_t a, int32_t b, int32_t c)
{
    return h_wrap((int64_t)c + __smulbt(a, b) + __smultb(a, b));
}
static inline int32_t __smlsd(int32_t a, int32_t b, int32_t c)
{
    return h_wrap((int64_t)c + __smulbb(a, b) - __smultt(a, b));
}
static inline int64_t __smlald(int32_t a, int32_t b, int64_t c)
{
    return c + (int64_t)__smulbb(a, b) + __smultt(a, b);
}
static inline int32_t __smulwb(int32_t a, int32_t b) { return (int32_t)(((int64_t)a * h_low(b)) >> 16); }
static inline int32_t __smulwt(int32_t a, int32_t b) { return (int32_t)(((int64_t)a * h_high(b)) >> 16); }
static inline int32_t __smlawb(int32_t a, int32_t b, int32_t c) { return h_wrap((int64_t)c + __smulwb(a, b)); }
static inline int32_t __smlawt(int32_t a, int32_t b, int32_t c) { return h_wrap((int64_t)c + __smulwt(a, b)); }

#endif
