#include "checks/rates_def.h"

#include <inttypes.h>
#include <string.h>

#include "util/sbuf.h"
#include "util/units.h"

enum { US_PER_MS = 1000, NAME_SIZE = 512, NAME_MAX_BYTES = 255 /* of a chosen one: it stands in keys and rules */ };

/* Nothing takes longer: what lies further ahead of now, in microseconds, neither int64_t nor the script's numbers hold. */
#define HUNDRED_YEARS_MS (INT64_C(36525) * 24 * 60 * 60 * 1000)

const struct name_value rates_by_names[] = {
	{ "client_ip", RATE_BY_CLIENT_IP },
	{ "client_net", RATE_BY_CLIENT_NET },
	{ "auth_user", RATE_BY_AUTH_USER },
	{ "sender", RATE_BY_SENDER },
	{ "sender_domain", RATE_BY_SENDER_DOMAIN },
	{ "recipient", RATE_BY_RECIPIENT },
	{ "recipient_domain", RATE_BY_RECIPIENT_DOMAIN },
	{ NULL, 0 },
};

static const char *const unit_names[] = {
	[RATE_MESSAGES] = "messages", [RATE_RECIPIENTS] = "recipients", [RATE_BYTES] = "bytes"
};

bool rates_is_wide(const struct rate *r)
{
	return r->networks > 0 || r->action == LIMITS_HOLD;
}

/* ---- GCRA ---- */

/* A double holds what a period and a number come to: microseconds of years. */
static int64_t units_us(const struct rate_window *w, int64_t units)
{
	double us = (double)units * (double)w->per_ms * US_PER_MS / (double)w->number;

	return us < (double)(HUNDRED_YEARS_MS * US_PER_MS) ? (int64_t)us : HUNDRED_YEARS_MS * US_PER_MS;
}

int64_t rates_ahead_us(const struct rate *r, const struct rate_window *w)
{
	/* As many whole steps as the burst has: rounding must not let one more in. */
	return r->unit == RATE_BYTES ? units_us(w, w->burst) : units_us(w, 1) * w->burst;
}

int64_t rates_cost_us(const struct rate *r, const struct rate_window *w, int64_t units)
{
	int64_t ahead = rates_ahead_us(r, w), cost = units_us(w, units);

	return cost < ahead ? cost : ahead;
}

/* ---- by ---- */

