"""How many requests a second the simulator answers, over one kept-alive connection."""

from __future__ import annotations

import time
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from kogge.benchmarks.repeating import Figures
from kogge.benchmarks.world import running_simulator
from kogge.simulator import credentials


def requests_per_second(requests: int, _database: str) -> Figures:
    """Ask `requests` times for one order and say how long it took."""
    with running_simulator(orders=1) as simulator:
        token = simulator.access_token()
        order_id = simulator.order_ids()[0]
        host = urlsplit(simulator.url).netloc
        connection = HTTPConnection(host)
        query = urlencode({"includedData": "FULFILLMENT,PROCEEDS"})
        path = f"/orders/2026-01-01/orders/{order_id}?{query}"
        headers = {"x-amz-access-token": token, "User-Agent": f"bench ({credentials.CLIENT_ID})"}
        started = time.perf_counter()
        for _ in range(requests):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the simulator answered {answer.status}")
        seconds = time.perf_counter() - started
        connection.close()
    return {
        "requests": requests,
        "seconds": round(seconds, 3),
        "requests_per_second": round(requests / seconds, 1),
    }
