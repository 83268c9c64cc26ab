"""The record of a bundle's origin."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from bundle_engine.bundle.digests import tree_digests
from bundle_engine.bundle.origin import BundleOrigin, origin_file, read_origin, write_origin
from bundle_engine.errors import InputError, UsageError
from bundle_engine.network.addresses import without_secrets


def test_a_record_is_read_as_it_was_written(tmp_path):
    assert read_origin(tmp_path) is None
    origin = BundleOrigin(
        "github", "https://example.org/a.zip", "0.2.0", "2026-01-02T03:04:05+00:00", "a" * 64, "b" * 64
    )
    assert write_origin(tmp_path, origin) == tmp_path / ".bundle_engine" / "origin.json"
    assert read_origin(tmp_path) == origin
    assert [path.name for path in (tmp_path / ".bundle_engine").iterdir()] == ["origin.json"]
    assert tree_digests(tmp_path) == {}
    write_origin(tmp_path, BundleOrigin("archive"))
    read = read_origin(tmp_path)
    assert read is not None
    assert abs((datetime.now(timezone.utc) - datetime.fromisoformat(read.time)).total_seconds()) < 60


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://me:secret@example.org:8000/a/b.zip?token=1#x", "https://example.org:8000/a/b.zip"),
        ("https://example.org/b.zip", "https://example.org/b.zip"),
        ("https://[bad/b.zip?token=1", "https://…"),
        ("/home/a b/c@d.zip", "/home/a b/c@d.zip"),
        ("owner/name", "owner/name"),
    ],
)
def test_secrets_are_left_out_of_addresses(tmp_path, url, expected):
    assert without_secrets(url) == expected
    assert "secret" not in write_origin(tmp_path, BundleOrigin("url", url)).read_text()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '"x"', "{}", '{"source": 1}', '{"source": "a", "url": null}', "[" * 99999]
)
def test_a_broken_record_is_not_taken_for_none(tmp_path, content):
    path = origin_file(tmp_path)
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_origin(tmp_path)
    assert str(path) in str(caught.value)


def test_a_record_that_is_no_file_is_not_taken_for_none(tmp_path):
    path = origin_file(tmp_path)
    path.parent.mkdir()
    path.symlink_to("nothing")
    with pytest.raises(InputError, match="cannot read"):
        read_origin(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="cannot read"):
        read_origin(tmp_path)


def test_a_record_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / ".bundle_engine").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write_origin(tmp_path, BundleOrigin("url"))
