"""The page /dashboard in a real browser: its figures are those of /metrics, and it follows what
happens. PRESENTER_SCREENSHOTS: a folder that gets pictures."""

import os

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from client_case import ClientCase
from processes import main


def open_browser(width=1100, height=1300, is_dark=False):
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     f"--window-size={width},{height}"):
        options.add_argument(argument)
    if is_dark:
        options.add_argument("--force-dark-mode")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Both by name: what Selenium would look for them with is not in Debian's package.
    options.binary_location = "/usr/bin/chromium"
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


class DashboardTest(ClientCase):
    def browse(self, gateway, **look):
        browser = open_browser(**look)
        self.addCleanup(browser.quit)
        browser.get(f"http://{gateway.admin}/dashboard")
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
        server = self.cluster.chat_server("chat-a", echo=True)
        self.gateway = self.cluster.gateway("gateway", self.cluster.static_shards([server]), {})
        self.gateway.wait_ready()
        clients = [self.echo_client(f"couple-{number}") for number in range(3)]
        browser = self.browse(self.gateway)
        self.wait_text(browser, "clients", "3")
        self.assertEqual(self.gateway.metric("presenter_clients_open", phase="relaying"), 3)
        self.wait_text(browser, "state", "up")
        self.wait_until(lambda: [row[4] for row in self.rows(browser, "backends")] == ["3"],
                        "the backend has three streams")
        [backend] = self.rows(browser, "backends")
        self.assertEqual(backend[:3], ["chat-a", "up", "100.0 %"])
        self.assertIn(["relaying", "3"], self.rows(browser, "phases"))
        self.assertIn("link to chat-a is up", str(self.rows(browser, "events")))
        self.assertEqual(len(browser.find_elements(By.CSS_SELECTOR, "#charts svg")), 4)

        clients.pop().tcp.close()
        self.wait_text(browser, "clients", "2")
        self.picture(browser, "dashboard.png")
        self.assert_no_complaint(browser)
        self.gateway.kill()
        self.wait_text(browser, "state", "not connected")

    def test_a_phone_in_the_dark(self):
        server = self.cluster.chat_server("chat-a", echo=True)
        self.gateway = self.cluster.gateway("gateway", self.cluster.static_shards([server]), {})
        self.gateway.wait_ready()
        browser = self.browse(self.gateway, width=500, height=1600, is_dark=True)
        self.wait_text(browser, "clients", "0")
        width = browser.execute_script("return document.documentElement.scrollWidth")
        self.assertLessEqual(width, browser.execute_script("return window.innerWidth"))
        self.picture(browser, "dashboard_phone.png")
        self.assert_no_complaint(browser)


if __name__ == "__main__":
    main()
