#!/usr/bin/env python3
"""Installs what was built, looks at it, and builds the examples against it outside the tree."""

import difflib
import os
import re
import shutil
import subprocess
import unittest

TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.environ["PRESENTER_BUILD"]
OUTSIDE = os.environ["PRESENTER_OUTSIDE"]
PREFIX = os.path.join(OUTSIDE, "prefix")
EXAMPLES = ("echo_backend", "chat_room")
README = os.path.join(TREE, "protocol/backend_sdk/README.md")
# A user's own: nothing of ours may warn under them.
FLAGS = ["-O0", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def run(*words, **options):
    """Its output; what it said is shown if it fails."""
    done = subprocess.run(words, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}\n{done.stdout}")
    return done.stdout


def configure_and_build(source, folder, *settings):
    folder = os.path.join(OUTSIDE, folder)
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    run("cmake", "-G", "Ninja", "-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=",
        f"-DCMAKE_CXX_FLAGS={' '.join(FLAGS)}", *launcher, *settings)
    run("cmake", "--build", folder, "--", "-j2")
    return folder


def library(name):
    [found] = [os.path.join(folder, name) for folder, _, names in os.walk(PREFIX) if name in names]
    return found


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(OUTSIDE, ignore_errors=True)
        run("cmake", "--install", BUILD, "--prefix", PREFIX)

    def test_what_is_there(self):
        include = os.path.join(PREFIX, "include")
        for folder, _, names in os.walk(include):
            for name in names:
                with open(os.path.join(folder, name), encoding="utf-8") as header:
                    self._check_includes(name, header.read(), include)
        for name in ("bin/presenter", "bin/presenterctl", "share/presenter/mux.thrift",
                     "share/presenter/vectors/frames.json",
                     "share/presenter/vectors/ring_vectors.json"):
            self.assertTrue(os.path.exists(os.path.join(PREFIX, name)), name)
        self.assertNotEqual(run(os.path.join(PREFIX, "bin/presenterctl"), "--version"), "")
        self._check_list(include)
        self._check_symbols("libpresenter_backend_sdk")
        self._check_symbols("libpresenter_shard_router")

    def _check_includes(self, name, text, include):
        """Public headers need nothing but each other, Boost and the standard library; that each
        compiles alone is seen inside the tree (tests/tidy)."""
        for quote, wanted in re.findall(r'^#include (["<])(.+)[">]$', text, re.M):
            self.assertEqual(quote, "<", f"{name} includes {wanted}")
            if wanted.startswith("presenter/"):
                self.assertTrue(os.path.exists(os.path.join(include, wanted)),
                                f"{name} includes {wanted}, which is not public")
            else:
                self.assertRegex(wanted, r"^(boost/[\w/]+\.hpp|\w+)$", name)

    def _check_list(self, include):
        """The README names each public header, and no other."""
        with open(README, encoding="utf-8") as text:
            named = set(re.findall(r"^\| `<presenter/([\w/]+\.hpp)>`", text.read(), re.M))
        there = {os.path.relpath(os.path.join(folder, name), os.path.join(include, "presenter"))
                 for folder, _, names in os.walk(include) for name in names}
        self.assertEqual(named, there)

    def _check_symbols(self, name):
        """Ours that are seen are the public classes' and functions', and there is a version."""
        path = library(f"{name}.so")
        self.assertRegex(os.path.realpath(path), r"\.so\.\d+\.\d+\.\d+$")
        self.assertRegex(run("readelf", "-d", path), rf"SONAME.*{name}\.so\.\d+\.\d+\]")
        seen = run("nm", "-DC", "--defined-only", path)
        for hidden in ("mux_core::", "mux_link::", "stream_state::", "zk_session::", "decode_data"):
            self.assertNotIn(f" presenter::{hidden}", seen.replace("protocol::", "")
                             .replace("shard_router::", ""))
        self.assertIn("presenter::protocol::", seen)

    def test_the_sdk_alone(self):
        """By the commands of examples/README.md; no program comes with it."""
        prefix = os.path.join(OUTSIDE, "sdk_alone")
        with open(os.path.join(TREE, "examples/README.md"), encoding="utf-8") as text:
            components = re.findall(r"^cmake --install .* --component (\w+)$", text.read(), re.M)
        for component in components:
            run("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)
        there = {os.path.relpath(os.path.join(folder, name), prefix)
                 for folder, _, names in os.walk(prefix) for name in names}
        all_of_it = {os.path.relpath(os.path.join(folder, name), PREFIX)
                     for folder, _, names in os.walk(PREFIX) for name in names}
        programs = {path for path in all_of_it if path.startswith("bin/")}
        # Packages bring papers besides.
        self.assertEqual(all_of_it - there, programs)


class Documents(unittest.TestCase):
    def test_the_examples_page_shows_the_difference_that_there_is(self):
        with open(os.path.join(TREE, "examples/README.md"), encoding="utf-8") as text:
            [shown] = re.findall(r"^```diff\n(.+?)^```$", text.read(), re.M | re.S)
        sources = [f"examples/chat_room/{name}.cpp" for name in ("chat_room_tcp", "chat_room")]
        both = [run("cat", os.path.join(TREE, name)).splitlines(keepends=True) for name in sources]
        self.assertEqual(shown, "".join(list(difflib.unified_diff(*both, n=1))[2:]))


class FindPackage(unittest.TestCase):
    def test_examples_build(self):
        folder = configure_and_build(os.path.join(TREE, "tests/sdk/found"), "found",
                                     f"-DPRESENTER_TREE={TREE}", f"-DCMAKE_PREFIX_PATH={PREFIX}")
        for kind in ("shared", "static"):
            run(os.path.join(folder, "alone", f"alone_{kind}"))

    def test_the_lines_of_the_readme_build_its_program(self):
        """The program of two threads in the fleet; fleet.cpp has what the README leaves out."""
        with open(README, encoding="utf-8") as text:
            [lines] = re.findall(r"^```cmake\n(find_package.+?)^```$", text.read(), re.M | re.S)
        source = os.path.join(OUTSIDE, "readme")
        os.makedirs(source, exist_ok=True)
        with open(os.path.join(source, "CMakeLists.txt"), "w", encoding="utf-8") as file:
            file.write("cmake_minimum_required(VERSION 3.18)\nproject(readme LANGUAGES CXX)\n"
                       + lines)
        shutil.copy(os.path.join(TREE, "tests/sdk/fleet/fleet.cpp"),
                    os.path.join(source, "chat.cpp"))
        folder = configure_and_build(source, "readme_built", f"-DCMAKE_PREFIX_PATH={PREFIX}")
        run(os.path.join(folder, "chat"))


# What the page's example leaves out.
PAGE_FRONT = """#include <boost/asio.hpp>
#include <presenter/protocol/backend_sdk/mux_stream.hpp>
#include <sstream>
namespace asio = boost::asio;
using boost::system::error_code;
using presenter::protocol::handoff_info;
using presenter::protocol::mux_stream;
"""
PAGE_LINES_MAX = 60


class PkgConfig(unittest.TestCase):
    def setUp(self):
        path = os.path.dirname(library("presenter.pc"))
        self.words = run("pkg-config", "--cflags", "--libs", "presenter",
                         env={**os.environ, "PKG_CONFIG_PATH": path}).split()

    def test_the_session_that_gives_streams_up_is_whole_and_short(self):
        with open(README, encoding="utf-8") as text:
            [shown] = re.findall(r"^```cpp\n(// Counts the lines.+?)^```$", text.read(),
                                 re.M | re.S)
        self.assertLessEqual(len(shown.splitlines()), PAGE_LINES_MAX)
        source = os.path.join(OUTSIDE, "page.cpp")
        with open(source, "w", encoding="utf-8") as file:
            file.write(PAGE_FRONT + shown)
        run(os.environ["CXX"], "-std=c++20", *FLAGS, "-fsyntax-only", source, *self.words)

    def test_examples_build(self):
        for example in EXAMPLES:
            run(os.environ["CXX"], "-std=c++20", *FLAGS, "-o",
                os.path.join(OUTSIDE, f"{example}.pkg_config"), self._source(example), *self.words)
        # Whoever comes from Asio has hardly more to compile.
        on_tcp = self._lines_compiled("chat_room", "chat_room_tcp")
        for example in EXAMPLES:
            self.assertLess(self._lines_compiled(example, example, *self.words), 1.15 * on_tcp)

    @staticmethod
    def _source(folder, name=None):
        return os.path.join(TREE, "examples", folder, f"{name or folder}.cpp")

    def _lines_compiled(self, folder, name, *words):
        return len(run(os.environ["CXX"], "-std=c++20", "-E", "-P", self._source(folder, name),
                       *words).splitlines())


class AddSubdirectory(unittest.TestCase):
    def test_examples_build(self):
        folder = configure_and_build(os.path.join(TREE, "tests/sdk/subproject"), "subproject",
                                     f"-DPRESENTER_TREE={TREE}", "-DPRESENTER_BATCHES=ON")
        with open(os.path.join(folder, "build.ninja"), encoding="utf-8") as plan:
            self.assertNotIn("zookeeper", plan.read())


if __name__ == "__main__":
    unittest.main(verbosity=2)
