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
