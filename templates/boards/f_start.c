/* Start-up of a small firmware on an emulated Cortex-M board; printf reaches the terminal by semihosting. */
#include <stdint.h>
#include <stdlib.h>

extern uint32_t h_data_load[], h_data_start[], h_data_end[], h_bss_start[], h_bss_end[], h_stack_top[];
int main(void);
void initialise_monitor_handles(void); /* newlib's rdimon */
void Reset_Handler(void);

#define REG(address) (*(volatile uint32_t *)(address))
#define CCR REG(0xE000ED14u)
#define CPACR REG(0xE000ED88u)

__attribute__((used)) void _init(void) {}
__attribute__((used)) void _fini(void) {}

static void fault(void) { abort(); }

void Reset_Handler(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    CPACR |= 0xFu << 20;
#endif
#ifdef __ARM_FEATURE_MVE
    CCR |= 1u << 19; /* low-overhead loops */
#endif
    __asm__ volatile("dsb\n isb" ::: "memory");
    const uint32_t *from = h_data_load;
    for (uint32_t *to = h_data_start; to < h_data_end;)
        *to++ = *from++;
    for (uint32_t *to = h_bss_start; to < h_bss_end;)
        *to++ = 0;
    initialise_monitor_handles();
    exit(main());
}

typedef void (*handler)(void);
__attribute__((section(".vectors"), used)) static const union {
    handler call;
    uint32_t *stack;
} vectors[16] = {{.stack = h_stack_top}, {Reset_Handler}, {fault}, {fault}, {fault}, {fault}, {fault}, {fault},
                 {0}, {0}, {0}, {fault}, {fault}, {0}, {fault}, {fault}};
