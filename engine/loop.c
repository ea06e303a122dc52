#include "engine/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PASSWORD_MAX = 1024 };

struct loop {
	atomic_uint refs;
	struct net *net;
	/* what it was started with; immutable */
	char *key;
};

/* The settings that make a loop, as one text, to be compared. */
static char *settings_key(const struct engine_settings *set, const char *password)
{
	struct sbuf b;

	sbuf_heap(&b, 1 << 16);
	sbuf_addf(&b, "%s\n%s\n%s\n%lld\n%lld\n%lld\n", set->redis.server, set->redis.username, password,
		  (long long)set->redis.database, (long long)set->redis.timeout, (long long)set->dns.timeout);
	for (unsigned i = 0; i < set->dns.servers.n; i++)
		sbuf_addf(&b, "%s\n", set->dns.servers.v[i].s);
	return b.p; /* the loop's, freed with free() */
}

/* The first line of the password file into buf.  0, or -1 with an error added. */
static int read_password(const struct redis_settings *set, char *buf, size_t size, struct error_list *errors)
{
	const char *path = set->password_file;
	struct stat st;
	FILE *f;

	buf[0] = '\0';
	if (path == NULL || path[0] == '\0')
		return 0;
	f = fopen(path, "re");
	if (f == NULL || fstat(fileno(f), &st) != 0) {
		error_add(errors, set->where.file, set->where.line, "redis.password_file \"%s\" cannot be read: %s",
			  path, strerror(errno));
		if (f != NULL)
			fclose(f);
		return -1;
	}
	if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
		error_add(errors, set->where.file, set->where.line,
			  "redis.password_file \"%s\" is open to everybody: chmod 0600 or 0640", path);
		fclose(f);
		return -1;
	}
	if (fgets(buf, (int)size, f) == NULL)
		buf[0] = '\0';
	buf[strcspn(buf, "\r\n")] = '\0';
	fclose(f);
	return 0;
}

struct loop *loop_start(const struct engine_settings *set, struct net *host, struct error_list *errors)
{
	char password[PASSWORD_MAX];
	struct net_redis_options redis = { .server = set->redis.server[0] != '\0' ? set->redis.server : NULL,
					   .username = set->redis.username,
					   .password = password,
					   .database = (int)set->redis.database,
					   .timeout_ms = set->redis.timeout };
	struct net_dns_options dns = { .timeout_ms = set->dns.timeout, .n_servers = set->dns.servers.n };
	const char **servers = NULL;
	struct loop *l;

	if (read_password(&set->redis, password, sizeof password, errors) != 0)
		return NULL;
	l = calloc(1, sizeof *l);
	servers = calloc(dns.n_servers + 1, sizeof *servers);
	if (l == NULL || servers == NULL || (l->key = settings_key(set, password)) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		goto fail;
	}
	for (unsigned i = 0; i < dns.n_servers; i++)
		servers[i] = set->dns.servers.v[i].s;
	dns.servers = servers;
	atomic_init(&l->refs, 1);
	l->net = host != NULL ? net_start_beside(host, &redis, &dns, errors) : net_start(&redis, &dns, errors);
	if (l->net == NULL)
		goto fail;
	free(servers);
	explicit_bzero(password, sizeof password);
	return l;
fail:
	explicit_bzero(password, sizeof password);
	free(servers);
	if (l != NULL)
		free(l->key);
	free(l);
	return NULL;
}

struct loop *loop_start_bare(struct error_list *errors)
{
	static const char *const nobody[] = { "127.0.0.1@53" }; /* never asked */
	struct net_dns_options dns = { .servers = nobody, .n_servers = 1, .timeout_ms = 1000 };
	struct loop *l = calloc(1, sizeof *l);

	if (l == NULL || (l->key = strdup("")) == NULL) {
		error_add(errors, NULL, 0, "out of memory");
		free(l);
		return NULL;
	}
	atomic_init(&l->refs, 1);
	l->net = net_start(NULL, &dns, errors);
	if (l->net != NULL)
		return l;
	free(l->key);
	free(l);
	return NULL;
}

struct loop *loop_ref(struct loop *l)
{
	atomic_fetch_add(&l->refs, 1);
	return l;
}

void loop_unref(struct loop **lp)
{
	struct loop *l = *lp;

	*lp = NULL;
	if (l == NULL || atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	net_stop(&l->net);
	explicit_bzero(l->key, strlen(l->key));
	free(l->key);
	free(l);
}

struct net *loop_net(const struct loop *l)
{
	return l->net;
}

bool loop_fits(const struct loop *l, const struct engine_settings *set)
{
	char password[PASSWORD_MAX];
	struct error_list ignored = ERROR_LIST_INIT;
	char *key = NULL;
	bool fits = false;

	if (read_password(&set->redis, password, sizeof password, &ignored) == 0 &&
	    (key = settings_key(set, password)) != NULL)
		fits = strcmp(key, l->key) == 0;
	error_clear(&ignored);
	explicit_bzero(password, sizeof password);
	free(key);
	return fits;
}
