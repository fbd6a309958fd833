/*
 * Firmware demo: push a row of features every 10 ms into a network that remembers, and print what it says.
 *
 * wakeword.h is what ircompile writes with --input rows; features.h has rows in place of a microphone and a front end.
 */
#include <stdint.h>
#include <stdio.h>

#include "wakeword.h"
#include "features.h"

/* A row of the network's is a row of features. */
typedef char rows_have_the_size_of_the_input[sizeof features[0] == WAKEWORD_INPUT_BYTES / WAKEWORD_INPUT_HEIGHT ? 1 : -1];

/* All that the network needs; the first WAKEWORD_STATE_BYTES of it must survive between two rows. */
static int32_t memory[(WAKEWORD_ARENA_BYTES + 3) / 4];

int main(void)
{
    wakeword_begin(memory); /* once */
    for (int row = 0; row < ROWS; row++)
        if (wakeword_push_row(memory, features[row]) != 0) /* else a row of this call is still to come */
            printf("%d\n", (int)*wakeword_output(memory));
    return 0;
}
