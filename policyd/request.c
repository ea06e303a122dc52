#include "policyd/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policyd/limits.h"
#include "util/bytes.h"

ptrdiff_t policyd_split(const char *p, size_t n)
{
	const char *nl = p, *end = p + n;

	if (n > 0 && p[0] == '\n')
		return 1;
	for (; nl < end && (nl = memchr(nl, '\n', (size_t)(end - nl))) != NULL; nl++)
		if (nl + 1 < end && nl[1] == '\n')
			return nl + 2 - p;
	return 0;
}

/* ---- The lines ---- */

/* Postfix sends them in an order that hardly changes: `next` is where to look first. */
static enum policyd_attribute find_attribute(unsigned next, const char *p, size_t n)
{
#define NAME_(name) { #name, sizeof #name - 1 },
	static const struct {
		const char *p;
		size_t n;
	} names[] = { POLICYD_ATTRIBUTES(NAME_) };
#undef NAME_

	for (unsigned i = 0; i < POLICYD_N_ATTRIBUTES; i++, next++) {
		if (next >= POLICYD_N_ATTRIBUTES)
			next = 0;
		if (names[next].n == n && memcmp(names[next].p, p, n) == 0)
			return (enum policyd_attribute)next;
	}
	return POLICYD_N_ATTRIBUTES;
}

/* One line; p[n] is its LF.  *next: the attribute that is likely to come. */
static const char *read_line(struct policyd_request *r, unsigned *next, char *p, size_t n)
{
	const char *eq = memchr(p, '=', n);
	enum policyd_attribute a;
	size_t name_n;

	if (eq == NULL || eq == p)
		return "a line is no NAME=VALUE";
	name_n = (size_t)(eq - p);
	a = find_attribute(*next, p, name_n);
	if (a == POLICYD_N_ATTRIBUTES || r->v[a] != NULL)
		return NULL;
	*next = (unsigned)a + 1;
	if (memchr(eq + 1, '\0', n - name_n - 1) != NULL)
		return "a value holds a NUL";
	r->v[a] = eq + 1;
	p[n] = '\0';
	return NULL;
}

static const char *read_lines(struct policyd_request *r, char *p, size_t n)
{
	char *end = p + n;
	unsigned lines = 0, next = 0;

	while (p < end && *p != '\n') {
		char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *wrong;

		if (nl == NULL)
			return "a line does not end";
		if (++lines > POLICYD_LINES_MAX)
			return "it has too many lines";
		wrong = read_line(r, &next, p, (size_t)(nl - p));
		if (wrong != NULL)
			return wrong;
		p = nl + 1;
	}
	return p < end ? NULL : "it does not end with an empty line";
}

/* ---- The values ---- */

/* 0: none, or not up to max.  Postfix has "unknown" for a port that nobody knows. */
static uint64_t number(const char *text, uint64_t max)
{
	uint64_t x = 0;

	for (; *text != '\0'; text++) {
		if (!ascii_is_digit(*text) || x > max / 10)
			return 0;
		x = x * 10 + (uint64_t)(*text - '0');
	}
	return x <= max ? x : 0;
}

static const char *read_state(struct policyd_request *r)
{
	static const struct {
		const char *name;
		enum stage stage;
	} states[] = {
		{ "RCPT", STAGE_RCPT },          { "DATA", STAGE_DATA },       { "BDAT", STAGE_DATA },
		{ "END-OF-MESSAGE", STAGE_END }, { "CONNECT", STAGE_CONNECT }, { "EHLO", STAGE_CONNECT },
		{ "HELO", STAGE_CONNECT },       { "MAIL", STAGE_CONNECT },    { "VRFY", STAGE_CONNECT },
		{ "ETRN", STAGE_CONNECT },
	};

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		if (strcmp(r->v[POLICYD_protocol_state], states[i].name) == 0) {
			r->stage = states[i].stage;
			return NULL;
		}
	}
	return "its protocol_state is none that is known";
}

/* A proxy that Postfix lets speak for clients may not know them (XCLIENT ADDR=[UNAVAILABLE]).  Then a name is not that of
 * an address either. */
static void forget_client(struct policyd_request *r)
{
	r->client = (struct ip){ .family = IP_NONE };
	r->v[POLICYD_client_name] = "";
	r->v[POLICYD_reverse_client_name] = "";
}

static const char *read_client(struct policyd_request *r)
{
	const char *v = r->v[POLICYD_client_address];
	size_t n = strcspn(v, "%"); /* "fe80::1%eth0" */
	char text[IP_TEXT_SIZE];

	if (strcasecmp(v, "unknown") == 0) {
		forget_client(r);
		return NULL;
	}
	if (n == 0 || n >= sizeof text)
		return "its client_address is no address";
	memcpy(text, v, n);
	text[n] = '\0';
	return ip_parse(&r->client, text) == 0 ? NULL : "its client_address is no address";
}

/* Postfix's instance is PID.SECONDS.MICROSECONDS.NUMBER of the MAIL command, in hexadecimal.  0: it is something else. */
static int64_t read_mail_time(const char *instance)
{
	enum { PARTS = 4, HEX = 16, HEX_DIGITS = 12, MS_PER_S = 1000, US_PER_MS = 1000, US_PER_S = 1000000 };
	int64_t parts[PARTS];

	for (unsigned i = 0; i < PARTS; i++) {
		size_t n = strspn(instance, "0123456789abcdef");

		if (n == 0 || n > HEX_DIGITS || instance[n] != (i + 1 < PARTS ? '.' : '\0'))
			return 0;
		parts[i] = strtoll(instance, NULL, HEX);
		instance += n + 1;
	}
	return parts[2] < US_PER_S ? parts[1] * MS_PER_S + parts[2] / US_PER_MS : 0;
}

static const char *read_values(struct policyd_request *r)
{
	enum { PORT_MAX = 65535, COUNT_MAX = 1 << 30 };
	const char *wrong;

	if (strcmp(r->v[POLICYD_request], "smtpd_access_policy") != 0)
		return "it is no request=smtpd_access_policy";
	wrong = read_state(r);
	if (wrong != NULL || r->stage == STAGE_CONNECT)
		return wrong;
	if (r->v[POLICYD_instance][0] == '\0')
		return "it has no instance";
	if (r->stage == STAGE_RCPT && r->v[POLICYD_recipient][0] == '\0')
		return "it has no recipient";
	wrong = read_client(r);
	r->client_port = (unsigned)number(r->v[POLICYD_client_port], PORT_MAX);
	r->server_port = (unsigned)number(r->v[POLICYD_server_port], PORT_MAX);
	r->recipient_count = (unsigned)number(r->v[POLICYD_recipient_count], COUNT_MAX);
	r->mail_ms = read_mail_time(r->v[POLICYD_instance]);
	r->size = (int64_t)number(r->v[POLICYD_size], INT64_MAX);
	return wrong;
}

const char *policyd_parse(struct policyd_request *r, char *p, size_t n)
{
	const char *wrong;

	*r = (struct policyd_request){ .stage = STAGE_CONNECT };
	wrong = read_lines(r, p, n);
	if (wrong != NULL)
		return wrong;
	for (unsigned i = 0; i < POLICYD_N_ATTRIBUTES; i++)
		if (r->v[i] == NULL)
			r->v[i] = "";
	return read_values(r);
}
