/*
 * Redis commands over hiredis, asynchronous and pipelined, by the loop thread.
 *
 * A circuit breaker stands before the server: while it is away, commands are answered "unavailable" at once, and the
 * loop tries to connect again by itself.  Nothing is replayed.  After a time-out the connection is dropped.
 */
#ifndef MILLGATE_NET_REDIS_H
#define MILLGATE_NET_REDIS_H

#include <stddef.h>
#include <stdint.h>

#include "net/net.h"

enum redis_kind { REDIS_UNAVAILABLE, REDIS_NIL, REDIS_INT, REDIS_STRING, REDIS_STATUS, REDIS_ERROR, REDIS_ARRAY };

struct redis_value {
	enum redis_kind kind;
	int64_t num;     /* REDIS_INT */
	const char *str; /* REDIS_STRING, REDIS_STATUS, REDIS_ERROR; for REDIS_UNAVAILABLE why; NUL-terminated */
	size_t str_n;
	const struct redis_value *v; /* REDIS_ARRAY */
	size_t n;
};

/* A command's words: binary-safe; copied. */
struct redis_word {
	const char *p;
	size_t n;
};

/*
 * Submits a command; its answer is read with redis_result().  Words are copied.  NULL only when out of memory.
 */
struct net_op *redis_ask(struct net_wait *w, const struct redis_word *words, size_t n);

/*
 * A script by its text; the digest is computed once.  Immutable after redis_script_init(), to be shared by threads.  The
 * text must outlive the net: a command that was abandoned may still need it.
 */
struct redis_script {
	const char *text;
	char sha1[41];
};
void redis_script_init(struct redis_script *s, const char *text);

/* EVALSHA, and EVAL when the server does not know the script.  The first n_keys of the words are keys. */
struct net_op *redis_eval(struct net_wait *w, const struct redis_script *s, size_t n_keys,
			  const struct redis_word *words, size_t n);

/* As redis_ask() and redis_eval(), but nobody waits: failures are only counted. */
void redis_tell(struct net_wait *w, const struct redis_word *words, size_t n);
void redis_tell_eval(struct net_wait *w, const struct redis_script *s, size_t n_keys, const struct redis_word *words,
		     size_t n);

/* The answer of a command that was awaited, valid until net_op_free(); an open one and NULL read as unavailable. */
const struct redis_value *redis_result(const struct net_op *op);

#endif
