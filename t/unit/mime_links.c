/*
 * The hosts of URLs: as they are hidden in plain text and in HTML, as they are written, and many of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mime/html.h"
#include "mime/limits.h"
#include "mime/links.h"
#include "mime/urls.h"
#include "t/lib/tap.h"
#include "util/sbuf.h"

enum { OUT_MAX = 4 << 20 };

static struct sbuf found;

/* The hosts of one text, joined by blanks; addresses in brackets. */
static const char *hosts(const char *type, const char *body, size_t n)
{
	struct arena *a = arena_new(0);
	struct mime_links *l = mime_links_new(a);
	const struct mime_link_host *h;

	sbuf_reset(&found);
	mime_links_field(l, "Content-Type", type, strlen(type));
	mime_links_body(l, body, n);
	mime_links_end(l);
	for (unsigned i = 0; (h = mime_links_host(l, i)) != NULL; i++)
		sbuf_addf(&found, h->ip ? "%s[%s]" : "%s%s", i > 0 ? " " : "", h->name);
	arena_free(&a);
	return found.p;
}

struct sample {
	const char *text, *hosts;
};

static const struct sample plain[] = {
	/* what readers link */
	{ "see http://a.example/path and https://b.example:8443?x", "a.example b.example" },
	{ "HTTP://A.Example. <http://b.example> (http://c.example), \"http://d.example\"",
	  "a.example b.example c.example d.example" },
	{ "ftp://a.example http://a.example http://A.EXAMPLE./", "a.example" },
	{ "www.a.example, (WWW.b.example)", "www.a.example www.b.example" },
	{ "wwww.a.example x.www.b.example me@www.c.example", "" },
	{ "shop.com/sale, [x](shop.co.uk/sale) and shop.net:8080/x", "shop.com shop.co.uk shop.net" },
	{ "readme.md main.c/x and/or 1.2.3.4/24 2026.11.21/x a..com/x me@shop.com/x", "" },
	{ "shop.com", "" },
	{ "hxxp://a.example mailto:x@b.example tel://c.example", "" },
	/* what hides */
	{ "http://paypal.com@evil.example/", "evil.example" },
	{ "http://paypal.com:secret@x@evil.example:80/@good.example", "evil.example" },
	{ "http://paypal.com%2f@evil.example", "paypal.com" },
	{ "http://ev%69l.ex%61mple/", "evil.example" },
	{ "http://good.example/?u=http://evil.example/", "good.example evil.example" },
	{ "http://good.example/?u=http%3A%2F%2Fevil.example%2Fx&v=1", "good.example evil.example" },
	{ "http://good.example/?u=https%253a%252f%252fevil.example%252fx", "good.example evil.example" },
	{ "http://good.example/?u=http%3A%2F%2Fme%40evil.example&x", "good.example evil.example" },
	{ "http://good.example\\@evil.example", "good.example" },
	{ "http:\\\\evil.example\\x", "evil.example" },
	{ "http:///evil.example/", "evil.example" },
	{ "http://\xd0\xbf\xd1\x80.example/", "\xd0\xbf\xd1\x80.example" },
	{ "http://a.example\xe3\x80\x82\xe4\xb8\xad", "a.example a.example\xe3\x80\x82\xe4\xb8\xad" },
	/* addresses */
	{ "http://192.0.2.1/ http://3221225985/ http://0xC0000201 http://0300.0.2.1 http://0xc0.0.0x201",
	  "[192.0.2.1]" },
	{ "http://[2001:DB8::1]:80/ http://[::ffff:192.0.2.7]", "[2001:db8::1] [192.0.2.7]" },
	{ "http://1.2.3.4.5/ http://256.1.1.1 http://99999999999 http://[x] http://a.0x1 http://09.1", "" },
	/* none */
	{ "http:// http://. http://% http://@ http://: http://[ :// http://a b", "a" },
	{ "http://%00.example http://a%2f.example http://a%20b.example", "a" },
	{ "", "" },
};

