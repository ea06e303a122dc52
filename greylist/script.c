#include "greylist/script.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEYS_MAX = 2, ARGUMENTS = 5, WORDS_MAX = KEYS_MAX + ARGUMENTS, ANSWER = 5, MS_PER_S = 1000 };

const char grey_script[] =
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"local verb, key, client = ARGV[1], KEYS[1], KEYS[2]\n"
	"local first, attempts, passes, since, rest\n"
	"local v = redis.call('GET', key)\n"
	"if v then\n"
	"  first, attempts, passes, since, rest = string.match(v, '^(%d+) %d+ (%d+) (%d+) (%d+) (%d+ ?%S*)$')\n"
	"end\n"
	"\n"
	/* Most mail comes from who has passed: what is counted is put between what stays, and nothing else is looked at. */
	"if verb == 'ask' and rest and passes ~= '0' then\n"
	"  local age = now - first\n"
	"  local left = since * 1000 + ARGV[2] - age\n"
	"  if age >= 0 and left > 0 then\n"
	"    passes = passes + 1\n"
	"    redis.call('SET', key, first .. ' ' .. math.floor(age / 1000) .. ' ' .. attempts .. ' ' .. passes .. ' ' .. since ..\n"
	"      ' ' .. rest, 'KEEPTTL')\n"
	"    return { 2, 0, left, age, passes }\n"
	"  end\n"
	"end\n"
	"\n"
	"local delay, window, after, known_for = string.match(ARGV[3], '^(%d+) (%d+) (%d+) (%d+)$')\n"
	"delay, window, after, known_for = tonumber(delay), tonumber(window), tonumber(after), tonumber(known_for)\n"
	"local pass = tonumber(ARGV[2])\n"
	"local day, DAY = math.floor(now / 86400000), 86400000\n"
	"local waits, code\n"
	"first = tonumber(first)\n"
	/* Before its first attempt: the clock was set back. */
	"if first and now < first then first = nil end\n"
	"local age, left = 0, 0\n"
	"if first then\n"
	"  waits, code = string.match(rest, '^(%d+) ?(%S*)$')\n"
	"  age, passes, waits = now - first, tonumber(passes), waits * 1000\n"
	"  if passes > 0 then\n"
	"    left = since * 1000 + pass - age\n"
	/* pass_for was made shorter */
	"    if left <= 0 then first = nil end\n"
	"  elseif age > window then first = nil end\n"
	"end\n"
	"local new = not first\n"
	"if new then first, age, attempts, passes, since = now, 0, 0, 0, 0 end\n"
	"\n"
	"local function write(...)\n"
	"  redis.call('SET', key, string.format('%.0f %.0f %.0f %.0f %.0f %.0f %s', first, math.floor(age / 1000), attempts, passes,\n"
	"    since, waits / 1000, code), ...)\n"
	"end\n"
	"\n"
	"if verb == 'allow' or (verb == 'renew' and passes > 0) then\n"
	"  if verb == 'allow' then\n"
	"    waits, code = waits or 0, (string.match(code or '', '^..') or '--') .. 'a'\n"
	"    passes = math.max(passes, 1)\n"
	"  end\n"
	"  since = math.floor(age / 1000)\n"
	"  write('PX', pass)\n"
	"end\n"
	"if verb == 'allow' then return { 2, 0, pass, age, passes } end\n"
	"\n"
	"if verb == 'note' then\n"
	"  waits, code = waits or delay, code or ARGV[5]\n"
	"  if new then write('PX', window) end\n"
	"  return { 0, delay, window, age, tonumber(attempts) }\n"
	"end\n"
	"\n"
	"local ask = verb == 'ask'\n"
	"if passes > 0 and verb ~= 'renew' then return { 2, 0, left, age, passes } end\n"
	"\n"
	"local last, count, senders\n"
	"if client and after > 0 then\n"
	"  v = redis.call('GET', client)\n"
	"  if v then last, count, senders = string.match(v, '^(%d+) (%d+)(.*)$') end\n"
	"  last, count, senders = tonumber(last), tonumber(count) or 0, senders or ''\n"
	"  if count >= after then\n"
	"    if verb == 'renew' and last ~= day then\n"
	"      redis.call('SET', client, day .. ' ' .. count, 'PX', known_for)\n"
	"    elseif verb ~= 'renew' and age < delay then\n"
	"      return { 3, 0, known_for - (day - last) * DAY, age, count }\n"
	"    end\n"
	"  end\n"
	"end\n"
	"if verb == 'renew' then return { 2, 0, pass, age, passes } end\n"
	"\n"
	"attempts, waits, code = attempts + 1, delay, ARGV[5]\n"
	"if age < delay then\n"
	"  if ask then write('PX', math.max(window - age, 1)) end\n"
	"  return { 0, delay - age, window - age, age, attempts }\n"
	"end\n"
	"if ask then\n"
	"  passes, since = 1, math.floor(age / 1000)\n"
	"  write('PX', pass)\n"
	/* One sender and one day count once each, so that a burst of a night proves nothing. */
	"  local hash = count and count < after and last ~= day and string.sub(redis.sha1hex(ARGV[4]), 1, 8)\n"
	"  if hash and not string.find(senders, hash, 1, true) then\n"
	"    count = count + 1\n"
	"    senders = count < after and senders .. ' ' .. hash or ''\n"
	"    redis.call('SET', client, day .. ' ' .. count .. senders, 'PX', known_for)\n"
	"  end\n"
	"end\n"
	"return { 1, 0, pass, age, attempts }\n";

