#include "greylist/why.h"

#include <stddef.h>

enum { MS_PER_S = 1000 };

static const char *spf_text(enum grey_spf spf)
{
	switch (spf) {
	case GREY_SPF_PASS:
		return "SPF passes";
	case GREY_SPF_WIDE:
		return "the SPF record lets in too many";
	case GREY_SPF_FAIL:
		return "SPF fails";
	case GREY_SPF_OTHER:
		return "SPF does not pass";
	case GREY_SPF_UNAVAILABLE:
		return "SPF could not be asked";
	case GREY_SPF_NONE:
		break;
	}
	return "no SPF record";
}

static const char *host_text(enum grey_host host)
{
	switch (host) {
	case GREY_HOST_CONFIRMED:
		return "a confirmed host name";
	case GREY_HOST_GENERATED:
		return "the host name is made from the address";
	case GREY_HOST_UNAVAILABLE:
		return "the host name could not be asked";
	case GREY_HOST_NONE:
		break;
	}
	return "no confirmed host name";
}

static void add_all(struct sbuf *out, const char *const *texts)
{
	for (; *texts != NULL; texts++)
		sbuf_add(out, *texts);
}

void grey_why_identity(enum grey_spf spf, enum grey_host host, struct sbuf *out)
{
	if (spf == GREY_SPF_PASS)
		sbuf_add(out, "by SPF");
	else if (host == GREY_HOST_CONFIRMED)
		add_all(out, (const char *const[]){ "by host name: ", spf_text(spf), NULL });
	else
		add_all(out, (const char *const[]){ "by network: ", spf_text(spf), ", ", host_text(host), NULL });
}

void grey_why_delay(int64_t delay_ms, enum grey_delay delay, struct sbuf *out)
{
	switch (delay) {
	case GREY_DELAY_PLAIN:
		grey_why_span(delay_ms, out);
		break;
	case GREY_DELAY_NO_NAME:
		grey_why_span(delay_ms, out);
		sbuf_add(out, ": the client has no confirmed host name");
		break;
	case GREY_DELAY_LISTED:
		grey_why_span(delay_ms, out);
		sbuf_add(out, ": DNS lists list the client");
		break;
	case GREY_DELAY_ALLOWED:
		sbuf_add(out, "none: allowed by hand");
		break;
	}
}

void grey_why_span(int64_t ms, struct sbuf *out)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };
	int64_t left = ms > 0 ? (ms + MS_PER_S - 1) / MS_PER_S : 0;
	unsigned shown = 0;

	for (unsigned i = 0; i < sizeof units / sizeof units[0] && shown < 2; i++) {
		int64_t n = left / units[i].seconds;

		if (n == 0 && (shown == 0 || left == 0) && units[i].seconds > 1)
			continue;
		if (n == 0 && shown > 0)
			break;
		if (shown++ > 0)
			sbuf_addc(out, ' ');
		sbuf_add_num(out, n);
		sbuf_add(out, units[i].name);
		left -= n * units[i].seconds;
	}
}
