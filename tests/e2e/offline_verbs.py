#!/usr/bin/env python3
"""validate, render and plan on real Git repositories, without a hub."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.hub import program  # noqa: E402

CLUSTERS = "".join(f"""\
---
apiVersion: holdfast/v1alpha1
kind: Cluster
metadata: {{name: {name}, labels: {{env: {env}}}}}
""" for name, env in (("paris", "production"), ("rome", "production"), ("oslo", "staging")))

GROUPS = """\
apiVersion: holdfast/v1alpha1
kind: ClusterGroup
metadata: {name: live}
spec: {clusterSelector: {matchLabels: {env: production}}}
"""

APP = """\
apiVersion: holdfast/v1alpha1
kind: App
metadata: {name: shop}
spec:
  namespace: default
  plainSecrets: allow
  targets:
  - clusterSelector: {}
"""

ELSEWHERE = """\
apiVersion: holdfast/v1alpha1
kind: App
metadata: {name: web}
spec:
  source: {repository: web-config, ref: {tag: TAG}}
  targets:
  - cluster: oslo
"""


def config_map(name, colour):
    return f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, namespace: default}}
data:
  colour: {colour}
"""


SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: default}
stringData: {password: hunter2}
"""

HOLD = """\
apiVersion: holdfast/v1alpha1
kind: Hold
metadata: {name: shop-1.5.0-x}
spec:
  app: shop
  clusters: [paris]
  rejects:
    identity:
    - {object: apps/Deployment/default/web, at: "/spec/template/spec/containers/[name=web]/image", value: "reg/web:1.5.0"}
  delta:
  - {object: apps/Deployment/default/web, at: "/spec/template/spec/containers/[name=web]/image", bad: "reg/web:1.5.0", use: "reg/web:1.4.2"}
"""

BAN = """\
apiVersion: holdfast/v1alpha1
kind: Ban
metadata: {name: hole}
spec: {images: [{name: reg/web, tag: 1.4.2}], reason: a hole}
"""


def web(image, note="old"):
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: default, annotations: {{note: {note}}}}}
spec:
  selector: {{matchLabels: {{a: b}}}}
  template:
    metadata: {{labels: {{a: b}}}}
    spec: {{containers: [{{name: web, image: "reg/web:{image}"}}]}}
"""


FLEET = {"clusters/all.yaml": CLUSTERS, "groups/all.yaml": GROUPS, "apps/shop/app.yaml": APP,
         "apps/shop/one.yaml": config_map("one", "blue"),
         "apps/shop/two.yaml": config_map("two", "blue"), "apps/shop/key.yaml": SECRET}


EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "examples" / "ci"


def steps_of(name):
    """The scripts of an example for GitHub or Gitea Actions that need nothing but holdfast."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    lines = re.findall(r"^ +run: (holdfast .*)$", text, re.M)
    blocks = re.findall(r"^ +run: \|\n((?: {10}.*\n|\n)+)", text, re.M)
    return lines + [textwrap.dedent(block) for block in blocks if "curl" not in block]


def script_of_gitlab():
    """The script of the example for GitLab CI, which is one shell's."""
    text = (EXAMPLES / "gitlab.yaml").read_text(encoding="utf-8")
    body = re.search(r"  script:\n(.*?)  artifacts:", text, re.S).group(1)
    items = re.findall(r"^    - (?:\|\n((?: {6}.*\n)+)|(.*)\n)", body, re.M)
    return ["\n".join(textwrap.dedent(block) or line for block, line in items)]


