/*
 * Arena: per-message (or per-configuration) memory, freed as a whole.
 *
 * Failure is sticky: after the first failed allocation every later one answers NULL as well, and arena_failed() says
 * so.  Callers check once, before they act on what was built.  An arena belongs to one thread at a time.
 */
#ifndef MILLGATE_UTIL_ARENA_H
#define MILLGATE_UTIL_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;

/* A new arena that will hand out at most `limit` bytes in all (0: no limit).  NULL when out of memory. */
struct arena *arena_new(size_t limit);

/* The same for one that is mostly asked for about so many bytes: they come as one block, which arena_reset() keeps. */
struct arena *arena_new_for(size_t limit, size_t usual);

/* Frees all that the arena handed out.  Clears *a; tolerates NULL. */
void arena_free(struct arena **a);

/* Forgets all allocations and the sticky failure, keeping the first block for reuse. */
void arena_reset(struct arena *a);

/* n zeroed bytes, aligned for any type; NULL (sticky) on failure.  n == 0 answers a valid pointer. */
void *arena_alloc(struct arena *a, size_t n);

/* As arena_alloc(count * size), with the multiplication checked. */
void *arena_calloc(struct arena *a, size_t count, size_t size);

/* Copies, always NUL-terminated.  NULL (sticky) on failure, or when p is NULL (not sticky). */
char *arena_strdup(struct arena *a, const char *p);
char *arena_strndup(struct arena *a, const char *p, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

bool arena_failed(const struct arena *a);

/* Makes the failure of something that was meant to go into the arena the arena's own. */
void arena_fail(struct arena *a);

/* Bytes handed out so far. */
size_t arena_used(const struct arena *a);

#endif
