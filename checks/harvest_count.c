#include "checks/harvest_count.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"

enum {
	V6_BITS = 64, /* one site's: it may take any address of it */
	KEY_SIZE = 512,
	NUMBER_SIZE = 24
};

/*
 * KEYS: the client's.  ARGV: the three numbers of a counter.  Answers the count, this one included.  Times to live are
 * by Redis's clock; a key that somebody has taken its own from gets one again.
 */
static const char script[] = "local n = redis.call('INCR', KEYS[1])\n"
			     "if n == tonumber(ARGV[2]) then\n"
			     "  redis.call('PEXPIRE', KEYS[1], ARGV[3])\n"
			     "elseif n == 1 or redis.call('PTTL', KEYS[1]) < 0 then\n"
			     "  redis.call('PEXPIRE', KEYS[1], ARGV[1])\n"
			     "end\n"
			     "return n\n";

void harvest_count_init(struct harvest_counter *k)
{
	redis_script_init(&k->script, script);
}

const char *harvest_count_client(const struct ip *ip, char buf[HARVEST_CLIENT_SIZE])
{
	char text[IP_TEXT_SIZE];
	struct ip net;

	if (ip->family != IP_V6)
		return ip_format(ip, buf);
	net = ip_mask(ip, V6_BITS);
	snprintf(buf, HARVEST_CLIENT_SIZE, "%s/%d", ip_format(&net, text), V6_BITS);
	return buf;
}

/* PREFIXrate:{harvest:CLIENT} */
static struct redis_word make_key(const struct harvest_counter *k, const struct ip *ip, char buf[KEY_SIZE])
{
	char client[HARVEST_CLIENT_SIZE];
	struct sbuf b;

	harvest_count_client(ip, client);
	sbuf_fixed(&b, buf, KEY_SIZE);
	sbuf_addf(&b, "%srate:{" HARVEST_RATE ":", k->prefix);
	sbuf_add_key(&b, client, strlen(client));
	sbuf_addc(&b, '}');
	return (struct redis_word){ b.p, b.len };
}

static struct redis_word make_number(int64_t number, char buf[NUMBER_SIZE])
{
	return (struct redis_word){ buf, (size_t)snprintf(buf, NUMBER_SIZE, "%" PRId64, number) };
}

struct net_op *harvest_count_ask(const struct harvest_counter *k, struct net_wait *w, const struct ip *ip)
{
	static const char get[] = "GET";
	char key[KEY_SIZE];
	const struct redis_word words[] = { { get, sizeof get - 1 }, make_key(k, ip, key) };

	return redis_ask(w, words, sizeof words / sizeof words[0]);
}

struct net_op *harvest_count_add(const struct harvest_counter *k, struct net_wait *w, const struct ip *ip)
{
	char key[KEY_SIZE], per[NUMBER_SIZE], after[NUMBER_SIZE], refuse_for[NUMBER_SIZE];
	const struct redis_word words[] = { make_key(k, ip, key), make_number(k->per_ms, per),
					    make_number(k->refuse_after, after),
					    make_number(k->refuse_for_ms, refuse_for) };

	return redis_eval(w, &k->script, 1, words, sizeof words / sizeof words[0]);
}

int64_t harvest_count_result(const struct net_op *op, const char **why)
{
	const struct redis_value *v = redis_result(op);

	*why = "Redis answers with something else";
	switch (v->kind) {
	case REDIS_NIL:
		return 0;
	case REDIS_INT:
		return v->num;
	case REDIS_STRING:
		return ascii_is_digit(v->str[0]) ? strtoll(v->str, NULL, 10) : -1;
	case REDIS_UNAVAILABLE:
	case REDIS_ERROR:
		if (v->str != NULL)
			*why = v->str;
		return -1;
	case REDIS_STATUS:
	case REDIS_ARRAY:
		break;
	}
	return -1;
}
