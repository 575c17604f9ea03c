#!/usr/bin/env python3
"""Reads the tree and reports what breaks the rules of rules.py: `tidy.py [ROOT]`.

One line for each finding, `path:line: what`, and exit status 1 if there is any. Headers standing
alone are the compiler's business: see CMakeLists.txt in this folder.
"""

import os
import re
import sys
from typing import Iterator, List, NamedTuple, Tuple

import rules

SKIPPED_FOLDERS = {".git", "build", ".cache", "__pycache__", ".vscode", ".idea"}
CPP = (".cpp", ".hpp")
CODE = CPP + (".py", ".java", ".cmake", ".thrift", ".sh")
TEXT = CODE + (".md", ".txt", ".toml", ".json", ".yml", ".yaml", ".service")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Generated from the IDL, included by their bare names.
GENERATED = re.compile(r"^[A-Za-z_]+_(types|constants)\.h$|^Chat\.h$")


class Finding(NamedTuple):
    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


class Include(NamedTuple):
    line: int
    quoted: bool
    name: str


class Source:
    """One file of the tree: its path from the root, its lines, its code without comments."""

    def __init__(self, root: str, path: str):
        self.path = path
        self.folder = os.path.dirname(path)
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            self.text = file.read()
        self.lines = self.text.splitlines()

    def is_cpp(self) -> bool:
        return self.path.endswith(CPP)

    def includes(self) -> List[Include]:
        found = []
        for number, line in enumerate(self.lines, 1):
            match = INCLUDE.match(line)
            if match:
                found.append(Include(number, match.group(1) == '"', match.group(2)))
        return found

    def code_lines(self) -> List[str]:
        return _without_comments_and_strings(self.text).splitlines()


