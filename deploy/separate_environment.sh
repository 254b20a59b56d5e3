#!/bin/sh
# Make an environment apart from .venv from a lock of its own, so that the product is run and tested with what its own
# lock names and nothing else: `separate_environment.sh NAME` makes .venv-NAME from requirements/NAME.txt. Instant when nothing
# changed; after `make setup`. `benchmarks` (the peers) sees .venv too, and its lock is constrained by the product's:
# what both have is of one version. `deploy` has the linters of what deploys, `docs` what makes the site, `helm` the
# program Helm.
set -eu
cd "$(dirname "$0")/.."
. deploy/ignore_machine_constraints.sh

name=$1
environment=.venv-$name
stamp=$environment/locked-packages.stamp
packages=$(cksum <"requirements/$name.txt")
[ "$packages" != "$(cat "$stamp" 2>/dev/null)" ] || exit 0

echo "setup: installing requirements/$name.txt into $environment"
ignore_machine_constraints .venv/bin/python
.venv/bin/python -m venv --clear --without-pip "$environment"
echo '*' >"$environment/.gitignore"
if [ "$name" = benchmarks ]; then
    echo ../../../../.venv/lib/python3.11/site-packages >"$environment/lib/python3.11/site-packages/product.pth"
fi
# uv reads its own settings, not pip's: on a machine where only pip knows the index, pip installs the same lock.
.venv/bin/uv pip sync --quiet --python "$environment/bin/python" --require-hashes "requirements/$name.txt" ||
    {
        echo "setup: uv could not install (its message is above); trying pip with the same lock"
        .venv/bin/python -m pip --python "$environment/bin/python" install --quiet --disable-pip-version-check \
            --no-deps --require-hashes -r "requirements/$name.txt"
    } || {
        echo "setup: $environment could not be made (the message is above). Is the package index reachable?" >&2
        exit 1
    }
echo "$packages" >"$stamp"
