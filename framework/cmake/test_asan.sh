#!/usr/bin/env bash
# Builds the torch-free tests with AddressSanitizer and UndefinedBehaviorSanitizer, and runs them (ctest label asan).
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
bash framework/cmake/setup.sh --no-build || exit
mkdir -p build
cmake --preset asan >build/asan.log 2>&1 || { cat build/asan.log; exit 1; }
cmake --build --preset asan --target tessera_asan_tests || exit
ctest --preset asan -j "$(nproc)" "$@"
