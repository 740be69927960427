"""Takes the pictures of the documentation from what `make demo` leaves running; it says with which password:
`make screenshots ARGS="--password ..."`.
"""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import FloatRect, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:3000")
    parser.add_argument("--pages", default="http://127.0.0.1:8000")
    parser.add_argument("--password", default="", help="of the people of the demo; without it, our pages are left out")
    parser.add_argument("--only", choices=(*PICTURES, *PAGES), help="take just this picture")
    arguments = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, take in PICTURES.items():
            if arguments.only in (None, name):
                page = browser.new_page(viewport={"width": 1600, "height": 1000})
                page.screenshot(path=IMAGES / f"{name}.png", clip=take(page, arguments.url))
                page.close()
        if arguments.password:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            log_in(page, arguments.pages, arguments.password)
            for name, take in PAGES.items():
                if arguments.only in (None, name):
                    take(page, arguments.pages)
                    page.wait_for_timeout(1_000)
                    page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


def log_in(page: Page, url: str, password: str) -> None:
    """As an approver."""
    page.goto(f"{url}/login")
    page.get_by_label("Name").fill("paul")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(f"{url}/")


def promotion_page(page: Page, url: str) -> None:
    """The newest promotion: what its gate said."""
    page.goto(f"{url}/promotions")
    page.locator("td a[href^='/promotions/']").first.click()


def monitoring_page(page: Page, url: str) -> None:
    """Drift over the windows."""
    page.goto(f"{url}/pipelines/house_prices/monitoring?environment=dev")
    page.get_by_role("heading", name="Performance").scroll_into_view_if_needed()


def lineage(page: Page, url: str) -> FloatRect | None:
    """The assets of one pipeline, from source to production, with every group open."""
    page.set_viewport_size({"width": 3200, "height": 1500})
    groups = ("", "/house_prices", *(f"/house_prices/{name}" for name in ("shared", "dev", "staging", "prod")))
    opened = ",".join(f"global@global:pricing{group}" for group in groups)
    page.goto(f"{url}/asset-groups/?expanded={quote(opened, safe='')}")
    settle(page)
    return {"x": 590, "y": 215, "width": 2560, "height": 1090}


def checks(page: Page, url: str) -> FloatRect | None:
    """One check over the windows."""
    page.goto(f"{url}/assets/house_prices/dev/model_monitoring?view=checks&checkDetail=inputs")
    settle(page)
    return None


def plots(page: Page, url: str) -> FloatRect | None:
    """The same check's metrics, plotted over the windows."""
    checks(page, url)
    page.mouse.move(1000, 700)
    page.mouse.wheel(0, 5_000)
    page.wait_for_timeout(2_000)
    return None


def closed_gate(page: Page, url: str) -> FloatRect | None:
    """The run in which the deployment stage refused."""
    query = "{ runsOrError(filter: {statuses: [FAILURE]}, limit: 1) { ... on Runs { results { runId } } } }"
    answer = page.request.post(f"{url}/graphql", data={"query": query}).json()
    page.goto(f"{url}/runs/{answer['data']['runsOrError']['results'][0]['runId']}")
    settle(page)
    return None


PICTURES: dict[str, Callable[[Page, str], FloatRect | None]] = {
    "lineage": lineage,
    "checks": checks,
    "plots": plots,
    "closed-gate": closed_gate,
}
"""File name -> what brings the page there; it gives the part that is kept, `None` for all."""


PAGES: dict[str, Callable[[Page, str], None]] = {"promotion": promotion_page, "monitoring": monitoring_page}
"""The same of our pages."""


def settle(page: Page) -> None:
    """Waits until the page has what it shows."""
    page.wait_for_load_state("networkidle", timeout=90_000)
    skip = page.get_by_role("button", name="Skip")
    if skip.count():
        skip.click()
    page.wait_for_timeout(4_000)


if __name__ == "__main__":
    main()
