"""TAP version 13 for the tests written in Python: each check prints one line, done() prints the plan."""

import difflib
import re
import sys
import traceback

_count = 0
_failed = 0
_finished = False


def diag(text):
    for line in str(text).splitlines():
        print("#", line, flush=True)


def ok(condition, name):
    """One check; answers whether it held."""
    global _count, _failed
    _count += 1
    # '#' would start a TAP directive.
    print("%sok %d - %s" % ("" if condition else "not ", _count, name.replace("#", "no. ")), flush=True)
    if not condition:
        _failed += 1
        caller = next(f for f in reversed(traceback.extract_stack()) if f.filename != __file__)
        diag("at %s line %d" % (caller.filename, caller.lineno))
    return bool(condition)


def eq(got, want, name):
    """got == want; a difference of two longer texts is shown as a diff."""
    if not ok(got == want, name):
        if isinstance(got, (str, bytes)) and isinstance(want, type(got)) and len(got) + len(want) > 200:
            lines = [repr(x)[1:-1].replace("\\n", "\n").splitlines() for x in (want, got)]
            diag("\n".join(difflib.unified_diff(*lines, "wanted", "got", lineterm="")))
        else:
            diag("   got: %r\nwanted: %r" % (got, want))
        return False
    return True


def like(text, pattern, name):
    """The regular expression is found in the text (or bytes: both must be of one kind)."""
    if text is None or not re.search(pattern, text):
        ok(False, name)
        diag("      text: %r\n  not like: %r" % (text, pattern))
        return False
    return ok(True, name)


def unlike(text, pattern, name):
    if re.search(pattern, text):
        ok(False, name)
        diag("  text: %r\n  like: %r" % (text, pattern))
        return False
    return ok(True, name)


def topic(text):
    """A heading among the checks, for people."""
    diag("")
    diag("-- " + text)


def failed():
    return _failed


def done():
    """Prints the plan and ends the program: 0 when every check held."""
    global _finished
    _finished = True
    print("1..%d" % _count, flush=True)
    sys.exit(1 if _failed or not _count else 0)


def skip(why):
    """A check that cannot be made here."""
    global _count
    _count += 1
    print("ok %d # SKIP %s" % (_count, why), flush=True)


def skip_all(why):
    """The whole program cannot be run here."""
    print("1..0 # SKIP " + why, flush=True)
    sys.exit(0)


def _died(kind, value, trace):
    """An exception that nobody caught is a failed check, and the plan still comes."""
    if issubclass(kind, KeyboardInterrupt):
        print("Bail out! interrupted", flush=True)
        return
    global _count
    _count += 1
    print("not ok %d - died: %s: %s" % (_count, kind.__name__, str(value).splitlines()[0] if str(value) else ""))
    diag("".join(traceback.format_exception(kind, value, trace)))
    print("1..%d" % _count, flush=True)


sys.excepthook = _died
