# Sourced by the scripts beside it: makes sure that .venv has filmcolor in it, as pyproject.toml says.
#
# `prepare run` installs the package, `prepare dev` its tools for tests as well. Afterwards $root is the
# folder of pyproject.toml and $venv its virtual environment. When all is in place this costs a few
# milliseconds; when not, _setup.py does the work, one process at a time. $PYTHON chooses the Python.

# The folder of this project, whatever the current directory; $0 is the script that sources this.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
venv=$root/.venv

# A Python that is new enough and can make virtual environments, in $python.
find_python() {
    for python in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            return 0
        fi
        if [ "$python" = "${PYTHON:-}" ]; then
            echo "PYTHON=$PYTHON is no Python 3.11 or newer with the venv module" >&2
            return 1
        fi
    done
    echo "filmcolor needs Python 3.11 or newer with the venv module; install it (on Debian and" \
        "Ubuntu: apt install python3 python3-venv), or name one: PYTHON=/path/to/python3" >&2
    return 1
}

prepare() {
    # What a finished environment says of itself: where it is, and what it was made from.
    stamp="$root $(cksum <"$root/pyproject.toml")" || exit 1
    if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/stamp-$1" 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    find_python || exit 1
    "$python" "$root/scripts/_setup.py" "$root" "$1" "$stamp" >&2 || exit 1
}
