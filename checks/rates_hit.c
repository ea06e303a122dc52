#include "checks/rates_hit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"
#include "util/log.h"

enum { MS_PER_S = 1000, HOUR_SIZE = 16 };

static const char stats_seconds[] = "2678400"; /* 31 days: as far back as statistics go */

static const char *first_text(const struct fact_value *f)
{
	return f->state == FACT_KNOWN && f->n > 0 ? f->text[0].raw : "";
}

static void log_hit(const struct rates_hit *h, bool local, bool shadow)
{
	struct log_record r;

	log_record_begin(&r, LOG_LVL_WARNING, "limit");
	log_record_str(&r, "id", h->id, strlen(h->id));
	log_record_str(&r, "rate", h->rate, strlen(h->rate));
	log_record_str(&r, "key", h->key, strlen(h->key));
	log_record_str(&r, "action", h->action, strlen(h->action));
	log_record_str(&r, "client", h->client, strlen(h->client));
	if (h->user[0] != '\0')
		log_record_str(&r, "user", h->user, strlen(h->user));
	log_record_str(&r, "from", h->sender, strlen(h->sender));
	if (local)
		log_record_num(&r, "emergency", 1);
	if (shadow)
		log_record_num(&r, "shadow", 1);
	log_record_end(&r);
}

static void count_hit(const struct check_call *c, const struct rates_set *s, const char *name)
{
	time_t now = (time_t)(clock_wall_ms() / MS_PER_S);
	char hour[HOUR_SIZE] = "";
	const char *key, *field;
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL || strftime(hour, sizeof hour, "%Y%m%d%H", &tm) == 0)
		return;
	key = arena_printf(c->arena, "%sstats:%s", s->prefix, hour);
	field = arena_printf(c->arena, "limit:%s", name);
	if (key == NULL || field == NULL)
		return;
	redis_tell(
		c->wait,
		(struct redis_word[]){ { "HINCRBY", 7 }, { key, strlen(key) }, { field, strlen(field) }, { "1", 1 } },
		4);
	redis_tell(c->wait,
		   (struct redis_word[]){
			   { "EXPIRE", 6 }, { key, strlen(key) }, { stats_seconds, sizeof stats_seconds - 1 } },
		   3);
}

void rates_hit_tell(const struct check_call *c, const struct rates_grant *g)
{
	static const char *const actions[] = {
		[LIMITS_DEFER] = "defer", [LIMITS_REJECT] = "reject", [LIMITS_HOLD] = "hold"
	};
	const struct rates_set *s = c->state;
	struct rates_key_parts parts;
	char client[IP_TEXT_SIZE];
	struct rates_hit h;

	if (!rates_key_parse(c->arena, s->prefix, g->key.base, strlen(g->key.base), &parts))
		return; /* no memory: the message is deferred */
	h = (struct rates_hit){ .id = c->txn->id,
				.rate = g->rate->name,
				.key = parts.text,
				.action = actions[g->rate->action],
				.client = c->conn->ip.family != IP_NONE ? ip_format(&c->conn->ip, client) : "local",
				.user = first_text(&c->txn->facts.v[FACT_AUTH_USER]),
				.sender = first_text(&c->txn->facts.v[FACT_SENDER]) };
	log_hit(&h, g->local, s->shadow);
	count_hit(c, s, g->rate->name);
	if (s->alarm != NULL)
		rates_alarm_raise(s->alarm, &h);
}
