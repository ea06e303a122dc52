#include "net/mail_out.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "util/bytes.h"

enum { URL_SIZE = 1024, NAME_MAX_BYTES = 255 };

struct reading {
	const char *p;
	size_t left;
};

const char *mail_out_expected(const char *via)
{
	static const char expected[] = "\"HOST:PORT\", such as \"127.0.0.1:25\"";
	const char *colon = strrchr(via, ':');

	if (colon == NULL || colon == via || strlen(via) > NAME_MAX_BYTES)
		return expected;
	for (const char *p = via; p < colon; p++)
		if (!ascii_is_digit(*p) && !ascii_is_alpha(*p) && strchr(".-_[]:", *p) == NULL)
			return expected;
	for (const char *p = colon + 1; *p != '\0'; p++)
		if (!ascii_is_digit(*p))
			return expected;
	return colon[1] != '\0' ? NULL : expected;
}

static size_t read_text(char *out, size_t size, size_t n, void *ctx)
{
	struct reading *r = ctx;
	size_t room = size * n;

	if (room > r->left)
		room = r->left;
	memcpy(out, r->p, room);
	r->p += room;
	r->left -= room;
	return room;
}

/* No proxy of the environment, no signals (this is one of many threads), no TLS: the server is the machine's own. */
static CURLcode configure(CURL *curl, const struct mail_out *m, const char *url, const struct curl_slist *to,
			  struct reading *text, char *why)
{
	CURLcode rc = CURLE_OK;

#define SET(option, value) (rc = rc == CURLE_OK ? curl_easy_setopt(curl, option, value) : rc)
	SET(CURLOPT_ERRORBUFFER, why);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)m->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)m->timeout_ms);
	SET(CURLOPT_MAIL_RCPT, to);
	SET(CURLOPT_READFUNCTION, read_text);
	SET(CURLOPT_READDATA, text);
	SET(CURLOPT_UPLOAD, 1L);
#undef SET
	return rc;
}

int mail_out_send(const struct mail_out *m, char why[MAIL_OUT_WHY_SIZE])
{
	char url[URL_SIZE], to[URL_SIZE], reason[CURL_ERROR_SIZE] = "";
	struct reading text = { m->text, m->text_n };
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	struct curl_slist *recipients;
	CURL *curl = curl_easy_init();

	/* Without a sender libcurl says MAIL FROM:<> (RFC 5321, section 4.5.5). */
	snprintf(url, sizeof url, "smtp://%s/%s", m->via, m->hello);
	snprintf(to, sizeof to, "<%s>", m->to);
	recipients = curl_slist_append(NULL, to);
	if (curl != NULL && recipients != NULL) {
		rc = configure(curl, m, url, recipients, &text, reason);
		if (rc == CURLE_OK)
			rc = curl_easy_perform(curl);
	}
	if (rc != CURLE_OK)
		snprintf(why, MAIL_OUT_WHY_SIZE, "%s", reason[0] != '\0' ? reason : curl_easy_strerror(rc));
	curl_slist_free_all(recipients);
	curl_easy_cleanup(curl);
	return rc == CURLE_OK ? 0 : -1;
}
