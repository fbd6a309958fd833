#!/usr/bin/env bash
# Builds CMake exports as libraries of projects of Raspberry Pi's SDK, offline: PICO_SDK_PATH=... scripts/pico.sh
# Debian and Ubuntu: libstdc++-arm-none-eabi-newlib must be there, which the SDK needs.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PICO_SDK_PATH:?is the folder of the SDK}"
ircompile=${IRCOMPILE:-.venv/bin/ircompile}

while read -r target board; do
    folder=$PWD/build/pico/$board
    rm -rf "$folder"
    $ircompile export examples/digits/digits.onnx --target "$target" --format cmake --name digits -o "$folder/digits"
    cat > "$folder/CMakeLists.txt" << END
cmake_minimum_required(VERSION 3.20)
include($PICO_SDK_PATH/pico_sdk_init.cmake)
project(demo C CXX ASM)
pico_sdk_init()
add_subdirectory(digits)
add_executable(demo digits/main.c)
target_link_libraries(demo pico_stdlib digits)
END
    cmake -S "$folder" -B "$folder/build" -DPICO_BOARD="$board" -DPICO_NO_PICOTOOL=1
    cmake --build "$folder/build"
    arm-none-eabi-size "$folder/build/demo.elf"
done << END
m0plus pico
m33 pico2
END
