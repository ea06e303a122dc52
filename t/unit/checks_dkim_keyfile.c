/*
 * Key files and the entries that name them: who else could read a key, and what is wrong with an entry, each with its line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks/dkim_keyfile.h"
#include "checks/dkim_signers.h"
#include "t/lib/tap.h"

enum { OTHER_ID = 54321, PATH_SIZE = 128 };

static struct arena *a;
static char dir[] = "/tmp/millgate-keyfile-XXXXXX";

static const char *write_key(const char *name, const char *pem)
{
	const char *path = arena_printf(a, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(pem, f) < 0 || fclose(f) != 0 || chmod(path, 0600) != 0)
		bail_out("cannot write %s", path);
	return path;
}

static const char *new_key(const char *name, enum dk_key_type type, unsigned bits)
{
	struct dk_key *k = dk_key_generate(type, bits);
	const char *path = write_key(name, dk_key_pem(k, a));

	dk_key_free(&k);
	return path;
}

/* Reads it for a daemon of this user; the errors and warnings, "" when there are none. */
static const char *read_as(const char *path, const char *user, const char *group)
{
	struct check_env env = { .user = user, .group = group, .arena = a };
	struct error_list errors = ERROR_LIST_INIT;
	struct dk_key *k = dk_keyfile_read(path, &env, &(struct dk_place){ "test.conf", 7 }, &errors);
	char *text = arena_strdup(a, "");

	ok((k != NULL) == (errors.errors == 0), "a key, or an error");
	for (const struct error_item *e = errors.first; e != NULL; e = e->next) {
		is_int(e->line, 7, "with its place");
		text = arena_printf(a, "%s%s%s\n", text, e->level == ERROR_WARNING ? "warning: " : "", e->text);
	}
	error_clear(&errors);
	dk_key_free(&k);
	return text;
}

static void says(const char *got, const char *want, const char *what)
{
	if (!ok(want[0] == '\0' ? got[0] == '\0' : strstr(got, want) != NULL, "%s: %s", what, want))
		diag("%s", got);
}

static void test_strength(void)
{
	says(read_as(new_key("rsa", DK_KEY_RSA, 2048), "root", "root"), "", "2048 bits");
	says(read_as(new_key("ed", DK_KEY_ED25519, 0), "root", "root"), "", "Ed25519");
	says(read_as(new_key("short", DK_KEY_RSA, 1024), "root", "root"), "warning: ", "1024 bits");
	says(read_as(new_key("weak", DK_KEY_RSA, 768), "root", "root"), "nobody believes", "768 bits");
}

static void test_content(void)
{
	says(read_as(write_key("empty", ""), "root", "root"), "no private key in PEM", "an empty file");
	says(read_as(write_key("junk", "what?\n"), "root", "root"), "no private key in PEM", "no key");
	says(read_as(arena_printf(a, "%s/nothing", dir), "root", "root"), "No such file", "no file");
	says(read_as(dir, "root", "root"), "not a regular file", "a folder");
	says(read_as("/dev/zero", "root", "root"), "not a regular file", "a device");
	says(read_as(write_key("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
					 "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhLM2vTkjVNnAICCAAw\n"
					 "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEHC2V8rYpXwfDMDqVgEa8BoEQKHI\n"
					 "Yh0Zl6Y0L2YhV3mJm0mX7S8oJqf5mC2nYt3VnK1QqWdmf1tF0l4xJYb5l5bq3m0q\n"
					 "6R4X0bDk7y2mZ3oN5r0=\n"
					 "-----END ENCRYPTED PRIVATE KEY-----\n"),
		     "root", "root"),
	     "encrypted", "a key with a passphrase");
}

