# The programs as a shell sees them.
cmd_tests = t/cmd/dkim.py t/cmd/programs.py
TESTS += $(cmd_tests)
EXTRA_DIST += $(cmd_tests)
