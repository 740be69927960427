"""What people do on our pages, in a real browser against a real server. Needs Chromium (`apt install chromium`)."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from api_office import PASSWORD, Api
from api_server import HOST, served
from governed import deployed

from mlmon_dagster.lifecycle.alerts import raise_alert
from mlmon_dagster.lifecycle.promotions import request_promotion

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")]


@dataclass
class People:
    """Browsers of several people at one server."""

    browser: "Browser"
    address: str
    complaints: list[str] = field(default_factory=list)
    """What scripts and the content policy complained of."""

    def come(self, name: str, place: str = "/") -> "Page":
        """A person opens a page and logs in on the way."""
        page = self.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        page.goto(f"{self.address}{place}")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        page.wait_for_url(f"{self.address}{place}")
        return page

    def _hear(self, message: "ConsoleMessage") -> None:
        """Browsers tell of every answer with 4xx too; those are what some tests are about."""
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture
def people(api: Api, browser: "Browser") -> Iterator[People]:
    with served(api) as port:
        found = People(browser, f"http://{HOST}:{port}")
        yield found
        for context in browser.contexts:
            context.close()
    assert found.complaints == []


def test_a_promotion_to_prod_is_approved_with_the_password_again(api: Api, people: People) -> None:
    deployed(api.governance, api.ours, "staging")
    asked = request_promotion(api.governance, api.ours, "prod", 1, actor="mia", reason="ready", key="")
    page = people.come("sue", f"/promotions/{asked.id}")
    api.clock.pass_(minutes=20)
    page.get_by_label("Why").first.fill("reviewed")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_text("name or password is wrong").wait_for()
    page.get_by_role("dialog").get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_text("Recorded as entry").wait_for()
    page.get_by_role("cell", name="reviewed").wait_for()
    with api.governance.ledger.read() as reading:
        given = [line.entry for line in reading.entries() if line.entry.action == "promotion.approved"]
    assert [(one.actor, one.subject) for one in given][-1] == ("sue", asked.id)


def test_what_is_refused_is_said_beside_the_button(people: People) -> None:
    page = people.come("root", "/people")
    form = page.locator("form", has=page.get_by_role("button", name="Grant"))
    form.get_by_label("Name").fill("no such: name")
    form.get_by_role("button", name="Grant").click()
    form.get_by_role("alert").get_by_text("body.name: expected the name of a person").wait_for()
    assert form.get_by_label("Name").input_value() == "no such: name"


def test_the_buttons_follow_what_others_do(api: Api, people: People) -> None:
    alert = raise_alert(api.governance, api.ours.pipeline, "dev", "inputs", window="2026-01-05", reason="drift")
    page = people.come("max", f"/alerts/{alert.id}")
    page.get_by_role("button", name="Acknowledge").wait_for()
    other = api.logged_in("root")
    assert other.post(f"/api/alerts/{alert.id}/resolve", json={"reason": "done"}).status_code == 200
    page.get_by_role("button", name="Reopen").wait_for()
    page.get_by_label("Why").fill("not over")
    page.get_by_role("button", name="Reopen").click()
    page.get_by_role("button", name="Resolve").wait_for()


def test_a_page_follows_what_others_do(api: Api, people: People) -> None:
    page = people.come("sue")
    page.locator("#live.on").wait_for()
    assert page.get_by_text("Nothing: no alert is open").is_visible()
    raise_alert(api.governance, api.ours.pipeline, "dev", "inputs", window="2026-01-05", reason="drift")
    page.get_by_role("link", name="inputs of prices in dev").wait_for()
    assert page.url == f"{people.address}/"


def test_what_is_being_written_is_not_taken_away(api: Api, people: People) -> None:
    alert = raise_alert(api.governance, api.ours.pipeline, "dev", "inputs", window="2026-01-05", reason="drift")
    page = people.come("max", f"/alerts/{alert.id}")
    page.locator("#live.on").wait_for()
    page.get_by_label("What is known").fill("the feed of monday")
    raise_alert(api.governance, api.ours.pipeline, "dev", "inputs", window="2026-01-12", reason="drift")
    page.wait_for_timeout(2_500)
    assert page.get_by_label("What is known").input_value() == "the feed of monday"


def test_the_whole_log_is_verified_from_its_page(people: People) -> None:
    page = people.come("root", "/audit")
    page.get_by_role("button", name="Verify the whole log").click()
    page.get_by_text("Intact:").wait_for()


def test_a_token_is_shown_once_and_revoked(api: Api, people: People) -> None:
    page = people.come("mia", "/people")
    page.get_by_label("Label").fill("laptop")
    page.get_by_role("button", name="Issue a token").click()
    page.get_by_text("Shown once: mlm_").wait_for()
    token = str(page.locator("#issued").text_content()).partition(": ")[2]
    client = api.client(Authorization=f"Bearer {token}")
    assert client.get("/api/session").json()["name"] == "mia"
    page.reload()
    assert "Shown once" not in str(page.content())
    page.get_by_role("row", name="laptop").get_by_role("button", name="Revoke").click()
    page.get_by_role("cell", name="revoked").wait_for()
    assert client.get("/api/session").status_code == 401


def test_logging_out_ends_the_session(api: Api, people: People) -> None:
    page = people.come("mia")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto(f"{people.address}/promotions")
    page.wait_for_url("**/login?next=/promotions")


def test_pages_fit_a_phone(api: Api, people: People) -> None:
    deployed(api.governance, api.ours, "staging")
    page = people.come("root")
    page.set_viewport_size({"width": 380, "height": 800})
    for place in ("/", "/pipelines/prices", "/promotions", "/audit", "/people"):
        page.goto(f"{people.address}{place}")
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, place
