/*
 * The Redis protocol, as far as commands are written in it.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_RESP_H
#define MILLGATE_NET_RESP_H

#include <stddef.h>

#include "net/redis.h"

/* Bytes of the head of a command of n words, and of words themselves. */
size_t resp_head_size(size_t n);
size_t resp_words_size(const struct redis_word *words, size_t n);

/* Write them; answer the end. */
char *resp_head(char *p, size_t n);
char *resp_words(char *p, const struct redis_word *words, size_t n);

#endif
