# PCRE2 with 8-bit code units: the `matches` operator.
AC_DEFUN([MG_PCRE2], [MG_PKG([PCRE2], [libpcre2-8 >= 10.30], [libpcre2-dev])])
