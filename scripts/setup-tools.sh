#!/usr/bin/env bash
# Installs the compilers and the emulator the tests need, where they are missing.
# Debian and Ubuntu only; elsewhere it says what to install by hand.
set -euo pipefail

packages=()
need() { # need COMMAND PACKAGE: the Debian package that provides a missing command
    command -v "$1" >/dev/null 2>&1 || packages+=("$2")
}
need gcc gcc
need g++ g++
need cmake cmake
need make make
need clang clang
need cppcheck cppcheck # its MISRA addon
need llvm-symbolizer llvm # names functions in a sanitizer's report
need arm-none-eabi-gcc gcc-arm-none-eabi
need qemu-system-arm qemu-system-arm

# The C libraries: compilers may be there without them.
if ! echo '#include <string.h>' | arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -E - >/dev/null 2>&1; then
    packages+=(libnewlib-arm-none-eabi)
fi
if ! echo '#include <string.h>' | gcc -E - >/dev/null 2>&1; then
    packages+=(libc6-dev)
fi
if ! echo 'int main(void){return 0;}' | clang -fsanitize=address,undefined -x c - -o /dev/null >/dev/null 2>&1; then
    packages+=(libclang-rt-dev)
fi
if ! "${PYTHON:-python3}" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    packages+=(python3-venv)
fi
[ ${#packages[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "error: missing on this machine: ${packages[*]} (Debian's names)" >&2
    echo "hint: this is no Debian or Ubuntu; install them with your package manager, then run make again" >&2
    exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "error: missing: ${packages[*]}, and neither root nor sudo to install them with" >&2
        echo "hint: as root: apt-get update && apt-get install ${packages[*]}" >&2
        exit 1
    fi
    sudo=(sudo)
fi
echo "installing Debian packages: ${packages[*]}"
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
