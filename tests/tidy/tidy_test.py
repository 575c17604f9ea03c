"""tidy.py sees what it is there to see: each rule broken once in a small tree, and a clean tree."""

import os
import subprocess
import sys
import tempfile
import unittest

import tidy

HEADER = "#pragma once\n"


class TidyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="presenter-tidy-")
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for path in ("protocol/errc.hpp", "protocol/wire/frame.hpp", "protocol/mux/core.hpp",
                     "protocol/transport/link.hpp", "gateway/worker/worker.hpp"):
            self.write(path, HEADER)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def assert_found(self, path, text, expected):
        self.write(path, text)
        found = [str(finding) for finding in tidy.check(self.root)]
        self.assertEqual(len(found), 1, found)
        self.assertIn(path, found[0])
        self.assertIn(expected, found[0])

    def assert_clean(self, path, text):
        self.write(path, text)
        self.assertEqual([str(finding) for finding in tidy.check(self.root)], [])

    def test_clean_tree_has_no_findings(self):
        self.assert_clean("protocol/mux/core.cpp",
                          '#include "protocol/mux/core.hpp"\n'
                          '#include "protocol/wire/frame.hpp"\n'
                          "// sleep( and system( in a comment are words\n"
                          'const char* text = "rand() \\" sleep(1)";\n'
                          "boost::system::error_code code; int n = 1'000'000; operand(n);\n")

    def test_layers(self):
        for path, include, expected in (
                ("protocol/wire/a.cpp", "protocol/mux/core.hpp", "must not depend on protocol/mux"),
                ("protocol/mux/a.cpp", "protocol/transport/link.hpp", "must not depend"),
                ("protocol/transport/a.cpp", "gateway/worker/worker.hpp", "must not depend on gateway"),
                ("shard_router/a.cpp", "gateway/worker/worker.hpp", "must not depend on gateway"),
                ("bench/chat_backend/a.cpp", "gateway/worker/worker.hpp", "must not depend on gateway"),
                ("newcomer/a.cpp", "protocol/errc.hpp", "must not depend on protocol"),
                ("gateway/a.cpp", "worker.hpp", "no file, from the root")):
            with self.subTest(path=path, include=include):
                self.assert_found(path, f'#include "{include}"\n', expected)
                os.remove(os.path.join(self.root, path))

    def test_the_table_of_layers_has_no_circle(self):
        below = {"base": (), "protocol": ("base",)}
        self.assertEqual(list(tidy.check_layer_table(below)), [])
        for wrong in ({"base": ("protocol",), "protocol": ("base",)}, {"base": ("nowhere",)}):
            with self.subTest(wrong=wrong):
                found = [str(finding) for finding in tidy.check_layer_table(wrong)]
                self.assertEqual(len(found), 1, found)
                self.assertIn("base stands above", found[0])

    def test_tests_may_include_everything(self):
        self.assert_clean("tests/unit/a_test.cpp", '#include "gateway/worker/worker.hpp"\n')

    def test_headers_where_they_do_not_belong(self):
        for path, include, expected in (
                ("gateway/a.cpp", "zookeeper/zookeeper.h", "zk_*"),
                ("protocol/wire/a.cpp", "boost/asio/io_context.hpp", "sans-I/O"),
                ("protocol/mux/a.cpp", "thread", "sans-I/O"),
                ("protocol/mux/a.cpp", "sys/socket.h", "sans-I/O"),
                ("shard_router/hash_ring.cpp", "mutex", "sans-I/O"),
                ("gateway/a.cpp", "boost/asio.hpp", "single Asio headers"),
                ("gateway/a.cpp", "boost/asio/ssl/context.hpp", "17 KiB")):
            with self.subTest(path=path, include=include):
                self.assert_found(path, f"#include <{include}>\n", expected)
                os.remove(os.path.join(self.root, path))

    def test_zookeeper_header_in_its_place(self):
        self.assert_clean("shard_router/zk_session.cpp", "#include <zookeeper/zookeeper.h>\n")

    def test_own_header_comes_first(self):
        self.assert_found("gateway/worker/worker.cpp",
                          '#include <vector>\n#include "gateway/worker/worker.hpp"\n', "first include")

    def test_pragma_once(self):
        self.assert_found("gateway/a.hpp", "int a();\n", "#pragma once")

    def test_lengths(self):
        self.assert_found("gateway/a.cpp", "// " + "x" * 98 + "\n", "101 characters")
        self.assert_found("gateway/a.cpp", "int a;\n" * 601, "601 lines")

    def test_banned_calls(self):
        for call in ("std::this_thread::sleep_for(1s);", "::usleep(5);", "sleep(1);",
                     "std::rand();", "srand(1);", "strcpy(a, b);", "std::sprintf(a, b);", "gets(a);",
                     "std::system(command);", "system(command);", "asio::ssl::stream<tcp> s;",
                     "co_spawn(e, f(), asio::detached);", "GTEST_SKIP();",
                     "::getaddrinfo(a, b, &c, &d);", "tcp::resolver names(io);",
                     "names.async_resolve(a, b, c);",
                     'spdlog::warn("again");'):
            with self.subTest(call=call):
                self.assert_found("gateway/a.cpp", call + "\n", ": ")

    def test_formatting_is_compiled_once(self):
        for call in ('fmt::format_to(std::back_inserter(text), "{}", 1);', 'spdlog::info("{}", 1);'):
            with self.subTest(call=call):
                self.assert_found("gateway/main.cpp", call + "\n", "anew")
        self.assert_clean("gateway/main.cpp", 'spdlog::info(fmt::format("{}", 1));\n')

    def test_banned_python(self):
        for call in ("time.sleep(1)", "os.system('x')", "run(x, shell=True)", "['pkill', 'x']",
                     "self.skipTest('x')"):
            with self.subTest(call=call):
                self.assert_found("tests/integration/a.py", call + "\n", ": ")

    def test_banned_words(self):
        for line in ("// the " + "down" + "stream side", "// TODO" + ": later",
                     'auto p = "/' + 'work/x";', "// see /" + "home/me/x"):
            with self.subTest(line=line):
                self.assert_found("gateway/a.cpp", line + "\n", ": ")
        self.assert_clean("gateway/a.cpp", "// TODO(#12): later\n")

    def test_counters_are_told(self):
        self.write("protocol/transport/mux_link.hpp",
                   "#pragma once\nstruct link_counters {\n  using counter = int;\n  // Of all.\n"
                   "  std::uint64_t reads = 0;  // system calls\n"
                   "  array<counter, kind,\n        kind::last>\n      sends;\n"
                   "  struct inner {\n    int hidden = 0;\n  };\n"
                   "  void add(int n) { reads += n; }\n};\n")
        told = ("gateway/upstream/upstream_link.cpp",
                "void tell() { add(from.reads); add(&link_counters::sends); }\n")
        self.assert_clean(*told)
        for gone in ("from.reads", "link_counters::sends"):
            with self.subTest(gone=gone):
                self.write(told[0], told[1].replace(gone, "nothing"))
                found = [str(finding) for finding in tidy.check(self.root)]
                self.assertEqual(len(found), 1, found)
                self.assertIn(f"{gone.split('.')[-1].split(':')[-1]} is told to nobody", found[0])

    def test_prose(self):
        for text, expected in (
                ("x" * 111 + "\n", "1: 111 characters"),
                ("| " + "x" * 158 + "|\n", "1: 161 characters"),
                ("| a | b | c | d |\n|---|---|---|---|\n", "1: 4 columns"),
                ("| a | b |\n|---|---|\n| a |\n", "3: 1 cells in a table of 2"),
                ("| a | b |\n|---|---|\n| a | one\n", "3: 1 cells in a table of 2"),
                ("| a |\n|---|\n| a |\nmore\n", "4: a table's row does not go on")):
            with self.subTest(text=text):
                self.assert_found("gateway/NOTES.md", text, expected)
        self.assert_clean("gateway/NOTES.md", "x" * 110 + "\n\n| a \\| b | c | " + "d" * 140 + " |\n"
                          "|---|---|---|\n| a | b | c |\n\n```\n| a | b | c | d |\n```\n")

    def test_links(self):
        self.write("gateway/README.md", "## Half-close, and `close`\n")
        for link, expected in (("../absent.md", "there is no absent.md"),
                               ("README.md#closes", "no such heading in gateway/README.md"),
                               ("#here", "no such heading in gateway/NOTES.md")):
            with self.subTest(link=link):
                self.assert_found("gateway/NOTES.md", f"[a]({link})\n", expected)
        self.assert_clean("gateway/NOTES.md", "# Of it\n[a](README.md#half-close-and-close) [b](#of-it)"
                          " [c](https://host/x#y) [d](../protocol)\n"
                          "    [](code) {}\n```\n[](code)\n```\nand `[](code)`\n")

    def test_paths_that_a_page_names(self):
        for path in ("protocol/wire/gone.hpp", "protocol/wire/gone", "wire/gone.hpp"):
            with self.subTest(path=path):
                self.assert_found("protocol/mux/NOTES.md", f"see `{path}`\n",
                                  "1: " + path + ": there is no such file")
        self.assert_clean("protocol/mux/NOTES.md", "`protocol/wire/frame.hpp`, `wire/frame`,\n"
                          "`wire/frame.hpp`, `protocol/wire`, `chat/1`, `build/release/bin/presenter`\n")

    def test_exit_status_says_it(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tidy.py")
        run = [sys.executable, script, self.root]
        self.assertEqual(subprocess.run(run, capture_output=True, check=False).returncode, 0)
        self.write("gateway/a.hpp", "")
        broken = subprocess.run(run, capture_output=True, text=True, check=False)
        self.assertEqual(broken.returncode, 1)
        self.assertIn("gateway/a.hpp:1: no #pragma once", broken.stdout)


if __name__ == "__main__":
    unittest.main()
