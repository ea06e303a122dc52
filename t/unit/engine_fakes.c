#include "t/unit/engine_fakes.h"

#include <string.h>

#include "engine/checks.h"
#include "util/clock.h"

enum { LOG_MAX = 4096, HASTE_MS = 100 };

struct fakes fakes;
static char text[LOG_MAX], taken[LOG_MAX];
static struct sbuf written;

void fakes_reset(void)
{
	fakes = (struct fakes){ .spf = "none", .grey = "pass" };
	sbuf_fixed(&written, text, sizeof text);
}

const char *fakes_log(void)
{
	memcpy(taken, text, sizeof taken);
	sbuf_reset(&written);
	return taken;
}

static int prepare(const struct check_env *env, const void *settings, void **state, struct error_list *errors)
{
	static char something;

	(void)env;
	(void)settings;
	(void)errors;
	*state = &something;
	return 0;
}

/* ---- Checks ---- */

static void list_start(struct check_call *c)
{
	(void)c;
	sbuf_add(&written, "start list\n");
}

static void list_finish(struct check_call *c)
{
	sbuf_add(&written, "finish list\n");
	fact_set_num(&c->facts->v[FACT_DNSBL_SCORE], fakes.dnsbl_score);
}

static void spf_start(struct check_call *c)
{
	(void)c;
	sbuf_add(&written, "start spf\n");
}

static void spf_finish(struct check_call *c)
{
	sbuf_add(&written, "finish spf\n");
	fact_set_word(&c->facts->v[FACT_SPF], fakes.spf);
}

static void spf_rules(const void *state, struct sbuf *out)
{
	(void)state;
	if (fakes.spf_marks)
		sbuf_add(out, "rules = ( { name = \"spf\"; when = ( { fact = \"spf\"; is = \"fail\"; } );"
			      " then = { mark = \"spf=%{spf}\"; }; } );");
}

static void dkim_finish(struct check_call *c)
{
	sbuf_add(&written, "finish dkim\n");
	fact_set_word(&c->facts->v[FACT_DKIM], "none");
}

static void dmarc_finish(struct check_call *c)
{
	sbuf_add(&written, "finish dmarc\n");
	fact_set_word(&c->facts->v[FACT_DMARC], "none");
}

static void origin_start(struct check_call *c)
{
	(void)c;
	if (fakes.rate != NULL)
		sbuf_add(&written, "start origin\n");
}

static void origin_finish(struct check_call *c)
{
	if (fakes.rate != NULL)
		sbuf_add(&written, "finish origin\n");
	fact_set_word(&c->facts->v[FACT_SENDER_DOMAIN_DNS], "mx");
}

static bool is_ready(int *busy)
{
	if (*busy == 0)
		return true;
	--*busy;
	sbuf_add(&written, "busy\n");
	return false;
}

static bool origin_poll(struct check_call *c)
{
	(void)c;
	return is_ready(&fakes.busy_origin);
}

static bool effect_poll(struct check_call *c)
{
	(void)c;
	return is_ready(&fakes.busy);
}

static void rate_submit(struct check_call *c)
{
	sbuf_addf(&written, "submit rate %s\n", c->rcpt->address);
}

static void rate_ask(struct check_call *c)
{
	sbuf_addf(&written, "ask rate %s%s\n", c->rcpt->address,
		  c->deadline_ms > clock_mono_ms() + HASTE_MS ? "" : " in haste");
	if (fakes.rate != NULL && fakes.rate[0] != '\0')
		fact_set_text(&c->facts->v[FACT_RATE], c->arena, fakes.rate, strlen(fakes.rate));
}

static void grey_submit(struct check_call *c)
{
	static char sent;

	if (fakes.rate != NULL && *c->slot == NULL)
		sbuf_addf(&written, "submit grey %s\n", c->rcpt->address);
	*c->slot = &sent;
}

static void grey_ask(struct check_call *c)
{
	sbuf_addf(&written, "ask grey %s\n", c->rcpt->address);
	fact_set_word(&c->facts->v[FACT_GREYLIST], fakes.grey);
}

static void grey_commit(struct check_call *c)
{
	sbuf_addf(&written, "commit grey %s\n", c->rcpt->address);
}

static void grey_cancel(struct check_call *c)
{
	sbuf_addf(&written, "cancel grey %s\n", c->rcpt->address);
}

static void volume_ask(struct check_call *c)
{
	const struct fact_value *size = &c->txn->facts.v[FACT_SIZE];

	sbuf_addf(&written, "ask volume %lld\n", size->state == FACT_KNOWN ? (long long)size->num : -1);
	if (fakes.volume != NULL)
		fact_set_text(&c->facts->v[FACT_VOLUME], c->arena, fakes.volume, strlen(fakes.volume));
}

