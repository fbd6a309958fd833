#!/usr/bin/env bash
# Makes .venv with ircompile in editable mode and the given extras (default: dev,verify).
set -euo pipefail
cd "$(dirname "$0")/.."
extras=${1:-dev,verify}

python=${PYTHON:-}
if [ -z "$python" ]; then
    # 3.11 first: the only one that PyPI's tflite-micro, one of the references, is built for.
    for candidate in python3.11 python3.12 python3.13 python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "error: no Python with venv found (supported: 3.11 to 3.13)" >&2
    echo "hint: on Debian or Ubuntu: apt-get install python3 python3-venv; or make PYTHON=/path/to/python3" >&2
    exit 1
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "installing Python packages into .venv (extras: $extras)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
