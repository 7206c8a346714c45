"""The monitor in a real browser: keyboard, small screens, dark, live, and nothing from elsewhere."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI

from lms_etl.api import tokens, users
from lms_etl.api.app import create_app
from lms_etl.settings import Settings
from lms_etl.warehouse import schema, tables
from lms_etl_tests.api.monitor.filled import fill
from lms_etl_tests.servers import ServerUnavailableError, without_server
from lms_etl_tests.servers.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TABS = ("/monitor", "/monitor/performance", "/monitor/security")
PAGES = (*TABS, "/monitor/control")
DESK, PHONE = {"width": 1200, "height": 800}, {"width": 360, "height": 740}


class Site:
    """A served application with its address and the token of its admin."""

    def __init__(self, app: FastAPI, address: str, token: str) -> None:
        self.app, self.address, self.token = app, address, token


@contextmanager
def served(folder: Path, filled: bool) -> Iterator[Site]:
    """The application on a warehouse of its own, served by uvicorn in this process."""
    app = create_app(Settings(home=folder, warehouse_database_url=f"sqlite:///{folder / 'warehouse.db'}"))
    schema.migrate(app.state.warehouse)
    with app.state.warehouse.writing() as connection:
        users.set_privilege(connection, "ana", "admin")
        token = tokens.create(connection, "ana", None)
    if filled:
        fill(app.state.warehouse, datetime.now(tz=UTC))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield Site(app, f"http://127.0.0.1:{listening.getsockname()[1]}", token)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(chromium())
        except ServerUnavailableError as error:
            without_server(error)
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A filled monitor that the tests of this module only look at."""
    with served(tmp_path_factory.mktemp("site"), filled=True) as made:
        yield made