static void volume_commit(struct check_call *c)
{
	(void)c;
	sbuf_add(&written, "commit volume\n");
}

static void volume_cancel(struct check_call *c)
{
	(void)c;
	sbuf_add(&written, "cancel volume\n");
}

static const struct check list = {
	.name = "list",
	.kind = CHECK_PURE,
	.scope = SCOPE_SESSION,
	.stage = STAGE_CONNECT,
	.provides = FACT_BIT(FACT_DNSBL) | FACT_BIT(FACT_DNSBL_SCORE),
	.inputs = FACT_BIT(FACT_CLIENT_IP),
	.prepare = prepare,
	.start = list_start,
	.finish = list_finish,
};
static const struct check spf = {
	.name = "spf",
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_MAIL,
	.provides = FACT_BIT(FACT_SPF),
	.inputs = FACT_BIT(FACT_CLIENT_IP) | FACT_BIT(FACT_SENDER),
	.prepare = prepare,
	.rules = spf_rules,
	.start = spf_start,
	.finish = spf_finish,
};
static const struct check dkim = {
	.name = "dkim",
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_HEADERS,
	.provides = FACT_BIT(FACT_DKIM),
	.all_headers = true,
	.prepare = prepare,
	.finish = dkim_finish,
};
static const struct check dmarc = {
	.name = "dmarc",
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_END,
	.provides = FACT_BIT(FACT_DMARC),
	.inputs = FACT_BIT(FACT_DKIM) | FACT_BIT(FACT_SPF),
	.prepare = prepare,
	.finish = dmarc_finish,
};
static const struct check origin = {
	.name = "origin",
	.kind = CHECK_PURE,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_MAIL,
	.provides = FACT_BIT(FACT_SENDER_DOMAIN_DNS),
	.inputs = FACT_BIT(FACT_SENDER),
	.prepare = prepare,
	.start = origin_start,
	.poll = origin_poll,
	.finish = origin_finish,
};
static const struct check rate = {
	.name = "rate",
	.kind = CHECK_EFFECT,
	.scope = SCOPE_RECIPIENT,
	.stage = STAGE_RCPT,
	.provides = FACT_BIT(FACT_RATE),
	.inputs = FACT_BIT(FACT_SENDER) | FACT_BIT(FACT_RECIPIENT),
	.prepare = prepare,
	.submit = rate_submit,
	.poll = effect_poll,
	.ask = rate_ask,
};
static const struct check grey = {
	.name = "grey",
	.kind = CHECK_EFFECT,
	.scope = SCOPE_RECIPIENT,
	.stage = STAGE_RCPT,
	.provides = FACT_BIT(FACT_GREYLIST),
	.inputs = FACT_BIT(FACT_SENDER) | FACT_BIT(FACT_SENDER_DOMAIN_DNS) | FACT_BIT(FACT_RECIPIENT),
	.prepare = prepare,
	.submit = grey_submit,
	.poll = effect_poll,
	.ask = grey_ask,
	.commit = grey_commit,
	.cancel = grey_cancel,
};
static const struct check volume = {
	.name = "volume",
	.kind = CHECK_EFFECT,
	.scope = SCOPE_MESSAGE,
	.stage = STAGE_END,
	.provides = FACT_BIT(FACT_VOLUME),
	.inputs = FACT_BIT(FACT_SIZE),
	.prepare = prepare,
	.ask = volume_ask,
	.commit = volume_commit,
	.cancel = volume_cancel,
};

const struct check *const engine_checks[] = { &list, &spf, &origin, &rate, &grey, &volume, &dkim, &dmarc, NULL };

/* ---- Finishers ---- */

static bool begin(struct finish_call *c)
{
	(void)c;
	return true;
}

static int teach_run(struct finish_call *c)
{
	sbuf_addf(&written, "teach %s to", c->txn->sender);
	for (const struct rcpt *r = c->txn->rcpts; r != NULL; r = r->next)
		if (r->accepted)
			sbuf_addf(&written, " %s", r->address);
	sbuf_addc(&written, '\n');
	return fakes.finish_not != NULL && strcmp(fakes.finish_not, "teach") == 0 ? -1 : 0;
}

static int sign_run(struct finish_call *c)
{
	sbuf_add(&written, "sign\n");
	c->insert(c->ctx, "DKIM-Signature", "v=1");
	return 0;
}

static const struct finisher teach = { .name = "teach",
				       .inputs = FACT_BIT(FACT_SUBJECT),
				       .envelope = true,
				       .prepare = prepare,
				       .begin = begin,
				       .run = teach_run };
static const struct finisher sign = {
	.name = "sign", .body = true, .all_headers = true, .prepare = prepare, .begin = begin, .run = sign_run
};

const struct finisher *const engine_finishers[] = { &teach, &sign, NULL };
