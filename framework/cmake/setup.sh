#!/usr/bin/env bash
# Sets Tessera up from nothing on Debian 12 and builds it: Debian packages, .venv with LibTorch, build/release.
# May be interrupted and run again: what is done is skipped, what is half done is done anew.
#
#   setup.sh [--no-build] [PRESET]        PRESET: release (default), dev, asan
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
root=$PWD
here=$root/framework/cmake
log=$root/.cache/setup.log
build=yes
preset=release
for argument in "$@"; do
  case $argument in
    --no-build) build=no ;;
    release | dev | asan) preset=$argument ;;
    *) echo "setup.sh: unknown argument '$argument'; expected --no-build, release, dev or asan." >&2; exit 2 ;;
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
    fail "LibTorch's package is not the pinned one (see $log); the machine must be x86_64 Linux with CPython 3.11."
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
mapfile -t packages < <(grep -v '^#' "$here/packages.txt")
missing=()
if command -v dpkg-query >/dev/null; then
  declare -A installed=()
  while read -r name; do installed[$name]=1; done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
  for package in "${packages[@]}"; do [ -n "${installed[$package]-}" ] || missing+=("$package"); done
else
  fail "this is no Debian system (no dpkg); the packages to provide by other means are listed in $here/packages.txt."
fi
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "Debian packages are missing (${missing[*]}), and you are neither root nor have sudo; ask an administrator to install them."
    as_root=(sudo)
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; } || fail "Debian packages are missing (${missing[*]}), and sudo refused to install them."
  fi
  need_space /var/cache 1500 "installing Debian packages"
  say "Installing ${#missing[@]} Debian packages"
  apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive)
  # After an interruption dpkg wants its half-done work finished first.
  if [ -n "$(dpkg --audit)" ]; then show '^Setting up' "${apt[@]}" dpkg --configure -a; fi
  show '^[EW]:' "${apt[@]}" apt-get -o DPkg::Lock::Timeout=300 update
  show '^(Need to get|Unpacking|Setting up|E:)' "${apt[@]}" apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
    "${missing[@]}" || explain "Debian packages"
fi

# LibTorch -------------------------------------------------------------------------------------------------------------
requirements=("$here/requirements.txt")
size="545 MB" space=2500
if [ -e /proc/driver/nvidia/version ]; then
  requirements+=("$here/requirements_cuda.txt")
  size="3 GB, with CUDA" space=14000
fi
stamp=$(cat "${requirements[@]}" | sha256sum | cut -c1-32)
if [ "$(cat .venv/tessera-stamp 2>/dev/null)" != "$stamp" ]; then
  python=$(command -v /usr/bin/python3.11) || fail "no /usr/bin/python3.11; Tessera's LibTorch is the build for Debian 12's Python."
  need_space "$root" "$space" "LibTorch"
  say "Downloading LibTorch ($size)"
  # Made beside and renamed: a .venv with the stamp is complete.
  rm -rf .venv.new
  mkdir -p .cache/tmp
  export TMPDIR=$root/.cache/tmp PIP_DISABLE_PIP_VERSION_CHECK=1
  "$python" -m venv .venv.new >>"$log" 2>&1 || explain "making the Python environment"
  arguments=(--no-deps --require-hashes --only-binary :all:)
  for file in "${requirements[@]}"; do arguments+=(-r "$file"); done
  pip=(.venv.new/bin/python -m pip)
  watch_errors "${pip[@]}" download "${arguments[@]}" -d .cache/wheels || explain "LibTorch"
  say "Unpacking LibTorch"
  "${pip[@]}" install "${arguments[@]}" --no-index --find-links .cache/wheels >>"$log" 2>&1 || explain "LibTorch"
  grep -rlI "$root/.venv.new" .venv.new/bin .venv.new/pyvenv.cfg | xargs -r sed -i "s|$root/.venv.new|$root/.venv|g"
  echo "$stamp" >.venv.new/tessera-stamp
  rm -rf .venv .cache/tmp
  unset TMPDIR
  mv .venv.new .venv
  rm -rf .cache/wheels
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
