"""Pieces of HTML: tables, tiles, plots and pictures, and the page around them."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bundle_engine.evaluation.plots import svg_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["definitions", "picture", "plot", "table", "tile", "whole_page"]

_PAGE = Path(__file__).parent / "page"
_GAP = re.compile(r"\{\{(\w+)\}\}")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    meanings: Mapping[str, str] | None = None,
    words: int = 1,
) -> str:
    """Give a table.

    Args:
        columns: headings, plain text.
        rows: cells, HTML already; one that begins with ! is a bad one.
        meanings: what columns mean; shown when the pointer rests on a heading.
        words: how many columns, from the left, are words rather than numbers.
    """
    meanings = meanings or {}
    heads = "".join(
        f'<th title="{escape(meanings[name])}">{escape(name)}</th>' if name in meanings else f"<th>{escape(name)}</th>"
        for name in columns
    )
    lines = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    body = f"<thead><tr>{heads}</tr></thead><tbody>\n{lines}\n</tbody>"
    return f'<div class="table"><table class="left{words}">{body}</table></div>'


def tile(value: str, name: str, meaning: str, small: str = "") -> str:
    """Give a number with its name and what it means."""
    beside = f" <small>{escape(small)}</small>" if small else ""
    return f'<div class="tile"><span>{escape(name)}</span><b>{value}{beside}</b><i>{escape(meaning)}</i></div>'


def plot(figure: Figure, caption: str) -> str:
    """Give a plot with its caption, as an SVG element."""
    drawing = svg_of(figure)
    mark = f"p{zlib.crc32(drawing.encode()):x}_"  # ids must differ between the plots of a page
    drawing = drawing.replace('id="', f'id="{mark}').replace('href="#', f'href="#{mark}')
    drawing = drawing.replace("url(#", f"url(#{mark}").replace("<svg ", '<svg role="img" ', 1)
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def picture(path: Path, text: str) -> str:
    """Give a PNG file inside the page; nothing where there is no such file."""
    try:
        data = base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError:
        return ""
    return f'<div class="case"><img src="data:image/png;base64,{data}" alt="{escape(text)}" loading="lazy"></div>'


def definitions(meanings: Mapping[str, str]) -> str:
    """Give a list of words and what they mean."""
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in meanings.items()) + "</dl>"


def whole_page(title: str, *, facts: str, navigation: str, body: str, footer: str) -> str:
    """Give a page that needs nothing from outside of itself.

    Args:
        title: plain text.
        facts: what stands below the title, HTML like all that follows.
        navigation: links to the parts; empty for none.
        body: the sections.
        footer: the last line.
    """
    values = {
        "title": escape(title),
        "style": (_PAGE / "report.css").read_text(encoding="utf-8"),
        "facts": facts,
        "navigation": f"<nav>{navigation}</nav>" if navigation else "",
        "body": body,
        "footer": footer,
    }
    page = (_PAGE / "report.html").read_text(encoding="utf-8")
    return _GAP.sub(lambda gap: values[gap[1]], page)


def _cell(content: str) -> str:
    if content.startswith("!"):
        return f'<td class="bad">{content[1:]}</td>'
    return f"<td>{content}</td>"
