"""Digests of files, read at once or in the background."""

from __future__ import annotations

import hashlib
import io
import os
import time

import pytest

from bundle_engine.errors import InputError, InputNotFoundError
from bundle_engine.hashing import CHUNK, BackgroundHash, chunks_of, file_digest


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 7])
def test_a_file_has_the_digest_of_its_content(tmp_path, size):
    content = os.urandom(size)
    (tmp_path / "w").write_bytes(content)
    told: list[int] = []
    assert file_digest(tmp_path / "w", progress=told.append) == hashlib.sha256(content).hexdigest()
    assert sum(told) == size


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha512"])
def test_other_algorithms(tmp_path, algorithm):
    (tmp_path / "w").write_bytes(b"content")
    assert file_digest(tmp_path / "w", algorithm=algorithm) == hashlib.new(algorithm, b"content").hexdigest()


def test_what_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(InputNotFoundError, match="cannot find the file"):
        file_digest(tmp_path / "no")
    with pytest.raises(InputError, match="cannot read"):
        file_digest(tmp_path)


def test_a_hash_in_the_background_is_right_however_slow_it_is(tmp_path, monkeypatch):
    content = os.urandom(CHUNK * 21 + 5)
    (tmp_path / "w").write_bytes(content)
    with BackgroundHash() as hashed, (tmp_path / "w").open("rb", buffering=0) as stream:
        work, seen = hashed._work, []
        monkeypatch.setattr(hashed, "_work", lambda: (time.sleep(0.3), work()))
        for chunk in chunks_of(stream.readinto):
            hashed.update(chunk)
            seen.append(bytes(chunk))
        assert hashed.hexdigest() == hashlib.sha256(content).hexdigest()
    assert b"".join(seen) == content
    assert list(chunks_of(io.BytesIO(content).readinto, 0)) == []
    assert b"".join(map(bytes, chunks_of(io.BytesIO(content).readinto, CHUNK + 1))) == content[: CHUNK + 1]
