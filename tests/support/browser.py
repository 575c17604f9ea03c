"""A headless Chromium, as Debian has it, that looks at the dashboard."""

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PHONE = {"width": 360, "height": 780, "deviceScaleFactor": 2, "mobile": True}


def open_browser(width=1100, height=1300):
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Both by name: what Selenium would look for them with is not in Debian's package.
    options.binary_location = "/usr/bin/chromium"
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def become_phone(browser):
    """One of somebody who likes it dark."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": "dark"}]})


def quantile(part, bounds, counts):
    """histogram_quantile of Prometheus, of slots that are not summed up."""
    rank, low = part * sum(counts), 0
    for bound, count in zip(bounds, counts):
        if rank <= count:
            return low + (bound - low) * rank / count
        rank, low = rank - count, bound
    return low
