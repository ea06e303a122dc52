noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = \
	engine/checks.c engine/checks.h \
	engine/connections.c \
	engine/decide.c \
	engine/engine.c engine/engine.h \
	engine/envelope.c \
	engine/events.h \
	engine/facts.c \
	engine/fields.c \
	engine/finish.c \
	engine/headers.c \
	engine/journal.c engine/journal.h \
	engine/keeper.c engine/keeper.h \
	engine/loop.c engine/loop.h \
	engine/machine.c \
	engine/merge.c \
	engine/needs.c \
	engine/record.c \
	engine/reply.c \
	engine/session.c engine/session.h \
	engine/settings.c engine/settings.h \
	engine/snapshot.c engine/snapshot.h \
	engine/tell.c \
	engine/transaction.c \
	engine/twins.c \
	engine/unsaid.c \
	engine/untold.c \
	engine/view.c \
	engine/who.c

ENGINE_TEST_LIBS = \
	libtap.a libengine.a librules.a libgreylist.a libchecks.a libmime.a libmail.a libnet.a libconf.a libutil.a \
	$(EVENT_LIBS) $(UNBOUND_LIBS) $(HIREDIS_LIBS) $(PSL_LIBS) $(CONFIG_LIBS) $(PCRE2_LIBS) \
	$(UNISTRING_LIBS) $(SPF2_LIBS) $(OPENDKIM_LIBS) $(CRYPTO_LIBS) $(IDN2_LIBS) $(CURL_LIBS)

check_PROGRAMS += t/unit/engine_verdict
TESTS += t/unit/engine_verdict
t_unit_engine_verdict_SOURCES = t/unit/engine_verdict.c t/unit/engine_fixture.c t/unit/engine_fixture.h
t_unit_engine_verdict_LDADD = $(ENGINE_TEST_LIBS)

check_PROGRAMS += t/unit/engine_envelope
TESTS += t/unit/engine_envelope
t_unit_engine_envelope_SOURCES = t/unit/engine_envelope.c t/unit/engine_fakes.c t/unit/engine_fakes.h \
	t/unit/engine_fixture.c t/unit/engine_fixture.h
t_unit_engine_envelope_LDADD = $(ENGINE_TEST_LIBS)

check_PROGRAMS += t/unit/engine_unsaid
TESTS += t/unit/engine_unsaid
t_unit_engine_unsaid_SOURCES = t/unit/engine_unsaid.c t/unit/engine_fixture.c t/unit/engine_fixture.h
t_unit_engine_unsaid_LDADD = $(ENGINE_TEST_LIBS)

check_PROGRAMS += t/unit/engine_threads
TESTS += t/unit/engine_threads
t_unit_engine_threads_SOURCES = t/unit/engine_threads.c t/unit/engine_fixture.c t/unit/engine_fixture.h
t_unit_engine_threads_LDADD = $(ENGINE_TEST_LIBS)

# What a transaction costs; run by hand.
EXTRA_PROGRAMS += t/bench/engine_bench
t_bench_engine_bench_SOURCES = t/bench/engine_bench.c $(net_fixture)
t_bench_engine_bench_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_bench_engine_bench_LDADD = $(ENGINE_TEST_LIBS)
