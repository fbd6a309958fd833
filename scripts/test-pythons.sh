#!/usr/bin/env bash
# Installs the wheel with its extras under each other Python that is there, and runs the unit tests on it, away from the source tree.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/pythons
rm -f build/pythons/*.whl
.venv/bin/python -m build --no-isolation --wheel --outdir build/pythons . >/dev/null
wheel=$(echo "$PWD"/build/pythons/*.whl)

for version in 3.12 3.13; do
    python=
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        if "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "Python $version: not here, not tested"
        continue
    fi
    place=build/pythons/$version
    "$python" -m venv --clear "$place"
    "$place/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel[dev,verify]"
    echo "Python $version:"
    # Without `python -m`, so that the folder here is not on the path: the tests import the wheel.
    "$place/bin/pytest" -q -rN -p no:cacheprovider -m "not slow and not toolchain" -n "${JOBS:-2}" tests
done
