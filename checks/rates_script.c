#include "checks/rates_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_SIZE = 24, US_PER_MS = 1000, KEYS_MAX = 3, ARGS_MAX = 3 + 2 * RATES_MAX_WINDOWS + 5, ANSWER_WORDS = 4 };

const char rates_script[] =
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000000 + t[2]\n"
	"local verb, quiet, n = ARGV[1], ARGV[2] + 0, ARGV[3] + 0\n"
	"local hold, nets, net_per, net, stamp = -1, 0, 0, '', 0\n"
	"if KEYS[2] then\n"
	"  hold, nets, net_per = ARGV[2 * n + 4] + 0, ARGV[2 * n + 5] + 0, ARGV[2 * n + 6] + 0\n"
	"  net, stamp = ARGV[2 * n + 7], ARGV[2 * n + 8] + 0\n"
	"end\n"
	"local at, told = {}, 0\n"
	"for mark, time in string.gmatch(redis.call('GET', KEYS[1]) or '', '(t?)(%d+)') do\n"
	"  if mark == '' then at[#at + 1] = time + 0 else told = time + 0 end\n"
	"end\n"
	/* A clock that was set back must not keep anything quiet for ever. */
	"if told > now + quiet then told = 0 end\n"
	/* The same, or the rate was made smaller: never wait longer than the whole burst takes. */
	"for i = 1, n do at[i] = math.min(at[i] or now, now + ARGV[2 * i + 3]) end\n"
	"\n"
	"local function store()\n"
	"  local last, words = now, {}\n"
	"  for i = 1, n do\n"
	"    words[i] = string.format('%.0f', at[i])\n"
	"    last = math.max(last, at[i])\n"
	"  end\n"
	"  if told > now then\n"
	"    words[n + 1] = string.format('t%.0f', told)\n"
	"    last = math.max(last, told)\n"
	"  end\n"
	"  if last > now then\n"
	"    redis.call('SET', KEYS[1], table.concat(words, ' '), 'PX', math.ceil((last - now) / 1000))\n"
	"  else\n"
	"    redis.call('DEL', KEYS[1])\n"
	"  end\n"
	"end\n"
	"local function tell(answer, wait)\n"
	"  told = now + quiet\n"
	"  store()\n"
	"  return { answer, wait, 1, 0 }\n"
	"end\n"
	"\n"
	"if verb == 'give' then\n"
	"  for i = 1, n do at[i] = at[i] - ARGV[2 * i + 2] end\n"
	"  if n > 0 then store() end\n"
	"  if stamp > 0 and tonumber(redis.call('ZSCORE', KEYS[2], net) or 0) == stamp then\n"
	"    redis.call('ZREM', KEYS[2], net)\n"
	"  end\n"
	"  return { 0, 0, 0, 0 }\n"
	"end\n"
	"\n"
	"if hold >= 0 and redis.call('EXISTS', KEYS[3]) == 1 then\n"
	"  local left = math.max(redis.call('PTTL', KEYS[3]), 0)\n"
	"  if verb == 'peek' or told > now then return { 2, left, 0, 0 } end\n"
	"  return tell(2, left)\n"
	"end\n"
	"\n"
	"local wait, new = 0, false\n"
	"for i = 1, n do\n"
	"  local free = math.max(at[i], now) + ARGV[2 * i + 2] - ARGV[2 * i + 3]\n"
	"  wait = math.max(wait, math.ceil((free - now) / 1000))\n"
	"end\n"
	"if nets > 0 and net ~= '' then\n"
	"  local since, upto = string.format('(%.0f', now - net_per), string.format('%.0f', now)\n"
	"  local seen = tonumber(redis.call('ZSCORE', KEYS[2], net) or 0)\n"
	/* What lies ahead was seen before the clock was set back: nobody knows when. */
	"  new = seen <= now - net_per or seen > now\n"
	"  if new and redis.call('ZCOUNT', KEYS[2], since, upto) >= nets then\n"
	"    local oldest = redis.call('ZRANGEBYSCORE', KEYS[2], since, upto, 'WITHSCORES', 'LIMIT', 0, 1)\n"
	"    wait = math.max(wait, math.ceil((oldest[2] + net_per - now) / 1000), 1)\n"
	"  end\n"
	"end\n"
	"\n"
	"if wait > 0 then\n"
	"  if verb == 'peek' then return { 1, wait, 0, 0 } end\n"
	"  if hold > 0 then\n"
	"    redis.call('SET', KEYS[3], string.format('%.0f', now), 'PX', hold)\n"
	"    return tell(2, hold)\n"
	"  end\n"
	"  if told > now then return { 1, wait, 0, 0 } end\n"
	"  return tell(1, wait)\n"
	"end\n"
	"if verb == 'peek' then return { 0, 0, 0, 0 } end\n"
	"for i = 1, n do at[i] = math.max(at[i], now) + ARGV[2 * i + 2] end\n"
	"if n > 0 then store() end\n"
	"if nets > 0 and net ~= '' then\n"
	"  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - net_per))\n"
	"  redis.call('ZADD', KEYS[2], string.format('%.0f', now), net)\n"
	"  redis.call('PEXPIRE', KEYS[2], math.ceil(net_per / 1000))\n"
	"end\n"
	"return { 0, 0, 0, new and now or 0 }\n";

