"""The page of a graph: complete, self-contained, and safe whatever a config says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from bundle_engine.config import ConfigParser
from bundle_engine.inspection.dataflow import data_flow
from bundle_engine.inspection.graph_page import graph_page
from bundle_engine.inspection.kinds import KINDS
from bundle_engine.inspection.targets import Definition, Found, Parameter, Unknown

EVIL = "</script><script>document.title='broken'</script><img src=x onerror=document.title='broken'>"
DEFINITION = Definition(
    "monai.networks.nets.unet.UNet", "UNet", "class", "monai.networks.nets.unet", "/x/site-packages/monai/unet.py", 28,
    "Enhanced :py:class:`~torch.nn.Module` of ``UNet``.",
    (Parameter("dims", annotation="int"), Parameter("act", default="'PRELU'")),
)  # fmt: skip


class OneTarget:
    def lookup(self, target):
        return Found(DEFINITION) if target == "UNet" else Unknown("nobody looked")


def page_of(config, title="a config", **options):
    return graph_page(data_flow(ConfigParser(config), OneTarget(), everything=True), title, **options)


class Reader(HTMLParser):
    """Notes elements, attributes and the text of scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.scripts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.lasttag == "script" and self.cdata_elem:
            self.scripts[-1] += data


def data_of(page):
    return json.loads(Reader(page).scripts[0])


SMALL = {"lr": 0.1, "net": {"_target_": "UNet", "dims": 3, "x": "@lr"}, "run": ["$print(@net)"]}


def test_what_the_page_knows():
    data = data_of(page_of(SMALL))
    assert data["kinds"] == KINDS
    assert [node["id"] for node in data["nodes"]] == ["lr", "net", "run"]
    assert data["edges"] == [
        {"from": "lr", "to": "net", "uses": ["net::x"]},
        {"from": "net", "to": "run", "uses": ["run::0"]},
    ]
    net = data["nodes"][1]
    assert net["config"] == "_target_: UNet\ndims: 3\nx: '@lr'"
    assert net["path"] == "monai.networks.nets.unet.UNet"
    assert net["doc"] == "Enhanced torch.nn.Module of UNet."
    assert net["parameters"] == [{"name": "dims", "text": "dims: int"}, {"name": "act", "text": "act='PRELU'"}]
    assert net["given"] == ["dims", "x"]
    assert net["file"] == "monai/unet.py:28"
    assert net["origin"] == "code"
    assert data["docs"] == {}


def test_docstrings_are_written_once():
    config = {"a": {"_target_": "UNet"}, "b": {"_target_": "UNet"}}
    page = page_of(config, doc=lambda definition: "First.\n\nA ``second`` part.")
    assert data_of(page)["docs"] == {"monai.networks.nets.unet.UNet": "First.\n\nA second part."}


def test_the_page_needs_nothing_else_and_runs_no_other_script():
    page = page_of(SMALL)
    reader = Reader(page)
    addresses = [value for _, name, value in reader.attributes if name in ("src", "href", "srcset", "action")]
    assert addresses == []
    assert not {"link", "iframe", "object", "base", "form"} & set(reader.tags)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == {"http://www.w3.org/2000/svg"}
    policy = next(value for tag, name, value in reader.attributes if tag == "meta" and "default-src" in (value or ""))
    digest = base64.b64encode(hashlib.sha256(reader.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "prefers-color-scheme: dark" in page


@pytest.mark.parametrize(
    "config",
    [
        {"a": EVIL, "run": "$@a"},
        {EVIL: {"_target_": EVIL, EVIL: EVIL}},
        {"a": {"_target_": f"$'{EVIL}'"}, "b": f"$'{EVIL}' + @a", "run": [f"$'{EVIL}', @b"]},
        {"a": "<!-- <script>", "b": "]]>", "c": "\u2028 {{script}} {{data}}", "run": "$@a, @b, @c"},
    ],
    ids=["value", "key", "expression", "comments"],
)
def test_nothing_of_a_config_becomes_markup(config):
    page = page_of(config, title=f"title {EVIL}")
    reader, plain = Reader(page), Reader(page_of(SMALL))
    assert len(reader.scripts) == 2
    assert reader.scripts[1] == plain.scripts[1]
    assert "img" not in reader.tags
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert [node["id"] for node in data_of(page)["nodes"]] == list(config)


def test_the_page_is_the_same_each_time():
    assert page_of(SMALL) == page_of(SMALL)


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page in")
def test_a_browser_opens_the_page(tmp_path):
    (tmp_path / "page.html").write_text(page_of({"evil": EVIL, **SMALL}), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync",
               f"--user-data-dir={tmp_path}/profile", "--dump-dom", f"file://{tmp_path}/page.html#net"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode or "<html" not in done.stdout:
        pytest.skip("Chromium does not run here")
    dom = done.stdout
    assert "<title>a config</title>" in dom
    assert re.search(r"<h2>(<i></i>)?net</h2>", dom)  # the script ran, and shows the node of the address
    assert dom.count('aria-pressed="true"') == 2  # kinds of the legend, without that of plain values
