#include "net/redis_reply.h"

#include <stdbool.h>
#include <string.h>

#include <hiredis/hiredis.h>

/* hiredis 0.14 reads 7 levels of arrays; newer ones more.  Our scripts answer at most 2. */
enum { MAX_DEPTH = 16 };

struct sizes {
	size_t values; /* below the top one */
	size_t text;
	bool bad;
};

static bool has_text(const redisReply *r)
{
	return r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS || r->type == REDIS_REPLY_ERROR;
}

static void measure(const redisReply *r, struct sizes *s, unsigned depth)
{
	if (has_text(r)) {
		s->text += (size_t)r->len + 1;
		return;
	}
	if (r->type != REDIS_REPLY_ARRAY)
		return;
	if (depth >= MAX_DEPTH) {
		s->bad = true;
		return;
	}
	s->values += r->elements;
	for (size_t i = 0; i < r->elements; i++)
		measure(r->element[i], s, depth + 1);
}

/* Where the next array of values and the next text go. */
struct copier {
	struct redis_value *values;
	char *text;
};

static enum redis_kind kind_of(int type)
{
	switch (type) {
	case REDIS_REPLY_STRING:
		return REDIS_STRING;
	case REDIS_REPLY_STATUS:
		return REDIS_STATUS;
	case REDIS_REPLY_INTEGER:
		return REDIS_INT;
	case REDIS_REPLY_ARRAY:
		return REDIS_ARRAY;
	case REDIS_REPLY_ERROR:
		return REDIS_ERROR;
	default:
		return REDIS_NIL;
	}
}

static void copy(const redisReply *r, struct redis_value *out, struct copier *c)
{
	struct redis_value *v;

	*out = (struct redis_value){ .kind = kind_of(r->type), .str = "" };
	if (r->type == REDIS_REPLY_INTEGER)
		out->num = r->integer;
	if (has_text(r)) {
		out->str_n = (size_t)r->len;
		out->str = memcpy(c->text, r->str, out->str_n);
		c->text[out->str_n] = '\0';
		c->text += out->str_n + 1;
	}
	if (r->type != REDIS_REPLY_ARRAY)
		return;
	v = c->values;
	c->values += r->elements;
	out->v = v;
	out->n = r->elements;
	for (size_t i = 0; i < r->elements; i++)
		copy(r->element[i], &v[i], c);
}

void redis_reply_copy(struct net_op *op, const redisReply *reply)
{
	struct sizes s = { 0 };
	struct copier c = { 0 };
	size_t n;

	measure(reply, &s, 0);
	if (s.bad) {
		redis_reply_none(op, "reply nested too deep");
		return;
	}
	n = s.values * sizeof(struct redis_value) + s.text;
	if (n > 0) {
		c.values = op_answer_room(op, n);
		if (c.values == NULL) {
			redis_reply_none(op, "out of memory");
			return;
		}
		c.text = (char *)(c.values + s.values);
	}
	copy(reply, &op->answer.redis, &c);
}

void redis_reply_none(struct net_op *op, const char *why)
{
	op->answer.redis = (struct redis_value){ .kind = REDIS_UNAVAILABLE, .str = why, .str_n = strlen(why) };
}
