#!/usr/bin/python3
"""Who may include whom: the rules of the rooms, read from the include lines.

check_includes.py [--self-test] [ROOT]    ROOT: the source tree (default: the one this file is in)

A room's own headers are written from the include root ("nn/transformer.hpp", never "transformer.hpp"), so a line alone says
which border it crosses. --self-test plants one line a rule in an empty tree and wants exactly that line reported.
"""
import pathlib
import re
import sys
import tempfile

# room (folder) -> rooms that it may include besides itself
ALLOWED = {
    "framework/core": [],
    "framework/sdk": [],
    "framework/nn": ["sdk"],
    "framework/kernels": ["sdk"],
    "framework/data": ["core", "sdk"],
    "framework/metrics": ["core", "sdk", "data"],
    "framework/engine": ["core", "sdk", "nn", "kernels", "data", "metrics"],
    "framework/conformance": ["core", "sdk", "nn", "kernels", "data", "metrics", "engine"],
    "framework/host": ["core", "sdk", "nn", "kernels", "data", "metrics", "engine", "conformance", "registry/catalog"],
    "registry/catalog": ["core"],
    "registry/ledger": ["core"],
    "framework/experiment": ["core", "registry/catalog", "registry/ledger"],
    "framework/cli": ["core", "registry/catalog", "registry/ledger", "experiment"],
    "plugins": ["sdk", "nn", "kernels"],
}
# The loading half of the catalog opens libraries: it is built on the contract, and only the host includes it.
LOADER = ("registry/catalog/loader", "registry/catalog/descriptor_check", "registry/catalog/elf_check")
TORCH_FREE = {"framework/core", "registry/catalog", "registry/ledger", "framework/experiment", "framework/cli"}

TORCH = re.compile(r"(torch|ATen|c10)/")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
RAW_STRING = re.compile(r'R"(\w*)\(.*?\)\1"', re.DOTALL)  # a scaffold's text is no include
SUFFIXES = {".cpp", ".hpp", ".h", ".cu", ".cuh"}


def room_of_path(path):
    """framework/nn/x.cpp -> framework/nn; None outside of all rooms (tests and benchmarks may include everything)."""
    for room in ALLOWED:
        if path.startswith(room + "/"):
            return room
    return None


def room_of_header(header):
    """nn/x.hpp -> framework/nn, tessera/x.hpp -> framework/sdk; None for what is not ours."""
    if header.startswith("tessera/"):
        return "framework/sdk"
    for room in ALLOWED:
        if header.startswith(room.removeprefix("framework/") + "/"):
            return room
    return None


def violation(path, quote, header):
    """What is wrong with this include line of this file, or None."""
    room = room_of_path(path)
    if room is None:
        return None
    loader = path.startswith(LOADER)
    if TORCH.match(header) and loader:
        return None
    if TORCH.match(header):
        return f"{room} is free of LibTorch" if room in TORCH_FREE else None
    target = room_of_header(header)
    if target is None:
        return "own headers are included from their room, as in \"nn/transformer.hpp\"" if quote == '"' else None
    if header.startswith(LOADER) and room != "framework/host" and not loader:
        return "the loading half of the catalog is for framework/host alone"
    if target == room or target.removeprefix("framework/") in ALLOWED[room]:
        return None
    if loader and target == "framework/sdk":
        return None
    return f"{room} may include {', '.join(ALLOWED[room]) or 'nothing but itself'}"


def check(root):
    found = []
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root).as_posix()
        if file.suffix not in SUFFIXES or room_of_path(path) is None:
            continue
        text = RAW_STRING.sub(lambda match: "\n" * match.group().count("\n"), file.read_text())
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            wrong = match and violation(path, *match.groups())
            if wrong:
                found.append(f"{path}:{number}: {match.group(2)}: {wrong}")
    return found


PLANTED = [  # file, include line, reported?
    ("framework/core/a.cpp", "<torch/torch.h>", True),
    ("framework/core/a.cpp", '"tessera/layout.hpp"', True),
    ("framework/core/a.cpp", '"core/json.hpp"', False),
    ("framework/core/a.cpp", '"json.hpp"', True),
    ("framework/sdk/a.cpp", '"core/json.hpp"', True),
    ("framework/nn/a.cpp", '"kernels/nearest_code/nearest_code.hpp"', True),
    ("framework/nn/a.cpp", "<torch/nn.h>", False),
    ("framework/data/a.cpp", '"engine/trainer.hpp"', True),
    ("framework/engine/a.cpp", '"conformance/suite.hpp"', True),
    ("framework/engine/a.cpp", '"registry/ledger/schema.hpp"', True),
    ("framework/experiment/a.cpp", '"cli/verb.hpp"', True),
    ("framework/experiment/a.cpp", '"registry/ledger/schema.hpp"', False),
    ("framework/cli/a.cpp", "<ATen/ATen.h>", True),
    ("framework/cli/a.cpp", '"registry/catalog/loader.hpp"', True),
    ("framework/cli/a.cpp", '"core/json.hpp"\nconst char* text = R"cpp(\n#include <torch/torch.h>\n)cpp";', False),
    ("framework/host/a.cpp", '"registry/catalog/loader.hpp"', False),
    ("registry/catalog/catalog.cpp", '"registry/catalog/loader.hpp"', True),
    ("registry/catalog/catalog.cpp", '"tessera/descriptor.h"', True),
    ("registry/catalog/loader.cpp", '"tessera/descriptor.h"', False),
    ("registry/ledger/a.cpp", "<c10/core/Device.h>", True),
    ("registry/ledger/a.cpp", '"experiment/plan/plan.hpp"', True),
    ("plugins/priors/a.cpp", '"core/json.hpp"', True),
    ("plugins/priors/a.cpp", '"nn/transformer.hpp"', False),
    ("tests/core/a.cpp", '"engine/trainer.hpp"', False),
]


def self_test():
    wrong = []
    for path, include, expected in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / path
            file.parent.mkdir(parents=True)
            file.write_text(f"#pragma once\n#include {include}\n")
            found = check(pathlib.Path(folder))
        header = include.strip('"<>')
        if len(found) != expected or (expected and not found[0].startswith(f"{path}:2: {header}: ")):
            wrong.append(f"{path} with {include}: expected {'a' if expected else 'no'} report, found {found}")
    return wrong


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--self-test"]
    if "--self-test" in sys.argv:
        problems = self_test()
    else:
        problems = check(pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parents[2])
    print("\n".join(problems) or "include rules: no violation")
    sys.exit(bool(problems))
