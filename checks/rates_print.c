/*
 * Rates and keys for people and for programs.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "checks/rates_admin.h"
#include "util/units.h"

enum { MS_PER_S = 1000, MS_PER_M = 60 * MS_PER_S, MS_PER_H = 60 * MS_PER_M, TIME_SIZE = 32, SPAN_SIZE = 32 };

static const char *const unit_names[] = {
	[RATE_MESSAGES] = "messages", [RATE_RECIPIENTS] = "recipients", [RATE_BYTES] = "bytes"
};

/* Rounded up, to what matters: nothing is over too early. */
static void add_span(struct sbuf *out, int64_t ms)
{
	int64_t step = ms < 10 * MS_PER_M ? MS_PER_S : ms < 10 * MS_PER_H ? MS_PER_M : MS_PER_H;
	char buf[SPAN_SIZE];

	sbuf_add(out, units_format_duration((ms + step - 1) / step * step, buf, sizeof buf));
}

/* RFC 3339, UTC. */
static void add_time(struct sbuf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / MS_PER_S);
	char buf[TIME_SIZE] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm) != NULL)
		strftime(buf, sizeof buf, "%Y-%m-%dT%H:%M:%SZ", &tm);
	sbuf_add(out, buf);
}

static void add_amount(struct sbuf *out, const struct rate *r, int64_t n)
{
	char buf[SPAN_SIZE];

	if (r->unit == RATE_BYTES && n >= 1024)
		sbuf_add(out, units_format_size((n + 1023) / 1024 * 1024, buf, sizeof buf));
	else
		sbuf_addf(out, "%" PRId64, n);
}

static void add_windows(const struct rates_entry *e, struct sbuf *out)
{
	const struct rate *r = e->rate;
	char period[SPAN_SIZE];

	for (unsigned i = 0; i < r->n_windows; i++) {
		sbuf_add(out, i > 0 ? ", " : "");
		add_amount(out, r, e->used[i]);
		sbuf_add(out, " of ");
		add_amount(out, r, r->windows[i].burst);
		sbuf_addf(out, " %s (%s)", unit_names[r->unit],
			  units_format_duration(r->windows[i].per_ms, period, sizeof period));
	}
	if (r->networks > 0)
		sbuf_addf(out, "%s%" PRId64 " of %" PRId64 " networks (%s)", r->n_windows > 0 ? ", " : "", e->networks,
			  r->networks, units_format_duration(r->networks_ms, period, sizeof period));
}

static void add_unknown(const struct rates_entry *e, struct sbuf *out)
{
	sbuf_addf(out, "%" PRId64 " unknown recipient%s", e->unknown_recipients, e->unknown_recipients != 1 ? "s" : "");
	if (e->ttl_ms > 0) {
		sbuf_add(out, "; forgotten in ");
		add_span(out, e->ttl_ms);
	}
}

void rates_entry_line(const struct rates_entry *e, struct sbuf *out)
{
	sbuf_add_safe(out, e->name, strlen(e->name));
	sbuf_add(out, ": ");
	sbuf_add_safe(out, e->key, strlen(e->key));
	sbuf_add(out, ": ");
	if (e->rate != NULL)
		add_windows(e, out);
	else if (e->unknown_recipients >= 0)
		add_unknown(e, out);
	else
		sbuf_add(out, "none of limits.rates");
	if (e->free_ms > 0) {
		sbuf_add(out, "; free again in ");
		add_span(out, e->free_ms);
	}
	if (e->held_since_ms > 0) {
		sbuf_add(out, "; held since ");
		add_time(out, e->held_since_ms);
		sbuf_add(out, ", for ");
		add_span(out, e->held_for_ms);
		sbuf_add(out, " more");
	}
	sbuf_addc(out, '\n');
}

static void json_windows(const struct rates_entry *e, struct sbuf *out)
{
	const struct rate *r = e->rate;

	sbuf_add(out, ",\"windows\":[");
	for (unsigned i = 0; r != NULL && i < r->n_windows; i++)
		sbuf_addf(out,
			  "%s{\"unit\":\"%s\",\"used\":%" PRId64 ",\"of\":%" PRId64 ",\"number\":%" PRId64
			  ",\"per_ms\":%" PRId64 "}",
			  i > 0 ? "," : "", unit_names[r->unit], e->used[i], r->windows[i].burst, r->windows[i].number,
			  r->windows[i].per_ms);
	sbuf_addc(out, ']');
	if (r != NULL && r->networks > 0)
		sbuf_addf(out, ",\"networks\":{\"used\":%" PRId64 ",\"of\":%" PRId64 ",\"per_ms\":%" PRId64 "}",
			  e->networks, r->networks, r->networks_ms);
}

void rates_entry_json(const struct rates_entry *e, struct sbuf *out)
{
	sbuf_add(out, "{\"rate\":");
	sbuf_add_json(out, e->name, strlen(e->name));
	sbuf_add(out, ",\"key\":");
	sbuf_add_json(out, e->key, strlen(e->key));
	sbuf_add(out, ",\"values\":[");
	for (unsigned i = 0; i < e->n_values; i++) {
		sbuf_add(out, i > 0 ? "," : "");
		sbuf_add_json(out, e->value[i], strlen(e->value[i]));
	}
	sbuf_addf(out, "],\"configured\":%s", e->rate != NULL ? "true" : "false");
	json_windows(e, out);
	if (e->unknown_recipients >= 0)
		sbuf_addf(out, ",\"unknown_recipients\":%" PRId64, e->unknown_recipients);
	sbuf_addf(out, ",\"free_ms\":%" PRId64 ",\"ttl_ms\":%" PRId64 ",\"held_since\":", e->free_ms, e->ttl_ms);
	if (e->held_since_ms > 0) {
		sbuf_addc(out, '"');
		add_time(out, e->held_since_ms);
		sbuf_addc(out, '"');
	} else {
		sbuf_add(out, "null");
	}
	sbuf_addf(out, ",\"held_for_ms\":%" PRId64 "}", e->held_for_ms);
}
