#!/usr/bin/env bash
# clang-tidy (.clang-tidy) over the torch-free half: what parses files, keeps the ledger and runs for weeks.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
git ls-files -z framework/core registry framework/experiment framework/cli | grep -zE '\.cpp$' | grep -zvE '^registry/catalog/(loader|descriptor_check|elf_check)\.cpp$' |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy-14 -p build/release --quiet 2>/dev/null && echo "clang-tidy: nothing found"
