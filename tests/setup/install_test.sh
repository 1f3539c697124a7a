#!/usr/bin/env bash
# Installs into a fresh prefix, scaffolds a plugin of every kind there, builds it out of tree with find_package(Tessera), and
# lets the installed programs list and check it: install_test.sh BUILD_FOLDER
set -eu
build=${1:?build folder}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
export TESSERA_CACHE=$scratch/cache
cmake --install "$build" --prefix "$prefix" >/dev/null
tessera=$prefix/bin/tessera

cd "$scratch"
mkdir idea results
cd idea
kinds="encoder quantizer prior sampling"
# Ids that are names in the headers, too.
id_of() { case $1 in encoder) echo options ;; quantizer) echo quantizer ;; prior) echo transformer ;; sampling) echo my_sampling ;; esac; }
for kind in $kinds; do
  id=$(id_of "$kind")
  "$tessera" plugins new "$kind" "$id" >/dev/null
  { cmake -S "$id" -B "$id/build" -DCMAKE_PREFIX_PATH="$prefix" && cmake --build "$id/build"; } >"$id/log.txt" 2>&1 &
done
wait
for kind in $kinds; do
  id=$(id_of "$kind")
  library=$(find "$id/build/plugins" -name "$id.so")
  [ -n "$library" ] || { cat "$id/log.txt"; echo "$id was not built"; exit 1; }
  "$tessera" plugins check "$library"
  "$tessera" plugins --plugin-path "$id/build/plugins" >list.txt
  grep -q "^$kind/$id .*$id.so$" list.txt || { cat list.txt; echo "the installed catalog does not list $kind/$id"; exit 1; }
done

# The built-in plugins were installed too, and nothing refers to the build folder.
grep -q "^quantizer/fsq .*$prefix/lib/tessera/plugins/quantizers/fsq.so$" list.txt || { cat list.txt; echo "no built-in plugins in the prefix"; exit 1; }
if grep -q "^refused" list.txt; then cat list.txt; exit 1; fi
if find "$prefix/bin" "$prefix/lib" -type f \( -name '*.so*' -o -path '*/bin/*' \) -exec readelf -d {} + 2>/dev/null | grep -E 'R(UN)?PATH' | grep -qF "$build"; then
  echo "an installed file searches the build folder"
  exit 1
fi
if grep -rlF "$build" "$prefix/lib/cmake"; then echo "a CMake file names the build folder"; exit 1; fi
# Documents: every link leads to a file, and what ships is found by name.
python3 - "$prefix/share/doc/tessera" <<'PYTHON'
import os, re, sys
root, dead, links = sys.argv[1], [], 0
for folder, _, names in os.walk(root, followlinks=True):
    for name in (one for one in names if one.endswith(".md")):
        for target in re.findall(r"\]\(([^)#: ]+)\)", open(os.path.join(folder, name)).read()):
            links += 1
            if not os.path.exists(os.path.join(folder, target)):
                dead.append(f"{os.path.relpath(folder, root)}/{name}: {target}")
assert links > 40 and not dead, f"{links} links, dead: {dead}"
PYTHON
"$tessera" plan quickstart >plan.txt 2>&1 && grep -q "share/tessera/experiments/quickstart.toml: " plan.txt || { cat plan.txt; exit 1; }
"$tessera" plan equal_compute >plan.txt 2>&1 || { cat plan.txt; exit 1; }
echo "installed, scaffolded, built, checked"
