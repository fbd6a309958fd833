/* A QEMU TCG plugin: executed instructions and taken branches per translation block and layer.
 *
 * It declares the stable plugin interface (version 1) itself, because distributions ship no header for it.
 * Arguments: out=FILE, and the addresses (hexadecimal) of h_board.c's markers: begin=, end=, marks=, marks_end=.
 * Nothing is counted before `begin` nor after `end`. Executing slot n of the marks switches to region n:
 * 0 is the code between layers, n + 1 is layer n. Each marker is a block of its own and never counted.
 * Output: lines "region start instructions executed taken" of each block; start is an address (hexadecimal),
 * taken says how often the block's last instruction branched elsewhere than to what follows it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

EXPORT int qemu_plugin_version = 1;

struct count {
    uint64_t executed, taken;
};

struct block {
    uint32_t start, end, instructions;
    struct count *counts; /* one for each region seen while this block ran */
    uint32_t regions;
    struct block *next;
};

static struct block *blocks;
static struct block *last_block; /* the one executed last, and the region it counts for */
static uint32_t last_region;
static uint32_t region;
static bool counting;
static FILE *out;
static uint32_t begin_address, end_address, marks, marks_end;

static void *or_die(void *memory)
{
    if (!memory) {
        fprintf(stderr, "count_plugin: out of memory\n");
        exit(1);
    }
    return memory;
}

static struct count *count_of(struct block *block, uint32_t index)
{
    if (index >= block->regions) {
        block->counts = or_die(realloc(block->counts, (index + 1) * sizeof *block->counts));
        memset(block->counts + block->regions, 0, (index + 1 - block->regions) * sizeof *block->counts);
        block->regions = index + 1;
    }
    return &block->counts[index];
}

static void arrive(uint32_t address)
{
    if (last_block && last_block->end != address)
        count_of(last_block, last_region)->taken++;
    last_block = NULL;
}

static void on_block(unsigned cpu, void *data)
{
    struct block *block = data;
    (void)cpu;
    if (!counting)
        return;
    arrive(block->start);
    count_of(block, region)->executed++;
    last_block = block;
    last_region = region;
}

static void on_marker(unsigned cpu, void *data)
{
    const uint32_t address = ((struct block *)data)->start;
    (void)cpu;
    if (counting)
        arrive(address);
    if (address == begin_address) {
        counting = true;
        region = 0;
    } else if (address == end_address) {
        counting = false;
    } else {
        region = (address - marks) / 4;
    }
}

static bool is_marker(uint32_t address)
{
    return address == begin_address || address == end_address || (address >= marks && address < marks_end);
}

/* An instruction's bytes, from its first halfword. QEMU's own figure has two more where it looked at the next
 * instruction, to see whether that crosses into another page. */
static uint32_t thumb_size(const struct qemu_plugin_insn *instruction)
{
    const uint8_t *bytes = qemu_plugin_insn_data(instruction);
    return bytes[1] >> 3 >= 0x1d ? 4u : 2u;
}

static void on_translate(plugin_id id, struct qemu_plugin_tb *tb)
{
    const size_t n = qemu_plugin_tb_n_insns(tb);
    (void)id;
    if (!n)
        return;
    struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
    struct block *block = or_die(calloc(1, sizeof *block));
    block->start = (uint32_t)qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
    block->end = (uint32_t)qemu_plugin_insn_vaddr(last) + thumb_size(last);
    block->instructions = (uint32_t)n;
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, is_marker(block->start) ? on_marker : on_block, 0, block);
}

static void on_exit_write(plugin_id id, void *data)
{
    (void)id;
    (void)data;
    for (const struct block *block = blocks; block; block = block->next)
        for (uint32_t i = 0; i < block->regions; i++)
            if (block->counts[i].executed)
                fprintf(out, "%u %x %u %llu %llu\n", (unsigned)i, (unsigned)block->start,
                        (unsigned)block->instructions, (unsigned long long)block->counts[i].executed,
                        (unsigned long long)block->counts[i].taken);
    fclose(out);
}

static bool parse(const char *argument)
{
    static const struct {
        const char *name;
        uint32_t *value;
    } addresses[] = {
        {"begin=", &begin_address}, {"end=", &end_address}, {"marks=", &marks}, {"marks_end=", &marks_end}};
    if (!strncmp(argument, "out=", 4))
        return (out = fopen(argument + 4, "w")) != NULL;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        const size_t length = strlen(addresses[i].name);
        if (!strncmp(argument, addresses[i].name, length)) {
            *addresses[i].value = (uint32_t)strtoul(argument + length, NULL, 16);
            return true;
        }
    }
    return false;
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (!parse(argv[i]))
            return -1;
    if (!out)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_write, NULL);
    return 0;
}
