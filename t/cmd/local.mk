# The programs as a shell sees them.
TESTS += t/cmd/programs.py
EXTRA_DIST += t/cmd/programs.py
