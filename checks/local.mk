# checks/: one file per check.

noinst_LIBRARIES += libchecks.a
libchecks_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENDKIM_CFLAGS) $(CRYPTO_CFLAGS)
libchecks_a_SOURCES = \
	checks/common.c \
	checks/common.h \
	checks/dkim.c checks/dkim.h \
	checks/dkim_admin.c checks/dkim_admin.h \
	checks/dkim_cache.c checks/dkim_cache.h \
	checks/dkim_finisher.c \
	checks/dkim_hash.c checks/dkim_hash.h \
	checks/dkim_judge.c checks/dkim_judge.h \
	checks/dkim_key.c checks/dkim_key.h \
	checks/dkim_keyfile.c checks/dkim_keyfile.h \
	checks/dkim_login.c checks/dkim_login.h \
	checks/dkim_record.c checks/dkim_record.h \
	checks/dkim_sig.c checks/dkim_sig.h \
	checks/dkim_sign.c checks/dkim_sign.h \
	checks/dkim_signers.c checks/dkim_signers.h \
	checks/dkim_tags.c checks/dkim_tags.h \
	checks/dmarc.c \
	checks/dmarc.h \
	checks/dmarc_ask.c \
	checks/dmarc_ask.h \
	checks/dmarc_domain.c \
	checks/dmarc_domain.h \
	checks/dmarc_eval.c \
	checks/dmarc_eval.h \
	checks/dmarc_from.c \
	checks/dmarc_from.h \
	checks/dmarc_lex.c \
	checks/dmarc_lex.h \
	checks/dmarc_record.c \
	checks/dmarc_record.h \
	checks/dmarc_rules.c \
	checks/dmarc_rules.h \
	checks/dmarc_walk.c \
	checks/dmarc_walk.h \
	checks/dmarc_words.c \
	checks/dmarc_words.h \
	checks/dnsbl.c \
	checks/dnsbl.h \
	checks/dnsbl_codes.c \
	checks/dnsbl_codes.h \
	checks/dnsbl_exam.c \
	checks/dnsbl_exam.h \
	checks/dnsbl_guard.c \
	checks/dnsbl_guard.h \
	checks/dnsbl_health.c \
	checks/dnsbl_health.h \
	checks/dnsbl_keep.c \
	checks/dnsbl_keep.h \
	checks/dnsbl_rate.c \
	checks/dnsbl_rate.h \
	checks/dnsbl_sum.c \
	checks/dnsbl_sum.h \
	checks/dnsbl_domain.c checks/dnsbl_domain.h \
	checks/dnsbl_domain_name.c checks/dnsbl_domain_name.h \
	checks/dnsbl_zones.c \
	checks/dnsbl_zones.h \
	checks/fcrdns.c \
	checks/fcrdns.h \
	checks/harvest.c \
	checks/harvest.h \
	checks/harvest_count.c \
	checks/harvest_count.h \
	checks/limits.c \
	checks/limits.h \
	checks/lists.c \
	checks/lists.h \
	checks/rates.c \
	checks/rates.h \
	checks/rates_admin.c checks/rates_admin.h \
	checks/rates_alarm.c checks/rates_alarm.h \
	checks/rates_bytes.c \
	checks/rates_command.c checks/rates_command.h \
	checks/rates_def.c \
	checks/rates_def.h \
	checks/rates_grant.c checks/rates_grant.h \
	checks/rates_hit.c checks/rates_hit.h \
	checks/rates_key.c checks/rates_key.h \
	checks/rates_local.c checks/rates_local.h \
	checks/rates_mail.c checks/rates_mail.h \
	checks/rates_print.c \
	checks/rates_script.c checks/rates_script.h \
	checks/rates_set.c checks/rates_set.h \
	checks/sender_domain.c \
	checks/sender_domain.h \
	checks/spf.c \
	checks/spf.h \
	checks/spf_eval.c \
	checks/spf_eval.h \
	checks/spf_libspf2.c \
	checks/spf_libspf2.h \
	checks/spf_macro.c \
	checks/spf_record.c \
	checks/spf_record.h

# ---- Unit tests ----

checks_test_libs = libchecks.a libmail.a libconf.a libutil.a libtap.a $(CONFIG_LIBS) $(PSL_LIBS) $(UNISTRING_LIBS) \
	$(IDN2_LIBS)
checks_test_fakes = \
	t/lib/check_fixture.c t/lib/check_fixture.h \
	t/lib/fake_net.c t/lib/fake_net.h \
	t/lib/fake_dns.c \
	t/lib/fake_mail_out.c t/lib/fake_mail_out.h \
	t/lib/fake_redis.c

