/* Prints the part of millgate.conf(5) that the program's own tables say: settings, facts, operators, actions. */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "engine/checks.h"
#include "engine/settings.h"
#include "mail/fact.h"
#include "mail/stage.h"
#include "rules/condition.h"
#include "rules/internal.h"

enum { MANUAL_MAX = 4 << 20 };

static const char *const type_names[] = {
	[FACT_TEXT] = "text",     [FACT_WORD] = "word",  [FACT_ADDRESS] = "mail address",
	[FACT_DOMAIN] = "domain", [FACT_IP] = "address", [FACT_NUMBER] = "number",
};

/* Text of a table for troff. */
static void text(struct sbuf *out, const char *s)
{
	if (*s == '.' || *s == '\'')
		sbuf_add(out, "\\&");
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			sbuf_add(out, "\\e");
		else if (*s == '-')
			sbuf_add(out, "\\-");
		else
			sbuf_addc(out, *s);
	}
}

static void item(struct sbuf *out, const char *name)
{
	sbuf_add(out, ".TP\n.B ");
	text(out, name);
	sbuf_addc(out, '\n');
}

/* Two checks may share a table. */
static bool printed(const struct check *const *at)
{
	for (const struct check *const *c = engine_checks; c != at; c++)
		if ((*c)->settings == (*at)->settings)
			return true;
	return false;
}

static void settings(struct sbuf *out)
{
	sbuf_add(out, ".SH SETTINGS\n");
	conf_manual(&engine_settings_table, "The top level", out);
	for (const struct check *const *c = engine_checks; *c != NULL; c++)
		if ((*c)->settings != NULL && !printed(c))
			conf_manual((*c)->settings,
				    (*c)->section != NULL ? (*c)->section : "The top level: who is let in", out);
}

static void facts(struct sbuf *out)
{
	sbuf_add(out, ".SH FACTS\n"
		      "What conditions may ask for, the type of its value, and the stage at which it is known.\n");
	for (unsigned i = 0; i < FACT_COUNT; i++) {
		const struct fact_def *f = &fact_table[i];

		item(out, f->name);
		sbuf_addf(out, "(%s, %s%s) ", type_names[f->type], stage_name(f->stage),
			  f->scope == SCOPE_RECIPIENT ? ", per recipient" : "");
		text(out, f->doc);
		if (f->words != NULL) {
			sbuf_add(out, "\nOne of ");
			for (const char *w = f->words; *w != '\0'; w++)
				sbuf_add(out, *w == '|' ? ", " : (char[]){ *w, '\0' });
			sbuf_addc(out, '.');
		}
		sbuf_addc(out, '\n');
	}
}

static void operators(struct sbuf *out)
{
	sbuf_add(out, ".SH OPERATORS\n"
		      "Text is compared decoded, in Unicode, without regard to letter case.\n");
	for (const struct rule_op *const *o = rules_table_ops; *o != NULL; o++) {
		const char *comma = "(for ";

		item(out, (*o)->name);
		for (unsigned t = 0; t < sizeof type_names / sizeof type_names[0]; t++) {
			if (((*o)->types & 1U << t) == 0)
				continue;
			sbuf_addf(out, "%s%s", comma, type_names[t]);
			comma = ", ";
		}
		sbuf_add(out, ")\n");
		text(out, (*o)->doc);
		sbuf_addc(out, '\n');
	}
}

static void actions(struct sbuf *out)
{
	sbuf_add(out,
		 ".SH ACTIONS\n"
		 "A final action ends evaluation for what it applies to; the others accumulate, and are carried out "
		 "when the\nmessage is accepted.\n");
	for (const struct rule_action_def *a = rules_table_actions; a->name != NULL; a++) {
		item(out, a->name);
		if (a->final || a->many)
			sbuf_addf(out, "(%s) ", a->final ? "final" : "one or a list");
		text(out, a->doc);
		sbuf_addc(out, '\n');
	}
}

int main(void)
{
	struct sbuf out;
	bool whole;

	sbuf_heap(&out, MANUAL_MAX);
	settings(&out);
	facts(&out);
	operators(&out);
	actions(&out);
	whole = !out.cut && fwrite(out.p, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	sbuf_done(&out);
	return whole ? 0 : 1;
}
