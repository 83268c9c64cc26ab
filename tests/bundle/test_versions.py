"""Versions compare as versions."""

from __future__ import annotations

import pytest

from bundle_engine.bundle.versions import fits, installed_version, newest, newest_that_fits, sort_versions


def test_in_their_order():
    given = ["0.10.0", "0.9.0", "main", "1.0.0", "1.0.0rc1", "0.9", "a"]
    assert sort_versions(given) == ["a", "main", "0.9", "0.9.0", "0.10.0", "1.0.0rc1", "1.0.0"]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["0.9.0", "0.10.0", "0.2.0"], "0.10.0"),
        (["1.0.0", "1.1.0rc1", "1.1.0.dev2"], "1.0.0"),
        (["1.1.0rc1", "1.1.0.dev2"], "1.1.0rc1"),
        (["main", "0.1"], "0.1"),
        (["main", "dev"], "main"),
    ],
)
def test_the_newest(versions, expected):
    assert newest(versions) == expected


def test_of_nothing_there_is_no_newest():
    with pytest.raises(ValueError, match="there are no versions"):
        newest([])


NEEDS = {"0.1.0": "1.0.0", "0.2.0": "1.3.0", "0.10.0": "1.10.0"}


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ("1.10.1", "0.10.0"),
        ("1.9.0", "0.2.0"),
        ("1.3.0rc2", "0.2.0"),
        ("1.2", "0.1.0"),
        ("0.9", "0.10.0"),
        (None, "0.10.0"),
    ],
)
def test_the_newest_that_fits(installed, expected):
    assert newest_that_fits(NEEDS, NEEDS.__getitem__, installed) == expected


@pytest.mark.parametrize(
    ("needed", "installed", "expected"),
    [
        ("1.10.0", "1.9.0", False),
        ("1.9.0", "1.10.0", True),
        ("1.4.0", "1.4.0rc1", True),
        ("1.4", "1.4.0+cu12", True),
        ("0+unknown", "1.0", True),
        ("", "1.0", True),
        ("what?", "1.0", True),
        ("1.0", None, True),
    ],
)
def test_what_fits(needed, installed, expected):
    assert fits(needed, installed) is expected


def test_what_is_installed():
    assert installed_version("no-such-package-anywhere") is None
    assert installed_version("packaging")
