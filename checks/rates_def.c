#include "checks/rates_def.h"

#include <inttypes.h>
#include <string.h>

#include "checks/common.h"
#include "util/bytes.h"
#include "util/names.h"
#include "util/units.h"

enum {
	US_PER_MS = 1000,
	RATE_V4_BITS = 24,
	RATE_V6_BITS = 64,
	VALUE_MAX = 320, /* bytes of a value in a key: a path of RFC 5321 (256) with room; the rest is cut off */
	KEY_SIZE = 8192, /* all values, percent-encoded, with room */
	NAME_SIZE = 512
};

static const struct name_value by_names[] = {
	{ "client_ip", RATE_BY_CLIENT_IP },
	{ "client_net", RATE_BY_CLIENT_NET },
	{ "auth_user", RATE_BY_AUTH_USER },
	{ "sender", RATE_BY_SENDER },
	{ "sender_domain", RATE_BY_SENDER_DOMAIN },
	{ "recipient", RATE_BY_RECIPIENT },
	{ "recipient_domain", RATE_BY_RECIPIENT_DOMAIN },
	{ NULL, 0 },
};

/* ---- Reading ---- */

static int read_by(struct rate *r, const struct conf_item *item, struct error_list *errors)
{
	int by = names_value(by_names, item->s);
	struct names_nearest near;

	if (by < 0) {
		names_nearest_init(&near, item->s);
		for (const struct name_value *n = by_names; n->name != NULL; n++)
			names_nearest_try(&near, n->name);
		error_add(errors, item->file, item->line, "a rate cannot be counted by \"%s\"%s%s%s", item->s,
			  near.best != NULL ? "; did you mean \"" : "", near.best != NULL ? near.best : "",
			  near.best != NULL ? "\"?" : "");
		return -1;
	}
	for (unsigned i = 0; i < r->n_by; i++) {
		if (r->by[i] == (enum rate_by)by) {
			error_add(errors, item->file, item->line, "\"%s\" stands twice in `by`", item->s);
			return -1;
		}
	}
	r->by[r->n_by++] = (enum rate_by)by;
	return 0;
}

/* "10 messages per 1m by client_ip, sender" */
static const char *default_name(const struct rate *r, int64_t number, int64_t per, struct arena *a)
{
	char buf[NAME_SIZE], period[32];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_addf(&b, "%" PRId64 " %s per %s by ", number, r->per_message ? "messages" : "recipients",
		  units_format_duration(per, period, sizeof period));
	for (unsigned i = 0; i < r->n_by; i++)
		sbuf_addf(&b, "%s%s", i > 0 ? ", " : "", names_name(by_names, (int)r->by[i]));
	if (r->burst != number)
		sbuf_addf(&b, ", burst %" PRId64, r->burst);
	return arena_strdup(a, buf);
}

/* NULL, or a static text that says what is wrong. */
static const char *number_error(const struct rate_settings *set)
{
	if (set->messages > 0 && set->recipients > 0)
		return "a rate counts messages or recipients, not both: make it two rates";
	if (set->messages <= 0 && set->recipients <= 0)
		return "a rate needs messages = N or recipients = N";
	if (set->per <= 0)
		return "a rate needs its period, such as per = \"1h\"";
	if (set->by.n == 0)
		return "a rate needs by = ( ... ), such as by = ( \"client_ip\" )";
	if (set->per > INT64_MAX / US_PER_MS / US_PER_MS)
		return "the period is too long";
	if (set->per * US_PER_MS < set->messages + set->recipients)
		return "a rate of more than one in a microsecond is no limit";
	return NULL;
}

int rates_read(struct rate *r, const struct rate_settings *set, struct arena *a, struct error_list *errors)
{
	const char *wrong = number_error(set);
	int64_t number = set->messages + set->recipients; /* one of them is 0 */

	memset(r, 0, sizeof *r);
	if (wrong != NULL) {
		error_add(errors, set->where.file, set->where.line, "limits.rates: %s", wrong);
		return -1;
	}
	for (unsigned i = 0; i < set->by.n; i++)
		if (read_by(r, &set->by.v[i], errors) != 0)
			return -1;
	r->per_message = set->messages > 0;
	r->interval_us = set->per * US_PER_MS / number;
	r->burst = set->burst > 0 ? set->burst : number;
	r->action = (enum limits_action)set->action;
	r->name = set->name != NULL && set->name[0] != '\0' ? set->name : default_name(r, number, set->per, a);
	for (const char *p = r->name; p != NULL && *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == '\x7f') {
			error_add(errors, set->where.file, set->where.line, "a rate's name has a control character");
			return -1;
		}
	}
	return r->name != NULL ? 0 : -1;
}

