#!/usr/bin/python3
"""The documents against the tree: links lead somewhere, commands name verbs that exist, those that change nothing run.

documents_test.py SOURCE_TREE BIN_FOLDER
"""
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

root, programs = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
tessera = str(programs / "tessera")
problems = []
documents = [root / "README.md", root / "results/README.md", *sorted((root / "framework/docs").glob("*.md"))]

for document in documents:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        if "://" not in target and not (document.parent / target).exists():
            problems.append(f"{document.relative_to(root)}: link to {target}, which does not exist")

# The two commands of the README: one fence each, one line each, the program's own files.
readme = (root / "README.md").read_text()
for name in ("run", "test"):
    fences = re.findall(rf"^```sh {name}\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    if len(fences) != 1 or fences[0].count("\n") != 1:
        problems.append(f"README.md: expected one fence 'sh {name}' with one line, found {fences}")
        continue
    for word in shlex.split(fences[0]):
        if re.search(r"^(framework|experiments)/", word) and not (root / word).exists():
            problems.append(f"README.md: fence 'sh {name}' names {word}, which does not exist")

# Commands in fences and in inline code.
usage = subprocess.run([tessera, "--help"], capture_output=True, text=True, check=True).stdout
verbs = set(re.findall(r"^  ([a-z]+)\b", usage, re.MULTILINE))
commands = {}
for document in documents:
    text = document.read_text()
    lines = [line for fence in re.findall(r"^```sh[^\n]*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE) for line in fence.splitlines()]
    lines += re.findall(r"`(tessera [^`]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))
    for line in lines:
        if line.startswith("tessera "):
            commands.setdefault(line, document.relative_to(root))
for line, document in commands.items():
    words = shlex.split(line.replace("…", ""))[1:]
    if not words[0].startswith("-") and words[0] not in verbs:
        problems.append(f"{document}: `{line}`: no verb '{words[0]}'")

# What only reads is run, with results elsewhere.
with tempfile.TemporaryDirectory() as scratch:
    for line, document in commands.items():
        words = shlex.split(line)[1:]
        reads = words == ["doctor"] or (words[0] == "plan" and len(words) > 1) or words == ["plugins"] or words[:2] == ["plugins", "describe"]
        if not reads or re.search(r"[A-Z]{3}|my_idea|…", line):
            continue
        options = [] if words[0].startswith("-") else ["--results", f"{scratch}/results"]
        done = subprocess.run([tessera, *words, *options], cwd=root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            problems.append(f"{document}: `{line}` exits {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")

print("\n".join(problems) or f"{len(documents)} documents, {len(commands)} commands: all right")
sys.exit(bool(problems))
