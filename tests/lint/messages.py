#!/usr/bin/env python3
"""Checks that each message about a fleet repository stands in a test, whole: with its hint, and with file, line and column."""
import pathlib
import re
import sys

# What makes messages, and where: in files that know a path, tests show it.
PLACED = ("hub/fleet", "hub/render")
PLAIN = ("common/object", "common")
PLAIN_FILES = {"yaml.c", "yaml_piece.c", "yaml_merge.c", "merge.c", "merge_check.c", "directive.c",
               "patch.c", "pointer.c", "id.c", "keep.c"}
ELSEWHERE = {"bundle.c"} # reads what programs wrote
CALL = re.compile(r"\b(?:hub_diags_add|report|cm_fail|CM_YAML_FAIL|cm_strf|fail_tag)\(")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
# A literal, a word (a macro), and what joins them.
PIECES = re.compile(r'(?:"(?:[^"\\]|\\.)*"|\b[A-Z][A-Z_0-9]+\b|\s+)+')


def unescape(text):
    return text.replace('\\n', '\n').replace('\\"', '"').replace("\\\\", "\\")


def joined(piece):
    """The text of adjacent literals and macros; what a macro says is not known."""
    out = []
    for match in re.finditer(r'"((?:[^"\\]|\\.)*)"|\b[A-Z][A-Z_0-9]+\b', piece):
        out.append(unescape(match.group(1)) if match.group(1) is not None else "%s")
    return "".join(out)


def call_end(text, at):
    depth = 0
    while at < len(text):
        char = text[at]
        if char == '"':
            at = LITERAL.match(text, at).end()
            continue
        depth += {"(": 1, ")": -1}.get(char, 0)
        at += 1
        if depth == 0:
            return at
    return at


def messages(text):
    """(line, format) of each message that a source makes."""
    for call in CALL.finditer(text):
        body = text[call.end() - 1:call_end(text, call.end() - 1)]
        for piece in PIECES.finditer(body):
            if '"' in piece.group(0):
                words = joined(piece.group(0))
                if len(re.sub(r"%[-.*\d]*[a-z]+", "", words)) > 16 and " " in words:
                    yield text.count("\n", 0, call.start()) + 1, words


def is_shown(words, placed, said):
    """Whether a test's text holds the message, with a place before it if it has one."""
    parts = [p.replace("\0", "%") for p in
             re.split(r"%[-.*\d]*(?:zu|lu|[a-z])", words.replace("%%", "\0"))]
    longest = max(parts, key=len)
    place = r"[^\s:]+:\d+:\d+: [^\n]*" if placed else ""
    whole = re.compile(place + r"[^\n]*".join(re.escape(part) for part in parts))
    return any(longest in text and any(whole.search(line) for line in text.split("\n"))
               for text in said)


def problems(root):
    said = []
    for file in sorted((root / "tests").rglob("*.[ch]")):
        text = file.read_text()
        said.extend(joined(piece.group(0)) for piece in PIECES.finditer(text) if '"' in piece.group(0))
    for folder in PLACED + PLAIN:
        for file in sorted((root / folder).glob("*.c")):
            if file.name in ELSEWHERE or (folder in PLAIN and file.name not in PLAIN_FILES):
                continue
            for line, words in messages(file.read_text()):
                if not is_shown(words, folder in PLACED, said):
                    name = file.relative_to(root)
                    yield f"{name}:{line}: no test shows this message whole: {words!r}"


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "messages: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
