# OpenSSL's libcrypto: the keys and signatures of DKIM.
AC_DEFUN([MG_LIBCRYPTO], [MG_PKG([CRYPTO], [libcrypto >= 3.0], [libssl-dev])])