static void test_mode(void)
{
	const char *path = new_key("mode", DK_KEY_ED25519, 0);

	chmod(path, 0644);
	says(read_as(path, "root", "root"), "open to everybody", "0644");
	chmod(path, 0660);
	says(read_as(path, "root", "root"), "changed by its group", "0660");
	chmod(path, 0640);
	says(read_as(path, "root", "root"), "", "0640, its own group");
	if (geteuid() != 0) {
		skip(8, "the rest needs root");
		return;
	}
	says(read_as(path, "nobody", "nogroup"), "warning: the key", "a daemon that could not read it again");
	if (chown(path, 0, OTHER_ID) != 0)
		bail_out("chown");
	says(read_as(path, "nobody", "nogroup"), "not the daemon's", "somebody's group");
	if (chown(path, OTHER_ID, 0) != 0)
		bail_out("chown");
	says(read_as(path, "nobody", "nogroup"), "neither to root nor to the daemon's user", "somebody's file");
	says(read_as(path, "nosuchuser", "nosuchgroup"), "neither to root", "the same when there is no such user here");
}

/* ---- Entries ---- */

static unsigned read_entries(const char *conf, const char *const *wants)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct conf_node *root = conf_parse(conf, "test.conf", a, &errors);
	struct check_env env = { .user = "root", .group = "root", .arena = a, .root = root };
	struct dkim_settings set;
	struct dk_signers s;
	unsigned found = 0;

	conf_bind(&dkim_settings_table, conf_child(root, "dkim"), &set, NULL, a, &errors);
	if (dk_signers_read(&s, &set, &env, &errors) == 0)
		dk_signers_release(&s);
	for (const struct error_item *e = errors.first; e != NULL; e = e->next) {
		const char *text = arena_printf(a, "%d: %s", e->line, e->text);

		if (!ok(*wants != NULL && strncmp(text, *wants, strlen(*wants)) == 0, "%s",
			*wants != NULL ? *wants : "no more errors"))
			diag("%s", text);
		wants += *wants != NULL;
		found += e->level == ERROR_ERROR;
	}
	ok(*wants == NULL, "all errors are told");
	error_clear(&errors);
	return found;
}

static void test_entries(void)
{
	const char *key = new_key("entries", DK_KEY_ED25519, 0);

	is_int(read_entries(
		       arena_printf(a, "dkim: { sign = { domain = \"A.example\"; selector = \"s\"; key = \"%s\"; }; };",
				    key),
		       (const char *const[]){ NULL }),
	       0, "a good entry");
	read_entries(arena_printf(a,
				  "dkim: { sign = (\n"
				  "{ domain = \"a.example\"; selector = \"s\"; key = \"%s\"; },\n"
				  "{ domain = \"A.example\";\n selector = \"S\"; key = \"%s\"; },\n"
				  "{ selector = \"s\"; key = \"%s\"; },\n"
				  "{ domain = \"a..b\";\n selector = \"\";\n key = \"\";\n expire = \"5m\"; },\n"
				  "{ domain = \"b\"; selector = \"x\"; key = \"%s\"; headers = ( \"X:Y\" ); },\n"
				  "{ domain = \"c\"; selector = \"x\";\n key = \"/nowhere\"; }\n"
				  "); };",
				  key, key, key, key),
		     (const char *const[]){
			     "5: dkim.sign: domain must be",
			     "6: dkim.sign: domain must be",
			     "7: dkim.sign: selector must be",
			     "9: dkim.sign: mail may be under way",
			     "8: dkim.sign: an entry needs its key",
			     "10: \"X:Y\" is no name",
			     "12: the key \"/nowhere\" cannot be used: No such file",
			     "3: dkim.sign: the same domain and selector",
			     NULL,
		     });
}

int main(void)
{
	char command[PATH_SIZE];

	a = arena_new(0);
	if (mkdtemp(dir) == NULL)
		bail_out("mkdtemp");
	test_strength();
	test_content();
	test_mode();
	test_entries();
	snprintf(command, sizeof command, "rm -r %s", dir);
	if (system(command) != 0)
		diag("%s is left", dir);
	arena_free(&a);
	return done_testing();
}