const char rates_script_show[] =
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000000 + t[2]\n"
	"local nets, since, left = 0, 0, -2\n"
	"if KEYS[2] then\n"
	"  nets = redis.call('ZCOUNT', KEYS[2], string.format('(%.0f', now - ARGV[1]), string.format('%.0f', now))\n"
	"  since = tonumber(redis.call('GET', KEYS[3]) or 0) or 0\n"
	"  left = redis.call('PTTL', KEYS[3])\n"
	"end\n"
	"return { now, redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1]), nets, since, left }\n";

static const char *const verb_names[] = { [RATES_TAKE] = "take", [RATES_PEEK] = "peek", [RATES_GIVE] = "give" };

/* The words of a call; numbers live here until the words have been copied. */
struct call {
	struct redis_word words[KEYS_MAX + ARGS_MAX];
	char numbers[ARGS_MAX][NUMBER_SIZE];
	char network[IP_TEXT_SIZE];
	size_t n, n_keys, n_numbers;
};

static void add_text(struct call *c, const char *p)
{
	c->words[c->n++] = (struct redis_word){ p, strlen(p) };
}

static void add_number(struct call *c, int64_t number)
{
	char *p = c->numbers[c->n_numbers++];

	snprintf(p, NUMBER_SIZE, "%" PRId64, number);
	add_text(c, p);
}

static void add_keys(struct call *c, const struct rates_key *key)
{
	add_text(c, key->base);
	if (key->nets != NULL) {
		add_text(c, key->nets);
		add_text(c, key->held);
	}
	c->n_keys = c->n;
}

static void make_call(struct call *c, const struct rates_question *q, enum rates_verb verb)
{
	const struct rate *r = q->rate;

	c->n = c->n_numbers = 0;
	add_keys(c, q->key);
	add_text(c, verb_names[verb]);
	add_number(c, r->period_ms * US_PER_MS);
	add_number(c, r->n_windows);
	for (unsigned i = 0; i < r->n_windows; i++) {
		add_number(c, rates_cost_us(r, &r->windows[i], q->units));
		add_number(c, rates_ahead_us(r, &r->windows[i]));
	}
	if (c->n_keys == 1)
		return;
	add_number(c, r->action == LIMITS_HOLD ? r->hold_ms : -1);
	add_number(c, r->networks);
	add_number(c, r->networks_ms * US_PER_MS);
	c->network[0] = '\0';
	add_text(c, q->network.family != IP_NONE ? ip_format(&q->network, c->network) : c->network);
	add_number(c, q->stamp);
}

struct net_op *rates_script_ask(struct net_wait *w, const struct redis_script *s, const struct rates_question *q,
				enum rates_verb verb)
{
	struct call c;

	make_call(&c, q, verb);
	return redis_eval(w, s, c.n_keys, c.words, c.n);
}

void rates_script_tell(struct net_wait *w, const struct redis_script *s, const struct rates_question *q,
		       enum rates_verb verb)
{
	struct call c;

	make_call(&c, q, verb);
	redis_tell_eval(w, s, c.n_keys, c.words, c.n);
}

struct net_op *rates_script_look(struct net_wait *w, const struct redis_script *s, const struct rate *r,
				 const struct rates_key *key)
{
	struct call c;

	c.n = c.n_numbers = 0;
	add_keys(&c, key);
	add_number(&c, r->networks_ms * US_PER_MS);
	return redis_eval(w, s, c.n_keys, c.words, c.n);
}

static bool are_numbers(const struct redis_value *v, size_t n)
{
	if (v->kind != REDIS_ARRAY || v->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (v->v[i].kind != REDIS_INT)
			return false;
	return true;
}

struct rates_result rates_script_result(const struct net_op *op, struct arena *a)
{
	const struct redis_value *v = redis_result(op);
	struct rates_result r = { .answer = RATES_FAILED, .why = "Redis answers with something else" };

	if (v->kind == REDIS_UNAVAILABLE && v->str != NULL)
		r.why = arena_strdup(a, v->str);
	else if (v->kind == REDIS_ERROR)
		r.why = arena_printf(a, "Redis answers: %.200s", v->str);
	if (!are_numbers(v, ANSWER_WORDS) || v->v[0].num < RATES_GRANTED || v->v[0].num > RATES_HELD)
		return r;
	return (struct rates_result){ .answer = (enum rates_answer)v->v[0].num,
				      .wait_ms = v->v[1].num,
				      .first = v->v[2].num != 0,
				      .stamp = v->v[3].num };
}
