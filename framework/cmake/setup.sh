#!/usr/bin/env bash
# Sets Tessera up from nothing on Debian 12 and builds it: Debian packages, .venv with LibTorch, build/release.
# May be interrupted and run again: what is done is skipped, what is half done is done anew.
#
#   setup.sh [--no-build] [--tests] [PRESET]        PRESET: release (default), dev, asan
#
# --tests adds what only tests need (test.sh asks for it): packages_test.txt, and requirements_test.txt in .venv-test.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
root=$PWD
here=$root/framework/cmake
log=$root/.cache/setup.log
build=yes
tests=no
preset=release
for argument in "$@"; do
  case $argument in
    --no-build) build=no ;;
    --tests) tests=yes ;;
    release | dev | asan) preset=$argument ;;
    *) echo "setup.sh: unknown argument '$argument'; expected --no-build, --tests, release, dev or asan." >&2; exit 2 ;;
  esac
done

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
[ -t 1 ] || say() { printf '==> %s\n' "$*"; }
fail() { printf '\nSet-up stopped: %s\n' "$*" >&2; exit 1; }
trap 'printf "\nSet-up was interrupted; the same command goes on from here.\n" >&2; exit 130' INT TERM

# One sentence for what a tool's output says went wrong; the tool's name is the fallback.
explain() {
  local what=$1 again='then run the same command again'
  if grep -qiE 'no space left|enough free space|disk quota' "$log"; then
    fail "the disk is full: free some space ($(df -h --output=avail "$root" | tail -1 | tr -d ' ') are left), $again."
  elif grep -qE 'Unable to locate package|has no installation candidate' "$log"; then
    fail "$(grep -oE "Unable to locate package [^ ]+|Package '[^']+' has no installation candidate" "$log" | head -1); Tessera needs the packages of Debian 12 (bookworm)."
  elif grep -qiE 'could not resolve|failed to fetch|connection (refused|failed|timed out|reset)|network is unreachable|ReadTimeout|NewConnectionError|Temporary failure' "$log"; then
    fail "no network: $what could not be downloaded; check the connection, $again."
  elif grep -qE 'DO NOT MATCH THE HASHES|No matching distribution' "$log"; then
    fail "a package of $what is not the pinned one (see $log); the machine must be x86_64 Linux with CPython 3.11."
  fi
  fail "$what failed; its output is in $log."
}

# Runs a command; all its output goes to the log, lines that match the pattern to the screen too.
show() {
  local pattern=$1
  shift
  "$@" 2>&1 | tee -a "$log" | grep --line-buffered -E "$pattern"
  return "${PIPESTATUS[0]}"
}

# Runs a command on the terminal as it is; its errors go to the log too.
watch_errors() {
  { "$@" 2>&1 1>&3 | tee -a "$log" >&2; } 3>&1
  return "${PIPESTATUS[0]}"
}

need_space() { # folder, MiB, what for
  local free
  free=$(df --output=avail -BM "$1" | tail -1 | tr -dc 0-9)
  [ "$free" -ge "$2" ] || fail "the disk is full: $3 needs $2 MiB in $1, and $free MiB are free."
}

mkdir -p .cache 2>/dev/null
{ : >"$log"; } 2>/dev/null || fail "cannot write to $root; use a folder that is yours (or the disk is full)."
[ "$(uname -sm)" = "Linux x86_64" ] || fail "Tessera's set-up is for x86_64 Linux, this is $(uname -sm)."

# Debian packages ------------------------------------------------------------------------------------------------------
command -v dpkg-query >/dev/null ||
  fail "this is no Debian system (no dpkg); the packages to provide by other means are listed in $here/packages.txt."
declare -A installed=()
while read -r name; do installed[$name]=1; done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')

# Sets `missing` to those packages of a list that are not installed.
find_missing() {
  local package
  missing=()
  while read -r package; do [ -n "${installed[$package]-}" ] || missing+=("$package"); done < <(grep -v '^#' "$1")
}

# Sets `as_root`; fails where this user cannot become root, with the reason in `refused`.
become_root() {
  as_root=() refused=
  [ "$(id -u)" != 0 ] || return 0
  as_root=(sudo)
  if ! command -v sudo >/dev/null; then refused="you are neither root nor have sudo; ask an administrator to install them"; return 1; fi
  sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; } || { refused="sudo refused to install them"; return 1; }
}

