#ifndef SUBROSA_CAPTURE_RING_H
#define SUBROSA_CAPTURE_RING_H

#include <stddef.h>
#include <stdint.h>

// A ring of blocks of bytes, two bytes a sample, for one writer (a library's callback) and one reader.
struct capture_ring;

enum capture_state { CAPTURE_BLOCK, CAPTURE_TIMEOUT, CAPTURE_ENDED, CAPTURE_CLOSED };

// What the reader gets: bytes is valid until capture_release.
struct capture_taken {
	enum capture_state state;
	unsigned char *bytes;
	size_t n;      // bytes, an even number
	size_t rest;   // bytes that arrived at the same instant and follow
	int64_t lost;  // samples lost before this
	int64_t at;    // ns of CLOCK_MONOTONIC when the callback was called
};

// capture_new returns NULL, with errno set, if there is no memory. block is even.
struct capture_ring *capture_new(size_t block, size_t blocks);

// capture_free overwrites the samples. Nobody may use the ring any more.
void capture_free(struct capture_ring *r);

// capture_locked says whether the memory is kept from being swapped out.
int capture_locked(const struct capture_ring *r);

// capture_put copies n bytes into the ring, or counts them as lost if they do not fit. It never waits for the reader.
void capture_put(void *ring, const void *bytes, size_t n);
void capture_put_at(void *ring, const void *bytes, size_t n, int64_t at);

// capture_take waits at most timeout ns for a block; 0 does not wait. capture_release gives it back.
struct capture_taken capture_take(struct capture_ring *r, int64_t timeout);
void capture_release(struct capture_ring *r);

// capture_used counts the blocks that are filled.
size_t capture_used(struct capture_ring *r);

// capture_end: no more will be put; what is there can still be taken. capture_close: it cannot.
void capture_end(struct capture_ring *r);
void capture_close(struct capture_ring *r);

int64_t capture_now(void);

#endif