static const struct sample html[] = {
	{ "<a href=\"http://a.example/\">x</a><img src='http://b.example'><form action=http://c.example/x>",
	  "a.example b.example c.example" },
	{ "<A\nHREF = \"http://a.example\" href=http://b.example>", "a.example b.example" },
	{ "<a href=\"http&#58;&#x2f;/ev&#105l&period;example\">", "evil.example" },
	{ "<a href='&#104;&#116;&#116;&#112;&#58;&sol;&sol;a.example?x&amp;u=http://b.example'>",
	  "a.example b.example" },
	{ "<a href=\"\n ht\ttp:\n//a.example\">", "a.example" },
	{ "<a href=//a.example/x><a href='\\\\b.example'><a href=http:c.example><a href=https:/d.example>",
	  "a.example b.example c.example d.example" },
	{ "<a href=www.a.example><a href=/local/x><a href=b.com/x><a href=javascript:x()>", "www.a.example" },
	{ "<base href=http://a.example><a title=http://no.example>", "a.example" },
	{ "<p style=\"background:url(http://a.example/x.png)\"><style>@import url(https://b.example);</style>",
	  "a.example b.example" },
	{ "<meta http-equiv=refresh content=\"0;url=http://a.example/\"><v:fill xlink:href=http://b.example>",
	  "a.example b.example" },
	{ "<img srcset=\"http://a.example/1 1x, http://b.example/2 2x\">", "a.example b.example" },
	{ "<html xmlns=\"http://www.w3.org/1999/xhtml\"><!DOCTYPE html \"http://www.w3.org/x.dtd\">", "" },
	/* what is shown */
	{ "go to ht<b></b>tp://ev<wbr>il.ex<span style=x>ample/</span>", "evil.example" },
	{ "<p>http://a.example<p>b.example<br>.x", "a.example" },
	{ "http://a.&#101;xample/&lt;http://b.example&gt;&nbsp;x", "a.example b.example" },
	{ "<td>www.a.example</td><td>shop.com/x</td>", "www.a.example shop.com" },
	/* what is not */
	{ "<!-- http://no.example <a href=http://no2.example> --><a href=http://a.example>", "a.example" },
	{ "<!--> http://a.example <!---> http://b.example <!-- x --!> http://c.example",
	  "a.example b.example c.example" },
	{ "<!--[if mso]><a href=http://a.example><![endif]-->", "a.example" },
	{ "<![CDATA[ http://a.example ]]><?php http://no.example ?>http://b.example", "a.example b.example" },
	{ "<script>x='http://no.example';</script>http://a.example<script>http://no2.example", "a.example" },
	{ "<!-- never closed <a href=http://no.example>", "" },
	/* soup */
	{ "<a href=\"http://a.example", "a.example" },
	{ "<a href=\"http://a.example\"<b src=http://b.example>", "a.example b.example" },
	{ "< a href=http://a.example>", "a.example" },
	{ "<a/href=http://a.example/><a\"href=http://b.example><a = href=http://c.example", "a.example c.example" },
	{ "< <> </> <a <<a> &#; &#x; & &; &#99999999999; <3 http://a.example", "a.example" },
	{ "<a href=http://a.example title='>' src=http://b.example>", "a.example b.example" },
};

static void check(const char *type, const struct sample *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		is_str(hosts(type, v[i].text, strlen(v[i].text)), v[i].hosts, "%s: %s", type, v[i].text);
}

static void test_encoded(void)
{
	static const char body[] =
		"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		"aHR0cDovL2EuZXhh\r\nbXBsZS8=\r\n"
		"--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		"<a href=3D\"http://b.=\r\nexample/\">\r\n"
		"--b\r\nContent-Type: text/html; charset=utf-7\r\n\r\n+ADw-a href=+ACI-http://c.example/+ACIAPg-\r\n"
		"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhttp://d.example/\r\n"
		"--b\r\nContent-Type: image/png\r\n\r\nhttp://no.example/\r\n"
		"--b\r\nContent-Disposition: attachment\r\n\r\nhttp://e.example/\r\n--b--\r\n";

	is_str(hosts("multipart/mixed; boundary=b", body, sizeof body - 1),
	       "a.example b.example c.example d.example e.example", "whatever the parts are encoded in");
}

/* ---- Many, and long ones ---- */

static unsigned words(const char *p)
{
	unsigned n = *p != '\0';

	for (; *p != '\0'; p++)
		n += *p == ' ';
	return n;
}

