#!/bin/sh
# install.sh VENV LOCK: for the Dockerfile. Install exactly the locked packages into a virtualenv that has no pip.
# uv reads its own settings, not pip's: where only pip knows the index, pip installs the same lock (as deploy/setup.sh).
set -eu
/opt/uv/bin/uv pip sync --no-cache --python "$1/bin/python" --require-hashes "$2" ||
    {
        echo "install: uv could not install (its message is above); trying pip with the same lock, which takes minutes"
        /opt/uv/bin/pip --python "$1/bin/python" install --no-cache-dir --no-deps --require-hashes -r "$2"
    }