checks_tests = t/unit/checks_dnsbl t/unit/checks_dnsbl_guard t/unit/checks_dnsbl_share t/unit/checks_dnsbl_probe \
	t/unit/checks_dnsbl_domain t/unit/checks_fcrdns \
	t/unit/checks_harvest t/unit/checks_limits t/unit/checks_lists \
	t/unit/checks_rates \
	t/unit/checks_dmarc t/unit/checks_dmarc_from t/unit/checks_dmarc_record t/unit/checks_dmarc_walk \
	t/unit/checks_sender_domain t/unit/checks_spf t/unit/checks_spf_eval t/unit/checks_spf_macro \
	t/unit/checks_spf_record
check_PROGRAMS += $(checks_tests)
TESTS += $(checks_tests)

t_unit_checks_dmarc_SOURCES = t/unit/checks_dmarc.c $(checks_test_fakes)
t_unit_checks_dmarc_LDADD = $(checks_test_libs)
t_unit_checks_dmarc_from_SOURCES = t/unit/checks_dmarc_from.c
t_unit_checks_dmarc_from_LDADD = $(checks_test_libs)
t_unit_checks_dmarc_record_SOURCES = t/unit/checks_dmarc_record.c
t_unit_checks_dmarc_record_LDADD = $(checks_test_libs)
t_unit_checks_dmarc_walk_SOURCES = t/unit/checks_dmarc_walk.c $(checks_test_fakes)
t_unit_checks_dmarc_walk_LDADD = $(checks_test_libs)
t_unit_checks_dnsbl_domain_SOURCES = t/unit/checks_dnsbl_domain.c $(checks_test_fakes)
t_unit_checks_dnsbl_domain_LDADD = $(checks_test_libs)
t_unit_checks_dnsbl_SOURCES = t/unit/checks_dnsbl.c $(checks_test_fakes)
t_unit_checks_dnsbl_LDADD = $(checks_test_libs)
checks_dnsbl_fixture = t/unit/checks_dnsbl_fixture.c t/unit/checks_dnsbl_fixture.h
t_unit_checks_dnsbl_guard_SOURCES = t/unit/checks_dnsbl_guard.c $(checks_dnsbl_fixture) $(checks_test_fakes)
t_unit_checks_dnsbl_guard_LDADD = $(checks_test_libs)
t_unit_checks_dnsbl_share_SOURCES = t/unit/checks_dnsbl_share.c $(checks_dnsbl_fixture) $(checks_test_fakes)
t_unit_checks_dnsbl_share_LDADD = $(checks_test_libs)
t_unit_checks_dnsbl_probe_SOURCES = t/unit/checks_dnsbl_probe.c $(checks_dnsbl_fixture) $(checks_test_fakes)
t_unit_checks_dnsbl_probe_LDADD = $(checks_test_libs)
t_unit_checks_fcrdns_SOURCES = t/unit/checks_fcrdns.c $(checks_test_fakes)
t_unit_checks_fcrdns_LDADD = $(checks_test_libs)
t_unit_checks_harvest_SOURCES = t/unit/checks_harvest.c $(checks_test_fakes)
t_unit_checks_harvest_LDADD = $(checks_test_libs)
t_unit_checks_limits_SOURCES = t/unit/checks_limits.c $(checks_test_fakes)
t_unit_checks_limits_LDADD = $(checks_test_libs)
t_unit_checks_lists_SOURCES = t/unit/checks_lists.c $(checks_test_fakes)
t_unit_checks_lists_LDADD = $(checks_test_libs)
t_unit_checks_rates_SOURCES = t/unit/checks_rates.c $(checks_test_fakes)
t_unit_checks_rates_LDADD = $(checks_test_libs)

check_PROGRAMS += t/unit/checks_rates_alarm t/unit/checks_rates_bytes t/unit/checks_rates_local
TESTS += t/unit/checks_rates_alarm t/unit/checks_rates_bytes t/unit/checks_rates_local
t_unit_checks_rates_alarm_SOURCES = t/unit/checks_rates_alarm.c $(checks_test_fakes)
t_unit_checks_rates_alarm_LDADD = $(checks_test_libs)
t_unit_checks_rates_bytes_SOURCES = t/unit/checks_rates_bytes.c $(checks_test_fakes)
t_unit_checks_rates_bytes_LDADD = $(checks_test_libs)
t_unit_checks_rates_local_SOURCES = t/unit/checks_rates_local.c
t_unit_checks_rates_local_LDADD = $(checks_test_libs)
t_unit_checks_sender_domain_SOURCES = t/unit/checks_sender_domain.c $(checks_test_fakes)
t_unit_checks_sender_domain_LDADD = $(checks_test_libs)
t_unit_checks_spf_SOURCES = t/unit/checks_spf.c $(checks_test_fakes)
t_unit_checks_spf_LDADD = $(checks_test_libs) $(SPF2_LIBS)
t_unit_checks_spf_eval_SOURCES = t/unit/checks_spf_eval.c $(checks_test_fakes)
t_unit_checks_spf_eval_LDADD = $(checks_test_libs) $(SPF2_LIBS)
t_unit_checks_spf_macro_SOURCES = t/unit/checks_spf_macro.c
t_unit_checks_spf_macro_LDADD = $(checks_test_libs)
t_unit_checks_spf_record_SOURCES = t/unit/checks_spf_record.c
t_unit_checks_spf_record_LDADD = $(checks_test_libs)

