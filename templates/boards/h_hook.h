/* Force-included for a counted build: the model's layer hook calls a one-instruction marker in h_board.c.
 * A constant layer costs one `bl`, which the counts leave out again. */
#ifndef H_HOOK_H
#define H_HOOK_H
extern const char h_marks_base[]; /* h_marks without its Thumb bit */
#define H_HOOK(layer, phase)                                                                         \
    do {                                                                                             \
        if (__builtin_constant_p(layer))                                                             \
            __asm__ volatile("bl h_marks + %c0" ::"i"((phase) ? 0 : 4 * ((layer) + 1))               \
                             : "lr", "cc", "memory");                                                \
        else                                                                                         \
            __asm__ volatile("blx %0" ::"r"(h_marks_base + ((phase) ? 1 : 4 * ((layer) + 1) + 1))    \
                             : "lr", "cc", "memory");                                                \
    } while (0)
#endif
