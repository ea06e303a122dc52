#include "greylist/script.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_SIZE = 24, WORDS = 5 };

const char grey_script[] =
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"local verb, key = ARGV[1], KEYS[1]\n"
	"local delay, window, pass = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])\n"
	"local e = redis.call('HMGET', key, 'first', 'passes')\n"
	"local first, passes = tonumber(e[1]), tonumber(e[2]) or 0\n"
	"local stamp = string.format('%.0f', now)\n"
	"\n"
	"if verb == 'allow' then\n"
	"  redis.call('HSETNX', key, 'first', stamp)\n"
	"  if passes < 1 then redis.call('HSET', key, 'passes', 1) end\n"
	"end\n"
	"if verb == 'allow' or (verb == 'renew' and passes > 0) then\n"
	"  redis.call('PEXPIRE', key, pass)\n"
	"  return { 2, 0, pass }\n"
	"end\n"
	"if verb == 'renew' then return { 0, 0, 0 } end\n"
	"\n"
	"local ask = verb == 'ask'\n"
	"local ttl = redis.call('PTTL', key)\n"
	"if passes > 0 then\n"
	"  if ask then\n"
	"    redis.call('HINCRBY', key, 'passes', 1)\n"
	"    redis.call('HSET', key, 'last', stamp)\n"
	/* pass_for was made shorter, or somebody made the key stay for ever */
	"    if ttl < 0 or ttl > pass then redis.call('PEXPIRE', key, pass) ttl = pass end\n"
	"  end\n"
	"  return { 2, 0, ttl }\n"
	"end\n"
	"\n"
	/* Too late a retry starts over; so does one before its first attempt, when the clock was set back. */
	"if not first or now - first > window or now < first then\n"
	"  first = now\n"
	"  ttl = window\n"
	"  if ask then\n"
	"    redis.call('DEL', key)\n"
	"    redis.call('HSET', key, 'first', stamp, 'passes', 0)\n"
	"  end\n"
	"end\n"
	"local age = now - first\n"
	"if ask then\n"
	"  redis.call('HINCRBY', key, 'attempts', 1)\n"
	"  redis.call('HSET', key, 'last', stamp)\n"
	"end\n"
	"if age < delay then\n"
	"  if ask then redis.call('PEXPIRE', key, math.max(window - age, 1)) end\n"
	"  return { 0, delay - age, window - age }\n"
	"end\n"
	"if ask then\n"
	"  redis.call('HSET', key, 'passes', 1)\n"
	"  redis.call('PEXPIRE', key, pass)\n"
	"end\n"
	"return { 1, 0, pass }\n";

const char grey_script_show[] = "local t = redis.call('TIME')\n"
				"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
				"local e = redis.call('HMGET', KEYS[1], 'first', 'last', 'attempts', 'passes')\n"
				"return { now, redis.call('PTTL', KEYS[1]), tonumber(e[1]) or 0, tonumber(e[2]) or 0,\n"
				"  tonumber(e[3]) or 0, tonumber(e[4]) or 0 }\n";

/* The numbers live in the caller's buffers. */
static void make_words(const char *key, const char *verb, const struct grey_times *t, char numbers[3][NUMBER_SIZE],
		       struct redis_word words[WORDS])
{
	const int64_t times[3] = { t->delay_ms, t->window_ms, t->pass_ms };

	words[0] = (struct redis_word){ key, strlen(key) };
	words[1] = (struct redis_word){ verb, strlen(verb) };
	for (unsigned i = 0; i < 3; i++) {
		snprintf(numbers[i], NUMBER_SIZE, "%" PRId64, times[i]);
		words[2 + i] = (struct redis_word){ numbers[i], strlen(numbers[i]) };
	}
}

struct net_op *grey_script_ask(struct net_wait *w, const struct redis_script *s, const char *key, const char *verb,
			       const struct grey_times *t)
{
	char numbers[3][NUMBER_SIZE];
	struct redis_word words[WORDS];

	make_words(key, verb, t, numbers, words);
	return redis_eval(w, s, 1, words, WORDS);
}

void grey_script_tell(struct net_wait *w, const struct redis_script *s, const char *key, const char *verb,
		      const struct grey_times *t)
{
	char numbers[3][NUMBER_SIZE];
	struct redis_word words[WORDS];

	make_words(key, verb, t, numbers, words);
	redis_tell_eval(w, s, 1, words, WORDS);
}
