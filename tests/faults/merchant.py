"""Who works in the shop during the storm: ships and cancels over the pages, and notes what was answered."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from contextlib import suppress

import httpx2

from tests.conftest import PASSWORD


class Merchant:
    """Anna at her browser. An act that was answered with success must have its effect; another may have."""

    def __init__(self, url: str, dice: random.Random) -> None:
        self.url = url
        # By order number and tracking number: whether the page said that the parcel is on its way.
        self.shipped: dict[int, dict[str, bool]] = defaultdict(dict)
        self.cancelled: dict[int, bool] = {}
        self.answers: Counter[str] = Counter()  # what her clicks were answered with
        self._dice = dice
        self._browser = self._fresh()

    def ship(self, number: int, parcel: int, units: dict[int, int]) -> None:
        """The `parcel`-th parcel of an order, with units by line position; perhaps not for the first time."""
        tracking = tracking_of(number, parcel)
        fields = {"carrier": "DHL", "tracking_number": tracking}
        fields |= {f"units_{position}": str(count) for position, count in units.items()}
        is_sure = self._click(f"/bestellungen/{number}/ship/", fields)
        self.shipped[number][tracking] = is_sure or self.shipped[number].get(tracking, False)

    def cancel(self, number: int) -> None:
        is_sure = self._click(f"/bestellungen/{number}/cancel/", {"reason": "no_inventory"})
        self.cancelled[number] = is_sure or self.cancelled.get(number, False)

    def _click(self, path: str, fields: dict[str, str]) -> bool:
        """Whether the server said that it is done."""
        try:
            answer = self._browser.post(path, data=fields, headers=self._proof())
            if answer.status_code == 302 and "anmelden" in answer.headers["location"]:
                self._sign_in()
                answer = self._browser.post(path, data=fields, headers=self._proof())
        except httpx2.HTTPError:
            self.answers["none"] += 1
            with suppress(httpx2.HTTPError):
                self._browser.close()
            self._browser = self._fresh(self._browser.cookies)
            return False
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == 403:
            self._sign_in()
        return answer.status_code == 302 and "anmelden" not in answer.headers["location"]

    def _sign_in(self) -> None:
        with suppress(httpx2.HTTPError):
            self._browser.get("/anmelden/")
            self._browser.post(
                "/anmelden/",
                data={"username": "anna@example.org", "password": PASSWORD},
                headers=self._proof(),
            )

    def _proof(self) -> dict[str, str]:
        return {"X-CSRFToken": self._browser.cookies.get("csrftoken") or "", "Referer": self.url}

    def _fresh(self, cookies: httpx2.Cookies | None = None) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=8, cookies=cookies, follow_redirects=False)


def tracking_of(number: int, parcel: int) -> str:
    return f"TRK{number:08d}P{parcel}"