# Over a real Redis.
check_PROGRAMS += t/unit/checks_rates_admin
TESTS += t/unit/checks_rates_admin
t_unit_checks_rates_admin_SOURCES = t/unit/checks_rates_admin.c t/unit/net_fixture.c t/unit/net_fixture.h
t_unit_checks_rates_admin_LDADD = libchecks.a libmail.a libnet.a libconf.a libutil.a libtap.a $(CONFIG_LIBS) $(PSL_LIBS) \
	$(EVENT_LIBS) $(UNBOUND_LIBS) $(HIREDIS_LIBS) $(UNISTRING_LIBS)
check_PROGRAMS += t/unit/checks_rates_script
TESTS += t/unit/checks_rates_script
t_unit_checks_rates_script_SOURCES = t/unit/checks_rates_script.c t/unit/net_fixture.c t/unit/net_fixture.h
t_unit_checks_rates_script_LDADD = libchecks.a libmail.a libnet.a libconf.a libutil.a libtap.a $(CONFIG_LIBS) $(PSL_LIBS) \
	$(EVENT_LIBS) $(UNBOUND_LIBS) $(HIREDIS_LIBS) $(UNISTRING_LIBS)

# ---- SPF by other people's tests: t/spf-suite FILE ----

check_PROGRAMS += t/spf/spf_host
t_spf_spf_host_SOURCES = t/spf/spf_host.c t/lib/check_fixture.c t/lib/check_fixture.h
t_spf_spf_host_LDADD = libchecks.a libmail.a libnet.a libconf.a libutil.a libtap.a $(SPF2_LIBS) $(CONFIG_LIBS) \
	$(PSL_LIBS) $(EVENT_LIBS) $(UNBOUND_LIBS) $(HIREDIS_LIBS) $(UNISTRING_LIBS) $(IDN2_LIBS)
TESTS += t/spf/suite_corpus.py
EXTRA_DIST += t/spf-suite t/spf/suite.py t/spf/suite_corpus.py t/spf/libspf2.differences

# By hand, as t/fuzz/fuzz_header (mime/local.mk).
EXTRA_PROGRAMS += t/fuzz/fuzz_spf
t_fuzz_fuzz_spf_SOURCES = t/fuzz/fuzz_spf.c
t_fuzz_fuzz_spf_LDADD = libchecks.a libnet.a libutil.a $(SPF2_LIBS) $(EVENT_LIBS) $(UNBOUND_LIBS) $(HIREDIS_LIBS) \
	$(UNISTRING_LIBS)
t_fuzz_fuzz_spf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_PROGRAMS += t/fuzz/fuzz_dmarc
t_fuzz_fuzz_dmarc_SOURCES = t/fuzz/fuzz_dmarc.c
t_fuzz_fuzz_dmarc_LDADD = libchecks.a libutil.a $(IDN2_LIBS) $(UNISTRING_LIBS)
t_fuzz_fuzz_dmarc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

# ---- DKIM ----

checks_dkim_libs = libchecks.a libmail.a libconf.a libutil.a libtap.a $(OPENDKIM_LIBS) $(CRYPTO_LIBS) $(CONFIG_LIBS) \
	$(PSL_LIBS) $(UNISTRING_LIBS)
checks_dkim_tests = t/unit/checks_dkim t/unit/checks_dkim_keyfile t/unit/checks_dkim_text
check_PROGRAMS += $(checks_dkim_tests)
TESTS += $(checks_dkim_tests)
t_unit_checks_dkim_SOURCES = t/unit/checks_dkim.c $(checks_test_fakes)
t_unit_checks_dkim_LDADD = $(checks_dkim_libs)
t_unit_checks_dkim_keyfile_SOURCES = t/unit/checks_dkim_keyfile.c $(checks_test_fakes)
t_unit_checks_dkim_keyfile_LDADD = $(checks_dkim_libs)
t_unit_checks_dkim_text_SOURCES = t/unit/checks_dkim_text.c
t_unit_checks_dkim_text_LDADD = $(checks_dkim_libs)
EXTRA_PROGRAMS += t/fuzz/fuzz_dkim
t_fuzz_fuzz_dkim_SOURCES = t/fuzz/fuzz_dkim.c
t_fuzz_fuzz_dkim_LDADD = libchecks.a libutil.a $(OPENDKIM_LIBS) $(CRYPTO_LIBS) $(UNISTRING_LIBS)
t_fuzz_fuzz_dkim_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
