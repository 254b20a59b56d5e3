#!/bin/sh
# Rewrite the locks from pyproject.toml and the *.in files: `sh requirements/lock.sh` keeps locked versions,
# `… --upgrade` renews them.
set -eu
cd "$(dirname "$0")"

# lock NAME SOURCE...: NAME.txt from those lists.
lock() {
    name=$1
    shift
    ../.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header $options "$@" -o "$name.txt"
}

options=$*
lock base ../pyproject.toml
lock assets assets.in
lock dev --extra mcp ../pyproject.toml dev.in
lock uv uv.in
lock benchmarks benchmarks.in
lock challengers challengers.in
lock deploy deploy.in
lock helm --no-deps helm.in
lock docs docs.in