def log_in(page: "Page", site: Site) -> None:
    page.goto("/monitor/login")
    page.get_by_label("Token of an administrator").fill(site.token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/monitor")


@pytest.fixture(scope="module")
def session(browser: "Browser", site: Site) -> Any:
    """The cookie of one log-in, which the tests share."""
    with browser.new_context(base_url=site.address) as context:
        log_in(context.new_page(), site)
        return context.storage_state()


Open = Callable[..., "Page"]


@pytest.fixture
def open_page(browser: "Browser", site: Site, session: Any) -> Iterator[Open]:
    """A function that opens a page, logged in; `requests` and `troubles` of the page say what it did."""
    with ExitStack() as stack:

        def opened(path: str = "/monitor", at: Site = site, logged_in: bool = True, **options: Any) -> "Page":
            known = {"storage_state": session} if logged_in and at is site else {}
            context = browser.new_context(**{"viewport": DESK, "base_url": at.address} | known | options)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(30_000)
            page.requests, page.troubles = [], []  # type: ignore[attr-defined]
            page.on("request", lambda request: page.requests.append(request.url))  # type: ignore[attr-defined]
            page.on("pageerror", lambda error: page.troubles.append(str(error)))  # type: ignore[attr-defined]
            page.on(
                "console",
                lambda told: page.troubles.append(told.text) if told.type in ("error", "warning") else None,  # type: ignore[attr-defined]
            )
            if logged_in and at is not site:
                log_in(page, at)
            page.goto(path)
            return page

        yield opened


def test_logging_in_opens_auto_sync_with_three_tabs(open_page: Open, site: Site) -> None:
    page = open_page("/monitor", logged_in=False)
    assert page.url.endswith("/monitor/login")
    page.keyboard.type(site.token)  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url("**/monitor")
    assert page.get_by_role("heading", level=1).inner_text() == "Auto-Sync"
    links = page.get_by_role("navigation", name="Monitor").get_by_role("link")
    assert links.all_inner_texts() == ["Auto-Sync", "Performance", "Security"]
    cookie = page.context.cookies()[0]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""


def test_tabs_are_reached_and_changed_by_keyboard_with_a_visible_focus(open_page: Open) -> None:
    page = open_page()
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        if reached[-1] == "Performance":
            break
    assert reached[0] == "Skip to content"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/performance")
    assert page.locator("nav [aria-current=page]").inner_text() == "Performance"


def test_on_a_small_phone_no_page_scrolls_sideways(open_page: Open) -> None:
    page = open_page(viewport=PHONE)
    for path in (*PAGES, "/monitor/login"):
        if path not in PAGES:
            page.context.clear_cookies()
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        outside = page.evaluate(
            """() => [...document.querySelectorAll("body *")].filter((each) =>
                each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".scroll, .hidden, svg")
            ).map((each) => each.outerHTML.slice(0, 80))"""
        )
        assert outside == [], path


def contrasts(page: "Page") -> list[str]:
    """Texts whose contrast with what is behind them is less than 4.5 to 1."""
    found: list[str] = page.evaluate(
        """() => {
        const light = (colour) => {
            const [r, g, b] = colour.map((each) => each / 255)
                .map((each) => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const read = (text) => text.match(/[\\d.]+/g).map(Number);
        const behind = (each) => {
            for (let at = each; at; at = at.parentElement) {
                const colour = read(getComputedStyle(at).backgroundColor);
                if (colour.length === 3 || colour[3] > 0.99) return colour.slice(0, 3);
            }
            return [255, 255, 255];
        };
        const texts = [...document.querySelectorAll("body *")].filter((each) =>
            each.checkVisibility() &&
            [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
        return texts.filter((each) => {
            const svg = each.closest("svg");
            const colour = read(svg ? getComputedStyle(each).fill : getComputedStyle(each).color).slice(0, 3);
            const pair = [light(colour), light(behind(svg ? svg.parentElement : each))].sort((a, b) => b - a);
            return each.tagName !== "title" && (pair[0] + 0.05) / (pair[1] + 0.05) < 4.5;
        }).map((each) => each.className + ": " + each.textContent.trim().slice(0, 40));
    }"""
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_reader_and_can_be_read(open_page: Open, scheme: Any) -> None:
    page = open_page(color_scheme=scheme)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(246, 247, 249)", "dark": "rgb(17, 22, 28)"}[scheme]
    for path in PAGES:
        page.goto(path)
        assert contrasts(page) == [], path


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_refused(open_page: Open, site: Site) -> None:
    page = open_page()
    for path in PAGES:
        page.goto(path)
    page.goto("/docs")
    page.get_by_text("Whether the process answers").first.wait_for()
    assert [url for url in page.requests if not url.startswith((site.address, "data:"))] == []  # type: ignore[attr-defined]
    assert page.troubles == []  # type: ignore[attr-defined]


def test_names_roles_and_words_are_there_for_a_screen_reader(open_page: Open) -> None:
    page = open_page()
    for path in PAGES:
        page.goto(path)
        assert page.get_by_role("main").count() == page.get_by_role("heading", level=1).count() == 1
        assert page.locator("html").get_attribute("lang") == "en"
        lacking = page.evaluate(
            """() => [
            ...[...document.querySelectorAll("a, button, summary")].filter((each) => !each.textContent.trim()),
            ...[...document.querySelectorAll("input:not([type=hidden]), select")].filter((each) => !each.labels.length),
            ...[...document.querySelectorAll("[aria-labelledby]")].filter((each) =>
                !document.getElementById(each.getAttribute("aria-labelledby"))),
            ...[...document.querySelectorAll(".scroll")].filter((each) => each.tabIndex !== 0),
            ...[...document.querySelectorAll("[id]")].filter((each) =>
                document.querySelectorAll("#" + CSS.escape(each.id)).length > 1),
            ].map((each) => each.outerHTML.slice(0, 100))"""
        )
        assert lacking == [], path
        levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((each) => +each.tagName[1])")
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    page.goto("/monitor")
    chart = page.get_by_role("img", name=re.compile("Share of syncs that succeeded, by day"))
    assert chart.count() == 1


def test_numbers_change_without_a_reload_and_what_is_open_stays_open(
    open_page: Open, tmp_path: Path, browser: "Browser"
) -> None:
    with served(tmp_path, filled=False) as site:
        page = open_page("/monitor", at=site, logged_in=False)
        page.clock.install()
        page.get_by_label("Token of an administrator").fill(site.token)
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("No company is known yet").wait_for()
        page.evaluate("window.sameWindow = true")
        fill(site.app.state.warehouse, datetime.now(tz=UTC))
        page.clock.run_for(16_000)
        page.get_by_role("rowheader", name="Cobalt Bank").wait_for()
        page.get_by_text("The same as a table").click()
        company = tables.companies
        rename = sa.update(company).where(company.c.companyid == 3).values(shortname="Cobalt Trust")
        with site.app.state.warehouse.writing() as connection:
            connection.execute(rename)
        page.clock.run_for(16_000)
        page.get_by_role("rowheader", name="Cobalt Trust").wait_for()
        assert page.locator("details[open]").count() == 1
        assert page.evaluate("window.sameWindow")
        page.get_by_role("button", name="Pause").click()
        with site.app.state.warehouse.writing() as connection:
            connection.execute(rename.values(shortname="Cobalt Bank"))
        page.clock.run_for(60_000)
        assert page.get_by_role("rowheader", name="Cobalt Trust").count() == 1
        page.get_by_role("button", name="Resume").click()
        page.get_by_role("rowheader", name="Cobalt Bank").wait_for()
        with site.app.state.warehouse.writing() as connection:
            connection.execute(sa.update(tables.api_tokens).values(revoked_at=datetime(2026, 1, 1)))  # noqa: DTZ001
        page.clock.run_for(16_000)
        page.wait_for_url("**/monitor/login**")


def test_an_action_is_asked_for_in_the_browser_and_listed(open_page: Open, tmp_path: Path) -> None:
    with served(tmp_path, filled=True) as site:
        page = open_page("/monitor/control", at=site)
        page.get_by_label("Company").nth(1).select_option("Delta Foods")
        page.get_by_role("button", name="Populate").click()
        page.get_by_role("status").get_by_text("full of Delta Foods").wait_for()
        assert page.get_by_role("rowheader", name="1", exact=True).count() == 1
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/monitor/login")
        page.goto("/monitor/control")
        assert page.url.endswith("/monitor/login?to=/monitor/control")