install_missing() {
  need_space /var/cache 1500 "installing Debian packages"
  say "Installing ${#missing[@]} Debian packages"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive)
  # After an interruption dpkg wants its half-done work finished first.
  if [ -n "$(dpkg --audit)" ]; then show '^Setting up' "${apt[@]}" dpkg --configure -a; fi
  show '^[EW]:' "${apt[@]}" apt-get -o DPkg::Lock::Timeout=300 update
  show '^(Need to get|Unpacking|Setting up|E:)' "${apt[@]}" apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
    "${missing[@]}" || explain "Debian packages"
}

find_missing "$here/packages.txt"
if [ ${#missing[@]} -gt 0 ]; then
  become_root || fail "Debian packages are missing (${missing[*]}), and $refused."
  install_missing
fi
if [ $tests = yes ]; then
  find_missing "$here/packages_test.txt"
  # Without them everything works; what they are there for is skipped.
  if [ ${#missing[@]} -gt 0 ] && ! become_root; then
    say "Debian packages for tests are missing (${missing[*]}), and $refused. Tests that need them will be skipped"
  elif [ ${#missing[@]} -gt 0 ]; then
    install_missing
  fi
fi

# Packages from PyPI ---------------------------------------------------------------------------------------------------
# Made beside and renamed: an environment with the stamp is complete.
make_environment() { # folder, size in words, MiB needed, what for, requirement files
  local folder=$1 size=$2 space=$3 what=$4 python file stamp
  shift 4
  stamp=$(cat "$@" | sha256sum | cut -c1-32)
  [ "$(cat "$folder/tessera-stamp" 2>/dev/null)" != "$stamp" ] || return 0
  python=$(command -v /usr/bin/python3.11) || fail "no /usr/bin/python3.11; $what: pinned builds for Debian 12's Python."
  need_space "$root" "$space" "$what"
  say "Downloading $what ($size)"
  rm -rf "$folder.new"
  mkdir -p .cache/tmp
  export TMPDIR=$root/.cache/tmp PIP_DISABLE_PIP_VERSION_CHECK=1
  "$python" -m venv "$folder.new" >>"$log" 2>&1 || explain "making the Python environment"
  local arguments=(--no-deps --require-hashes --only-binary :all:)
  for file in "$@"; do arguments+=(-r "$file"); done
  local pip=("$folder.new/bin/python" -m pip) wheels=.cache/wheels$folder
  watch_errors "${pip[@]}" download "${arguments[@]}" -d "$wheels" || explain "$what"
  say "Unpacking $what"
  "${pip[@]}" install "${arguments[@]}" --no-index --find-links "$wheels" >>"$log" 2>&1 || explain "$what"
  grep -rlI "$root/$folder.new" "$folder.new/bin" "$folder.new/pyvenv.cfg" | xargs -r sed -i "s|$root/$folder.new|$root/$folder|g"
  echo "$stamp" >"$folder.new/tessera-stamp"
  rm -rf "$folder" .cache/tmp
  unset TMPDIR
  mv "$folder.new" "$folder"
  rm -rf "$wheels"
}

if [ -e /proc/driver/nvidia/version ]; then
  make_environment .venv "3 GB, with CUDA" 14000 "LibTorch" "$here/requirements.txt" "$here/requirements_cuda.txt"
else
  make_environment .venv "545 MB" 2500 "LibTorch" "$here/requirements.txt"
fi
if [ $tests = yes ] && grep -qv '^#' "$here/requirements_test.txt"; then
  make_environment .venv-test "for tests only" 1000 "the tests' Python packages" "$here/requirements_test.txt"
fi
[ $build = yes ] || exit 0

# Build ----------------------------------------------------------------------------------------------------------------
need_space "$root" 1500 "the build"
# A compiler process takes about 1 GB; more of them than that would swap.
memory=$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
jobs=$(nproc)
[ "$memory" -ge "$jobs" ] || jobs=$((memory > 1 ? memory : 1))
if [ ! -e "build/$preset/build.ninja" ]; then
  say "Configuring build/$preset"
  show 'CMake Error|^  [^ ]' cmake --preset "$preset" || explain "configuring"
fi
say "Building build/$preset with $jobs jobs"
show . cmake --build --preset "$preset" -j "$jobs" || explain "the build"
say "Ready: build/$preset/bin/tessera"
