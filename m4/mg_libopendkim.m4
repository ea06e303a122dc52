# libopendkim: the canonicalization and hashing of DKIM.
AC_DEFUN([MG_LIBOPENDKIM], [MG_PKG([OPENDKIM], [opendkim >= 2.10], [libopendkim-dev])])
