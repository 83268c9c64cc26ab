"""What is published, by the lists of a server in the place of GitHub."""

from __future__ import annotations

import json

import pytest

from bundle_engine.bundle.published import digests_in, get_all_bundles_list, get_bundle_info, get_bundle_versions
from bundle_engine.errors import DownloadError, NotPublishedError, UsageError

ZOO = "https://github.com/Project-MONAI/model-zoo/releases/download/hosting_storage_v1"
LIST = {
    f"{name}_v{version}": {
        "checksum": "18bae0a62d90fb06b33c1c7702867a4d4d7b98f0",
        "source": f"{ZOO}/{name}_v{version}.zip",
    }
    for name, version in [("spleen_ct", "0.9.0"), ("spleen_ct", "0.10.0"), ("spleen_ct", "0.2.1"), ("a_v2_b", "1.0")]
}


@pytest.fixture(autouse=True)
def _github(server, monkeypatch):
    monkeypatch.setenv("BUNDLE_ENGINE_GITHUB_RAW_URL", server.url)
    monkeypatch.setenv("BUNDLE_ENGINE_GITHUB_API_URL", server.url)
    server.give("/Project-MONAI/model-zoo/dev/models/model_info.json", LIST)


def release(tag: str, *names: str) -> dict:
    assets = [{"name": name, "browser_download_url": f"{ZOO}/{name}", "size": 7, "digest": None} for name in names]
    return {"tag_name": tag, "assets": assets}


def test_all_bundles_with_their_newest_versions(limits):
    assert get_all_bundles_list(limits=limits) == [("spleen_ct", "0.10.0"), ("a_v2_b", "1.0")]


def test_the_versions_of_a_bundle(limits):
    assert get_bundle_versions("spleen_ct", limits=limits) == {
        "latest_version": "0.10.0",
        "all_versions": ["0.2.1", "0.9.0", "0.10.0"],
    }


@pytest.mark.parametrize(("version", "expected"), [(None, "0.10.0"), ("0.9.0", "0.9.0")])
def test_what_is_known_of_a_version(limits, version, expected):
    info = get_bundle_info("spleen_ct", version, limits=limits)
    assert info == {
        "name": f"spleen_ct_v{expected}",
        "browser_download_url": f"{ZOO}/spleen_ct_v{expected}.zip",
        "checksum": "18bae0a62d90fb06b33c1c7702867a4d4d7b98f0",
    }


def test_the_values_are_those_of_monai(limits, monkeypatch):
    """But for the newest version, which MONAI takes by the alphabet."""
    from monai.bundle import scripts

    class Answer:
        text = json.dumps({name: row for name, row in LIST.items() if "0.10" not in name and "_v2_" not in name})

        def raise_for_status(self) -> None:
            pass

    monkeypatch.setattr(scripts.requests, "get", lambda *_, **__: Answer())
    assert scripts.get_all_bundles_list() == [("spleen_ct", "0.9.0")]
    assert scripts.get_bundle_versions("spleen_ct") == {"latest_version": "0.9.0", "all_versions": ["0.2.1", "0.9.0"]}
    ours = get_bundle_info("spleen_ct", "0.9.0", limits=limits)
    assert scripts.get_bundle_info("spleen_ct", "0.9.0").items() <= ours.items()


def test_a_release_is_read_where_there_is_no_list(server, limits):
    pages = [[release(f"old{n}") for n in range(100)], [release("v1", "mine_v0.1.zip", "mine_v0.2.zip", "notes.txt")]]
    server.give("/repos/me/zoo/releases", lambda asked: reply(pages[int(asked.path[-1]) - 1]))
    assert get_bundle_versions("mine", "me/zoo", "v1", limits=limits)["all_versions"] == ["0.1", "0.2"]
    assert get_bundle_info("mine", repo="me/zoo", tag="v1", limits=limits) == {
        "name": "mine_v0.2.zip",
        "browser_download_url": f"{ZOO}/mine_v0.2.zip",
        "size": 7,
        "digest": None,
    }
    assert server.paths[0] == "/me/zoo/v1/models/model_info.json"


