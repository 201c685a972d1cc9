#!/usr/bin/env python3
"""The manual pages: one for each verb, as the program is now, and nothing that groff warns of."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.hub import program  # noqa: E402


def holdfast(*words):
    return subprocess.run([program("holdfast"), *words], check=True, capture_output=True,
                          text=True).stdout


class Manual(story.Story):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pages = pathlib.Path(tempfile.mkdtemp(dir=cls.folder))
        holdfast("__man", str(cls.pages))
        cls.verbs = re.findall(r"^  ([a-z]+) ", holdfast("help"), re.M)

    def rendered(self, page):
        """The page as man shows it, without bold and underlines."""
        if shutil.which("groff") is None:
            self.skipTest("groff is not installed")
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou", page],
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_there_is_a_page_for_each_verb(self):
        self.assertEqual({page.name for page in self.pages.iterdir()},
                         {"holdfast.1"} | {f"holdfast-{verb}.1" for verb in self.verbs})

    def test_the_pages_of_the_build_are_those_of_the_program(self):
        built = program("holdfast").parent.parent / "man"
        if not built.is_dir():
            self.skipTest(f"there is no {built}: only programs were built")
        for page in self.pages.iterdir():
            self.assertEqual((built / page.name).read_text(encoding="utf-8"),
                             page.read_text(encoding="utf-8"), page.name)

    def test_groff_warns_of_nothing(self):
        for page in self.pages.iterdir():
            self.assertIn("EXIT STATUS", self.rendered(page))

    def test_a_page_tells_what_the_help_tells(self):
        for verb in self.verbs:
            text = self.rendered(self.pages / f"holdfast-{verb}.1")
            for option in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", holdfast("help", verb), re.M):
                if verb != "help":
                    self.assertIn(option, text)
        text = self.rendered(self.pages / "holdfast-get.1")
        self.assertIn("""holdfast get apps -o jsonpath='{range .items[*]}{.name}{"\\n"}{end}'""", text)


if __name__ == "__main__":
    story.main()
