"""``python -m webapp.background``: the one background process of the web app."""

import sys

from webapp.background.loops import main

if __name__ == "__main__":
    sys.exit(main())
