"""Takes the pictures of the documentation from a running Dagster UI: `make demo`, then `make screenshots`."""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:3000")
    parser.add_argument("--only", help="take just this picture")
    arguments = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        for name, take in (("lineage", lineage), ("checks", checks), ("closed-gate", closed_gate)):
            if arguments.only in (None, name):
                take(page, arguments.url)
                page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


def lineage(page: Page, url: str) -> None:
    """The assets of one pipeline, from source to production."""
    page.goto(f"{url}/asset-groups/house_prices%2F?open-nodes%5B0%5D=pricing%2Fhouse_prices")
    settle(page)


def checks(page: Page, url: str) -> None:
    """One check over the windows, with its metrics plotted."""
    page.goto(f"{url}/assets/house_prices/dev/model_monitoring?view=checks&checkDetail=inputs")
    settle(page)


def closed_gate(page: Page, url: str) -> None:
    """The run in which the deployment stage refused."""
    page.goto(f"{url}/runs?q%5B0%5D=status%3AFAILURE")
    settle(page)
    page.get_by_role("link", name="View").first.click()
    settle(page)


def settle(page: Page) -> None:
    """Waits until the page has what it shows."""
    page.wait_for_load_state("networkidle", timeout=90_000)
    skip = page.get_by_role("button", name="Skip")
    if skip.count():
        skip.click()
    page.wait_for_timeout(4_000)


if __name__ == "__main__":
    main()
