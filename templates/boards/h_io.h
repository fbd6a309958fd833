/* What the harness needs of the machine it runs on: host (h_host.c) or board (h_board.c). */
#ifndef H_IO_H
#define H_IO_H
#include <stddef.h>
#include <stdint.h>

void h_read(void *to, size_t bytes);         /* exactly so many, or fail */
void h_write(const void *from, size_t bytes);
void h_fail(const char *what, int32_t vector, int32_t value); /* print and exit with status 3 */
void h_stack_paint(void);                 /* paint the stack below the caller */
int32_t h_stack_used(void);                  /* bytes used below the caller since; -1: not measured */
void h_run_begin(void);                      /* markers around what is counted */
void h_run_end(void);

#endif
