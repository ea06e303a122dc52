# End-to-end: real Postfix and sendmail, Redis and DNS on loopback.  One file a topic; t/lib/*.py is the harness.
e2e_tests = \
	t/e2e/actors.py \
	t/e2e/auth_results.py \
	t/e2e/behind_sendmail.py \
	t/e2e/combine.py \
	t/e2e/config.py \
	t/e2e/daemon.py \
	t/e2e/dkim_corpus.py \
	t/e2e/dkim_sign.py \
	t/e2e/dmarc.py \
	t/e2e/dns_away.py \
	t/e2e/dnsbl.py \
	t/e2e/dnsbl_domains.py \
	t/e2e/dnsbl_failures.py \
	t/e2e/dnsbl_wave.py \
	t/e2e/fcrdns.py \
	t/e2e/greylist.py \
	t/e2e/greylist_met.py \
	t/e2e/greylist_pool.py \
	t/e2e/greylist_report.py \
	t/e2e/harvest.py \
	t/e2e/harvest_sendmail.py \
	t/e2e/hostile.py \
	t/e2e/journal.py \
	t/e2e/limits.py \
	t/e2e/limits_away.py \
	t/e2e/limits_hit.py \
	t/e2e/limits_hold.py \
	t/e2e/limits_parallel.py \
	t/e2e/limits_rates.py \
	t/e2e/lists.py \
	t/e2e/load.py \
	t/e2e/mixed.py \
	t/e2e/policy.py \
	t/e2e/policy_actions.py \
	t/e2e/policy_hostile.py \
	t/e2e/policy_later.py \
	t/e2e/policy_limits.py \
	t/e2e/policy_log.py \
	t/e2e/policy_loop.py \
	t/e2e/policy_unknown.py \
	t/e2e/redis_away.py \
	t/e2e/reload.py \
	t/e2e/rules.py \
	t/e2e/sendmail_ways.py \
	t/e2e/sender_domain.py \
	t/e2e/spf.py \
	t/e2e/stock.py \
	t/e2e/stop.py \
	t/e2e/subjects.py

e2e_harness = \
	t/lib/clock.py \
	t/lib/dkim_keys.py \
	t/lib/dns.py \
	t/lib/dnsd.py \
	t/lib/gate.py \
	t/lib/message.py \
	t/lib/moved.c \
	t/lib/mta.py \
	t/lib/place.py \
	t/lib/policy.py \
	t/lib/postfix.py \
	t/lib/redis_server.py \
	t/lib/sendmail.py \
	t/lib/sink.py \
	t/lib/smtp.py \
	t/lib/tap.py \
	t/lib/world.py

TESTS += $(e2e_tests)
EXTRA_DIST += $(e2e_tests) $(e2e_harness)
