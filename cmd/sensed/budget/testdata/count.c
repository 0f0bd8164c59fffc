// A QEMU plugin that counts executed instructions and prints "instructions N" to standard error at the end.
//
//	gcc -O2 -shared -fPIC -DAPI=1 -o count.so count.c && qemu-aarch64 -plugin ./count.so PROGRAM
//
// It declares the few functions it uses, whose form is the same in every version of the interface (QEMU, "TCG
// Plugins"), so that no header is needed. API is the version to ask for: QEMU 4.2 to 8 know 1, later ones want more.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

struct block;
typedef uint64_t plugin;
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin, void (*)(plugin, struct block *));
extern size_t qemu_plugin_tb_n_insns(const struct block *);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct block *, void (*)(unsigned int, void *), int flags, void *);
extern void qemu_plugin_register_atexit_cb(plugin, void (*)(plugin, void *), void *);

EXPORT int qemu_plugin_version = API;

// A thread of the program is a virtual processor; each has a counter in a cache line of its own.
#define THREADS 256
static struct { uint64_t n, apart[7]; } counted[THREADS];

static void executed(unsigned int cpu, void *instructions) { counted[cpu % THREADS].n += (uintptr_t)instructions; }

static void translated(plugin id, struct block *b) {
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(b, executed, 0, (void *)(uintptr_t)qemu_plugin_tb_n_insns(b));
}

static void ended(plugin id, void *unused) {
	uint64_t sum = 0;
	(void)id, (void)unused;
	for (int i = 0; i < THREADS; i++)
		sum += counted[i].n;
	fprintf(stderr, "instructions %llu\n", (unsigned long long)sum);
}

EXPORT int qemu_plugin_install(plugin id, const void *info, int argc, char **argv) {
	(void)info, (void)argc, (void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