class OfflineVerbs(story.Story):

    def setUp(self):
        super().setUp()
        name = self._testMethodName.replace("test_", "")
        self.place = self.folder / name
        self.place.mkdir()
        self.repo = GitRepo(self.place)
        self.repo.push(FLEET)

    def run_it(self, *words, cwd=None):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("HOLDFAST_")}
        return subprocess.run([program("holdfast"), *map(str, words)], capture_output=True,
                              text=True, check=False, cwd=cwd or self.repo.work, env=environment)

    def says(self, code, *words, cwd=None):
        """Runs holdfast, which must end with this code; returns what it prints."""
        done = self.run_it(*words, cwd=cwd)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_render_tells_what_is_wrong_with_an_app_that_it_cannot_read(self):
        self.repo.write({"apps/shop/app.yaml": APP.replace("namespace", "namespce")})
        said = self.says(1, "render", "shop", "--cluster", "paris")
        self.assertIn("apps/shop/app.yaml:5:3: ", said)
        self.assertIn("did you mean 'namespace'?", said)

    def test_the_root_folder_is_looked_for_above_too(self):
        said = self.says(0, "plan", cwd=self.repo.work / "apps" / "shop")
        self.assertIn("(is it '../..'?)", said)

    def test_what_is_no_folder_or_range_gets_a_hint(self):
        self.assertIn("write two commits as HEAD..main", self.says(2, "plan", "HEAD", "main"))
        self.assertIn("there is no folder 'apps/shop/app.yaml': name the root",
                      self.says(2, "validate", "apps/shop/app.yaml"))
        self.assertIn("say which commit to read, as --at",
                      self.says(2, "validate", self.repo.bare))
        self.assertIn("no cluster has the labels", self.says(2, "plan", "-l", "env=nowhere"))

    def test_a_misspelt_branch_or_tag_is_proposed(self):
        self.assertIn("no commit, branch or tag 'mian'; did you mean 'main'?",
                      self.says(2, "plan", "mian..HEAD"))
        self.assertIn("did you mean 'main~1'?", self.says(2, "validate", "--at", "mian~1"))

    def complete(self, *words, cwd=None):
        return [line.split("\t")[0] for line in
                self.says(0, "__complete", *words, cwd=cwd).splitlines()]

    def test_names_are_completed_without_a_hub(self):
        self.repo.write({"apps/shop/one.yaml": "{{{"})  # manifests are not looked at
        self.assertEqual(self.complete("render", "sh"), ["shop"])
        self.assertIn("paris", self.complete("render", "shop", "--cluster", ""))
        self.assertEqual(self.complete("plan", "--app=sh"), ["--app=shop"])
        self.assertEqual(self.complete("plan", str(self.repo.work), "--cluster", "pa", cwd="/"),
                         ["paris"])

    def test_only_a_confirmation_that_is_wrong_is_warned_of(self):
        confirmation = ("apiVersion: holdfast/v1alpha1\nkind: Confirmation\n"
                        "metadata: {name: go}\nspec: {app: NAME, removal: '3f9a01c2d4e5'}\n")
        for name in ("shop", "gone-long-ago"):
            self.repo.write({"confirmations/go.yaml": confirmation.replace("NAME", name)})
            self.assertEqual(self.says(0, "validate"), "1 App on 3 clusters: no problems\n")
        self.repo.write({"confirmations/go.yaml": confirmation.replace("NAME", "shp")})
        self.assertIn("no App is named 'shp', so it may confirm nothing; did you mean 'shop'?",
                      self.says(0, "validate"))

    # ---- plan

    def test_a_dirty_working_copy_is_compared_with_its_commit(self):
        self.assertIn("nothing changes on any cluster", self.says(0, "plan"))
        self.repo.write({"apps/shop/one.yaml": config_map("one", "red"),
                         "apps/shop/new.yaml": config_map("new", "green"),
                         "apps/shop/two.yaml": None,
                         "apps/shop/skipped.yaml": "not: [yaml",
                         ".gitignore": "skipped.yaml\n"})
        text = self.says(0, "plan")
        for part in ("HEAD (", "→ working copy", "DELETES 3 objects",
                     "ConfigMap/default/two is deleted", "+ ConfigMap/default/new",
                     'data.colour: "blue" → "red"', "3 clusters: oslo, paris, rome",
                     "1 App changes on 3 clusters; objects: 3 deleted, 3 added, 3 changed"):
            self.assertIn(part, text)
        self.repo.git("add", "apps/shop/one.yaml")
        self.assertEqual(self.says(0, "plan"), text, "what is staged is no less in the working copy")
        self.assertEqual(self.says(3, "plan", "--exit-code"), text)

    def test_ranges_are_those_of_git_diff(self):
        first = self.repo.head()
        self.repo.checkout_branch("red")
        self.repo.push({"apps/shop/one.yaml": config_map("one", "red")})
        self.repo.git("checkout", "--quiet", "main")
        self.repo.branch = "main"
        self.repo.push({"apps/shop/two.yaml": config_map("two", "white")})
        both = self.says(0, "plan", "main..red")
        self.assertIn('data.colour: "white" → "blue"', both)
        self.assertIn('data.colour: "blue" → "red"', both)
        parted = self.says(0, "plan", "main...red")
        self.assertIn(f"{first[:7]}, where main (", parted)
        self.assertNotIn("white", parted)
        self.assertIn('data.colour: "blue" → "red"', parted)
        self.assertIn('"blue" → "white"', self.says(0, "plan", "HEAD^.."))
        self.assertIn('"blue" → "white"', self.says(0, "plan", first), "with the working copy")
        self.assertIn('"white" → "blue"', self.says(0, "plan", f"..{first[:9]}"))
        self.assertIn("there is no commit, branch or tag 'nope'", self.says(2, "plan", "nope..main"))
        self.assertIn("write A..B", self.says(2, "plan", "a..b..c"))
        clone = self.place / "clone"
        self.repo.git("clone", "--quiet", self.repo.bare, clone)
        self.assertIn("did you mean 'origin/red'?", self.says(2, "plan", "main..red", cwd=clone))
        self.assertIn('"blue" → "red"', self.says(0, "plan", "main...origin/red", cwd=clone))

    def test_a_bare_repository_will_do(self):
        self.repo.push({"apps/shop/one.yaml": config_map("one", "red")})
        text = self.says(0, "plan", "main~1..main", self.repo.bare, cwd="/")
        self.assertIn('data.colour: "blue" → "red"', text)
        self.assertIn("bare repository, without a working copy", self.says(2, "plan", self.repo.bare))

    def test_a_file_that_is_renamed_changes_nothing(self):
        self.repo.git("mv", "apps/shop/one.yaml", "apps/shop/uno.yaml")
        self.assertIn("nothing changes", self.says(0, "plan"))
        self.repo.commit({}, "renamed")
        self.assertIn("nothing changes", self.says(0, "plan", "HEAD~1..HEAD"))

    def test_a_shallow_clone_says_what_it_lacks(self):
        self.repo.push({"apps/shop/one.yaml": config_map("one", "red")})
        shallow = self.place / "shallow"
        self.repo.git("clone", "--quiet", "--depth", "1", self.repo.url, shallow)
        text = self.says(2, "plan", "HEAD~1..HEAD", cwd=shallow)
        self.assertIn("git fetch --unshallow", text)
        self.assertIn("nothing changes", self.says(0, "plan", cwd=shallow))
        self.assertIn("3 clusters", self.says(0, "validate", cwd=shallow))

    def test_holds_that_wait_to_be_merged_count_where_the_clone_has_them(self):
        for root in ("", "infra/fleet/"):
            with self.subTest(root=root):
                self.plan_with_waiting_holds(root)

    # Beside main, which has two commits more than what rejected 1.5.0 saw: a clone with all of it.
    def clone_with_a_waiting_hold(self, root=""):
        self.repo.push({**{f"{root}{path}": text for path, text in FLEET.items()},
                        f"{root}apps/shop/web.yaml": web("1.4.2")})
        self.repo.push({f"{root}apps/shop/web.yaml": web("1.5.0")})
        self.repo.git("push", "--quiet", "--force", "origin", "main:refs/heads/holdfast/holds")
        self.repo.git("checkout", "--quiet", "--detach")
        self.repo.commit({f"{root}holds/shop/x.yaml": HOLD}, "hold(shop): 1.4.2 on 1 cluster, which rejected 1.5.0")
        self.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/holdfast/holds")
        self.repo.git("checkout", "--quiet", "main")
        self.repo.push({f"{root}apps/shop/web.yaml": web("1.5.0", "new")})
        clone = self.place / f"clone-{len(root)}"
        self.repo.git("clone", "--quiet", self.repo.bare, clone)
        return clone

    def test_a_hold_that_waits_counts_for_what_is_validated_and_rendered(self):
        for root in ("", "infra/fleet/"):
            with self.subTest(root=root):
                clone = self.clone_with_a_waiting_hold(root)
                fleet = clone / root
                waits = "1 Hold of origin/holdfast/holds ("
                self.assertIn(f"1 App on 3 clusters, with {waits}", self.says(0, "validate", fleet))
                said = self.says(0, "render", "shop", "--cluster", "paris", fleet)
                self.assertIn("reg/web:1.4.2", said)
                self.assertIn(f"holdfast: with {waits}", said)
                self.assertIn("reg/web:1.5.0", self.says(0, "render", "shop", "--cluster", "rome", fleet))
                bare = ("render", "shop", "--cluster", "paris", "--at", "main", self.repo.bare, "--path",
                        root.strip("/"))
                self.repo.git("-C", self.repo.bare, "update-ref", "refs/heads/holdfast/holds",
                              self.repo.git("-C", clone, "rev-parse", "origin/holdfast/holds").strip())
                self.assertIn("reg/web:1.4.2", self.says(0, *bare))
                # What it restores may be what a Ban of the working copy forbids.
                (fleet / "bans").mkdir()
                (fleet / "bans/x.yaml").write_text(BAN)
                said = self.says(1, "validate", fleet)
                self.assertIn("1.4.2", said)
                self.assertIn(f", with {waits}", said)
                shutil.rmtree(fleet / "bans")
                # A file that somebody edits here, which is not committed, is as it is here.
                self.repo.git("-C", clone, "merge", "--quiet", "-m", "merge", "origin/holdfast/holds")
                (fleet / "holds/shop/x.yaml").write_text(HOLD.replace("1.4.2", "1.4.1"))
                self.assertIn("reg/web:1.4.1", self.says(0, "render", "shop", "--cluster", "paris", fleet))

    def test_a_hold_that_waits_counts_not_where_somebody_wrote_another_one(self):
        clone = self.clone_with_a_waiting_hold()
        (clone / "holds/shop").mkdir(parents=True)
        (clone / "holds/shop/x.yaml").write_text(HOLD.replace("1.4.2", "1.4.1"))
        said = self.says(0, "render", "shop", "--cluster", "paris", clone)
        self.assertIn("reg/web:1.4.1", said)
        self.assertNotIn("with 1 Hold", said)

    def plan_with_waiting_holds(self, root):
        clone = self.clone_with_a_waiting_hold(root)
        plan = ("plan", "HEAD~1..HEAD", "--path", root.strip("/"), clone)
        said = self.says(0, *plan)
        self.assertIn("HEAD~1 (", said)
        self.assertIn(") with 1 Hold of origin/holdfast/holds (", said)
        self.assertIn("App shop is held on 1 cluster: it stays on 1.4.2 instead of 1.5.0", said)
        self.repo.git("-C", clone, "update-ref", "-d", "refs/remotes/origin/holdfast/holds")
        self.assertNotIn("Hold", self.says(0, *plan))
        # Merged and removed since, on a branch that this clone has as it was: it counts no more.
        self.repo.git("-C", clone, "fetch", "--quiet", "origin")
        self.repo.git("merge", "--quiet", "-m", "merge", "origin/holdfast/holds")
        self.repo.push({f"{root}holds/shop/x.yaml": None})
        self.repo.push({f"{root}apps/shop/web.yaml": web("1.5.0", "newer")})
        self.repo.git("-C", clone, "pull", "--quiet")
        self.assertNotIn("Hold", self.says(0, *plan))

    def test_a_fleet_may_be_a_folder_of_the_repository(self):
        moved = {f"infra/fleet/{path}": text for path, text in FLEET.items()}
        self.repo.push({**moved, **{path: None for path in FLEET}})
        self.repo.push({"infra/fleet/apps/shop/one.yaml": config_map("one", "${gone}")})
        text = self.says(1, "plan", "HEAD~1..HEAD", "infra/fleet")
        self.assertIn("new: infra/fleet/apps/shop/one.yaml:5:11: variable 'gone'", text)
        self.assertIn("a problem keeps it as it is on 3 clusters", text)
        here = self.says(1, "plan", "HEAD~1..", cwd=self.repo.work / "infra" / "fleet")
        self.assertIn("infra/fleet/apps/shop/one.yaml:5:11", here)
        bare = self.says(1, "plan", "main~1..main", self.repo.bare, "--path", "infra/fleet")
        self.assertEqual(self.says(1, "plan", "HEAD~1..HEAD", "--path", "infra/fleet")
                         .replace("HEAD", "main"), bare)

    def test_what_is_narrowed_is_checked_for_its_name(self):
        self.repo.write({"apps/shop/one.yaml": config_map("one", "red")})
        self.assertIn("1 App changes on 1 cluster;", self.says(0, "plan", "--cluster", "paris"))
        self.assertIn("1 App changes on 2 clusters;", self.says(0, "plan", "--group", "live"))
        self.assertIn("1 App changes on 3 clusters;", self.says(0, "plan", "--app", "shop"))
        self.assertIn("1 App changes on 1 cluster;", self.says(0, "plan", "-l", "env=staging"))
        self.assertIn("1 App changes on 2 clusters;",
                      self.says(0, "plan", "-l", "env in (production), !gone"))
        self.assertIn("did you mean 'paris'?", self.says(2, "plan", "--cluster", "pariss"))
        self.assertIn("did you mean 'shop'?", self.says(2, "plan", "--app", "shopp"))
        self.assertIn("did you mean 'live'?", self.says(2, "plan", "--group", "lives"))

    def test_what_is_wrong_in_a_new_app_fails_no_check_of_another(self):
        self.repo.write({"apps/new/app.yaml": APP.replace("shop", "new").replace("targets", "tagets")})
        said = self.says(1, "plan", "--app", "new")
        self.assertIn("apps/new/app.yaml:7:3: unknown field 'tagets'", said)
        self.assertNotIn("apps/new", self.says(0, "plan", "--app", "shop"))
        self.assertRegex(self.says(1, "render", "new", "--cluster", "rome"),
                         r"\Aapps/new/app.yaml:7:3: unknown field 'tagets'")

    def test_a_file_in_a_wrong_place_deletes_nothing(self):
        os.rename(self.repo.work / "apps/shop/app.yaml", self.repo.work / "apps/shop/App.yaml")
        said = self.says(1, "plan")
        self.assertIn("apps/shop/App.yaml:1:1: an App's document must be named app.yaml", said)
        self.assertNotIn("delete", said.lower())

    def test_what_waits_is_told_with_the_bounds_of_the_hub(self):
        self.repo.write({"apps/shop/two.yaml": None, "apps/shop/key.yaml": None})
        self.assertNotIn("WAITS", self.says(0, "plan"))
        said = self.says(1, "plan", "--removal-objects-min", "2")
        self.assertIn("WAITS: 1 removal", said)
        self.assertNotIn("WAITS", self.says(0, "plan", "--removal-objects-min", "2",
                                            "--removal-share-percent", "70"))

    def test_a_comment_and_annotations_are_ready_to_post(self):
        self.repo.write({"apps/shop/one.yaml": config_map("one", "${gone}"),
                         "apps/shop/app.yaml": APP + "  suspend: true\n"})
        done = self.run_it("plan", "-o", "github")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith("<!-- holdfast plan -->\n### holdfast plan: `HEAD ("))
        self.assertRegex(done.stderr, r"\A::error file=apps/shop/one.yaml,line=5,col=11,"
                                      r"title=holdfast::variable 'gone' is not defined")
        self.assertEqual(self.run_it("plan", "-o", "markdown").stdout, done.stdout)
        plan = json.loads(self.run_it("plan", "-o", "json").stdout)
        self.assertEqual([problem["news"] for problem in plan["problems"]], ["new"])
        self.assertEqual(plan["apps"][0]["held"], 3)
        self.assertRegex(self.says(1, "validate", "-o", "github"),
                         r"\A::error file=apps/shop/one.yaml,line=5")

    def test_secrets_are_never_shown_unless_asked_for(self):
        self.repo.write({"apps/shop/key.yaml": SECRET.replace("hunter2", "hunter3")})
        for output in ("text", "markdown", "json", "github"):
            text = self.says(0, "plan", "-o", output)
            self.assertNotIn("hunter", text)
            self.assertNotIn("aHVudGVy", text, "nor in base64")
            self.assertIn("data.password", text)

    # ---- other repositories

    def test_an_app_of_another_repository_is_compared_when_that_is_here(self):
        other = GitRepo(self.place, "web")
        other.push({"page.yaml": config_map("page", "old")})
        other.git("tag", "v1")
        other.push({"page.yaml": config_map("page", "new")})
        other.git("tag", "-a", "-m", "two", "v2")
        other.git("push", "--quiet", "origin", "--tags")
        self.repo.push({"apps/web/app.yaml": ELSEWHERE.replace("TAG", "v1")})
        self.repo.write({"apps/web/app.yaml": ELSEWHERE.replace("TAG", "v2")})
        self.assertIn("App web is not compared", self.says(0, "plan"))
        self.assertIn("1 warning", self.says(0, "validate"))
        text = self.says(0, "plan", "--source", f"web-config={other.work}")
        self.assertNotIn("not compared", text)
        self.assertIn('data.colour: "old" → "new"', text)
        self.assertIn('"old" → "new"', self.says(0, "plan", "--source", f"web-config={other.bare}",
                                                 "-o", "markdown"))
        self.assertIn("colour: new", self.says(0, "render", "web", "--cluster", "oslo",
                                               "--source", f"web-config={other.work}"))
        self.assertIn("--source NAME=DIR", self.says(2, "render", "web", "--cluster", "oslo"))
        self.repo.write({"apps/web/app.yaml": ELSEWHERE.replace("TAG", "v3")})
        self.assertIn("has no tag 'v3'", self.says(2, "plan", "--source", f"web-config={other.work}"))
        self.assertIn("write NAME=DIR", self.says(2, "plan", "--source", "web-config"))

    def test_a_source_may_be_a_plain_folder(self):
        folder = self.place / "plain"
        folder.mkdir()
        (folder / "page.yaml").write_text(config_map("page", "${none}"))
        self.repo.push({"apps/web/app.yaml": ELSEWHERE.replace("TAG", "v1")})
        text = self.says(1, "validate", "--source", f"web-config={folder}")
        self.assertIn("variable 'none' is not defined", text)
        self.assertNotIn("open the repository", text)

    def test_clusters_may_be_in_another_repository(self):
        team = GitRepo(self.place, "team")
        team.push({path: text for path, text in FLEET.items() if path.startswith("apps/")})
        team.write({"apps/shop/one.yaml": config_map("one", "red")})
        alone = self.says(0, "plan", cwd=team.work)
        self.assertIn("there is no Cluster in '.'", alone)
        self.assertIn("is defined at", self.says(1, "validate", "--with", self.repo.work,
                                                 cwd=team.work), "the App is in both")
        self.repo.git("rm", "-r", "--quiet", "apps")
        text = self.says(0, "plan", "--with", self.repo.work, cwd=team.work)
        self.assertIn('3 clusters: oslo, paris, rome', text)
        self.assertIn('"blue" → "red"', text)
        self.assertIn("colour: red", self.says(0, "render", "shop", "--cluster", "oslo", "--with",
                                               self.repo.work, cwd=team.work))
        self.assertIn("--with /none", self.says(2, "plan", "--with", "/none", cwd=team.work))

    def test_the_wrong_root_is_noticed(self):
        moved = {f"infra/fleet/{path}": text for path, text in FLEET.items()}
        self.repo.push({**moved, **{path: None for path in FLEET}})
        self.assertIn("is it 'infra/fleet'?", self.says(1, "validate"))
        self.assertIn("is it 'infra/fleet'?", self.says(1, "plan"))
        empty = self.place / "empty"
        GitRepo(empty.parent, "empty")
        self.assertIn("no commit yet", self.says(2, "plan", cwd=empty))

    # ---- render

    def test_render_prints_what_a_cluster_gets(self):
        self.repo.write({"apps/shop/space.yaml":
                         "apiVersion: v1\nkind: Namespace\nmetadata: {name: zoo}\n"})
        text = self.says(0, "render", "shop", "--cluster", "paris")
        self.assertEqual(text.count("---\n"), 4)
        self.assertLess(text.index("name: zoo"), text.index("kind: ConfigMap"), "order of applying")
        self.assertIn("'***'", text.replace('"', "'"))
        self.assertNotIn("hunter2", text)
        self.assertEqual(text, self.says(0, "render", "shop", "--cluster", "rome"), "byte for byte")
        open_text = self.says(0, "render", "shop", "--cluster", "paris", "--show-secrets")
        self.assertIn("aHVudGVyMg==", open_text)
        listed = json.loads(self.says(0, "render", "shop", "--cluster", "paris", "-o", "json"))
        self.assertEqual([listed["kind"], len(listed["items"])], ["List", 4])

    def test_render_reads_a_commit_too(self):
        self.repo.push({"apps/shop/one.yaml": config_map("one", "red")})
        self.assertIn("colour: red", self.says(0, "render", "shop", "--cluster", "paris"))
        self.assertNotIn("colour: red",
                         self.says(0, "render", "shop", "--cluster", "paris", "--at", "HEAD~1"))
        self.assertIn("colour: red", self.says(0, "render", "shop", self.repo.bare, "--cluster",
                                               "paris", "--at", "main", cwd="/"))

    def test_render_says_why_there_is_nothing(self):
        self.assertIn("--cluster NAME", self.says(2, "render", "shop"))
        self.assertIn("did you mean 'shop'?", self.says(2, "render", "shopp", "--cluster", "paris"))
        self.assertIn("did you mean 'paris'?", self.says(2, "render", "shop", "--cluster", "pariss"))
        self.repo.write({"apps/shop/app.yaml": APP.replace("clusterSelector: {}", "cluster: rome")})
        self.assertIn("no target of it matches", self.says(1, "render", "shop", "--cluster", "paris"))
        self.repo.write({"apps/shop/one.yaml": config_map("one", "${gone}")})
        self.assertRegex(self.says(1, "render", "shop", "--cluster", "rome"),
                         r"\Aapps/shop/one.yaml:5:11: variable 'gone'")

    # ---- the examples for CI systems

    def run_step(self, script, where):
        """Runs a step as a runner does; returns its exit code and what the comment would be."""
        base = self.repo.git("merge-base", "origin/main", "HEAD").strip()
        environment = {**os.environ, "BASE": "main", "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
                       "GITHUB_STEP_SUMMARY": str(self.place / "summary.md"),
                       "PATH": f"{program('holdfast').parent}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-e", "-c", script], cwd=where, env=environment, text=True,
                              capture_output=True, check=False)
        comment = where / "plan.md"
        return done.returncode, comment.read_text(encoding="utf-8") if comment.exists() else ""

    def test_the_examples_for_ci_check_and_comment(self):
        self.repo.checkout_branch("change")
        for text, code in ((config_map("one", "red"), 0), (config_map("one", "${gone}"), 1)):
            self.repo.commit({"apps/shop/one.yaml": text})
            for scripts in (steps_of("github.yaml"), steps_of("gitea.yaml"), script_of_gitlab()):
                self.assertTrue(scripts)
                ended = [self.run_step(script, self.repo.work) for script in scripts]
                self.assertEqual({ends for ends, _ in ended}, {code}, ended)
                self.assertTrue(ended[-1][1].startswith("<!-- holdfast plan -->"))
                self.assertIn('"blue" → "red"' if code == 0 else "New problems (1)", ended[-1][1])
                (self.repo.work / "plan.md").unlink()

    # ---- validate

    def test_validate_tells_warnings_from_errors(self):
        self.assertEqual(self.says(0, "validate"), "1 App on 3 clusters: no problems\n")
        self.repo.write({"apps/shop/app.yaml": APP.replace("{}", "{matchLabels: {env: test}}")})
        text = self.says(0, "validate")
        self.assertIn("warning: apps/shop/app.yaml: App 'shop' is on no cluster", text)
        self.assertIn("no problems, 1 warning\n", text)
        self.assertEqual(json.loads(self.says(0, "validate", "-o", "json"))[0]["level"], "warning")
        self.assertIn("::warning file=apps/shop/app.yaml,", self.says(0, "validate", "-o", "github"))
        self.assertIn("no problems\n", self.says(0, "validate", "--at", "HEAD"))
        self.repo.write({"apps/shop/app.yaml": APP.replace("spec:\n", "spec:\n  releaseGroup: money\n")})
        self.assertIn("no other App is in the release group 'money': correct the name, or remove it",
                      self.says(0, "validate"))

    def test_what_the_hub_wrote_of_clusters_that_are_gone_is_no_error(self):
        hold = """apiVersion: holdfast/v1alpha1
kind: Hold
metadata: {name: shop-2}
spec:
  app: shop
  clusters: [gone]
  rejects: {identity: [{object: apps/Deployment/prod/web, at: /spec/replicas, value: 2}]}
  delta: [{object: apps/Deployment/prod/web, at: /spec/replicas, bad: 2, use: 1}]
"""
        self.repo.write({"holds/shop/2.yaml": hold})
        self.assertIn("no Cluster is named 'gone'", self.says(1, "validate"))
        self.repo.write({"holds/shop/2.yaml": hold + "  event: abcd\n"})
        text = self.says(0, "validate")
        self.assertIn("warning: holds/shop/2.yaml: no Cluster is named 'gone': if it is gone", text)
        self.assertIn("no problems, 1 warning\n", text)

    def test_an_empty_folder_is_no_fleet(self):
        empty = self.place / "empty"
        empty.mkdir()
        self.assertIn("name the root folder of the fleet", self.says(2, "validate", empty))
        (self.repo.work / "groups/none").mkdir()
        self.assertIn("the top of this working copy is", self.says(2, "validate", "groups/none"))
        self.assertIn("there is no Git repository at", self.says(2, "plan", empty, cwd="/"))
        self.assertEqual(self.run_it("validate", "/no/such/folder").returncode, 2)


if __name__ == "__main__":
    story.main()
