//go:build linux && cgo

#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

struct place {
	size_t n, rest;
	int64_t lost, at;
};

struct capture_ring {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned char *memory; // blocks of them, block bytes each
	struct place *places;
	size_t block, blocks;
	size_t first, used; // oldest block, and how many are filled
	int64_t lost;       // samples since the newest block
	int ended, closed, locked;
};

int64_t capture_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct capture_ring *capture_new(size_t block, size_t blocks)
{
	struct capture_ring *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->block = block;
	r->blocks = blocks;
	r->places = calloc(blocks, sizeof *r->places);
	r->memory = mmap(NULL, block * blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (!r->places || r->memory == MAP_FAILED) {
		if (r->memory != MAP_FAILED)
			munmap(r->memory, block * blocks);
		free(r->places);
		free(r);
		errno = ENOMEM;
		return NULL;
	}
	r->locked = madvise(r->memory, block * blocks, MADV_DONTDUMP) == 0 && mlock(r->memory, block * blocks) == 0;
	pthread_condattr_t a;
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &a);
	pthread_condattr_destroy(&a);
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void capture_free(struct capture_ring *r)
{
	explicit_bzero(r->memory, r->block * r->blocks);
	munmap(r->memory, r->block * r->blocks);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r->places);
	free(r);
}

int capture_locked(const struct capture_ring *r) { return r->locked; }

void capture_put(void *ring, const void *bytes, size_t n) { capture_put_at(ring, bytes, n, capture_now()); }

void capture_put_at(void *ring, const void *bytes, size_t n, int64_t at)
{
	struct capture_ring *r = ring;
	const unsigned char *from = bytes;
	size_t half = n % 2, places, at_place;
	n -= half; // USB packets hold whole samples; half a one is a cut packet's
	places = (n + r->block - 1) / r->block;

	pthread_mutex_lock(&r->lock);
	int fits = places <= r->blocks - r->used && !r->ended && !r->closed;
	if (!fits || places == 0)
		r->lost += (int64_t)(n / 2 + half);
	at_place = (r->first + r->used) % r->blocks;
	pthread_mutex_unlock(&r->lock);
	if (!fits || places == 0)
		return;

	// The reader does not look at places that are not yet counted as used.
	for (size_t i = 0; i < places; i++) {
		size_t p = (at_place + i) % r->blocks, k = n < r->block ? n : r->block;
		memcpy(r->memory + p * r->block, from, k);
		from += k;
		n -= k;
		r->places[p] = (struct place){.n = k, .rest = n, .at = at};
	}

	pthread_mutex_lock(&r->lock);
	r->places[at_place].lost = r->lost;
	r->lost = (int64_t)half;
	r->used += places;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

struct capture_taken capture_take(struct capture_ring *r, int64_t timeout)
{
	struct capture_taken t = {.state = CAPTURE_BLOCK};
	int64_t until = capture_now() + timeout;
	struct timespec deadline = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
	int late = timeout <= 0;

	pthread_mutex_lock(&r->lock);
	while (!r->closed && !r->used && !r->ended && !late)
		late = pthread_cond_timedwait(&r->changed, &r->lock, &deadline) == ETIMEDOUT;
	if (r->closed) {
		t.state = CAPTURE_CLOSED;
	} else if (r->used) {
		const struct place *p = &r->places[r->first];
		t.bytes = r->memory + r->first * r->block;
		t.n = p->n;
		t.rest = p->rest;
		t.lost = p->lost;
		t.at = p->at;
	} else {
		t.state = r->ended ? CAPTURE_ENDED : CAPTURE_TIMEOUT;
	}
	pthread_mutex_unlock(&r->lock);
	return t;
}

void capture_release(struct capture_ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->first = (r->first + 1) % r->blocks;
	r->used--;
	pthread_mutex_unlock(&r->lock);
}

size_t capture_used(struct capture_ring *r)
{
	pthread_mutex_lock(&r->lock);
	size_t n = r->used;
	pthread_mutex_unlock(&r->lock);
	return n;
}

void capture_end(struct capture_ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->ended = 1;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void capture_close(struct capture_ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->closed = 1;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}
