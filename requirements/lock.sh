#!/bin/sh
# Rewrite the locks from the *.in files: `sh requirements/lock.sh` keeps locked versions, `… --upgrade` renews them.
set -eu
cd "$(dirname "$0")"
for name in base assets dev uv benchmarks deploy; do
    ../.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header "$@" "$name.in" -o "$name.txt"
done
