#!/bin/sh
# Make the virtualenv in .venv from the hashed lock, then fetch the front-end libraries. Instant when nothing changed.
# Called by `make setup`. PYTHON names another Python 3.11.
set -eu
cd "$(dirname "$0")/.."
. deploy/ignore_machine_constraints.sh

fail() {
    echo "setup: $1" >&2
    exit 1
}

is_python_3_11() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_python_3_11 "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11. Name one: make setup PYTHON=/path/to/python3.11"
        return
    fi
    for PYTHON in python3.11 python3 python; do
        is_python_3_11 "$PYTHON" && return
    done
    fail "Python 3.11 is needed and none was found. Install it (Debian 12: apt install python3 python3-venv) or name it: make setup PYTHON=/path/to/python3.11"
}

install_packages() {
    [ ! -L .venv ] || fail ".venv is a link to another checkout's virtualenv, which would be emptied. Remove the link, or use that one without make"
    find_python
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$PYTHON cannot make virtualenvs (no venv module). On Debian: apt install python3-venv"
    echo "setup: installing the locked packages into .venv"
    ignore_machine_constraints "$PYTHON" || fail "the settings of pip and uv on this machine could not be read (the message is above)"
    # A virtualenv that was moved or copied still names its old place in its scripts.
    is_python_3_11 .venv/bin/python && grep -qF "$PWD/.venv" .venv/pyvenv.cfg || "$PYTHON" -m venv --clear "$PWD/.venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt ||
        fail "pip could not install uv from requirements/uv.txt (its message is above). Is the package index reachable?"
    # uv reads its own settings, not pip's: on a machine where only pip knows the index, pip installs the same lock.
    .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements/dev.txt ||
        {
            echo "setup: uv could not install (its message is above); trying pip with the same lock, which takes minutes"
            .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
                -r requirements/dev.txt
        } || fail "the locked packages could not be installed (the message is above)"
}

# The product itself, as its files lie here: the commands demand-run, demand-worker and demand-train in .venv/bin.
# Everything that this needs was installed from the lock.
# Nothing is fetched: what builds it is in the lock. So none of the machine's pip settings bear on it.
install_project() {
    PIP_CONFIG_FILE=/dev/null .venv/bin/python -m pip --isolated install --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation --no-index --editable . || fail "the product's own commands could not be installed (pip's message is above)"
}

fetch_front_end_libraries() {
    echo "setup: fetching the front-end libraries"
    (PATH="$PWD/.venv/bin:$PATH" && cd webapp && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null) ||
        fail "npm could not install webapp/package-lock.json (its message is above). Is the npm registry reachable?"
    .venv/bin/python webapp/vendored_files.py || fail "the front-end libraries could not be put in webapp/static/vendor"
}

# checksum FILE...: of the files as they are now, and of the place of the project.
checksum() {
    { pwd && cat "$@"; } | cksum
}

packages_stamp=.venv/locked-packages.stamp
project_stamp=.venv/project.stamp
packages=$(checksum requirements/uv.txt requirements/dev.txt)
if [ "$packages" != "$(cat "$packages_stamp" 2>/dev/null)" ]; then
    rm -f "$packages_stamp"
    install_packages
    rm -f "$project_stamp"
    echo "$packages" >"$packages_stamp"
fi

project=$(checksum pyproject.toml)
if [ "$project" != "$(cat "$project_stamp" 2>/dev/null)" ]; then
    install_project
    echo "$project" >"$project_stamp"
fi

front_end_stamp=webapp/static/vendor/locked-libraries.stamp
libraries=$(checksum webapp/package-lock.json webapp/vendored_files.py)
if [ "$libraries" != "$(cat "$front_end_stamp" 2>/dev/null)" ]; then
    fetch_front_end_libraries
    echo "$libraries" >"$front_end_stamp"
fi
