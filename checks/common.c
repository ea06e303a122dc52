#include "checks/common.h"

#include <stdarg.h>
#include <string.h>

const struct name_value checks_on_error[] = {
	{ "inherit", CHECKS_INHERIT },
	{ "ignore", ON_ERROR_IGNORE },
	{ "defer", ON_ERROR_DEFER },
	{ NULL, 0 },
};

const struct name_value checks_refuse_at[] = {
	{ "rcpt", CHECKS_AT_RCPT },
	{ "connect", CHECKS_AT_CONNECT },
	{ NULL, 0 },
};

const struct name_value checks_outcome[] = {
	{ "ignore", CHECKS_IGNORE },
	{ "mark", CHECKS_MARK },
	{ "defer", CHECKS_DEFER },
	{ "reject", CHECKS_REJECT },
	{ NULL, 0 },
};

enum on_error checks_on_error_of(int set, enum on_error inherited)
{
	return set == CHECKS_INHERIT ? inherited : (enum on_error)set;
}

void checks_rules_begin(struct checks_rules *r, struct sbuf *out)
{
	r->out = out;
	r->n = 0;
	sbuf_add(out, "rules = (");
}

void checks_rules_add(struct checks_rules *r, bool shadow, const char *name, const char *refuse_at, const char *body,
		      ...)
{
	va_list ap;

	sbuf_add(r->out, r->n++ > 0 ? ",\n  { name = " : "\n  { name = ");
	checks_quote(r->out, name);
	sbuf_add(r->out, ";");
	if (shadow)
		sbuf_add(r->out, " shadow = true;");
	if (refuse_at != NULL)
		sbuf_addf(r->out, " refuse_at = \"%s\";", refuse_at);
	sbuf_add(r->out, "\n    ");
	va_start(ap, body);
	sbuf_vaddf(r->out, body, ap);
	va_end(ap);
	sbuf_add(r->out, " }");
}

void checks_rules_end(struct checks_rules *r)
{
	sbuf_add(r->out, "\n);\n");
}

bool checks_answered(struct net_op *const *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ops[i] != NULL && !net_op_done(ops[i]))
			return false;
	return true;
}

void checks_quote(struct sbuf *out, const char *s)
{
	sbuf_addc(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			sbuf_addc(out, '\\');
		sbuf_addc(out, *s);
	}
	sbuf_addc(out, '"');
}

/* RFC 2045, section 5.1: tspecials are no part of a token. */
static bool is_token(const char *s)
{
	const char *p = s;

	while (*p > ' ' && *p <= '~' && strchr("()<>@,;:\\\"/[]?=", *p) == NULL)
		p++;
	return p > s && *p == '\0';
}

void checks_add_pvalue(struct sbuf *out, const char *s)
{
	if (is_token(s)) {
		sbuf_add(out, s);
		return;
	}
	sbuf_addc(out, '"');
	for (; *s != '\0'; s++) {
		bool printable = *s >= ' ' && *s <= '~';

		if (*s == '"' || *s == '\\')
			sbuf_addc(out, '\\');
		sbuf_addc(out, printable ? *s : '?');
	}
	sbuf_addc(out, '"');
}
