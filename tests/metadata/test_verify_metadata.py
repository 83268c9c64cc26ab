"""`verify_metadata`: the bundled schema, one of a file, one that is fetched; in Python as MONAI has it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundle_engine.errors import InputError, InputNotFoundError, UsageError
from bundle_engine.metadata import verify, verify_metadata, verify_metadata_file
from bundle_engine.metadata.fetching import fetch_schema

STRICT = {"$schema": "https://json-schema.org/draft/2020-12/schema", "required": ["special"]}
CONTENT = json.dumps(STRICT).encode()
Serve = Callable[..., str]


@pytest.fixture
def metadata(bundle: Path) -> Path:
    return bundle / "configs" / "metadata.json"


def with_schema(metadata: Path, address: Any) -> Path:
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "schema": address}))
    return metadata


def messages(*arguments: Any, **options: Any) -> list[str]:
    return [each.message for each in verify_metadata_file(*arguments, **options)]


# --- the bundled schema ---


def test_the_bundled_schema_needs_no_network(metadata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", lambda *args, **kwargs: pytest.fail("something was fetched"))
    with_schema(metadata, "http://127.0.0.1:9/schema.json")
    assert verify_metadata(metadata) is None
    assert messages(metadata) == []


def test_all_that_is_wrong_is_raised_at_once(metadata: Path) -> None:
    data = json.loads(metadata.read_text())
    del data["task"]
    metadata.write_text(json.dumps({**data, "version": 1, "authors": 2}, indent=1))
    with pytest.raises(InputError) as caught:
        verify_metadata(str(metadata))
    shown = str(caught.value)
    assert caught.value.place is not None
    for message in ("missing 'task'", "version should be text, is 1", "authors should be text or a list, is 2"):
        assert message in shown
    assert isinstance(caught.value, ValueError)


def test_warnings_do_not_raise(metadata: Path) -> None:
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), "data_sourse": "x"}))
    assert verify_metadata(metadata) is None
    assert len(messages(metadata)) == 1


def test_several_files_are_put_together(tmp_path: Path, metadata: Path) -> None:
    (tmp_path / "more.yaml").write_text("task: 3\n")
    (finding,) = verify_metadata_file([metadata, tmp_path / "more.yaml"])
    assert finding.place is not None
    assert (finding.message, Path(finding.place.source).name) == ("task should be text, is 3", "more.yaml")


@pytest.mark.parametrize("name", ["nothing.json", "nothing.txt"])
def test_metadata_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        verify_metadata(tmp_path / name)


def test_no_metadata_is_named() -> None:
    with pytest.raises(UsageError, match="no metadata is named"):
        verify_metadata()


# --- arguments from a file ---


def test_arguments_from_a_file(metadata: Path, tmp_path: Path, serve: Serve) -> None:
    with_schema(metadata, serve(CONTENT))
    kept = tmp_path / "new" / "schema.json"
    (tmp_path / "args.json").write_text(json.dumps({"meta_file": str(metadata), "filepath": str(kept)}))
    with pytest.raises(InputError, match="missing 'special'"):
        verify_metadata(args_file=tmp_path / "args.json")
    assert kept.read_bytes() == CONTENT
    with pytest.raises(InputNotFoundError, match="there is no folder"):
        verify_metadata(args_file=tmp_path / "args.json", filepath=tmp_path / "other" / "s.json", create_dir=False)


# --- schemas that are fetched ---


def test_the_schema_that_the_metadata_names(metadata: Path, tmp_path: Path, serve: Serve) -> None:
    address = serve(CONTENT)
    with_schema(metadata, address)
    assert messages(metadata, use_schema_url=True) == ["missing 'special'"]
    kept = tmp_path / "schema.json"
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert messages(metadata, filepath=kept, hash_val=digest, hash_type="sha256") == ["missing 'special'"]
    assert kept.read_bytes() == CONTENT
    assert serve.requests == 2  # type: ignore[attr-defined]
    assert messages(metadata, filepath=kept, hash_val=digest, hash_type="sha256") == ["missing 'special'"]
    assert serve.requests == 2, "what is kept is used"  # type: ignore[attr-defined]


def test_verify_with_another_schema(bundle: Path, tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "strict.json").write_bytes(CONTENT)
    for options in ({"schema": tmp_path / "strict.json"}, {"schema": serve(CONTENT)}):
        found = verify(bundle, network=False, ignore=["BE053"], **options)  # type: ignore[arg-type]
        assert [each.message for each in found] == ["missing 'special'"]


@pytest.mark.parametrize("address", [None, "", 3, "file:///etc/passwd", "ftp://x/y", "/etc/passwd", "schema.json"])
def test_only_http_and_https_are_fetched_from_what_the_metadata_names(metadata: Path, address: Any) -> None:
    with_schema(metadata, address)
    with pytest.raises(InputError, match=r"the metadata has no 'schema'|is fetched by http or https"):
        verify_metadata_file(metadata, use_schema_url=True)


@pytest.mark.parametrize("address", ["ftp://x/y", "file:///etc/hostname", "s3://x/y"])
def test_other_addresses(address: str) -> None:
    with pytest.raises(InputError, match="by http or https"):
        fetch_schema(address)


WRONG: dict[str, tuple[bytes, dict[str, Any], dict[str, Any], str]] = {
    "another checksum": (CONTENT, {}, {"hash_val": "0" * 32}, "is not the schema that was asked for: its md5 is"),
    "an error": (b"", {"status": 404}, {}, "the server answers 404"),
    "a page": (b"<html>sorry</html>", {}, {}, "it is a web page"),
    "no JSON": (b"{", {}, {}, "it is no JSON"),
    "a list": (b"[]", {}, {}, "a schema is a mapping"),
    "no UTF-8": (b"\xff\xfe{}", {}, {}, "not UTF-8"),
    "cut off": (CONTENT, {"Content_Length": "9999"}, {}, "cannot get the schema|gave"),
    "a way to a file": (b"", {"status": 302, "Location": "file:///etc/passwd"}, {}, "cannot get the schema"),
}


@pytest.mark.parametrize(("content", "answer", "options", "message"), WRONG.values(), ids=WRONG)
def test_nothing_is_written_where_the_schema_cannot_be_had(
    metadata: Path, tmp_path: Path, serve: Serve, content: bytes, answer: Any, options: Any, message: str
) -> None:
    with_schema(metadata, serve(content, **answer))
    kept = tmp_path / "kept" / "schema.json"
    with pytest.raises(InputError, match=message):
        verify_metadata_file(metadata, filepath=kept, **options)
    assert not kept.parent.exists()


def test_a_schema_that_never_ends(serve: Serve) -> None:
    with pytest.raises(InputError, match="is larger than 16 megabytes"):
        fetch_schema(serve(b" " * (17 * 2**20)))


def test_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(InputError, match="cannot get the schema from"):
        fetch_schema(f"http://127.0.0.1:{port}/s.json", keep_at=tmp_path / "s.json")
    assert os.listdir(tmp_path) == []


def test_what_is_kept_has_another_checksum(metadata: Path, tmp_path: Path, serve: Serve) -> None:
    with_schema(metadata, serve(CONTENT))
    (tmp_path / "schema.json").write_text("{}")
    with pytest.raises(InputError, match="is not the schema that was asked for"):
        verify_metadata_file(metadata, filepath=tmp_path / "schema.json", hash_val=hashlib.md5(CONTENT).hexdigest())
    assert (tmp_path / "schema.json").read_text() == "{}"


def test_a_schema_that_refers_to_another_fetches_nothing(metadata: Path, serve: Serve) -> None:
    other = serve(b"{}")
    with_schema(metadata, serve(json.dumps({"$ref": other}).encode()))
    with pytest.raises(InputError, match="nothing is fetched for it"):
        verify_metadata_file(metadata, use_schema_url=True)
    assert serve.requests == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hash_val": "0" * 32}, "a checksum is for a schema that is fetched"),
        ({"schema": "x.json", "hash_type": "crc"}, "a checksum is of the kind md5, sha1"),
        ({"colour": "red"}, "jsonschema does not take these options"),
    ],
)
def test_options_that_do_not_fit(metadata: Path, options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        verify_metadata_file(metadata, **options)


def test_a_schema_of_a_file(metadata: Path, tmp_path: Path) -> None:
    (tmp_path / "strict.json").write_bytes(CONTENT)
    (tmp_path / "loose.json").write_text("{}")
    assert messages(metadata, schema=tmp_path / "strict.json") == ["missing 'special'"]
    assert messages(metadata, schema=tmp_path / "loose.json") == []
    with pytest.raises(InputNotFoundError, match="there is no schema"):
        verify_metadata_file(metadata, schema=tmp_path / "nothing.json")


def test_the_same_answers_as_monai(metadata: Path, tmp_path: Path, serve: Serve) -> None:
    from monai.bundle import verify_metadata as theirs

    schema = json.dumps({"type": "object", "properties": {"task": {"type": "string"}}, "required": ["task"]}).encode()
    with_schema(metadata, serve(schema))
    data = json.loads(metadata.read_text())
    for number, change in enumerate(({}, {"task": 3}, {"task": "x"})):
        metadata.write_text(json.dumps({**data, **change}))
        outcomes = []
        for function in (verify_metadata, theirs):
            kept = tmp_path / f"{number}-{function.__module__}.json"
            try:
                function(meta_file=str(metadata), filepath=str(kept))
                outcomes.append("fits")
            except ValueError:
                outcomes.append("does not")
            assert kept.read_bytes() == schema
        assert outcomes[0] == outcomes[1]
