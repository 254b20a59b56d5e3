"""What browsers are called on the page of an account."""

import re

from webapp.language.translations import gettext as _

BROWSERS = {"Edge": r"\bEdg(?:e|A|iOS)?/", "Opera": r"\bOPR/", "Firefox": r"\b(?:Firefox|FxiOS)/",
            "Chrome": r"\b(?:Headless)?(?:Chrome|CriOS)/", "Safari": r"\bVersion/\S+.* Safari/"}
"""Name -> by what it is known; the first that fits, for most say that they are others too."""
SYSTEMS = {"Windows": r"\bWindows\b", "Android": r"\bAndroid\b", "iPhone": r"\biPhone\b", "iPad": r"\biPad\b",
           "macOS": r"\bMac OS X\b", "ChromeOS": r"\bCrOS\b", "Linux": r"\bLinux\b"}


def browser_words(told: str) -> str:
    """A browser and its system, as in ``Firefox on Linux``, by what it told of itself; that, where it is neither."""
    browser = next((name for name, known in BROWSERS.items() if re.search(known, told)), "")
    system = next((name for name, known in SYSTEMS.items() if re.search(known, told)), "")
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or told or _("unknown")
