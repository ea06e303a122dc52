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
	t/rules/recipients.rt \
	t/rules/regex.rt \
	t/rules/shadow.rt \
	t/rules/skip.rt \
	t/rules/unavailable.rt

# Unit tests, each of one part.
RULES_TESTS += t/unit/rules_theorem
t_unit_rules_theorem_SOURCES = t/unit/rules_theorem.c
t_unit_rules_theorem_LDADD = $(RULES_TEST_LIBS)

check_PROGRAMS += $(RULES_TESTS)
TESTS += $(RULES_TESTS)
