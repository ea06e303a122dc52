#include "net/redis.h"

#include <assert.h>
#include <string.h>

#include "net/op.h"
#include "net/redis_conn.h"
#include "net/redis_reply.h"
#include "net/resp.h"
#include "net/sha1.h"
#include "util/sbuf.h"

static const struct redis_value not_awaited = { .kind = REDIS_UNAVAILABLE,
						.str = "no answer yet",
						.str_n = sizeof("no answer yet") - 1 };

/* Queues the command, or answers at once when Redis is known to be away.  Answers op for the asker, NULL for a teller. */
static struct net_op *submit(struct net_wait *w, struct net_op *op, bool told)
{
	struct net *n = wait_net(w);
	const char *why = n->redis == NULL ? "no Redis is configured" : "Redis is away";

	if (n->redis != NULL && !redis_is_away(n->redis)) {
		op_submit(w, op, redis_start_command);
	} else {
		net_count(&n->stats.redis_commands);
		net_count(&n->stats.redis_failures);
		redis_reply_none(op, why);
		op_answered(op);
	}
	return told ? NULL : op;
}

/* A command of the words of head and then those of rest. */
static struct net_op *new_command(struct net_wait *w, const struct redis_word *head, size_t n_head,
				  const struct redis_word *rest, size_t n_rest, bool told)
{
	struct net_op *op;
	size_t size;
	char *p;

	assert(n_head + n_rest > 0); /* Redis does not answer an empty command */
	size = resp_head_size(n_head + n_rest) + resp_words_size(head, n_head) + resp_words_size(rest, n_rest);
	op = op_new(w, OP_REDIS, size, told);
	if (op == NULL)
		return NULL;
	p = resp_head(op->room, n_head + n_rest);
	p = resp_words(p, head, n_head);
	p = resp_words(p, rest, n_rest);
	op->redis.command_n = (size_t)(p - op->room);
	return op;
}

/* FNV-1a: tells commands apart, no more. */
static uint32_t family_of(const char *p, size_t n)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 16777619U;
	return h;
}

static struct net_op *command(struct net_wait *w, const struct redis_word *words, size_t n, bool told)
{
	struct net_op *op = new_command(w, words, n, NULL, 0, told);

	if (op == NULL) {
		net_count(&wait_net(w)->stats.redis_failures);
		return NULL;
	}
	op->redis.family = family_of(words->p, words->n);
	return submit(w, op, told);
}

static struct net_op *script_command(struct net_wait *w, const struct redis_script *s, size_t n_keys,
				     const struct redis_word *words, size_t n, bool told)
{
	enum { NUMBER_SIZE = 24, DIGEST_ENOUGH = 8 };
	char number[NUMBER_SIZE];
	struct sbuf b;
	struct redis_word head[] = { { "EVALSHA", sizeof("EVALSHA") - 1 }, { s->sha1, sizeof(s->sha1) - 1 }, { 0 } };
	const size_t n_head = sizeof(head) / sizeof(head[0]);
	struct net_op *op;

	assert(n_keys <= n);
	sbuf_fixed(&b, number, sizeof(number));
	sbuf_add_num(&b, (long long)n_keys);
	head[2] = (struct redis_word){ b.p, b.len };
	op = new_command(w, head, n_head, words, n, told);
	if (op == NULL) {
		net_count(&wait_net(w)->stats.redis_failures);
		return NULL;
	}
	op->redis.script = s->text;
	op->redis.family = family_of(s->sha1, DIGEST_ENOUGH);
	op->redis.words = n_head + n;
	op->redis.tail = resp_head_size(n_head + n) + resp_words_size(head, n_head - 1);
	return submit(w, op, told);
}

struct net_op *redis_ask(struct net_wait *w, const struct redis_word *words, size_t n)
{
	return command(w, words, n, false);
}

struct net_op *redis_eval(struct net_wait *w, const struct redis_script *s, size_t n_keys,
			  const struct redis_word *words, size_t n)
{
	return script_command(w, s, n_keys, words, n, false);
}

void redis_tell(struct net_wait *w, const struct redis_word *words, size_t n)
{
	(void)command(w, words, n, true);
}

void redis_tell_eval(struct net_wait *w, const struct redis_script *s, size_t n_keys, const struct redis_word *words,
		     size_t n)
{
	(void)script_command(w, s, n_keys, words, n, true);
}

void redis_script_init(struct redis_script *s, const char *text)
{
	s->text = text;
	sha1_hex(text, strlen(text), s->sha1);
}

const struct redis_value *redis_result(const struct net_op *op)
{
	if (op == NULL || !net_op_done(op))
		return &not_awaited;
	assert(op->kind == OP_REDIS);
	return &op->answer.redis;
}
