"""Memory that a training freed, which the C library keeps for later."""

import ctypes
import sys


def give_back() -> None:
    """Return to the system what nothing uses any more; nothing where the C library is another than glibc.

    glibc keeps for itself what each thread freed below what is still in use. A pooled training frees more than half of
    all that it used, and the process lives on.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
