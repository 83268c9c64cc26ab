"""Download the images: PneumoniaMNIST of MedMNIST v2, from its publisher's record on Zenodo.

Run it from the bundle folder::

    python -m scripts.download --dataset_dir PneumoniaMNIST

The file is written under a temporary name and appears under its own only when its checksum is right. An interrupted
download is resumed by running the same command again.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

# The published file, and the checksum that MedMNIST gives for it.
DEFAULT_URL = "https://zenodo.org/records/10519652/files/pneumoniamnist.npz?download=1"
DEFAULT_MD5 = "28209eda62fecd6e6a2d98b1501bb15f"
FILE = "pneumoniamnist.npz"

CHUNK = 1 << 18  # bytes per read
TIMEOUT = 30  # seconds without any answer before a connection counts as lost
ATTEMPTS = 3  # how often one call goes on with a download that was cut off


class DownloadError(RuntimeError):
    """Something the user has to know about: its text says what went wrong and what to do next."""


def _request(url: str, start: int) -> http.client.HTTPResponse:
    """Open ``url``, asking for everything from byte ``start`` on."""
    headers = {"User-Agent": "bundle-engine-download", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    response: http.client.HTTPResponse = urllib.request.urlopen(
        urllib.request.Request(url, headers=headers), timeout=TIMEOUT
    )
    return response


def _fetch_once(url: str, part: Path) -> bool:
    """Append what is still missing of ``url`` to ``part``; return whether the file is complete now."""
    start = part.stat().st_size if part.exists() else 0
    try:
        response = _request(url, start)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not start:
            raise
        # "Range not satisfiable": nothing is left to send, or what we have is not a beginning of this file.
        error.close()
        if error.headers.get("Content-Range", "").endswith(f"/{start}"):
            return True
        start = 0
        response = _request(url, 0)
    with response:
        if start and not (
            response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        ):
            start = 0  # the server sends the whole file, not the rest of it
        length = response.headers.get("Content-Length")
        total = start + int(length) if length is not None else None
        received = start
        with (
            open(part, "ab" if start else "wb") as file,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc="download") as bar,
        ):
            while block := response.read(CHUNK):
                file.write(block)
                received += len(block)
                bar.update(len(block))
    return total is None or received >= total


def fetch(url: str, part: Path) -> None:
    """Download ``url`` to ``part``, going on from what ``part`` already holds."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"Only http and https addresses can be downloaded, not {url!r}.")
    reason = "the connection was cut before the end"
    for _ in range(ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            if _fetch_once(url, part):
                return
        except urllib.error.HTTPError as error:
            raise DownloadError(f"{url} answered {error.code} {error.reason}. Is the address right?") from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        if (part.stat().st_size if part.exists() else 0) <= before:
            break  # nothing came this time: trying again at once will not help
    hint = f"What was received is kept in {part}: run the command again to go on." if part.exists() else ""
    raise DownloadError(
        f"Could not download {url}: {reason}. {hint}\n"
        "Without a connection: download the file on another computer and pass it with --archive FILE."
    )


def checksum(path: Path, name: str) -> str:
    """Give the checksum of a file: ``name`` is md5 or sha256."""
    digest = hashlib.new(name, usedforsecurity=False) if name == "md5" else hashlib.new(name)
    with open(path, "rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def verify(path: Path, name: str, expected: str) -> None:
    """Hold the checksum of a file against the one expected; say what the file looks like if they differ."""
    found = checksum(path, name)
    if found == expected.strip().lower():
        return
    with open(path, "rb") as file:
        head = file.read(512).lstrip().lower()
    kind = " It is a web page (HTML), not the file." if head.startswith((b"<!doctype", b"<html")) else ""
    raise DownloadError(
        f"Wrong {name} checksum: expected {expected}, got {found} ({path.stat().st_size} bytes).{kind} "
        "Nothing was installed."
    )


def download(
    dataset_dir: str | os.PathLike[str],
    url: str = DEFAULT_URL,
    md5: str | None = DEFAULT_MD5,
    sha256: str | None = None,
    archive: str | os.PathLike[str] | None = None,
) -> bool:
    """Put pneumoniamnist.npz into ``dataset_dir``; return False if the right one was there already.

    Args:
        dataset_dir: the folder.
        url: address of the file.
        md5: expected MD5 checksum.
        sha256: expected SHA-256 checksum; it goes before the other one.
        archive: the file on this computer, to use instead of downloading it.

    Raises:
        DownloadError: with a text for the user, if anything goes wrong.
    """
    expected = sha256 or md5
    if expected is None:
        raise DownloadError("A checksum is needed: pass --md5 or --sha256.")
    name = "sha256" if sha256 else "md5"
    target = Path(dataset_dir).expanduser().absolute() / FILE
    if target.exists():
        if target.is_file() and checksum(target, name) == expected.strip().lower():
            return False
        raise DownloadError(
            f"{target} exists but is not the published file. Move it away, or name another folder with --dataset_dir."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if archive is not None:
        local = Path(archive).expanduser()
        if not local.is_file():
            raise DownloadError(f"There is no file {local}.")
        handle, copy = tempfile.mkstemp(prefix=f".{FILE}-", dir=target.parent)
        os.close(handle)
        try:
            shutil.copyfile(local, copy)
            verify(Path(copy), name, expected)
            os.chmod(copy, 0o644)
            os.replace(copy, target)
        finally:
            Path(copy).unlink(missing_ok=True)
        return True
    part = target.with_name(f"{FILE}.part")
    fetch(url, part)
    try:
        verify(part, name, expected)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)  # complete but useless: never a base to resume from
    return True


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.download",
        description="Download PneumoniaMNIST of MedMNIST v2 (4 MB, licence CC BY 4.0). If it is there already, nothing "
        "is done.",
    )
    parser.add_argument(
        "--dataset_dir",
        metavar="DIR",
        default="PneumoniaMNIST",
        help=f"folder that will hold {FILE} (default: %(default)s); give the same folder to the bundle's configs with "
        "--dataset_dir",
    )
    parser.add_argument("--url", metavar="URL", default=DEFAULT_URL, help="address of the file (default: %(default)s)")
    parser.add_argument("--archive", metavar="FILE", help="use this file, downloaded before, instead of downloading it")
    parser.add_argument(
        "--md5", metavar="HEX", help=f"expected MD5 of the file (default: {DEFAULT_MD5}, unless --sha256 is given)"
    )
    parser.add_argument("--sha256", metavar="HEX", help="expected SHA-256 of the file")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    args = parse_args(argv)
    md5 = args.md5 or (None if args.sha256 else DEFAULT_MD5)
    try:
        new = download(args.dataset_dir, url=args.url, md5=md5, sha256=args.sha256, archive=args.archive)
    except DownloadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: could not write the data: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: run the command again to go on.", file=sys.stderr)
        return 130
    print(f"{'The data are ready in' if new else 'The data are already present in'} {args.dataset_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