static int read_by(struct rate *r, const struct conf_item *item, struct error_list *errors)
{
	int by = names_value(rates_by_names, item->s);
	struct names_nearest near;

	if (by < 0) {
		names_nearest_init(&near, item->s);
		for (const struct name_value *n = rates_by_names; n->name != NULL; n++)
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

static bool counts_by(const struct rate *r, enum rate_by by)
{
	for (unsigned i = 0; i < r->n_by; i++)
		if (r->by[i] == by)
			return true;
	return false;
}

/* ---- Windows ---- */

/* What a window of the settings says; an entry without windows is one itself. */
struct written {
	int64_t messages, recipients, bytes, per, burst, burst_bytes;
};

/* NULL, or a static text that says what is wrong. */
static const char *read_window(struct rate *r, const struct written *in)
{
	unsigned kinds = (in->messages > 0) + (in->recipients > 0) + (in->bytes > 0);
	enum rate_unit unit = in->bytes > 0 ? RATE_BYTES : in->recipients > 0 ? RATE_RECIPIENTS : RATE_MESSAGES;
	struct rate_window w = { .number = in->messages + in->recipients + in->bytes, .per_ms = in->per };

	if (kinds > 1)
		return "a rate counts messages, recipients or bytes: make it two rates";
	if (kinds == 0)
		return "a rate needs messages = N, recipients = N, bytes = \"SIZE\" or networks = N";
	if (in->per <= 0)
		return "a rate needs its period, such as per = \"1h\"";
	if (in->per > HUNDRED_YEARS_MS)
		return "the period is longer than a hundred years";
	if (unit != RATE_BYTES && in->per * US_PER_MS < w.number)
		return "a rate of more than one in a microsecond is no limit";
	if (unit == RATE_BYTES ? in->burst > 0 : in->burst_bytes > 0)
		return "burst goes with messages and recipients, burst_bytes with bytes";
	if (r->n_windows > 0 && unit != r->unit)
		return "the windows of one rate count the same: messages, recipients or bytes";
	if (r->n_windows == RATES_MAX_WINDOWS)
		return "too many windows";
	w.burst = in->burst + in->burst_bytes;
	if (w.burst == 0)
		w.burst = w.number;
	if ((double)w.burst * (double)w.per_ms > (double)HUNDRED_YEARS_MS * (double)w.number)
		return "the burst takes longer than a hundred years to come again";
	r->unit = unit;
	r->windows[r->n_windows++] = w;
	return NULL;
}

static int read_windows(struct rate *r, const struct rate_settings *set, struct error_list *errors)
{
	const struct rate_window_settings *v = set->windows.v;
	struct written own = { set->messages, set->recipients, set->bytes, set->per, set->burst, set->burst_bytes };
	bool counts = own.messages + own.recipients + own.bytes > 0;
	const char *wrong = NULL;

	if (set->windows.n > 0 && counts)
		wrong = "a rate has one number or windows, not both";
	else if (set->networks > 0 && set->per <= 0)
		wrong = "networks need their period, such as per = \"1h\"";
	else if (set->networks > 0 && set->per > HUNDRED_YEARS_MS)
		wrong = "the period is longer than a hundred years";
	else if (set->windows.n > 0 && set->networks == 0 && set->per > 0)
		wrong = "each window has its own `per`; that of the rate is for networks";
	else if (set->windows.n == 0 && (counts || set->networks == 0))
		wrong = read_window(r, &own);
	if (wrong != NULL) {
		error_add(errors, set->where.file, set->where.line, "limits.rates: %s", wrong);
		return -1;
	}
	for (unsigned i = 0; i < set->windows.n; i++) {
		const struct written in = { v[i].messages, v[i].recipients, v[i].bytes,
					    v[i].per,      v[i].burst,      v[i].burst_bytes };

		wrong = read_window(r, &in);
		if (wrong != NULL) {
			error_add(errors, v[i].where.file, v[i].where.line, "limits.rates: %s", wrong);
			return -1;
		}
	}
	return 0;
}

/* ---- What fits together ---- */

/* NULL, or a static text that says what is wrong. */
static const char *combination_error(const struct rate *r, const struct rate_settings *set)
{
	bool account =
		counts_by(r, RATE_BY_AUTH_USER) || counts_by(r, RATE_BY_SENDER) || counts_by(r, RATE_BY_SENDER_DOMAIN);
	bool recipient = counts_by(r, RATE_BY_RECIPIENT) || counts_by(r, RATE_BY_RECIPIENT_DOMAIN);

	if (r->networks > 0 && (counts_by(r, RATE_BY_CLIENT_IP) || counts_by(r, RATE_BY_CLIENT_NET)))
		return "networks = N counted by client_ip or client_net is always one; count by auth_user, sender or "
		       "sender_domain";
	if (r->networks > 0 && !account)
		return "networks = N tells of a stolen account: count by auth_user, sender or sender_domain";
	if (r->action != LIMITS_HOLD)
		return NULL;
	if (!account)
		return "action = \"hold\" holds an account's mail: count by auth_user, sender or sender_domain";
	if (recipient)
		return "action = \"hold\" is for the whole message, so it cannot be counted by recipient or "
		       "recipient_domain";
	if (set->hold_for <= 0 || set->hold_for > HUNDRED_YEARS_MS)
		return "hold_for must be longer than nothing, and not longer than a hundred years";
	return NULL;
}

/* Anybody may write any sender; and all the world writes from the domains of the big providers. */
static void warn_hold(const struct rate *r, const struct rate_settings *set, struct error_list *errors)
{
	if (r->action == LIMITS_HOLD && !counts_by(r, RATE_BY_AUTH_USER) && !counts_by(r, RATE_BY_CLIENT_IP) &&
	    !counts_by(r, RATE_BY_CLIENT_NET))
		error_warn(
			errors, set->where.file, set->where.line,
			"the rate \"%s\" holds mail by a sender that anybody can write: a stranger can have all mail "
			"of that sender held; count by auth_user",
			r->name);
}

/* An exception in the configuration itself that no value of `by` can match.  A file may serve several rates. */
static void warn_except(const struct rate *r, const struct rate_settings *set, const struct conf_item *item,
			struct error_list *errors)
{
	bool by_client = counts_by(r, RATE_BY_CLIENT_IP) || counts_by(r, RATE_BY_CLIENT_NET);
	bool by_name = false;
	struct ip_net net;
	bool network = ip_net_parse(&net, item->s) == 0;

	for (unsigned i = 0; i < r->n_by; i++)
		by_name = by_name || (r->by[i] != RATE_BY_CLIENT_IP && r->by[i] != RATE_BY_CLIENT_NET);
	if ((network ? by_client : by_name) || set->where.file == NULL || strcmp(item->file, set->where.file) != 0)
		return;
	error_warn(errors, item->file, item->line, "the exception \"%s\" has no effect: this rate is not counted by %s",
		   item->s, network ? "client_ip or client_net" : "anything that has a name");
}

static int read_except(struct rate *r, const struct rate_settings *set, struct error_list *errors)
{
	unsigned before = errors->errors;

	if (set->except.n == 0)
		return 0;
	r->except = addr_list_new();
	if (r->except == NULL) {
		error_add(errors, set->where.file, set->where.line, "out of memory");
		return -1;
	}
	for (unsigned i = 0; i < set->except.n; i++) {
		const struct conf_item *item = &set->except.v[i];
		const char *wrong = addr_list_add(r->except, item->s);

		if (wrong != NULL)
			error_add(errors, item->file, item->line, "\"%s\": %s", item->s, wrong);
		else
			warn_except(r, set, item, errors);
	}
	return errors->errors == before ? 0 : -1;
}

/* ---- The name ---- */

static void add_number(struct sbuf *b, const struct rate *r, int64_t number)
{
	char size[32];

	if (r->unit == RATE_BYTES)
		sbuf_add(b, units_format_size(number, size, sizeof size));
	else
		sbuf_addf(b, "%" PRId64, number);
}

/* "10 messages per 1m by client_ip, sender" */
static const char *default_name(const struct rate *r, struct arena *a)
{
	char buf[NAME_SIZE], period[32];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	for (unsigned i = 0; i < r->n_windows; i++) {
		const struct rate_window *w = &r->windows[i];

		sbuf_add(&b, i > 0 ? ", " : "");
		add_number(&b, r, w->number);
		sbuf_addf(&b, " %s per %s", unit_names[r->unit],
			  units_format_duration(w->per_ms, period, sizeof period));
	}
	if (r->networks > 0)
		sbuf_addf(&b, "%s%" PRId64 " networks per %s", r->n_windows > 0 ? ", " : "", r->networks,
			  units_format_duration(r->networks_ms, period, sizeof period));
	sbuf_add(&b, " by ");
	for (unsigned i = 0; i < r->n_by; i++)
		sbuf_addf(&b, "%s%s", i > 0 ? ", " : "", names_name(rates_by_names, (int)r->by[i]));
	for (unsigned i = 0; i < r->n_windows; i++) {
		if (r->windows[i].burst == r->windows[i].number)
			continue;
		sbuf_add(&b, ", burst ");
		add_number(&b, r, r->windows[i].burst);
	}
	return arena_strdup(a, buf);
}

static bool has_control(const char *p)
{
	while (*p != '\0' && (unsigned char)*p >= ' ' && *p != '\x7f')
		p++;
	return *p != '\0';
}

/* ---- */

int rates_read(struct rate *r, const struct rate_settings *set, struct arena *a, struct error_list *errors)
{
	const char *wrong;

	memset(r, 0, sizeof *r);
	if (read_windows(r, set, errors) != 0)
		return -1;
	if (set->by.n == 0) {
		error_add(errors, set->where.file, set->where.line,
			  "limits.rates: a rate needs by = ( ... ), such as by = ( \"client_ip\" )");
		return -1;
	}
	for (unsigned i = 0; i < set->by.n; i++)
		if (read_by(r, &set->by.v[i], errors) != 0)
			return -1;
	r->networks = set->networks;
	r->networks_ms = set->networks > 0 ? set->per : 0;
	r->action = (enum limits_action)set->action;
	r->hold_ms = r->action == LIMITS_HOLD ? set->hold_for : 0;
	r->period_ms = r->networks_ms;
	for (unsigned i = 0; i < r->n_windows; i++)
		if (r->windows[i].per_ms > r->period_ms)
			r->period_ms = r->windows[i].per_ms;
	wrong = combination_error(r, set);
	if (wrong != NULL) {
		error_add(errors, set->where.file, set->where.line, "limits.rates: %s", wrong);
		return -1;
	}
	r->name = set->name != NULL && set->name[0] != '\0' ? set->name : default_name(r, a);
	if (r->name != NULL && has_control(r->name)) {
		error_add(errors, set->where.file, set->where.line, "a rate's name has a control character");
		return -1;
	}
	if (r->name != NULL && r->name == set->name && strlen(r->name) > NAME_MAX_BYTES) {
		error_add(errors, set->where.file, set->where.line, "a rate's name is longer than %d bytes",
			  NAME_MAX_BYTES);
		return -1;
	}
	if (r->name == NULL || read_except(r, set, errors) != 0)
		return -1;
	warn_hold(r, set, errors);
	return 0;
}

void rates_done(struct rate *r)
{
	addr_list_free(&r->except);
}
