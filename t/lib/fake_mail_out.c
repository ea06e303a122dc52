#include "t/lib/fake_mail_out.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct {
	pthread_mutex_t lock;
	unsigned sent;
	char text[8192];
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

const char *mail_out_expected(const char *via)
{
	return strchr(via, ':') != NULL ? NULL : "a port";
}

int mail_out_send(const struct mail_out *m, char why[MAIL_OUT_WHY_SIZE])
{
	(void)why;
	pthread_mutex_lock(&fake.lock);
	fake.sent++;
	snprintf(fake.text, sizeof fake.text, "%.*s", (int)m->text_n, m->text);
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

unsigned fake_mail_out_sent(void)
{
	unsigned n;

	pthread_mutex_lock(&fake.lock);
	n = fake.sent;
	pthread_mutex_unlock(&fake.lock);
	return n;
}

void fake_mail_out_last(char *buf, size_t size)
{
	pthread_mutex_lock(&fake.lock);
	snprintf(buf, size, "%s", fake.text);
	pthread_mutex_unlock(&fake.lock);
}
