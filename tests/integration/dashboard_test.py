"""The page /dashboard in a real browser: its figures are those of /metrics, and it follows what
happens. PRESENTER_SCREENSHOTS: a folder that gets pictures."""

import json
import os
import re
import signal
import socket

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import PHONE, become_phone, open_browser, quantile
from client_case import ClientCase
from processes import main


class DashboardTest(ClientCase):
    def install(self, tables=None):
        server = self.cluster.chat_server("chat-a", echo=True)
        self.gateway = self.cluster.gateway("gateway", self.cluster.static_shards([server]), tables)
        self.gateway.wait_ready()
        self.place = self.gateway.admin.replace("0.0.0.0", "127.0.0.1")

    def browse(self, is_phone=False):
        """A phone is in the dark."""
        browser = open_browser()
        self.addCleanup(browser.quit)
        if is_phone:
            become_phone(browser)
        browser.get(f"http://{self.place}/dashboard")
        return browser

    def wait_text(self, browser, element, expected):
        self.wait_until(lambda: browser.find_element(By.ID, element).text == expected,
                        f"#{element} says {expected}, "
                        f"not {browser.find_element(By.ID, element).text}")

    def assert_no_complaint(self, browser):
        """Of a script that failed, or of what the policy did not let through."""
        self.assertEqual([line["message"] for line in browser.get_log("browser")], [])

    def rows(self, browser, table):
        """At one moment: each page that comes makes them anew."""
        return browser.execute_script(
            "return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)]"
            ".map(row => [...row.cells].map(cell => cell.innerText))", table)

    def picture(self, browser, name):
        if folder := os.environ.get("PRESENTER_SCREENSHOTS"):
            browser.save_screenshot(os.path.join(folder, name))

    def test_it_shows_what_metrics_say_and_follows(self):
        self.install()
        clients = [self.echo_client(f"couple-{number}") for number in range(3)]
        browser = self.browse()
        self.wait_text(browser, "clients", "3")
        self.assertEqual(self.gateway.metric("presenter_clients_open", phase="relaying"), 3)
        self.wait_text(browser, "state", "up")
        self.wait_until(lambda: [row[4] for row in self.rows(browser, "backends")] == ["3"],
                        "the backend has three streams")
        [backend] = self.rows(browser, "backends")
        self.assertEqual(backend[:3], ["chat-a", "up", "100.0 %"])
        self.assertIn(["relaying", "3"], self.rows(browser, "phases"))
        self.assertIn("link to chat-a is up", str(self.rows(browser, "events")))
        self.assertEqual(len(browser.find_elements(By.CSS_SELECTOR, "#charts svg")), 6)
        self.wait_until(lambda: len(self.rows(browser, "busiest")) == 3, "all clients are listed")
        self.assertEqual([row[5] for row in self.rows(browser, "busiest")], ["chat-a"] * 3)

        clients.pop().tcp.close()
        self.wait_text(browser, "clients", "2")
        self.picture(browser, "dashboard.png")
        self.assert_no_complaint(browser)
        self.gateway.kill()
        self.wait_text(browser, "state", "not connected")

    def test_a_phone_in_the_dark(self):
        self.install()
        browser = self.browse(is_phone=True)
        self.wait_text(browser, "clients", "0")
        self.assertEqual(browser.execute_script("return window.innerWidth"), PHONE["width"])
        width = browser.execute_script("return document.documentElement.scrollWidth")
        self.assertLessEqual(width, PHONE["width"])
        back = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        self.assertEqual(back, "rgba(18, 22, 28, 1)", "of the dark")
        self.picture(browser, "dashboard_phone.png")
        self.assert_no_complaint(browser)

    # --- turns of the loop

    def settled_turns(self, browser):
        """(bounds, counts) of the page's newest sample and of /metrics, when they say the same."""
        def look():
            before = self.turns_of_metrics()
            sample = browser.execute_script("return samples[samples.length - 1].loop_turns")
            same = sample["counts"] == before[1] == self.turns_of_metrics()[1]
            return (sample["bounds"], sample["counts"]) if same else None
        bounds, counts = self.wait_until(look, "the page says what /metrics say")
        self.assertEqual(bounds, self.turns_of_metrics()[0])
        return bounds, counts

    def turns_of_metrics(self):
        found = re.findall(r'^presenter_loop_turn_seconds_bucket{le="([^"]+)"} (\d+)$',
                           self.gateway.get("/metrics")[1], re.M)
        summed = [0, *(int(count) for _, count in found)]
        return ([float(bound) for bound, _ in found[:-1]],
                [after - before for before, after in zip(summed, summed[1:])])

    def test_the_turns_are_those_of_metrics(self):
        self.install()
        client = self.echo_client()
        browser = self.browse()
        self.wait_text(browser, "clients", "1")
        bounds, before = self.settled_turns(browser)
        for _ in range(300):
            self.assert_echoes(client)
        _, after = self.settled_turns(browser)
        counts = [now - then for then, now in zip(before, after)]
        self.assertGreater(sum(counts), 300)
        shown = browser.execute_script(
            "return turnsBetween(...arguments[0].map(counts => ({ loop_turns: {"
            " bounds: arguments[1], counts } })))", [before, after], bounds)
        self.assertAlmostEqual(shown, quantile(0.99, bounds, counts))
        # What is shown is that of the last second.
        text, expected = browser.execute_script(
            "const p99 = samples[samples.length - 1].rates.turn_p99;"
            "return [byId('turns').textContent, p99 === null ? '–' : short(p99, 's')]")
        self.assertEqual(text, expected)
        page = json.loads(self.gateway.get("/top?count=0")[1])["loop_turns"]
        self.assertEqual(page["bounds"], bounds)
        self.assertTrue(all(now >= then for then, now in zip(after, page["counts"])))
        # A worker that has nothing to do may not turn its loop for a while: then there is no time.
        self.wait_until(lambda: re.search(r"LOOP P99\n.* [\d.]+ [um]s\n", self.top()),
                        "top has a time")

    def top(self):
        return self.cluster.presenterctl("gateway", "top", "--gateway", self.place, "--once",
                                         "--interval", "1").stdout

    # --- the token

    def give_token(self, browser, token):
        field = browser.find_element(By.ID, "token")
        self.wait_until(field.is_displayed, "the page asks for a token")
        self.assertEqual(field.get_attribute("value"), "")
        field.send_keys(token + Keys.ENTER)

    def wait_refused(self, browser):
        wrong = browser.find_element(By.ID, "wrong")
        self.wait_until(wrong.is_displayed, "the page says that the token is wrong")

    def test_the_token_opens_the_page_and_is_left_nowhere(self):
        token = "correct-horse-battery-staple"
        file = self.write_private("token", token.encode())
        self.install({"admin": {"address": "0.0.0.0:0", "token_file": file}})
        browser = self.browse()
        self.wait_text(browser, "state", "token")
        self.assertFalse(browser.find_element(By.ID, "wrong").is_displayed(), "nobody has tried")
        self.assertEqual(browser.find_element(By.ID, "clients").text, "–")
        length = browser.execute_script("return history.length")
        self.give_token(browser, token + "-not")
        self.wait_refused(browser)
        self.give_token(browser, "no header may hold žluťoučký")
        self.wait_refused(browser)
        self.give_token(browser, token)
        self.wait_text(browser, "clients", "0")
        self.assertFalse(browser.find_element(By.ID, "ask").is_displayed())

        # Not in an address, the history, a cookie, what the page holds, or what anybody logs.
        self.assertEqual(browser.current_url, f"http://{self.place}/dashboard")
        self.assertEqual(browser.execute_script("return history.length"), length)
        seen = browser.execute_script(
            "return JSON.stringify([performance.getEntries().map(each => each.name), "
            "document.documentElement.outerHTML, document.cookie, localStorage])")
        complaints = [line["message"] for line in browser.get_log("browser")]
        for text in (seen, *complaints, self.gateway.output()):
            self.assertNotIn("horse", text)
        self.assertEqual([line for line in complaints if "401" not in line], [])

        # The tab keeps it, until the gateway has another.
        browser.refresh()
        self.wait_text(browser, "clients", "0")
        self.write_private("token", b"another-horse-and-staple")
        os.kill(self.gateway.pid, signal.SIGHUP)
        self.wait_refused(browser)
        self.give_token(browser, "another-horse-and-staple")
        self.wait_text(browser, "state", "up")

    # --- many

    def watch(self):
        """A connection, and what its answer begins with."""
        host, port = self.place.split(":")
        connection = socket.create_connection((host, int(port)), timeout=30)
        self.addCleanup(connection.close)
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        return connection, connection.recv(12).decode()

    def test_fifty_who_watch_leave_room_for_health(self):
        self.install()
        watching, turned_away = [], 0
        for _ in range(50):
            for file in ("/dashboard", "/dashboard.css", "/dashboard.js"):
                self.assertEqual(self.gateway.get(file)[0], 200)
            connection, answer = self.watch()
            if answer == "HTTP/1.1 200":
                watching.append(connection)
            else:
                self.assertEqual(answer, "HTTP/1.1 429")
                connection.close()
                turned_away += 1
            self.assertEqual(self.gateway.get("/healthz"), (200, "ok\n"))
        self.assertEqual((len(watching), turned_away), (16, 34))
        browser = self.browse()
        self.wait_text(browser, "state", "too many watch")
        for connection in watching:
            connection.close()
        self.wait_text(browser, "state", "up")


if __name__ == "__main__":
    main()
