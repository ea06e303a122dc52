#include "checks/rates_mail.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "checks/rates_command.h"
#include "net/mail_out.h"
#include "util/clock.h"
#include "util/log.h"

enum {
	MAIL_PATIENCE_MS = 20000,
	MAIL_SIZE = 8192,
	VALUE_SIZE = 512, /* a line has 998 bytes at the most (RFC 5322, section 2.1.1) */
	MS_PER_S = 1000
};

static void add_value(struct sbuf *b, const char *value)
{
	char clean[VALUE_SIZE];
	struct sbuf v;

	sbuf_fixed(&v, clean, sizeof clean);
	rates_command_clean(&v, value);
	sbuf_add(b, clean);
}

static void add_line(struct sbuf *b, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	sbuf_addf(b, "%s: ", name);
	add_value(b, value);
	sbuf_add(b, "\r\n");
}

static void add_date(struct sbuf *b)
{
	time_t now = (time_t)(clock_wall_ms() / MS_PER_S);
	char date[64] = "";
	struct tm tm;

	/* The names of days and months are C's: the daemon sets no locale. */
	if (gmtime_r(&now, &tm) != NULL && strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm) > 0)
		sbuf_addf(b, "Date: %s\r\n", date);
}

static void write_mail(const char *to, const char *hostname, const struct rates_hit *h, struct sbuf *b)
{
	bool held = strcmp(h->action, "hold") == 0;

	sbuf_addf(b, "From: millgate <postmaster@%s>\r\nTo: <%s>\r\nSubject: %s: ", hostname, to,
		  held ? "held" : "limit");
	add_value(b, h->key);
	sbuf_add(b, "\r\n");
	add_date(b);
	/* A transaction may use up several rates, and a mailbox may drop what has the same id. */
	sbuf_addf(b, "Message-ID: <%s.%" PRId64 ".limit@%s>\r\n", h->id, clock_mono_us(), hostname);
	sbuf_add(b, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		    "Content-Type: text/plain; charset=us-ascii\r\n\r\n");
	sbuf_add(b, "A rate is used up.  This is told once in its period.\r\n\r\n");
	add_line(b, "rate", h->rate);
	add_line(b, "key", h->key);
	add_line(b, "action", h->action);
	add_line(b, "client", h->client);
	add_line(b, "user", h->user);
	add_line(b, "sender", h->sender);
	add_line(b, "id", h->id);
	if (held)
		sbuf_add(b,
			 "\r\nAll mail of this key is accepted and held in the mail queue until the key is reset.\r\n");
	sbuf_addf(b, "\r\nOn %s:\r\n\r\n    millgate limits show '", hostname);
	add_value(b, h->key);
	sbuf_add(b, "'\r\n    millgate limits reset '");
	add_value(b, h->key);
	sbuf_add(b, "'\r\n");
}

void rates_mail_send(const char *to, const char *via, const char *hostname, const struct rates_hit *h)
{
	char buf[MAIL_SIZE], why[MAIL_OUT_WHY_SIZE], safe[MAIL_OUT_WHY_SIZE * 2];
	struct mail_out mail = { .via = via, .hello = hostname, .to = to, .timeout_ms = MAIL_PATIENCE_MS };
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	write_mail(to, hostname, h, &b);
	mail.text = b.p;
	mail.text_n = b.len;
	if (mail_out_send(&mail, why) == 0)
		return;
	sbuf_fixed(&b, safe, sizeof safe);
	sbuf_add_safe(&b, why, strlen(why));
	log_error("limits: no mail to %s by %s: %s", to, via, safe);
}
