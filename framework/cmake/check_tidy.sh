#!/usr/bin/env bash
# clang-tidy (.clang-tidy) over the torch-free half: what parses files, keeps the ledger and runs for weeks. Its path-sensitive checks take
# as long as all others together: they are asked where a fault would lose data.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
tidy() { # checks, folders
  local checks=$1
  shift
  git ls-files -z "$@" | grep -zE '\.cpp$' | grep -zvE '^registry/catalog/(loader|descriptor_check|elf_check)\.cpp$' |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy-14 -p build/release --quiet --checks="$checks" 2>/dev/null
}
failed=0
tidy '' framework/core registry || failed=1
tidy '-clang-analyzer-*' framework/experiment framework/cli || failed=1
[ $failed = 0 ] && echo "clang-tidy: nothing found"
exit $failed