const char grey_script_show[] = "local t = redis.call('TIME')\n"
				"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
				"return { now, redis.call('PTTL', KEYS[1]), redis.call('GET', KEYS[1]) }\n";

const char grey_script_trust[] = "local day = math.floor(redis.call('TIME')[1] / 86400)\n"
				 "redis.call('SET', KEYS[1], string.format('%.0f %s', day, ARGV[1]), 'PX', ARGV[2])\n"
				 "return 1\n";

const char grey_script_meet[] = "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
				"return 1\n";

void grey_terms_make(struct grey_terms *out, const struct grey_times *times)
{
	out->times = *times;
	out->pass_n = (size_t)snprintf(out->pass, sizeof out->pass, "%" PRId64, times->pass_ms);
	out->others_n =
		(size_t)snprintf(out->others, sizeof out->others, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
				 times->delay_ms, times->window_ms, times->known_after, times->known_for_ms);
}

/* Answers how many of the words are keys. */
static size_t make_words(const char *verb, const struct grey_question *q, struct redis_word words[WORDS_MAX], size_t *n)
{
	const struct grey_terms *t = q->terms;
	size_t keys = 0;

	words[keys++] = (struct redis_word){ q->key, strlen(q->key) };
	if (q->client != NULL)
		words[keys++] = (struct redis_word){ q->client, strlen(q->client) };
	*n = keys;
	words[(*n)++] = (struct redis_word){ verb, strlen(verb) };
	words[(*n)++] = (struct redis_word){ t->pass, t->pass_n };
	words[(*n)++] = (struct redis_word){ t->others, t->others_n };
	words[(*n)++] = (struct redis_word){ q->sender, strlen(q->sender) };
	words[(*n)++] = (struct redis_word){ q->code, strlen(q->code) };
	return keys;
}

struct net_op *grey_script_ask(struct net_wait *w, const struct redis_script *s, const char *verb,
			       const struct grey_question *q)
{
	struct redis_word words[WORDS_MAX];
	size_t n, keys = make_words(verb, q, words, &n);

	return redis_eval(w, s, keys, words, n);
}

void grey_script_tell(struct net_wait *w, const struct redis_script *s, const char *verb, const struct grey_question *q)
{
	struct redis_word words[WORDS_MAX];
	size_t n, keys = make_words(verb, q, words, &n);

	redis_tell_eval(w, s, keys, words, n);
}

bool grey_script_answer(const struct redis_value *v, struct grey_answer *out)
{
	if (v->kind != REDIS_ARRAY || v->n != ANSWER)
		return false;
	for (unsigned i = 0; i < ANSWER; i++)
		if (v->v[i].kind != REDIS_INT)
			return false;
	if (v->v[0].num < GREY_DEFER || v->v[0].num > GREY_CLIENT)
		return false;
	out->decision = (enum grey_decision)v->v[0].num;
	out->wait_ms = v->v[1].num;
	out->left_ms = v->v[2].num;
	out->age_ms = v->v[3].num;
	out->count = v->v[4].num;
	return true;
}

bool grey_record_parse(const char *p, size_t n, struct grey_record *out)
{
	char text[128];
	int end = 0;

	memset(out, 0, sizeof *out);
	if (n >= sizeof text)
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	if (sscanf(text, "%18" SCNd64 " %12" SCNd64 " %12" SCNd64 " %12" SCNd64 " %12" SCNd64 " %12" SCNd64 "%n",
		   &out->first_ms, &out->last_ms, &out->attempts, &out->passes, &out->since_ms, &out->delay_ms,
		   &end) < 6)
		return false;
	out->last_ms = out->first_ms + out->last_ms * MS_PER_S;
	out->since_ms = out->first_ms + out->since_ms * MS_PER_S;
	out->delay_ms *= MS_PER_S;
	if (text[end] == ' ' && strlen(text + end + 1) == GREY_CODE_SIZE - 1)
		memcpy(out->code, text + end + 1, GREY_CODE_SIZE);
	return true;
}