/* ---- Keys ---- */

static void add_value(struct sbuf *b, const char *p, size_t n)
{
	sbuf_addc(b, ':');
	sbuf_add_key(b, p, n < VALUE_MAX ? n : VALUE_MAX);
}

/* The first value of a fact; false when there is none, or when it is the null sender. */
static bool add_fact(struct sbuf *b, const struct fact_set *facts, enum fact_id id)
{
	const struct fact_value *f = &facts->v[id];

	if (f->state != FACT_KNOWN || f->n == 0 || f->text[0].folded_n == 0)
		return false;
	add_value(b, f->text[0].folded, f->text[0].folded_n);
	return true;
}

static bool add_ip(struct sbuf *b, const struct ip *ip)
{
	char text[IP_TEXT_SIZE];

	if (ip->family == IP_NONE)
		return false;
	ip_format(ip, text);
	add_value(b, text, strlen(text));
	return true;
}

static bool add_net(struct sbuf *b, const struct ip *ip)
{
	unsigned bits = ip->family == IP_V4 ? RATE_V4_BITS : RATE_V6_BITS;
	struct ip net;

	if (ip->family == IP_NONE)
		return false;
	net = ip_mask(ip, bits);
	if (!add_ip(b, &net))
		return false;
	sbuf_addf(b, "/%u", bits);
	return true;
}

static bool add_by(struct sbuf *b, enum rate_by by, const struct check_call *c)
{
	switch (by) {
	case RATE_BY_CLIENT_IP:
		return add_ip(b, &c->conn->ip);
	case RATE_BY_CLIENT_NET:
		return add_net(b, &c->conn->ip);
	case RATE_BY_AUTH_USER:
		return add_fact(b, &c->txn->facts, FACT_AUTH_USER);
	case RATE_BY_SENDER:
		return add_fact(b, &c->txn->facts, FACT_SENDER);
	case RATE_BY_SENDER_DOMAIN:
		return add_fact(b, &c->txn->facts, FACT_SENDER_DOMAIN);
	case RATE_BY_RECIPIENT:
		return add_fact(b, &c->rcpt->facts, FACT_RECIPIENT);
	case RATE_BY_RECIPIENT_DOMAIN:
		return add_fact(b, &c->rcpt->facts, FACT_RECIPIENT_DOMAIN);
	case RATE_BY_COUNT:
		break;
	}
	return false;
}

const char *rates_key(const struct rate *r, const char *prefix, const struct check_call *c)
{
	char buf[KEY_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	sbuf_add(&b, prefix);
	sbuf_add(&b, "rate:{");
	sbuf_add_key(&b, r->name, strlen(r->name));
	for (unsigned i = 0; i < r->n_by; i++)
		if (!add_by(&b, r->by[i], c))
			return NULL;
	sbuf_addc(&b, '}');
	return arena_strndup(c->arena, b.p, b.len);
}

/* ---- The script ---- */

const char rates_script[] =
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000000 + t[2]\n"
	"local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
	"local ahead = interval * burst\n"
	"local tat = tonumber(redis.call('GET', KEYS[1]) or now) or now\n"
	/* The clock was set back, or the rate was made smaller: never wait longer than the whole burst takes. */
	"if tat > now + ahead then tat = now + ahead end\n"
	"if ARGV[3] == 'give' then\n"
	"  tat = tat - interval\n"
	"  if tat <= now then redis.call('DEL', KEYS[1]) return 0 end\n"
	"else\n"
	"  if tat < now then tat = now end\n"
	"  tat = tat + interval\n"
	"  if tat > now + ahead then return math.ceil((tat - now - ahead) / 1000) end\n"
	"  if ARGV[3] == 'peek' then return 0 end\n"
	"end\n"
	"redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))\n"
	"return 0\n";
