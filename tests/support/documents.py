"""What a reader of our Markdown files may copy: blocks of code, and commands within the text."""

import os
import re
from typing import Iterator, List, NamedTuple

SKIPPED_FOLDERS = {".git", "build", ".cache", "corpus"}
# What makes a `span` in the text a command: its first word, with something behind it.
PROGRAM = re.compile(r"(?:openssl|printf|curl|kill|set|setAcl|\S+\.sh|presenter(?:ctl|-\w+)?"
                     r"|(?:deploy|tests|bench|\.ci)/\S+)\s+\S")


class Block(NamedTuple):
    path: str
    line: int
    language: str
    lines: List[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def markdown_files(root: str) -> Iterator[str]:
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - SKIPPED_FOLDERS)
        for name in sorted(files):
            if name.endswith(".md"):
                yield os.path.relpath(os.path.join(folder, name), root)


def _lines(root: str, path: str) -> List[str]:
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read().splitlines()


def blocks(root: str, path: str) -> Iterator[Block]:
    """Fenced, or indented by four blanks."""
    block = None
    for number, line in enumerate(_lines(root, path) + [""], 1):
        fence = line.startswith("```")
        if block is not None and block.language != "indented":
            if fence:
                yield block
                block = None
            else:
                block.lines.append(line)
        elif fence:
            block = Block(path, number, line.strip("`").strip(), [])
        elif line.startswith("    "):
            block = block or Block(path, number, "indented", [])
            block.lines.append(line[4:])
        elif block is not None:
            yield block
            block = None


def commands_in_text(root: str, path: str) -> Iterator[str]:
    fenced = False
    for line in _lines(root, path):
        fenced ^= line.startswith("```")
        if fenced or line.startswith("    "):
            continue
        for span in re.findall(r"`([^`]+)`", line):
            if PROGRAM.match(span) and "…" not in span:
                yield span
