/*
 * Firmware demo: classify a few handwritten digits and print what was seen.
 *
 * digits.h is what ircompile writes for digits.onnx; pictures.h holds test pictures, quantized by pictures.py.
 * Output goes through printf, which newlib's rdimon hands to the debugger or emulator (semihosting).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "digits.h"
#include "pictures.h"

/* Compile-time checks that the pictures were made for this model: a negative array size is an error. */
typedef char pictures_have_the_size_of_the_input[sizeof pictures[0] == DIGITS_INPUT_BYTES ? 1 : -1];
typedef char pictures_have_the_width_of_the_input[PICTURES_WIDTH == DIGITS_INPUT_WIDTH ? 1 : -1];
typedef char pictures_have_the_zero_point_of_the_input[PICTURES_ZERO_POINT == DIGITS_INPUT_ZERO_POINT ? 1 : -1];

/* Everything the network works on: input, output and all between. C99 has no alignas, so there is room to round up. */
static unsigned char memory[DIGITS_ARENA_BYTES + DIGITS_ARENA_ALIGN - 1];

static void *aligned_arena(void)
{
    const size_t excess = (size_t)((uintptr_t)memory % DIGITS_ARENA_ALIGN);
    return excess == 0 ? memory : memory + (DIGITS_ARENA_ALIGN - excess);
}

/* A character is about twice as tall as it is wide, so each one shows two rows of pixels, averaged. */
static void draw(const int8_t *picture)
{
    static const char shades[] = " .:-=+*#%@";
    const int count = (int)sizeof shades - 1;

    for (size_t row = 0; row + 1 < DIGITS_INPUT_HEIGHT; row += 2) {
        const int8_t *upper = picture + row * DIGITS_INPUT_WIDTH;
        const int8_t *lower = upper + DIGITS_INPUT_WIDTH;
        char line[DIGITS_INPUT_WIDTH + 1];

        for (size_t column = 0; column < DIGITS_INPUT_WIDTH; column++) {
            const int brightness = (upper[column] + lower[column]) / 2 - INT8_MIN; /* 0..255 */
            line[column] = shades[brightness * count / 256];
        }
        line[DIGITS_INPUT_WIDTH] = '\0';
        printf("  %s\n", line);
    }
}

/* The class is the index of the largest output; the first one wins a tie. */
static size_t largest(const int8_t *scores)
{
    size_t best = 0;

    for (size_t i = 1; i < DIGITS_OUTPUT_BYTES; i++) {
        if (scores[i] > scores[best]) {
            best = i;
        }
    }
    return best;
}

static size_t classify(void *arena, const int8_t *picture, double *score)
{
    memcpy(digits_input(arena), picture, DIGITS_INPUT_BYTES);
    digits_run(arena);

    const int8_t *scores = digits_output(arena);
    const size_t best = largest(scores);
    *score = (double)(scores[best] - DIGITS_OUTPUT_ZERO_POINT) * (double)DIGITS_OUTPUT_SCALE;
    return best;
}

int main(void)
{
    void *arena = aligned_arena();
    unsigned right = 0;

    for (size_t i = 0; i < PICTURES_COUNT; i++) {
        const unsigned label = picture_labels[i];
        double score;

        draw(pictures[i]);
        const unsigned digit = (unsigned)classify(arena, pictures[i], &score);
        printf("  this is a %u (score %.2f, label %u)\n\n", digit, score, label);
        right += digit == label;
    }
    printf("%u of %u right\n", right, (unsigned)PICTURES_COUNT);
    return 0;
}
