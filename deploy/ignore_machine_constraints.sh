# ignore_machine_constraints PYTHON: call before locked packages are installed; to be sourced, in the project's folder.
#
# The lock names every version with its hashes. A constraint of this machine could only agree with it or stop the
# installation, as does one whose file is not there: pip and uv are told to use none, and a line says which are meant.
ignore_machine_constraints() {
    overruled=$("$1" -m deploy.checks.machine_settings --overruled) || return 1
    [ -z "$overruled" ] ||
        printf 'setup: not used, for the lock names every version with its hashes:\n%s\n' "$overruled"
    # pip takes an empty variable for none, and would read its files: an empty file takes their place.
    export PIP_CONSTRAINT=/dev/null PIP_BUILD_CONSTRAINT=/dev/null PIP_REQUIREMENT=/dev/null
    # Those of a uv.toml do not bear on `uv pip sync`.
    unset UV_CONSTRAINT UV_BUILD_CONSTRAINT UV_OVERRIDE UV_EXCLUDE UV_EXCLUDE_NEWER
}
