/*
 * What of the rules comes to nothing over Postfix's policy protocol, which is told of the envelope alone, is not asked at
 * every stage, and answers with one action: warnings for `millgate check`, and who does what when a milter serves, too.
 */
#include <string.h>

#include "engine/snapshot.h"

enum { ISSUES_MAX = 600 }; /* of one rule, or one section: what does not fit is left out */

/* What one run of warnings knows. */
struct unsaid {
	const struct snapshot *s;
	struct error_list *errors;
	unsigned asked;   /* bits 1 << stage */
	enum stage last;  /* of them */
	bool whole;       /* asked about the whole message: at DATA or END */
	bool fields;      /* asked where a field is put in front: at DATA */
	fact_mask never;  /* never told as it is asked now, */
	fact_mask at_end; /* nor if it were asked at END, too */
};

/* ---- One rule ---- */

static void add_issue(struct sbuf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add_issue(struct sbuf *out, const char *fmt, ...)
{
	char buf[ISSUES_MAX];
	struct sbuf one;
	va_list ap;

	sbuf_fixed(&one, buf, sizeof buf);
	va_start(ap, fmt);
	sbuf_vaddf(&one, fmt, ap);
	va_end(ap);
	if (strstr(out->p, buf) == NULL) /* several actions of a kind: once */
		sbuf_addf(out, "%s%s", out->len > 0 ? "; " : "", buf);
}

/* The fact that keeps the rule from firing, or FACT_COUNT.  One that is missing for good counts more. */
static enum fact_id missing_fact(const struct unsaid *u, const struct rule *r)
{
	fact_mask missing = r->facts & u->at_end;
	unsigned f = 0;

	if (missing == 0)
		missing = r->facts & u->never;
	while (f < FACT_COUNT && (missing & FACT_BIT(f)) == 0)
		f++;
	return (enum fact_id)f;
}

static const char *why_missing(const struct unsaid *u, enum fact_id id)
{
	if (id == FACT_CLIENT_CONNECTIONS)
		return "which is not counted there (Postfix has smtpd_client_connection_count_limit)";
	if (u->at_end & FACT_BIT(id))
		return "which takes the message itself";
	return "for which policyd.asked_at must name \"end\"";
}

static bool refuses(const struct rule *r)
{
	for (const struct rule_action *a = r->actions; a != NULL; a = a->next)
		if (a->kind == ACTION_REJECT || a->kind == ACTION_DEFER)
			return true;
	return false;
}

/* Numbers that are final only when they are told at the end. */
static void partial_issues(const struct unsaid *u, const struct rule *r, struct sbuf *out)
{
	if ((r->facts & FACT_BIT(FACT_SIZE)) != 0 && u->last < STAGE_END)
		add_issue(out,
			  "knows no size but the one that the client claims, unless policyd.asked_at names \"end\"");
	if ((r->facts & FACT_BIT(FACT_RECIPIENTS)) != 0 && r->refuse_at > STAGE_RCPT && u->last < STAGE_DATA)
		add_issue(out, "counts the recipients so far, unless policyd.asked_at names \"data\"");
}

static void field_issue(const struct unsaid *u, const struct rule *r, const char *name, struct sbuf *out)
{
	if (!u->fields)
		add_issue(out, "cannot %s: that is done at DATA; name \"data\" in policyd.asked_at", name);
	else if (r->stage > STAGE_DATA)
		add_issue(out, "cannot %s: what it reads is known at %s, and the last that can add a field is DATA",
			  name, stage_name(r->stage));
}

/* An action that goes for the message as a whole. */
static void whole_issue(const struct unsaid *u, const struct rule *r, const char *name, bool all, struct sbuf *out)
{
	if (!u->whole)
		add_issue(out, "cannot %s: that is for the whole message; name \"data\" or \"end\" in policyd.asked_at",
			  name);
	else if (all && r->per_recipient)
		add_issue(out, "can %s only what it holds for all recipients of", name);
}

static void action_issue(const struct unsaid *u, const struct rule *r, const struct rule_action *a, struct sbuf *out)
{
	switch (a->kind) {
	case ACTION_DELETE:
		whole_issue(u, r, "delete", true, out);
		break;
	case ACTION_MOVE:
		whole_issue(u, r, "move", true, out);
		break;
	case ACTION_COPY:
		whole_issue(u, r, "copy", false, out);
		break;
	case ACTION_QUARANTINE:
		whole_issue(u, r, "quarantine", false, out);
		break;
	case ACTION_ADD_HEADER:
		field_issue(u, r, "add_header", out);
		break;
	case ACTION_MARK:
		field_issue(u, r, "mark", out);
		break;
	case ACTION_SET_HEADER:
		add_issue(out, "cannot set_header: fields can only be added");
		break;
	case ACTION_REMOVE_HEADER:
		add_issue(out, "cannot remove_header: fields can only be added");
		break;
	case ACTION_TAG_SUBJECT:
		add_issue(out, "cannot tag_subject: fields can only be added");
		break;
	case ACTION_ACCEPT:
	case ACTION_REJECT:
	case ACTION_DEFER:
	case ACTION_SKIP:
		break;
	}
}

/* Actions that would have to share an answer. */
static unsigned count_actions(const struct rule *r)
{
	static const unsigned silent = 1u << ACTION_ACCEPT | 1u << ACTION_SKIP | 1u << ACTION_REJECT |
				       1u << ACTION_DEFER | 1u << ACTION_SET_HEADER | 1u << ACTION_REMOVE_HEADER |
				       1u << ACTION_TAG_SUBJECT;
	unsigned n = 0;

	for (const struct rule_action *a = r->actions; a != NULL; a = a->next)
		n += (silent & 1u << a->kind) == 0;
	return n;
}

/* What of the rule comes to nothing, as predicates. */
static void rule_issues(const struct unsaid *u, const struct rule *r, struct sbuf *out)
{
	enum fact_id missing = missing_fact(u, r);

	if (missing != FACT_COUNT) {
		add_issue(out, "never fires: it reads %s, %s", fact_table[missing].name, why_missing(u, missing));
		return;
	}
	partial_issues(u, r, out);
	if (refuses(r) && r->refuse_at > u->last)
		add_issue(out, "never refuses: it does at %s, and policyd.asked_at names no stage as late",
			  stage_name(r->refuse_at));
	for (const struct rule_action *a = r->actions; a != NULL; a = a->next)
		action_issue(u, r, a, out);
	if (u->whole && count_actions(r) > 1)
		add_issue(out, "has several actions, and an answer holds one");
}

/* ---- All of them ---- */

static void warn_rule(const struct unsaid *u, const struct rule *r)
{
	char buf[ISSUES_MAX];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	rule_issues(u, r, &b);
	if (b.len > 0)
		error_warn(u->errors, r->file, r->line, "over the policy protocol rule \"%s\" %s", r->name, buf);
}

static void warn_at(const struct unsaid *u, const char *setting, const char *text)
{
	const struct conf_node *at = u->s->root != NULL && setting != NULL ? conf_child(u->s->root, setting) : NULL;

	error_warn(u->errors, at != NULL ? at->file : NULL, at != NULL ? at->line : 0, "over the policy protocol %s",
		   text);
}

static bool is_in(const char *name, const char *section)
{
	return name != NULL && section != NULL && strcmp(name, section) == 0;
}

/* One line for all rules of a check, each issue once. */
static void warn_check(const struct unsaid *u, const struct check *def)
{
	char buf[ISSUES_MAX], one[ISSUES_MAX];
	struct sbuf all, issues;

	sbuf_fixed(&all, buf, sizeof buf);
	for (size_t i = 0; i < rules_count(u->s->rules); i++) {
		const struct rule *r = rules_at(u->s->rules, i);

		if (!is_in(r->section, def->name) || r->shadow)
			continue;
		sbuf_fixed(&issues, one, sizeof one);
		rule_issues(u, r, &issues);
		if (issues.len > 0 && strstr(buf, one) == NULL)
			sbuf_addf(&all, "%s\"%s\" %s", all.len > 0 ? "; " : "", r->name, one);
	}
	if (all.len > 0)
		warn_at(u, def->section != NULL ? def->section : def->name, buf);
}

/* Signing is a finisher, and verifying has no rules of its own. */
static void warn_finishers(const struct unsaid *u)
{
	for (unsigned i = 0; i < u->s->n_finishers; i++) {
		const struct snapshot_finisher *k = &u->s->finishers[i];
		char buf[ISSUES_MAX];
		struct sbuf b;

		if (k->state == NULL || k->def->envelope)
			continue;
		sbuf_fixed(&b, buf, sizeof buf);
		sbuf_addf(&b, "%s does nothing: it works on the message itself", k->def->name);
		warn_at(u, k->def->section, buf);
	}
}

static void warn_settings(const struct unsaid *u)
{
	const struct conf_node *at = conf_child(u->s->root, "policyd");

	if ((u->asked & 1u << STAGE_RCPT) == 0)
		error_warn(
			u->errors, at != NULL ? at->file : NULL, at != NULL ? at->line : 0,
			"policyd.asked_at does not name \"rcpt\": a message with several recipients is not told by whom "
			"it is received then, so rules on recipients do not fire for it");
	if (u->s->set.mixed_recipients == MIXED_REDIRECT)
		warn_at(u, "mixed_recipients",
			"mixed_recipients = \"redirect\" comes to nothing: a message goes elsewhere "
			"for all of its recipients or for none");
}

static void look(struct unsaid *u, const struct snapshot *s, struct error_list *errors)
{
	memset(u, 0, sizeof *u);
	u->s = s;
	u->errors = errors;
	u->asked = settings_policyd_stages(&s->set.policyd);
	u->last = s->envelope.last;
	u->whole = (u->asked & (1u << STAGE_DATA | 1u << STAGE_END)) != 0;
	u->fields = (u->asked & 1u << STAGE_DATA) != 0;
	u->never = s->envelope.never;
	u->at_end = untold_facts(s, STAGE_END);
}

void unsaid_warn(const struct snapshot *s, struct error_list *errors)
{
	struct unsaid u;

	if (!settings_policyd_serves(&s->set.policyd))
		return;
	look(&u, s, errors);
	warn_settings(&u);
	for (size_t i = 0; i < rules_count(s->rules); i++) {
		const struct rule *r = rules_at(s->rules, i);

		if (r->section == NULL && !r->shadow)
			warn_rule(&u, r);
	}
	for (unsigned i = 0; i < s->n_checks; i++)
		if (s->checks[i].state != NULL)
			warn_check(&u, s->checks[i].def);
	warn_finishers(&u);
}

/* ---- Who does what ---- */

static void add_asked(unsigned asked, struct sbuf *out)
{
	bool first = true;

	for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
		if ((asked & 1u << stage) == 0)
			continue;
		sbuf_addf(out, "%s%s", first ? "" : ", ", stage_name((enum stage)stage));
		first = false;
	}
}

void engine_print_front_ends(const struct engine *e, struct sbuf *out)
{
	const struct policyd_settings *set = &engine_settings(e)->policyd;

	if (!settings_policyd_serves(set))
		return;
	sbuf_addf(out, "  policyd  %s, asked at ", set->listen);
	add_asked(settings_policyd_stages(set), out);
	sbuf_add(
		out,
		"\n"
		"An MTA that has both the milter and check_policy_service asks twice. Then the milter decides, counts,\n"
		"greylists and signs, and policyd answers DUNNO to each transaction that the milter has open, told by\n"
		"client and server, and by the sender where their ports are not known. What an MTA asks of policyd alone is decided by the envelope: it is not\n"
		"signed, not stamped, and what `check` warns of above is not done.\n");
}
