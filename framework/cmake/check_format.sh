#!/usr/bin/env bash
# Every source file of ours is as .clang-format says; check_format.sh --fix makes it so.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
mode=(--dry-run -Werror)
[ "${1-}" = --fix ] && mode=(-i)
git ls-files -z '*.cpp' '*.hpp' '*.h' '*.cu' | xargs -0 clang-format-14 "${mode[@]}" && echo "format: as .clang-format says"
