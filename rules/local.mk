noinst_LIBRARIES += librules.a
librules_a_CPPFLAGS = $(AM_CPPFLAGS) $(PCRE2_CFLAGS)
librules_a_SOURCES = \
	rules/actions.c \
	rules/compile.c \
	rules/condition.h \
	rules/evaluate.c \
	rules/expand.c \
	rules/internal.h \
	rules/limits.h \
	rules/match.c \
	rules/op_exists.c \
	rules/op_list.c \
	rules/op_number.c \
	rules/op_regex.c \
	rules/op_same.c \
	rules/op_text.c \
	rules/ops.c \
	rules/parse.c \
	rules/parse_condition.c \
	rules/print.c \
	rules/reply.c \
	rules/rules.c rules/rules.h \
	rules/set.c \
	rules/warn.c

RULES_TEST_LIBS = libtap.a librules.a libmail.a libconf.a libutil.a $(PCRE2_LIBS) $(PSL_LIBS) $(CONFIG_LIBS) \
	$(UNISTRING_LIBS)

# Rule tests, written in the rule language.
RULES_TESTS = t/rules/run_rules
t_rules_run_rules_SOURCES = t/rules/run_rules.c t/rules/rt.h t/rules/rt_case.c t/rules/rt_read.c
t_rules_run_rules_LDADD = $(RULES_TEST_LIBS)
EXTRA_DIST += \
	t/rules/absent.rt \
	t/rules/accept.rt \
	t/rules/cyrillic.rt \
	t/rules/early.rt \
	t/rules/errors.rt \
	t/rules/groups.rt \
	t/rules/lists.rt \
	t/rules/operators.rt \
	t/rules/order.rt \
	t/rules/readme.rt \
	t/rules/recipients.rt \
	t/rules/regex.rt \
	t/rules/shadow.rt \
	t/rules/skip.rt \
	t/rules/unavailable.rt \
	t/rules/untold.rt

# Unit tests, each of one part.
RULES_UNIT_TESTS = \
	t/unit/rules_compile \
	t/unit/rules_expand \
	t/unit/rules_files \
	t/unit/rules_print \
	t/unit/rules_regex \
	t/unit/rules_theorem \
	t/unit/rules_threads
RULES_FIXTURE = t/unit/rules_fixture.c t/unit/rules_fixture.h
t_unit_rules_compile_SOURCES = t/unit/rules_compile.c $(RULES_FIXTURE)
t_unit_rules_compile_LDADD = $(RULES_TEST_LIBS)
t_unit_rules_expand_SOURCES = t/unit/rules_expand.c $(RULES_FIXTURE)
t_unit_rules_expand_LDADD = $(RULES_TEST_LIBS)
t_unit_rules_files_SOURCES = t/unit/rules_files.c $(RULES_FIXTURE)
t_unit_rules_files_LDADD = $(RULES_TEST_LIBS)
t_unit_rules_print_SOURCES = t/unit/rules_print.c $(RULES_FIXTURE)
t_unit_rules_print_LDADD = $(RULES_TEST_LIBS)
t_unit_rules_regex_SOURCES = t/unit/rules_regex.c $(RULES_FIXTURE)
t_unit_rules_regex_LDADD = $(RULES_TEST_LIBS)
t_unit_rules_theorem_SOURCES = t/unit/rules_theorem.c \
	t/unit/rules_drawn.c t/unit/rules_drawn.h \
	t/unit/rules_reference.c t/unit/rules_reference.h
t_unit_rules_theorem_LDADD = $(RULES_TEST_LIBS)
t_unit_rules_threads_SOURCES = t/unit/rules_threads.c $(RULES_FIXTURE)
t_unit_rules_threads_LDADD = $(RULES_TEST_LIBS)

check_PROGRAMS += $(RULES_TESTS) $(RULES_UNIT_TESTS)
TESTS += $(RULES_TESTS) $(RULES_UNIT_TESTS)

# By hand, as mime/local.mk says of its own: t/fuzz/fuzz_rules -max_total_time=180.
EXTRA_PROGRAMS += t/fuzz/fuzz_rules
t_fuzz_fuzz_rules_SOURCES = t/fuzz/fuzz_rules.c
t_fuzz_fuzz_rules_LDADD = librules.a libmail.a libconf.a libutil.a $(PCRE2_LIBS) $(PSL_LIBS) $(CONFIG_LIBS) $(UNISTRING_LIBS)
t_fuzz_fuzz_rules_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
