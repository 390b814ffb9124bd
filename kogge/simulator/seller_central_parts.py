"""What the pages of Seller Central are made of."""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from kogge.simulator.lwa import content_security_policy
from kogge.simulator.seller_central_words import Words
from kogge.simulator.wire import Response, html_response

BASE = "/seller-central"
PAGE_SIZE = 50

_CONTROL_CHARACTERS = dict.fromkeys([*range(9), *range(11, 32), 127], "�")


def amount(value: Decimal, currency: str, words: Words) -> str:
    number = f"{value:,.2f}"
    if words.decimal_comma:
        number = number.translate(str.maketrans(",.", ".,"))
    return f'<span class="amount">{number} {currency}</span>'


def moment(at: datetime, words: Words) -> str:
    """UTC, as Amazon counts."""
    return f'<time datetime="{at.isoformat()}">{at.strftime(words.time_format)}</time>'


def text(value: str, limit: int = 500) -> str:
    """Any text, harmless in HTML: escaped, of bounded length, its writing direction kept to itself."""
    if not value:
        return ""
    shortened = value if len(value) <= limit else value[: limit - 1] + "…"
    return f"<bdi>{html.escape(shortened.translate(_CONTROL_CHARACTERS))}</bdi>"


def link(target: str, label: str, *, is_current: bool = False) -> str:
    current = ' aria-current="page"' if is_current else ""
    return f'<a href="{html.escape(target)}"{current}>{label}</a>'


def section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def facts(listed: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{value}</dd>' for name, value in listed)}</dl>"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def pager(path: str, chosen: dict[str, str], number: int, count: int, words: Words) -> str:
    """Links to the pages before and after. `chosen` are the parameters that stay."""

    def to(page: int, label: str) -> str:
        return link(f"{path}?{urlencode({'page': page, **chosen})}", label)

    earlier = to(number - 1, words.previous) if number > 1 else ""
    later = to(number + 1, words.next) if number * PAGE_SIZE < count else ""
    return f'<nav class="filters">{earlier}{later}</nav>' if earlier or later else ""


def page(words: Words, title: str, body: str, *, status: int = 200) -> Response:
    menu = link(BASE, words.orders) + link(f"{BASE}/offers", words.offers)
    menu += link(f"{BASE}/fulfilment", words.fulfilment)
    menu += link(f"{BASE}/feeds", words.feeds)
    page = (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title} · Seller Central</title>'
        f"<style>{_STYLE}</style></head><body>"
        f"<header><strong>Seller Central <small>Simulator</small></strong><nav>{menu}</nav></header>"
        f"<main><h1>{title}</h1>{body}</main></body></html>"
    )
    response = html_response(status, page)
    response.headers["Content-Security-Policy"] = content_security_policy("'self'", pictures="'self'")
    response.headers["Vary"] = "Accept-Language"
    return response


def not_found(words: Words) -> Response:
    return page(words, words.not_found, f"<p>{words.not_found}</p>", status=404)


_STYLE = """
*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;color:#0f1111;background:#f3f4f4;margin:0}
header{background:#0b2b33;color:#fff;padding:.75rem 1.5rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 2rem;align-items:baseline}
header small{font-weight:400;color:#d5e3e6}header a{color:#fff;margin-right:1.25rem}
main{max-width:80rem;margin:0 auto;padding:1rem 1.5rem 4rem}h1{font-size:1.5rem;margin:.5rem 0 1rem}
h2{font-size:1rem;margin:0 0 .5rem}a{color:#0a6470}small,dt{color:#565959}
section,.table{background:#fff;border:1px solid #d5d9d9;border-radius:8px;margin-bottom:1rem}
section{padding:1rem}section .table{border:0;margin:0}.table{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.5rem .75rem}
th{color:#565959;font-weight:600;border-bottom:1px solid #d5d9d9}tr+tr td{border-top:1px solid #eaeded}
td{overflow-wrap:anywhere}time{white-space:nowrap;font-variant-numeric:tabular-nums}
.id,.amount{white-space:nowrap}.filters{margin:0 0 1rem;display:flex;flex-wrap:wrap;gap:.5rem}
.filters a{background:#fff;border:1px solid #d5d9d9;border-radius:99px;padding:.15rem .75rem}
.filters a{text-decoration:none}
.filters a[aria-current]{background:#0b2b33;color:#fff}
.state{display:inline-block;border-radius:6px;padding:.05rem .5rem;background:#e7e9ec;white-space:nowrap}
.unshipped,.partially_shipped{background:#ffe9b3}.shipped{background:#cdeccd}.cancelled{background:#f8d0cc}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}
dd{margin:0;overflow-wrap:anywhere}
.acts form{display:inline-block;margin:0 .5rem .25rem 0}ol{margin:0;padding-left:1.25rem}
button{font:inherit;padding:.35rem .9rem;border-radius:8px;border:1px solid #888c8c;background:#fff}
.offer td:first-child{width:4.5rem}.offer td:nth-child(2),.offer td:nth-child(3){min-width:11rem}
.offer img{display:block;width:3.5rem;height:3.5rem;object-fit:contain}
dl time{white-space:normal}
img.large{width:12rem;height:12rem;object-fit:contain}.active{background:#cdeccd}.inactive{background:#f8d0cc}
.form{display:grid;gap:.75rem;max-width:22rem}.form label{display:grid;gap:.15rem}
.search{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin:0 0 1rem}
input{font:inherit;padding:.35rem .5rem;border-radius:8px;border:1px solid #6f7373;background:#fff}
.error{background:#f8d0cc;border-radius:8px;padding:.5rem .75rem;margin:0 0 1rem}
button:hover{background:#f0f2f2}:focus-visible{outline:2px solid #0a6470;outline-offset:2px}
header :focus-visible{outline-color:#fff}
"""
