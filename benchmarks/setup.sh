#!/bin/sh
# Make the environment in .venv-benchmarks: the peers from their hashed lock, and all that .venv has. Instant when
# nothing changed. Called by `make accuracy`, after `make setup`.
#
# The peers stay out of .venv, so that the product is run and tested with what its own lock names and nothing else.
# Their lock is constrained by the product's: what both have is of one version.
set -eu
cd "$(dirname "$0")/.."

environment=.venv-benchmarks
stamp=$environment/locked-packages.stamp
packages=$(cksum <requirements/benchmarks.txt)
[ "$packages" != "$(cat "$stamp" 2>/dev/null)" ] || exit 0

fail() {
    echo "setup: $1" >&2
    exit 1
}

echo "setup: installing the locked peers into $environment"
.venv/bin/python -m venv --clear --without-pip "$environment"
echo '*' >"$environment/.gitignore"
echo ../../../../.venv/lib/python3.11/site-packages >"$environment/lib/python3.11/site-packages/product.pth"
# uv reads its own settings, not pip's: on a machine where only pip knows the index, pip installs the same lock.
.venv/bin/uv pip sync --quiet --python "$environment/bin/python" --require-hashes requirements/benchmarks.txt ||
    {
        echo "setup: uv could not install (its message is above); trying pip with the same lock"
        .venv/bin/python -m pip --python "$environment/bin/python" install --quiet --disable-pip-version-check \
            --no-deps --require-hashes -r requirements/benchmarks.txt
    } || fail "the locked peers could not be installed (the message is above). Is the package index reachable?"
echo "$packages" >"$stamp"
