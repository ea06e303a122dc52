/*
 * Durations ("10s", "5h", "14d", "500ms") and sizes ("100M", "5000K", "512").  K, M and G are 1024-based.
 */
#ifndef MILLGATE_UTIL_UNITS_H
#define MILLGATE_UTIL_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds; units ms, s, m, h, d, w; a unit is required unless the number is 0.  0, or -1 (syntax or overflow). */
int units_duration(const char *text, int64_t *ms);

/* Bytes; units none, K, M, G, either case, an optional B behind.  0, or -1. */
int units_size(const char *text, int64_t *bytes);

/* Shortest exact text: 10000 -> "10s"; 90000 -> "90s".  Answers buf. */
const char *units_format_duration(int64_t ms, char *buf, size_t size);
const char *units_format_size(int64_t bytes, char *buf, size_t size);

#endif
