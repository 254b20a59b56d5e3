#!/bin/sh
# Make the environment of `make lint-deploy` in .venv-deploy from its hashed lock. Instant when nothing changed. Apart
# from .venv, so that the product's lock does not bend to linters.
set -eu
cd "$(dirname "$0")/.."

environment=.venv-deploy
stamp=$environment/locked-packages.stamp
packages=$(cksum <requirements/deploy.txt)
[ "$packages" != "$(cat "$stamp" 2>/dev/null)" ] || exit 0

echo "setup: installing the locked linters into $environment"
.venv/bin/python -m venv --clear --without-pip "$environment"
echo '*' >"$environment/.gitignore"
.venv/bin/uv pip sync --quiet --python "$environment/bin/python" --require-hashes requirements/deploy.txt ||
    .venv/bin/python -m pip --python "$environment/bin/python" install --quiet --disable-pip-version-check \
        --no-deps --require-hashes -r requirements/deploy.txt
echo "$packages" >"$stamp"
