# libpsl: the public suffix list, for registrable domains.
AC_DEFUN([MG_LIBPSL], [MG_PKG([PSL], [libpsl >= 0.21], [libpsl-dev])])
