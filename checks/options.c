#include "checks/options.h"

#include <stdarg.h>

const struct name_value option_on_error[] = {
	{ "inherit", OPTION_INHERIT },
	{ "ignore", ON_ERROR_IGNORE },
	{ "defer", ON_ERROR_DEFER },
	{ NULL, 0 },
};

const struct name_value option_refuse_at[] = {
	{ "rcpt", OPTION_AT_RCPT },
	{ "connect", OPTION_AT_CONNECT },
	{ NULL, 0 },
};

const struct name_value option_outcome[] = {
	{ "ignore", OPTION_IGNORE },
	{ "mark", OPTION_MARK },
	{ "defer", OPTION_DEFER },
	{ "reject", OPTION_REJECT },
	{ NULL, 0 },
};

enum on_error option_on_error_of(int set, enum on_error inherited)
{
	return set == OPTION_INHERIT ? inherited : (enum on_error)set;
}

void option_rules_begin(struct option_rules *r, struct sbuf *out)
{
	r->out = out;
	r->n = 0;
	sbuf_add(out, "rules = (");
}

void option_rules_add(struct option_rules *r, bool shadow, const char *name, const char *refuse_at, const char *body,
		      ...)
{
	va_list ap;

	sbuf_add(r->out, r->n++ > 0 ? ",\n  { name = " : "\n  { name = ");
	option_quote(r->out, name);
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

void option_rules_end(struct option_rules *r)
{
	sbuf_add(r->out, "\n);\n");
}

void option_quote(struct sbuf *out, const char *s)
{
	sbuf_addc(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			sbuf_addc(out, '\\');
		sbuf_addc(out, *s);
	}
	sbuf_addc(out, '"');
}