def reply(content):
    from tests.network.server import Reply

    return Reply(json.dumps(content).encode())


def test_the_release_of_the_model_zoo_has_no_list(server, limits):
    server.give("/repos/Project-MONAI/model-zoo/releases", [release("hosting_storage_v1", "spleen_ct_v0.1.0.zip")])
    assert get_all_bundles_list(tag="hosting_storage_v1", limits=limits) == [("spleen_ct", "0.1.0")]
    assert len(server.asked) == 1


def test_a_token_is_sent(server, limits):
    get_all_bundles_list(auth_token="secret", limits=limits)
    assert server.asked[0].headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda k: get_bundle_versions("spleen_tc", **k),
            "bundle: spleen_tc is not existing.*\n  help: did you mean 'spleen_ct'",
        ),
        (lambda k: get_bundle_versions("quite_another", **k), "is not existing.*\n  help: get_all_bundles_list shows"),
        (lambda k: get_bundle_info("spleen_ct", "3", **k), "version: 3 of .*\n  help: there are 0.2.1, 0.9.0, 0.10.0"),
        (lambda k: get_all_bundles_list("me/none", **k), "neither a release 'dev' nor a list"),
    ],
)
def test_what_is_not_published(server, limits, ask, message):
    server.give("/repos/me/none/releases", [])
    with pytest.raises(NotPublishedError, match=message):
        ask({"limits": limits})


@pytest.mark.parametrize("repo", ["zoo", "a/b/c", "a/..", "/", ""])
def test_what_is_no_repository(limits, repo):
    with pytest.raises(UsageError, match="repo should be in the form of `repo_owner/repo_name`"):
        get_all_bundles_list(repo, limits=limits)


@pytest.mark.parametrize("content", [[], "text", 3])
def test_a_list_that_is_none(server, limits, content):
    server.give("/Project-MONAI/model-zoo/dev/models/model_info.json", content)
    with pytest.raises(DownloadError, match="is no mapping"):
        get_all_bundles_list(limits=limits)


def test_rows_that_make_no_sense_are_left_out(server, limits):
    rows = {"a_v1": {"source": "https://x/"}, "b": {"source": "x"}, "c_v1": {}, "d_v1": None, "e_vx": {"source": "x"}}
    server.give("/Project-MONAI/model-zoo/dev/models/model_info.json", rows)
    assert get_all_bundles_list(limits=limits) == [("a", "1")]


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"checksum": "A" * 40}, {"sha1": "a" * 40}),
        ({"digest": "sha256:" + "b" * 64, "checksum": "c" * 32}, {"sha256": "b" * 64, "md5": "c" * 32}),
        ({"digest": "md5:" + "b" * 64}, {}),
        ({"checksum": "no"}, {}),
        ({}, {}),
    ],
)
def test_digests_of_what_is_published(info, expected):
    assert digests_in(info) == expected


def test_on_the_command_line(cli):
    assert cli("get_all_bundles_list") == (0, "a_v2_b     1.0\nspleen_ct  0.10.0\n", "")
    assert cli("get_bundle_versions", "spleen_ct").out == "0.2.1\n0.9.0\n0.10.0  latest\n"
    assert json.loads(cli("get_bundle_versions", "a_v2_b", "--format", "json").out)["latest_version"] == "1.0"
    out = cli("get_bundle_info", "--bundle_name", "spleen_ct", "--version", "0.9.0").out
    assert f"browser_download_url: {ZOO}/spleen_ct_v0.9.0.zip\n" in out
    code, out, err = cli("get_bundle_info", "spleen")
    assert (code, out) == (2, "")
    assert err.startswith("error: bundle: spleen is not existing in repo: Project-MONAI/model-zoo.")
    assert cli("get_bundle_info").code == 2
