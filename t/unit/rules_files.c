/*
 * in = "file:/path": the file's lines stand in the list, and errors in them have the file's lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/lib/tap.h"
#include "t/unit/rules_fixture.h"

static char path[] = "/tmp/millgate-rules-XXXXXX";

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		bail_out("%s cannot be written", path);
}

static enum verdict_kind from(struct fixture *f, const char *address)
{
	struct rules_outcome o;
	struct ip ip;

	if (ip_parse(&ip, address) != 0)
		bail_out("%s is no address", address);
	fact_set_ip(&f->facts.v[FACT_CLIENT_IP], &ip);
	return fixture_verdict(f, STAGE_RCPT, &o);
}

static void test_networks(void)
{
	struct fixture f;

	write_file("# partners\n192.0.2.0/24\n\n  198.51.100.7  \n2001:db8::/32\n");
	fixture_open(&f);
	fixture_add(
		&f, NULL,
		"rules = ( { name = \"a\"; when = ( { fact = \"client_ip\"; in = ( \"10.0.0.0/8\", \"file:%s\" ); } );"
		" then = { reject = true; }; } );",
		path);
	fixture_compile(&f);
	is_int(f.errors.errors, 0, "loaded: %s", fixture_error(&f, 0) != NULL ? fixture_error(&f, 0) : "");
	is_int(from(&f, "10.9.8.7"), VERDICT_REJECT, "beside the file");
	is_int(from(&f, "192.0.2.200"), VERDICT_REJECT, "its first line");
	is_int(from(&f, "198.51.100.7"), VERDICT_REJECT, "white space does not count");
	is_int(from(&f, "2001:db8::1"), VERDICT_REJECT, "its last line");
	is_int(from(&f, "198.51.100.8"), VERDICT_NONE, "not in it");
	fixture_close(&f);
}

static void test_texts(void)
{
	struct fixture f;
	struct rules_outcome o;

	write_file("bad word\nПЛОХОЕ СЛОВО\nfile:/etc/passwd\nredis:x\n");
	fixture_open(&f);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"a\"; when = ( { fact = \"subject\"; in = \"file:%s\"; } );"
		    " then = { reject = true; }; } );",
		    path);
	fixture_compile(&f);
	is_int(f.errors.errors, 0, "loaded");
	fixture_text(&f, FACT_SUBJECT, "плохое слово");
	is_int(fixture_verdict(&f, STAGE_HEADERS, &o), VERDICT_REJECT, "folded");
	fixture_text(&f, FACT_SUBJECT, "file:/etc/passwd");
	is_int(fixture_verdict(&f, STAGE_HEADERS, &o), VERDICT_REJECT, "a file names no further file");
	fixture_text(&f, FACT_SUBJECT, "root:x:0:0:root:/root:/bin/bash");
	is_int(fixture_verdict(&f, STAGE_HEADERS, &o), VERDICT_NONE, "really");
	fixture_close(&f);
}

static void test_errors(void)
{
	struct fixture f;

	write_file("192.0.2.0/24\nmail.example.org\n192.0.2.1/24\n");
	fixture_open(&f);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"a\"; when = ( { fact = \"client_ip\"; in = \"file:%s\"; } );"
		    " then = { reject = true; }; } );",
		    path);
	is_int(f.errors.errors, 2, "two lines are wrong");
	is_str(fixture_error(&f, 0),
	       "2: \"mail.example.org\" is neither an address nor a network (192.0.2.0/24); names are compared with "
	       "client_name",
	       "the first");
	is_str(f.errors.first->file, path, "in that file");
	is_str(fixture_error(&f, 1),
	       "3: \"192.0.2.1/24\" has bits set behind its prefix; an address alone or a network is meant",
	       "the second");
	fixture_close(&f);
	unlink(path);
	fixture_open(&f);
	fixture_add(&f, NULL,
		    "rules = ( { name = \"a\"; when = ( { fact = \"client_ip\"; in = \"file:%s\"; } );"
		    " then = { reject = true; }; } );",
		    path);
	is_int(f.errors.errors, 1, "no such file");
	fixture_close(&f);
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		bail_out("no temporary file");
	close(fd);
	test_networks();
	test_texts();
	test_errors();
	return done_testing();
}
