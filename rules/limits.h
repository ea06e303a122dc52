/*
 * The limits of the rule language, with their reasons.
 */
#ifndef MILLGATE_RULES_LIMITS_H
#define MILLGATE_RULES_LIMITS_H

enum {
	RULES_MAX_RULES = 10000,    /* each is compared with all before it, once, at load */
	RULES_MAX_SECTIONS = 63,    /* bits of a section_mask besides the administrator's own */
	RULES_MAX_DEPTH = 100,      /* nested groups: parsing and evaluation recurse */
	RULES_MAX_NAME = 200,       /* bytes of a rule's name: it goes into every log line */
	RULES_MAX_REPLY = 400,      /* bytes of a reply's text: RFC 5321, 4.5.3.1.5 allows 512 with codes and id */
	RULES_MAX_ADDRESS = 320,    /* bytes: 64 + 1 + 255 (RFC 5321, 4.5.3.1) */
	RULES_MAX_HEADER_NAME = 76, /* a field's name and its colon on one line of 78 (RFC 5322, 2.1.1) */
	RULES_MAX_EXPANDED = 4096,  /* bytes of a value after %{fact}: headers are the sender's and may be huge */
	RULES_MAX_SHOWN = 200,      /* bytes of a condition's value in the listing */

	RULES_SMALL_SET = 8, /* values up to which comparing one by one beats hashing */

	/* What patterns may cost.  PCRE2 counts its steps anew at each place of the text where a match may begin; an
	 * honest pattern takes some hundred there.  One that takes more is tried again, with as many steps as take a
	 * few milliseconds for the text as a whole; in one transaction some times only.  KiB of heap and depth: without
	 * JIT, or when its stack is too small, as for (a|b)* on a text of many thousand characters. */
	REGEX_QUICK_STEPS = 2000,
	REGEX_MATCH_LIMIT = 500000,
	REGEX_PATIENCE = 16,         /* texts that are tried again, of one transaction */
	REGEX_HURRY_BYTES = 320,     /* of a text, where there is little time: an address */
	REGEX_MAX_BYTES = 128 << 10, /* of a fact's values: more than Postfix's header_size_limit */
	REGEX_VALUE_BYTES = 16,      /* what a value counts besides its text */
	REGEX_DEPTH_LIMIT = 200000,
	REGEX_HEAP_KIB = 16384,
	REGEX_MAX_PATTERN = 16384,
	REGEX_MAX_NEST = 100 /* parentheses: PCRE2's compiler recurses */
};

#endif
