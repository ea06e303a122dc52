/* millgate: the administrator's command.  A table of commands; each runs elsewhere. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "util/log.h"
#include "util/names.h"

static const struct command commands[] = {
	{ "check", "", "read the configuration and report every error and warning",
	  "Exits with 1 when there is an error.  Nothing is started.\n", .run = command_check },
	{ "rules", "", "print the compiled rules, built-in ones included, in the order of evaluation",
	  "For each: the earliest stage at which it can fire, what it waits for, the facts that it reads, file and line.\n",
	  .run = command_rules },
	{ "reload", "", "have the running daemon read its configuration again",
	  "A configuration with an error changes nothing; the errors are printed, and the exit status is 1.\n",
	  .run = command_reload },
	{ "greylist",
	  "list|show|allow|forget [known|met] [CLIENT [SENDER [RECIPIENT]]] | report [--since DURATION] [--limit N]",
	  "print or change the entries of the greylist, or tell who was delayed",
	  "list    one line an entry\n"
	  "show    everything about an entry\n"
	  "allow   let it pass from now on; one named in full is made when it is not there\n"
	  "forget  take it away: what comes next is new\n"
	  "report  from the journal: who was delayed, for how long, and who never came back\n\n"
	  "\"*\" stands for anything, also within a word; \"<>\" is the null sender; a client's address means its network.\n"
	  "A CLIENT is what greylisting takes it for: a domain, or a network.\n"
	  "All but list and report want a CLIENT, be it \"*\".\n\n"
	  "known   clients that have proved themselves: CLIENT and the senders' domain\n"
	  "met     to whom our users wrote: REMOTE, an address or a domain, and the user's address\n\n"
	  "  --since DURATION  how far the report looks back (7d)\n"
	  "  --limit N         how many lines of each kind it has (10); with --json it has all\n",
	  .run = command_greylist, .options = { "since", "limit" } },
	{ "limits", "show [PATTERN] | reset PATTERN...", "print or reset what the rates have counted",
	  "show    for each rate and key: how much is used, when there is room again, and since when its mail is held\n"
	  "reset   forget what is used, and release what is held; mail that Postfix holds already is released by "
	  "postsuper -H\n\n"
	  "A PATTERN is the name of a rate, a key (a user, an address, a network ...) or one value in it; \"*\" stands for\n"
	  "any number of letters.\n",
	  .run = command_limits },
	{ "dkim", "genkey|check DOMAIN SELECTOR [--algorithm rsa|ed25519] [--bits N] [--out FILE] [--key FILE]",
	  "make a DKIM key, or compare what is published with it",
	  "genkey  writes a new private key (mode 0600) and prints the record to publish\n"
	  "check   compares the published record with the key, and says what differs\n\n"
	  "  --algorithm rsa|ed25519  of the new key (rsa)\n"
	  "  --bits N                 of a new RSA key (2048)\n"
	  "  --out FILE               where the new key goes (DOMAIN.SELECTOR.pem); it must not be there yet\n"
	  "  --key FILE               the key to compare with (what dkim.sign names)\n",
	  .run = command_dkim, .options = { "algorithm", "bits", "out", "key" } },
	{ "dnsbl", "status", "print how the DNS lists of the running daemon are doing",
	  "ok         in force: asked, and believed\n"
	  "unproved   not probed yet\n"
	  "doubted    being examined, after many failures\n"
	  "suspended  left out, and why, until it works again\n",
	  .run = command_dnsbl },
	{ "status", "", "print the running daemon's counters, as JSON", NULL, .run = command_status },
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_overview(FILE *f)
{
	fputs("usage: millgate COMMAND [-c FILE] [--json] ...\n\n", f);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("  version    print the version\n\n"
	      "  -c FILE    the configuration (" MILLGATE_CONF ")\n"
	      "  --json     print JSON\n"
	      "  --help     more about a command\n",
	      f);
}

static void print_help(const struct command *c, FILE *f)
{
	fprintf(f, "usage: millgate %s [-c FILE] [--json]%s%s\n%s: %s\n", c->name, c->arguments[0] != '\0' ? " " : "",
		c->arguments, c->name, c->summary);
	if (c->help != NULL)
		fprintf(f, "\n%s", c->help);
}

static const struct command *find(const char *name)
{
	struct names_nearest nearest;

	names_nearest_init(&nearest, name);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
		names_nearest_try(&nearest, commands[i].name);
	}
	fprintf(stderr, "millgate: there is no command \"%s\"", name);
	if (nearest.best != NULL)
		fprintf(stderr, "; did you mean \"%s\"?", nearest.best);
	fputs("\nmillgate --help lists the commands.\n", stderr);
	return NULL;
}

/* What getopt_long() answers for a command's own options: this and their place. */
enum { OWN_OPTION = 0x100, SHARED_OPTIONS = 3 };

/* The options that every command takes, and its own, wherever they stand among its arguments. */
static int run(const struct command *c, int argc, char **argv)
{
	struct option options[SHARED_OPTIONS + COMMAND_OPTIONS_MAX + 1] = {
		{ "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
	};
	struct command_call call = { .conf = MILLGATE_CONF };
	int o;

	for (int i = 0; c->options[i] != NULL; i++)
		options[SHARED_OPTIONS + i] = (struct option){ c->options[i], required_argument, NULL, OWN_OPTION + i };
	while ((o = getopt_long(argc, argv, "c:jh", options, NULL)) != -1) {
		if (o >= OWN_OPTION) {
			call.option[o - OWN_OPTION] = optarg;
			continue;
		}
		switch (o) {
		case 'c':
			call.conf = optarg;
			break;
		case 'j':
			call.json = true;
			break;
		case 'h':
			print_help(c, stdout);
			return COMMAND_FINE;
		default:
			print_help(c, stderr);
			return COMMAND_USAGE;
		}
	}
	call.argc = argc - optind;
	call.argv = argv + optind;
	if (c->arguments[0] == '\0' && call.argc > 0) {
		fprintf(stderr, "millgate %s takes no arguments\n", c->name);
		return COMMAND_USAGE;
	}
	o = c->run(&call);
	if (o == COMMAND_USAGE)
		print_help(c, stderr);
	return o;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *c;

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_overview(stdout);
		return COMMAND_FINE;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0 || strcmp(name, "version") == 0) {
		puts("millgate " PACKAGE_VERSION);
		return COMMAND_FINE;
	}
	if (name[0] == '\0' || name[0] == '-') {
		print_overview(stderr);
		return COMMAND_USAGE;
	}
	/* What the libraries would log, a command says itself. */
	log_open("millgate", LOG_SINK_NONE, LOG_LVL_ERROR);
	c = find(name);
	return c != NULL ? run(c, argc - 1, argv + 1) : COMMAND_USAGE;
}
