#include <string.h>

#include "t/lib/fake_net.h"
#include "util/sbuf.h"

static struct {
	fake_redis_fn fn;
	bool silent;
	char asked[65536], told[65536];
	size_t asked_n, told_n;
} fake;

static const struct redis_value away = { .kind = REDIS_UNAVAILABLE, .str = "Redis is away" };

void fake_redis_answers(fake_redis_fn fn)
{
	fake.fn = fn;
}

void fake_redis_silent(bool silent)
{
	fake.silent = silent;
}

void fake_redis_clear(void)
{
	fake.asked_n = fake.told_n = 0;
	fake.asked[0] = fake.told[0] = '\0';
}

const char *fake_redis_asked(void)
{
	return fake.asked;
}

const char *fake_redis_told(void)
{
	return fake.told;
}

static void note(char *log, size_t size, size_t *used, const struct redis_word *words, size_t n)
{
	struct sbuf b;

	sbuf_fixed(&b, log + *used, size - *used);
	for (size_t i = 0; i < n; i++) {
		sbuf_addn(&b, words[i].p, words[i].n);
		sbuf_addc(&b, i + 1 < n ? ' ' : '\n');
	}
	*used += b.len;
}

static struct net_op *ask(const struct redis_script *script, const struct redis_word *words, size_t n)
{
	struct net_op *op = fake_net_op();

	if (op == NULL)
		return NULL;
	note(fake.asked, sizeof fake.asked, &fake.asked_n, words, n);
	op->redis = fake.fn != NULL ? fake.fn(script, words, n) : away;
	fake_net_lay_out(op, fake.silent);
	return op;
}

struct net_op *redis_ask(struct net_wait *w, const struct redis_word *words, size_t n)
{
	(void)w;
	return ask(NULL, words, n);
}

struct net_op *redis_eval(struct net_wait *w, const struct redis_script *s, size_t n_keys,
			  const struct redis_word *words, size_t n)
{
	(void)w;
	(void)n_keys;
	return ask(s, words, n);
}

void redis_tell(struct net_wait *w, const struct redis_word *words, size_t n)
{
	(void)w;
	note(fake.told, sizeof fake.told, &fake.told_n, words, n);
}

void redis_tell_eval(struct net_wait *w, const struct redis_script *s, size_t n_keys, const struct redis_word *words,
		     size_t n)
{
	(void)w;
	(void)n_keys;
	note(fake.told, sizeof fake.told, &fake.told_n, words, n);
	if (fake.fn != NULL)
		(void)fake.fn(s, words, n);
}

const struct redis_value *redis_result(const struct net_op *op)
{
	return op != NULL && op->done ? &op->redis : &away;
}

void redis_script_init(struct redis_script *s, const char *text)
{
	s->text = text;
	memset(s->sha1, '0', sizeof s->sha1 - 1);
	s->sha1[sizeof s->sha1 - 1] = '\0';
}