static void test_many(void)
{
	struct sbuf b;

	sbuf_heap(&b, OUT_MAX);
	for (unsigned i = 0; i < 10000; i++)
		sbuf_addf(&b, "http://h%u.example/ http://again.example/\r\n", i);
	hosts("text/plain", b.p, 100 * strlen("http://h00.example/ http://again.example/\r\n"));
	is_int(words(found.p) > 90 && words(found.p) < 110, 1, "a hundred are all kept");
	hosts("text/plain", b.p, b.len);
	is_int(words(found.p), 2 * MIME_HOSTS_EACH, "of thousands, so many");
	ok(strstr(found.p, "h0.example again.example h1.example") == found.p, "the first ones");
	is_int(strstr(found.p, "h500.example") == NULL, 1, "not those in the middle");
	sbuf_reset(&b);
	for (unsigned i = 0; i < 3000; i++)
		sbuf_addf(&b, "http://h%u.example/\r\n", i);
	hosts("text/plain", b.p, b.len);
	ok(strcmp(strrchr(found.p, ' '), " h2999.example") == 0, "and the last, which comes last");
	ok(strstr(found.p, " h2872.example") != NULL && strstr(found.p, " h2871.example") == NULL,
	   "with those before it");
	sbuf_done(&b);
}

static void test_long(void)
{
	struct sbuf b;

	sbuf_heap(&b, OUT_MAX);
	sbuf_add(&b, "http://");
	for (unsigned i = 0; i < 1000; i++)
		sbuf_add(&b, "x.");
	sbuf_add(&b, "example/ http://");
	for (unsigned i = 0; i < 5000; i++)
		sbuf_add(&b, "user");
	sbuf_add(&b, "@evil.example/");
	is_str(hosts("text/plain", b.p, b.len), "evil.example",
	       "a host of 2,000 letters is none; user information of 20,000 hides nothing");
	sbuf_done(&b);
}

/* Each of these made a naive scanner take the square of its length. */
static void test_repetitions(void)
{
	static const char *const pieces[] = { "http://",  "http:/",    "<a ",       "<!--",      "<a href=\"",
					      "&",        "&#",        "%3a%2f%2f", "http%3a//", "www.",
					      "a.b/",     "<",         "</",        "@",         "[",
					      "http://[", "http://a@", "<script>",  "<style></", "a.com/",
					      "x:1/",     "--!",       "<![",       "\xff",      "(",
					      ":443/",    "http://%",  "\377www." };

	for (unsigned i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
		struct sbuf b;

		sbuf_heap(&b, OUT_MAX);
		while (b.len < MIME_TEXT_MAX)
			sbuf_add(&b, pieces[i]);
		hosts("text/html", b.p, b.len);
		hosts("text/plain", b.p, b.len);
		pass("%s, a hundred thousand times", pieces[i]);
		sbuf_done(&b);
	}
}

struct tally {
	size_t bytes, longest;
};

static void tally(void *ctx, const char *p, size_t n)
{
	struct tally *t = ctx;

	(void)p;
	t->bytes += n;
	t->longest = n > t->longest ? n : t->longest;
}

static void test_endless(void)
{
	struct tally t = { 0 };
	struct mime_urls u = { .host = tally, .ctx = &t };
	struct sbuf b;

	sbuf_heap(&b, OUT_MAX);
	while (b.len < MIME_TEXT_MAX)
		sbuf_add(&b, "\377www.");
	mime_urls_in_text(&u, b.p, b.len);
	ok(t.bytes > 0, "in letters without an end a host is looked for");
	ok(t.longest < 4UL * MIME_HOST_MAX, "not to the end, from each of many places (%zu)", t.longest);
	sbuf_done(&b);
}

static void test_no_memory(void)
{
	static const char body[] = "<a href=http://a.example>http://b.example";
	bool fits = false;

	for (size_t room = 64; !fits && room < 1 << 20; room += 512) {
		struct arena *a = arena_new(room);
		struct mime_links *l = a != NULL ? mime_links_new(a) : NULL;

		if (l != NULL) {
			mime_links_field(l, "Content-Type", "text/html", strlen("text/html"));
			mime_links_body(l, body, sizeof body - 1);
			mime_links_end(l);
			fits = !arena_failed(a);
		}
		arena_free(&a);
	}
	ok(fits, "memory that runs out anywhere does no harm");
}

int main(void)
{
	sbuf_heap(&found, OUT_MAX);
	check("text/plain", plain, sizeof plain / sizeof plain[0]);
	check("text/html", html, sizeof html / sizeof html[0]);
	test_encoded();
	test_many();
	test_long();
	test_repetitions();
	test_endless();
	test_no_memory();
	sbuf_done(&found);
	return done_testing();
}
