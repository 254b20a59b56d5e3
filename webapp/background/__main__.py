"""``python -m webapp.background``: the one background process of the web app."""

import sys

from webapp import create_app
from webapp.background.process import main

if __name__ == "__main__":
    sys.exit(main(create_app))
