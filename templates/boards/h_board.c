/* Start-up of an emulated Cortex-M board; semihosting for files, messages and the exit status. */
#include "h_io.h"

extern uint32_t h_data_load[], h_data_start[], h_data_end[], h_bss_start[], h_bss_end[];
extern uint32_t h_stack_limit[], h_stack_top[];
int main(void);

enum { SYS_OPEN = 1, SYS_CLOSE = 2, SYS_WRITE0 = 4, SYS_WRITE = 5, SYS_READ = 6, SYS_EXIT_EXTENDED = 0x20 };
enum { MODE_READ_BINARY = 1, MODE_WRITE_BINARY = 5 };

#define REG(address) (*(volatile uint32_t *)(address))
#define CCR REG(0xE000ED14u)   /* configuration and control */
#define CFSR REG(0xE000ED28u)  /* what faulted */
#define HFSR REG(0xE000ED2Cu)
#define MMFAR REG(0xE000ED34u)
#define BFAR REG(0xE000ED38u)  /* where */
#define CPACR REG(0xE000ED88u) /* coprocessors: the FPU and Helium */

static int32_t input_file, output_file;

static int32_t semihost(int32_t operation, const void *block)
{
    register int32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void quit(uint32_t status)
{
    const uint32_t block[2] = {0x20026u /* application exit */, status};
    semihost(SYS_CLOSE, &output_file);
    semihost(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

static void print(const char *text) { semihost(SYS_WRITE0, text); }

static void print_number(int32_t value)
{
    char text[12], *p = text + 11;
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    *p = 0;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        *--p = '-';
    print(p);
}

static void print_hex(const char *label, uint32_t value)
{
    char text[11] = "0x";
    for (int i = 0; i < 8; i++)
        text[2 + i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    text[10] = 0;
    print(label);
    print(text);
}

static int32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    const uint32_t block[3] = {(uint32_t)name, mode, length};
    const int32_t handle = semihost(SYS_OPEN, block);
    if (handle == -1)
        h_fail("a file could not be opened", -1, (int32_t)mode);
    return handle;
}

void h_read(void *to, size_t bytes)
{
    const uint32_t block[3] = {(uint32_t)input_file, (uint32_t)to, bytes};
    if (semihost(SYS_READ, block) != 0) /* returns how many are missing */
        h_fail("the input ended early", -1, 0);
}

void h_write(const void *from, size_t bytes)
{
    const uint32_t block[3] = {(uint32_t)output_file, (uint32_t)from, bytes};
    if (semihost(SYS_WRITE, block) != 0)
        h_fail("the output could not be written", -1, 0);
}

void h_fail(const char *what, int32_t vector, int32_t value)
{
    print("HARNESS: ");
    print(what);
    print(" (vector ");
    print_number(vector);
    print(", value ");
    print_number(value);
    print(")\n");
    quit(3);
}

#define PAINT 0xA5C3E1F7u

static uint32_t *stack_base; /* the stack pointer of whoever painted */

static __attribute__((used, noinline)) void note_stack_base(uint32_t *sp) { stack_base = sp; }

/* In assembly, since its own frame must not be painted over. Arguments: none; uses r0-r3 only. */
__attribute__((naked)) void h_stack_paint(void)
{
    __asm__ volatile(" .syntax unified\n"
                     " mov r0, sp\n"
                     " ldr r1, =h_stack_limit\n"
                     " ldr r2, =0xA5C3E1F7\n"
                     "1: str r2, [r1]\n"
                     " adds r1, r1, #4\n"
                     " cmp r1, r0\n"
                     " bcc 1b\n"
                     " ldr r1, =note_stack_base\n"
                     " bx r1\n"
                     " .ltorg\n");
}

int32_t h_stack_used(void)
{
    const uint32_t *p = h_stack_limit;
    if (*p != PAINT)
        h_fail("the stack overflowed", -1, 0);
    while (p < stack_base && *p == PAINT)
        p++;
    return (int32_t)((const uint8_t *)stack_base - (const uint8_t *)p);
}

/* The counting plugin knows these by address. A slot of h_marks is the single instruction `bx lr`:
 * slot 0 says "between layers", slot n + 1 "in layer n". */
__asm__(".syntax unified\n"
        ".macro marker name\n"
        " .global \\name\n"
        " .type \\name, %function\n"
        " .thumb_func\n"
        " \\name:\n"
        ".endm\n"
        " .section .text.h_marks, \"ax\", %progbits\n"
        " .balign 4\n"
        " marker h_run_begin\n"
        " bx lr\n"
        " .balign 4\n"
        " marker h_run_end\n"
        " bx lr\n"
        " .balign 4\n"
        " h_marks_base:\n"
        " .global h_marks_base\n"
        " marker h_marks\n"
        " .rept 4096\n"
        " bx lr\n"
        " nop\n"
        " .endr\n"
        " .global h_marks_end\n"
        " h_marks_end:\n"
        " .text\n");

__attribute__((used)) static void report_fault(const uint32_t *frame) /* r0-r3, r12, lr, pc, xpsr */
{
    const uint32_t status = CFSR;
    print("FAULT:");
    if ((uintptr_t)frame < (uintptr_t)h_stack_limit)
        print(" stack overflow,");
    if (status & 0x01000000u)
        print(" unaligned access,");
    if (status & 0x00030000u)
        print(" undefined instruction,");
    if (status & 0x0000ffffu)
        print(" bad address,");
    print_hex(" pc ", frame[6]);
    print_hex(" lr ", frame[5]);
    print_hex(" cfsr ", status);
    print_hex(" hfsr ", HFSR);
    if (status & 0x8000u)
        print_hex(" address ", BFAR);
    if (status & 0x0080u)
        print_hex(" address ", MMFAR);
    print("\n");
    quit(4);
}

__attribute__((naked)) static void fault(void)
{
    __asm__ volatile("mrs r0, msp\n ldr r1, =report_fault\n bx r1\n .ltorg");
}

void Reset_Handler(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    CPACR |= 0xFu << 20;
#endif
#ifdef __ARM_FEATURE_MVE
    CCR |= 1u << 19; /* low-overhead loops */
#endif
#ifdef H_TRAP_UNALIGNED
    CCR |= 1u << 3;
#endif
    __asm__ volatile("dsb\n isb" ::: "memory");
    const uint32_t *from = h_data_load;
    for (uint32_t *to = h_data_start; to < h_data_end;)
        *to++ = *from++;
    for (uint32_t *to = h_bss_start; to < h_bss_end;)
        *to++ = 0;
    input_file = open_file("in.bin", 6, MODE_READ_BINARY);
    output_file = open_file("out.bin", 7, MODE_WRITE_BINARY);
    quit((uint32_t)main());
}

typedef void (*handler)(void);
__attribute__((section(".vectors"), used)) static const union {
    handler call;
    uint32_t *stack;
} vectors[16] = {{.stack = h_stack_top}, {Reset_Handler}, {fault}, {fault}, {fault}, {fault}, {fault}, {fault},
                 {0}, {0}, {0}, {fault}, {fault}, {0}, {fault}, {fault}};
