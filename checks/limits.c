/*
 * The limits that need no store.  Their facts come from the front end; this check has the rules.
 */
#include "checks/limits.h"

#include "checks/common.h"
#include "util/units.h"

const struct name_value limits_action[] = {
	{ "defer", LIMITS_DEFER },
	{ "reject", LIMITS_REJECT },
	{ "hold", LIMITS_HOLD },
	{ NULL, 0 },
};

#define CONF_SELF struct rate_window_settings
CONF_TABLE(rate_window_settings, RATE_WINDOW_ROWS, NULL);
#undef CONF_SELF

#define CONF_SELF struct rate_settings
CONF_TABLE(rate_settings, RATE_SETTINGS, NULL);
#undef CONF_SELF

#define CONF_SELF struct limits_settings
CONF_TABLE(limits_settings, LIMITS_SETTINGS, NULL);
#undef CONF_SELF

static int limits_prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	const struct limits_settings *set = settings;
	struct limits_settings *mine;

	*state = NULL;
	if (set->message_size <= 0 && set->recipients <= 0 && set->connections_per_client <= 0)
		return 0;
	mine = arena_alloc(env->arena, sizeof *mine);
	if (mine == NULL) {
		error_add(errors, set->where.file, set->where.line, "out of memory");
		return -1;
	}
	*mine = *set;
	*state = mine;
	return 0;
}

static void limits_rules(const void *state, struct sbuf *out)
{
	const struct limits_settings *set = state;
	struct checks_rules r;

	checks_rules_begin(&r, out);
	if (set->connections_per_client > 0)
		checks_rules_add(
			&r, set->shadow, "limits: connections of one client", "connect",
			"when = ( { fact = \"client_connections\"; over = %lld; },\n"
			"             { fact = \"trusted\"; is_not = \"yes\"; }, { fact = \"relay\"; is_not = \"yes\"; } );\n"
			"    then = { defer = \"421 4.7.0 too many connections from your address\"; };",
			(long long)set->connections_per_client);
	if (set->message_size > 0) /* a string: numbers over 2^31 wrap in libconfig */
		checks_rules_add(&r, set->shadow, "limits: message size", "mail",
				 "past_accept = true; when = ( { fact = \"size\"; over = \"%lld\"; } );\n"
				 "    then = { reject = \"552 5.3.4 message is larger than %lld bytes\"; };",
				 (long long)set->message_size, (long long)set->message_size);
	if (set->recipients > 0) /* later it would refuse the recipients within the limit as well */
		checks_rules_add(&r, set->shadow, "limits: recipients of one message", "rcpt",
				 "past_accept = true; never_later = true;\n"
				 "    when = ( { fact = \"recipients\"; over = %lld; } );\n"
				 "    then = { defer = \"452 4.5.3 too many recipients in one message\"; };",
				 (long long)set->recipients);
	checks_rules_end(&r);
}

const struct check limits_check = {
	.name = "limits",
	.section = "limits",
	.settings = &limits_settings_table,
	.kind = CHECK_PURE,
	.scope = SCOPE_SESSION,
	.stage = STAGE_CONNECT,
	.prepare = limits_prepare,
	.rules = limits_rules,
};
