"""Take the pictures of the handbooks from the running product: `python docs/images/take.py`.

Each in German and in English, `<name>.de.png` and `<name>.en.png`, out of three houses that it starts.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from playwright.sync_api import Browser, Page, sync_playwright

KOGGE = str(Path(sys.executable).parent / "kogge")
OWNER = ("you@example.com", "a long password for pictures")
OWNER_OPTIONS = ("--email", OWNER[0], "--password-env", "KOGGE_NEW_PASSWORD")
MERCHANT = ("--merchant", "teehaus-muster")
GOODS = "code,title,price,stock\nTEE-ASSAM,Assam 250 g,12.90,40\nTASSE-BLAU,Teetasse blau,14.00,12\n"


class House:
    """A Kogge of its own: a data directory and a port."""

    def __init__(self, directory: str) -> None:
        self.env = os.environ | {"KOGGE_DATA_DIR": directory, "KOGGE_NEW_PASSWORD": OWNER[1]}
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def say(self, *words: str) -> str:
        return subprocess.check_output([KOGGE, *words], env=self.env, text=True)  # noqa: S603

    @contextmanager
    def run(self, *words: str) -> Iterator[IO[str]]:
        command = [KOGGE, *words, "--port", str(self.port)]
        with subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
            assert process.stdout is not None
            try:
                yield process.stdout
            finally:
                process.terminate()


def main() -> None:
    with ExitStack() as stack:
        demo, shop, app = (House(stack.enter_context(TemporaryDirectory())) for _ in range(3))
        opened = stack.enter_context(demo.run("demo", "--json"))
        for house in (shop, app):
            house.say("migrate")
            house.say("merchant", "create", "--name", "Teehaus Muster", *OWNER_OPTIONS)
            stack.enter_context(house.run("up"))
        key = _fill(shop, way_back=f"{app.url}/einstellungen/shop/angemeldet/")
        play = stack.enter_context(sync_playwright())
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        there = f"http://localhost:{shop.port}"  # another host: the two must not share their cookies
        _a_shop_elsewhere(_pages(browser), app.url, there, key)
        pages, storefront = _pages(browser), json.loads(opened.readline())["storefront"]
        _keep(pages, "storefront", storefront)
        for page in pages:
            page.click("a.good >> nth=0")
            page.click("button[name=put]")
        _keep(pages, "checkout", f"{storefront}kasse/")
        browser.close()


def _fill(shop: House, *, way_back: str) -> dict[str, str]:
    """Put goods into the shop and let an app in; what opens it."""
    goods = Path(shop.env["KOGGE_DATA_DIR"], "goods.csv")
    goods.write_text(GOODS, encoding="utf-8")
    shop.say("products", "import", str(goods), *MERCHANT)
    made = ("--app", "--name", "Kogge", "--write-orders", "--redirect-url", way_back, "--json")
    return dict(json.loads(shop.say("api-keys", "create", *MERCHANT, *made)))


def _pages(browser: Browser) -> list[Page]:
    return [browser.new_page(locale=locale) for locale in ("de-DE", "en-GB")]


def _a_shop_elsewhere(pages: list[Page], here: str, there: str, key: dict[str, str]) -> None:
    for page, house in product(pages, (here, there)):
        page.goto(house)
        page.fill("#id_username", OWNER[0])
        page.fill("#id_password", OWNER[1])
        page.keyboard.press("Enter")
        page.wait_for_url(f"{house}/")
    _keep(pages, "channel", f"{here}/verkaufskanaele/", "article")
    page = pages[0]
    page.click("form[action$='/aktivieren/'] button")
    _keep(pages, "registration", f"{here}/erweiterungen/apps/amazon/registrieren/", "form.card")
    _keep(pages, "connect-versacommerce", f"{here}/einstellungen/shop/verbinden/", "form.card")
    for name, value in {"url": there, "api_key": key["api_key"], "secret": key["secret"]}.items():
        page.fill(f"[name={name}]", value)
    page.click("main form button.btn-primary")
    page.click("main a.btn-primary")  # over to the shop
    page.click("main button.btn-primary")  # which lets the app in
    page.wait_for_selector("#shop-read:not([aria-disabled])")
    _keep(pages, "versacommerce", f"{here}/einstellungen/shop/")
    _keep(pages, "api-keys", f"{there}/einstellungen/api/")


def _keep(pages: list[Page], name: str, address: str, part: str = "html") -> None:
    """The picture of a part of the page, or of as much of it as a window shows."""
    for page, language in zip(pages, ("de", "en"), strict=True):
        page.goto(address, wait_until="networkidle")
        shown = page if part == "html" else page.locator(part).first
        shown.screenshot(path=Path(__file__).with_name(f"{name}.{language}.png"))


if __name__ == "__main__":
    main()
