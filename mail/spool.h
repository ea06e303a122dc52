/*
 * The one home of a message's body: memory up to a limit, then an unlinked temporary file.
 *
 * Failure (no memory, no space) is sticky: after the first failed append every later one fails as well, and
 * spool_failed() says so.  Appending is for one thread; reading writes nothing.
 */
#ifndef MILLGATE_MAIL_SPOOL_H
#define MILLGATE_MAIL_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spool;

/* Holds up to memory_limit bytes in memory, the rest and all in a file in `dir` (kept as a pointer; NULL: "/tmp").
 * NULL when out of memory. */
struct spool *spool_new(size_t memory_limit, const char *dir);

/* Clears *s; tolerates NULL. */
void spool_free(struct spool **s);

/* All n bytes, or none: 0, or -1 with errno. */
int spool_append(struct spool *s, const void *p, size_t n);

/* Up to n bytes from offset: how many, 0 at the end, -1 with errno.  A failed spool still gives what it holds. */
ssize_t spool_read(const struct spool *s, uint64_t offset, void *buf, size_t n);

/* Bytes held. */
uint64_t spool_size(const struct spool *s);

bool spool_failed(const struct spool *s);

/* Whether the limit was passed: for counters. */
bool spool_on_disk(const struct spool *s);

#endif
