#!/usr/bin/env bash
# What set-up says when it cannot go on: one sentence, the whole of it compared. The machine's tools are replaced by stand-ins
# in a folder that is the only one searched, so nothing is installed.
set -u
source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# A fresh tree and a search path of real tools; tests then replace some.
begin() {
  rm -rf "$scratch/tree" "$scratch/tools"
  mkdir -p "$scratch/tree/framework" "$scratch/tools"
  cp -r "$source_tree/framework/cmake" "$scratch/tree/framework/cmake"
  for tool in bash cat cp cut date df dirname env grep awk mkdir mv nproc rm sed sha256sum sort tail tee tr uname xargs head sleep; do
    ln -s "$(command -v $tool)" "$scratch/tools/$tool"
  done
  stand_in id 'echo 0'
  stand_in dpkg ':'
  stand_in dpkg-query ':'
}
stand_in() { # name, body
  rm -f "$scratch/tools/$1"
  printf '#!%s\n%s\n' "$(command -v bash)" "$2" >"$scratch/tools/$1"
  chmod +x "$scratch/tools/$1"
}
all_packages_installed() {
  stand_in dpkg-query "grep -v '^#' $scratch/tree/framework/cmake/packages.txt | sed 's/^/installed /'"
}
expect() { # name, sentence, as a glob where the machine's numbers stand, exit code (default: 1)
  local output last
  output=$(cd "$scratch/tree" && env -i HOME="$scratch" PATH="$scratch/tools" "${environment[@]}" bash framework/cmake/setup.sh --no-build "${arguments[@]}" 2>&1)
  local code=$?
  last=$(tail -n 1 <<<"$output")
  # shellcheck disable=SC2053 # the right side is a pattern on purpose
  if [ $code != "${3:-1}" ] || [[ $last != $2 ]]; then
    printf 'FAILED %s (exit %d)\n  expected: %s\n  found:    %s\n' "$1" "$code" "$2" "$last"
    failures=$((failures + 1))
  else
    echo "ok     $1"
  fi
}
environment=(LANG=C)
arguments=()

begin
stand_in id 'echo 1000'
expect "neither root nor sudo" "Set-up stopped: Debian packages are missing (ca-certificates *), and you are neither root nor have sudo; ask an administrator to install them."

begin
stand_in id 'echo 1000'
stand_in sudo 'exit 1'
expect "sudo refuses" "Set-up stopped: Debian packages are missing (ca-certificates *), and sudo refused to install them."

begin
rm "$scratch/tools/dpkg-query"
expect "no Debian" "Set-up stopped: this is no Debian system (no dpkg); the packages to provide by other means are listed in $scratch/tree/framework/cmake/packages.txt."

begin
stand_in apt-get 'echo "E: Failed to fetch some/package: Temporary failure resolving the mirror" >&2; exit 100'
expect "no network, Debian packages" "Set-up stopped: no network: Debian packages could not be downloaded; check the connection, then run the same command again."

begin
stand_in apt-get '[[ " $* " = *" update "* ]] || { echo "E: Unable to locate package mold" >&2; exit 100; }'
expect "package missing" "Set-up stopped: Unable to locate package mold; Tessera needs the packages of Debian 12 (bookworm)."

begin
stand_in apt-get '[[ " $* " = *" update "* ]] || { echo "E: You don'"'"'t have enough free space in the cache." >&2; exit 100; }'
expect "disk full, Debian packages" "Set-up stopped: the disk is full: free some space (* are left), then run the same command again."

begin
all_packages_installed
stand_in df 'printf "Avail\n100M\n"'
expect "disk full, LibTorch" "Set-up stopped: the disk is full: LibTorch needs * MiB in $scratch/tree, and 100 MiB are free."

begin
all_packages_installed
stand_in uname 'echo Linux aarch64'
expect "other machine" "Set-up stopped: Tessera's set-up is for x86_64 Linux, this is Linux aarch64."

begin
all_packages_installed
environment=(LANG=C PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:9/ PIP_RETRIES=1)
expect "no network, LibTorch" "Set-up stopped: no network: LibTorch could not be downloaded; check the connection, then run the same command again."
[ ! -e "$scratch/tree/.venv" ] || { echo "FAILED a .venv without LibTorch was left"; failures=$((failures + 1)); }

# What only tests need: packages are asked for and no reason to stop; a Python package that cannot be had is.
begin
all_packages_installed
stand_in id 'echo 1000'
arguments=(--tests)
environment=(LANG=C)
mkdir -p "$scratch/tree/.venv"
cat "$scratch/tree/framework/cmake/requirements.txt" | sha256sum | cut -c1-32 >"$scratch/tree/.venv/tessera-stamp"
[ ! -e /proc/driver/nvidia/version ] || cat "$scratch"/tree/framework/cmake/requirements{,_cuda}.txt | sha256sum | cut -c1-32 >"$scratch/tree/.venv/tessera-stamp"
echo "# nothing" >"$scratch/tree/framework/cmake/requirements_test.txt"
names=$(grep -v '^#' "$scratch/tree/framework/cmake/packages_test.txt" | paste -sd' ')
expected="==> Debian packages for tests are missing ($names), and you are neither root nor have sudo; ask an administrator to install them. Tests that need them will be skipped"
expect "test packages" "$expected" 0

cp "$scratch/tree/framework/cmake/requirements_cuda.txt" "$scratch/tree/framework/cmake/requirements_test.txt"
environment=(LANG=C PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:9/ PIP_RETRIES=1)
expect "no network, the tests' Python packages" "Set-up stopped: no network: the tests' Python packages could not be downloaded; check the connection, then run the same command again."
[ ! -e "$scratch/tree/.venv-test" ] || { echo "FAILED a .venv-test without packages was left"; failures=$((failures + 1)); }

exit "$((failures > 0))"