def _without_comments_and_strings(text: str) -> str:
    """C++ with comments and the insides of literals blanked; the line numbers stay."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
        r"(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.S)
    return token.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def tree(root: str) -> Iterator[str]:
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - SKIPPED_FOLDERS)
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), root)
            if name.endswith(TEXT) or _is_script(os.path.join(folder, name)):
                yield path


def _is_script(path: str) -> bool:
    if "." in os.path.basename(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def check_layer_table(layers: dict) -> Iterator[Finding]:
    """Each folder may include only what stands above it in the table."""
    above: set = set()
    for folder, allowed in layers.items():
        for other in sorted(set(allowed) - above):
            yield Finding("tests/tidy/rules.py", 1, f"{folder} stands above {other}, or without it")
        above.add(folder)


def check_layers(source: Source, known: set) -> Iterator[Finding]:
    if source.path.startswith(rules.FREE_TO_INCLUDE):
        return
    allowed = set(rules.LAYERS.get(source.folder, ())) | {source.folder}
    for include in source.includes():
        if not include.quoted or GENERATED.match(include.name):
            continue
        target = os.path.dirname(include.name)
        if include.name not in known:
            yield Finding(source.path, include.line,
                          f'"{include.name}" is no file, from the root of the tree')
        elif target not in allowed:
            yield Finding(source.path, include.line,
                          f"{source.folder} must not depend on {target}")


def check_headers_used(source: Source) -> Iterator[Finding]:
    pure = rules.PURE_SHARD_FILES.search(source.path)
    sans_io = source.folder in rules.SANS_IO or pure
    for include in source.includes():
        if sans_io and rules.SANS_IO_BANNED_HEADERS.match(include.name):
            yield Finding(source.path, include.line, f"{include.name} in a sans-I/O file")
        if pure and re.match(r"shard_router/zk_", include.name):
            yield Finding(source.path, include.line, "the map does not know where it comes from")
        for header, users, why in rules.HEADER_RULES:
            if header.match(include.name) and not (users and users.match(source.path)):
                yield Finding(source.path, include.line, f"{include.name}: {why}")


def check_own_header_first(source: Source, paths: set) -> Iterator[Finding]:
    own = source.path[: -len(".cpp")] + ".hpp"
    if not source.path.endswith(".cpp") or own not in paths:
        return
    includes = source.includes()
    names = {own}
    if source.path.startswith("tests/"):
        # A helper that lives beside the tests it helps goes by its bare name.
        names.add(os.path.basename(own))
    if not includes or includes[0].name not in names:
        line = includes[0].line if includes else 1
        yield Finding(source.path, line, f'the first include is not "{own}"')


def check_pragma_once(source: Source) -> Iterator[Finding]:
    if source.path.endswith(".hpp") and not re.search(r"^#pragma once$", source.text, re.M):
        yield Finding(source.path, 1, "no #pragma once")


def check_lengths(source: Source) -> Iterator[Finding]:
    is_code = source.path.endswith(CODE) or "." not in os.path.basename(source.path)
    if not is_code:
        return
    for number, line in enumerate(source.lines, 1):
        if len(line) > rules.LINE_CHARS_MAX:
            yield Finding(source.path, number, f"{len(line)} characters in a line")
    if len(source.lines) > rules.FILE_LINES_MAX:
        yield Finding(source.path, len(source.lines),
                      f"{len(source.lines)} lines: look for the second type hiding in it")


def check_banned(source: Source) -> Iterator[Finding]:
    if source.is_cpp():
        table, lines = rules.BANNED_CODE, source.code_lines()
    elif source.path.endswith(".py"):
        table, lines = rules.BANNED_PYTHON, source.lines
    else:
        return
    for number, line in enumerate(lines, 1):
        for pattern, why, exempt in table:
            match = pattern.search(line)
            if match and not (exempt and exempt.search(source.path)):
                yield Finding(source.path, number, f"{match.group().strip()}: {why}")


def check_text(source: Source) -> Iterator[Finding]:
    for number, line in enumerate(source.lines, 1):
        for pattern, why in rules.BANNED_TEXT:
            match = pattern.search(line)
            if match:
                yield Finding(source.path, number, f"{match.group()}: {why}")


def check_prose(source: Source) -> Iterator[Finding]:
    """Markdown: how wide its lines and tables are, and that its tables are whole."""
    if not source.path.endswith(".md"):
        return
    fenced, columns = False, 0
    for number, line in enumerate(source.lines, 1):
        fenced ^= line.startswith("```")
        is_row = line.startswith("|") and not fenced
        chars_max = rules.TABLE_ROW_CHARS_MAX if is_row else rules.PROSE_CHARS_MAX
        if len(line) > chars_max:
            yield Finding(source.path, number, f"{len(line)} characters in a line")
        if is_row:
            cells = len(re.findall(r"(?<!\\)\|", line)) - 1
            if not columns and cells > rules.TABLE_COLUMNS_MAX:
                yield Finding(source.path, number, f"{cells} columns in a table: make it a list")
            if columns and cells != columns:
                yield Finding(source.path, number, f"{cells} cells in a table of {columns}")
            columns = columns or cells
        else:
            if columns and line.strip():
                yield Finding(source.path, number, "a table's row does not go on in the next line")
            columns = 0


def check_links(source: Source, root: str) -> Iterator[Finding]:
    """Markdown: what a link leads to within the tree is there, file and heading."""
    if not source.path.endswith(".md"):
        return
    code = re.compile(r"^```.*?^```|^    [^\n]*|`[^`\n]+`", re.M | re.S)
    prose = code.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), source.text)
    for number, line in enumerate(prose.splitlines(), 1):
        for link in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, heading = link.partition("#")
            path = os.path.normpath(os.path.join(source.folder, name)) if name else source.path
            if not os.path.exists(os.path.join(root, path)):
                yield Finding(source.path, number, f"{link}: there is no {path}")
            elif heading and heading not in _headings_of(root, path):
                yield Finding(source.path, number, f"{link}: no such heading in {path}")


def check_named_paths(source: Source, root: str) -> Iterator[Finding]:
    """Markdown: a `path/of/the/tree`, from the root or from a folder above the page, is there."""
    if not source.path.endswith(".md"):
        return
    above = [source.folder]
    while above[-1]:
        above.append(os.path.dirname(above[-1]))
    for number, line in enumerate(source.lines, 1):
        for path in re.findall(r"`([a-z][\w-]*(?:/[\w.-]+)+)`", line):
            first = path.split("/")[0]
            starts = [os.path.join(root, folder) for folder in above]
            if first in SKIPPED_FOLDERS or not any(
                    os.path.isdir(os.path.join(start, first)) for start in starts):
                continue
            if not any(os.path.exists(os.path.join(start, path + end))
                       for start in starts for end in ("", ".hpp", ".cpp")):
                yield Finding(source.path, number, f"{path}: there is no such file")


def _headings_of(root: str, path: str) -> set:
    """As GitHub makes names of them."""
    if not path.endswith(".md"):
        return set()
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", Source(root, path).text, re.M)}


def check_counters(root: str) -> Iterator[Finding]:
    for header, struct, exporters in rules.COUNTERS:
        if not os.path.isfile(os.path.join(root, header)):
            continue
        source = Source(root, header)
        told = "\n".join(line for path in exporters if os.path.isfile(os.path.join(root, path))
                         for line in Source(root, path).code_lines())
        for number, name in _members_of(source, struct):
            if not re.search(rf"(\.|->|::){name}\b", told):
                yield Finding(header, number, f"{struct}::{name} is told to nobody: not in "
                              + " or ".join(exporters))


def _members_of(source: Source, struct: str) -> Iterator[Tuple[int, str]]:
    """Line and name of each data member, those of a struct within the struct left out."""
    begin = re.compile(rf"struct (alignas\(\d+\) )?{struct} {{")
    depth, statement = 0, ""
    for number, line in enumerate(source.code_lines(), 1):
        if depth == 0:
            depth = 1 if begin.match(line) else 0
            continue
        statement += line
        depth += line.count("{") - line.count("}")
        if depth == 0:
            return
        if depth > 1 or not line.rstrip().endswith((";", "}")):
            continue
        member = re.fullmatch(r"(?!using\b|struct\b)[^()]*?\b(\w+)(\{\w*\}| = [^;]+)?;",
                              statement.strip())
        if member:
            yield number, member.group(1)
        statement = ""


def check(root: str) -> List[Finding]:
    paths = [path for path in tree(root) if not path.startswith("tests/tidy/")]
    known = set(paths)
    findings: List[Finding] = list(check_layer_table(rules.LAYERS))
    for path in paths:
        source = Source(root, path)
        if source.is_cpp():
            findings += check_layers(source, known)
            findings += check_headers_used(source)
            findings += check_own_header_first(source, known)
            findings += check_pragma_once(source)
        findings += check_lengths(source)
        findings += check_banned(source)
        findings += check_text(source)
        findings += check_prose(source)
        findings += check_links(source, root)
        findings += check_named_paths(source, root)
    findings += check_counters(root)
    return findings


def main() -> int:
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../..")
    findings = check(os.path.abspath(root))
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} finding(s)")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
