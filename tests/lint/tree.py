"""What all rules share: the files of the tree, and C without its comments and strings."""
import pathlib
import re

# Folders below the root that hold no source of ours.
SKIPPED = ("build", ".git", ".cache", "tests/kube")


def sources(root):
    """All C files, as (path, name from the root)."""
    for file in sorted(pathlib.Path(root).rglob("*.[ch]")):
        name = file.relative_to(root).as_posix()
        if not any(name == s or name.startswith(s + "/") or
                   (s == "build" and name.startswith("build")) for s in SKIPPED):
            yield file, name


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def bare_code(text):
    """The text with comments and the inside of strings blanked; lines keep their numbers."""
    return TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)
