#!/usr/bin/env python3
"""clang-tidy (.clang-tidy) over the torch-free half: what parses files, keeps the ledger and runs for weeks.

Most of its time goes into headers: the files of a folder are read as one unit, so files of one folder share no name.
Its path-sensitive checks
take as long as all others together: they are asked where a fault would lose data.
Usage: check_tidy.py [FOLDER]…      after a build in build/release
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = ROOT / "build/UnifiedSource"  # a name that clang knows: its path-sensitive checks look into what such a unit includes
MOST = 14  # files in a unit
SENSITIVE = ["framework/core", "registry"]
OTHERS = ["framework/experiment", "framework/cli"]
WITH_TORCH = {"loader.cpp", "descriptor_check.cpp", "elf_check.cpp"}
# A unit includes nothing but sources.
OFF = "-bugprone-suspicious-include"


def sources(folder):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", f"{folder}/*.cpp"], cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted(name for name in listed.stdout.split("\0") if (ROOT / name).is_file() and os.path.basename(name) not in WITH_TORCH)


def units(folder):
    """Lists of files of one folder each, of about the same length."""
    by_folder = {}
    for name in sources(folder):
        by_folder.setdefault(os.path.dirname(name), []).append(name)
    for names in by_folder.values():
        parts = -(-len(names) // MOST)
        yield from (names[part::parts] for part in range(parts))


def main():
    asked = sys.argv[1:] or SENSITIVE + OTHERS
    commands = {entry["file"]: entry for entry in json.loads((ROOT / "build/release/compile_commands.json").read_text())}
    UNITS.mkdir(parents=True, exist_ok=True)
    database, work = [], []
    for folder in asked:
        sensitive = any(folder.startswith(one) for one in SENSITIVE)
        if not any(folder == one or folder.startswith(one + "/") for one in SENSITIVE + OTHERS) or not sources(folder):
            sys.exit(f"check_tidy.py: found {folder}, expected a folder with sources in one of {', '.join(SENSITIVE + OTHERS)}")
        for names in units(folder):
            for name in names:
                if str(ROOT / name) not in commands:
                    sys.exit(f"check_tidy.py: {name} is not in build/release/compile_commands.json: build first")
            unit = UNITS / f"{len(work)}.cpp"
            unit.write_text("".join(f'#include "{ROOT / name}"\n' for name in names))
            # The longest command: of files with definitions of their own.
            like = max((commands[str(ROOT / name)] for name in names), key=lambda entry: len(entry["command"]))
            command = like["command"].replace(like["file"], str(unit)).replace(" -Wshadow", "")  # of another file's names
            database.append({"directory": like["directory"], "file": str(unit), "command": command})
            work.append((len(names) * (3 if sensitive else 1), unit, OFF if sensitive else f"{OFF},-clang-analyzer-*"))
    (UNITS / "compile_commands.json").write_text(json.dumps(database))

    def tidy(item):
        _, unit, checks = item
        return subprocess.run(["clang-tidy-14", "-p", UNITS, "--quiet", f"--checks={checks}", unit], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    failed = not work
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(tidy, sorted(work, key=lambda item: -item[0])):  # the longest begin first
            failed = failed or done.returncode != 0
            print(done.stdout, end="")
            if done.returncode != 0 and not done.stdout:
                print(done.stderr, end="")
    if not failed:
        print(f"clang-tidy: nothing found in {sum(len(list(sources(folder))) for folder in asked)} files")
    return failed


if __name__ == "__main__":
    sys.exit(main())
