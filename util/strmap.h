/*
 * A hash map from byte strings to pointers.  Keys are copied.  Hashing is keyed per process (keys may be hostile).
 */
#ifndef MILLGATE_UTIL_STRMAP_H
#define MILLGATE_UTIL_STRMAP_H

#include <stdbool.h>
#include <stddef.h>

struct strmap;
struct strmap *strmap_new(void);
void strmap_free(struct strmap **m);
/* Sets key to value, replacing.  0, or -1 when out of memory. */
int strmap_set(struct strmap *m, const char *key, size_t n, void *value);
/* The value, or NULL; *found (may be NULL) tells a NULL value from none. */
void *strmap_get(const struct strmap *m, const char *key, size_t n, bool *found);
bool strmap_remove(struct strmap *m, const char *key, size_t n);
size_t strmap_count(const struct strmap *m);

#endif
