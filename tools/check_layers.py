#!/usr/bin/env python3
"""Checks that each folder includes only what the table in ARCHITECTURE.md allows it.

The table's rows read `| folder | may include |`; a folder may always include itself. Third-party
headers other than fmt, LibTorch and GoogleTest may stand in .cpp files only.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
THIRD_PARTY_IN_HEADERS = ("fmt/", "torch/", "ATen/", "c10/", "gtest/")


def read_table():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rows = re.findall(r"^\| `([\w/]+)` \| ([^|]*) \|", text, re.M)
    table = {folder: re.findall(r"`([\w/]+)`", allowed) for folder, allowed in rows}
    if "core" not in table:
        sys.exit("ARCHITECTURE.md: the table of layers is missing")
    return table


def folder_of(path):
    parts = path.split("/")
    if parts[0] == "elbo" and len(parts) > 2:
        return parts[1]
    return "/".join(parts[:2]) if parts[0] in ("app", "bindings") else None


def faults_in(path, table):
    folder = folder_of(path)
    if folder is None:
        return
    if folder not in table:
        yield f"{path}: the folder {folder} has no row in ARCHITECTURE.md"
        return
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        ours = re.match(r'#include "((?:elbo|app)/[^"]+)"', line)
        if ours:
            target = folder_of(ours.group(1))
            if target and target != folder and target not in table[folder]:
                yield f"{path}:{number}: {folder} may not include {target}"
        other = re.match(r"#include <([^>]+/[^>]+)>", line)
        if other and path.endswith(".h") and not other.group(1).startswith(THIRD_PARTY_IN_HEADERS):
            if not other.group(1).startswith("sys/"):
                yield f"{path}:{number}: {other.group(1)} belongs into a .cpp file"
        if re.search(r"\b(torch::load|torch::jit::load|torch::manual_seed|std::random_device)\b", line):
            yield f"{path}:{number}: not used in this project"


def main():
    table = read_table()
    files = subprocess.run(["git", "ls-files", "*.h", "*.cpp"], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout.split()
    faults = [fault for path in files for fault in faults_in(path, table)]
    print("\n".join(faults) if faults else f"layers: {len(files)} files include only what they may")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
