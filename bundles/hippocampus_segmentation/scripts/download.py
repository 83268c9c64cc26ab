"""Download and unpack the training data (Medical Segmentation Decathlon, Task04 Hippocampus).

Run it from the bundle folder::

    python -m scripts.download --dataset_dir Task04_Hippocampus

The archive is written under a temporary name, its checksum is verified before anything is unpacked, and the
data folder appears under its final name only when it is complete. An interrupted download is resumed by
running the same command again.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tqdm import tqdm

# The copy of the Decathlon archives that MONAI users have always downloaded, and its checksum.
DEFAULT_URL = "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task04_Hippocampus.tar"
DEFAULT_MD5 = "9d24dba78a72977dbd1d2e110310f31b"

CHUNK = 1 << 18  # bytes per read
TIMEOUT = 30  # seconds without any answer before a connection counts as lost
ATTEMPTS = 3  # how often one call goes on with a download that was cut off


class DownloadError(RuntimeError):
    """Something the user has to know about: its text says what went wrong and what to do next."""


def is_complete(dataset_dir: Path) -> bool:
    """Tell whether ``dataset_dir`` holds a dataset.json and every training file which that lists."""
    try:
        listed = json.loads((dataset_dir / "dataset.json").read_text(encoding="utf-8"))["training"]
        return all((dataset_dir / entry[key]).is_file() for entry in listed for key in ("image", "label"))
    except (OSError, ValueError, KeyError, TypeError):
        return False


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


def verify(archive: Path, md5: str | None, sha256: str | None) -> None:
    """Compare the checksums of ``archive`` with those expected; say what the file looks like if they differ."""
    for name, expected in (("md5", md5), ("sha256", sha256)):
        if expected is None:
            continue
        digest = hashlib.new(name, usedforsecurity=False) if name == "md5" else hashlib.new(name)
        with open(archive, "rb") as file:
            while block := file.read(CHUNK):
                digest.update(block)
        if digest.hexdigest() != expected.strip().lower():
            with open(archive, "rb") as file:
                head = file.read(512).lstrip().lower()
            kind = " It is a web page (HTML), not an archive." if head.startswith((b"<!doctype", b"<html")) else ""
            raise DownloadError(
                f"Wrong {name} checksum: expected {expected}, got {digest.hexdigest()} "
                f"({archive.stat().st_size} bytes).{kind} Nothing was unpacked."
            )


def _member_path(member: tarfile.TarInfo) -> PurePosixPath | None:
    """Check one member of the archive; return its path, or None for one to skip."""
    path = PurePosixPath(member.name)
    if any(part.startswith("._") or part == "__MACOSX" for part in path.parts):
        return None  # macOS resource forks: not data
    unsafe = path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name
    if unsafe or not (member.isreg() or member.isdir()):
        what = "leads outside the folder" if unsafe else "is a link or a special file"
        raise DownloadError(f"The archive is refused: its member {member.name!r} {what}.")
    return path


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the plain files of ``archive`` below ``folder``; refuse links and paths that lead outside."""
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            paths = [_member_path(member) for member in members]  # check all of them before writing any
            for member, path in zip(tqdm(members, desc="unpack", unit="file"), paths, strict=True):
                if path is None or not member.isreg():
                    continue
                source = tar.extractfile(member)
                if source is None:
                    continue
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with source, open(target, "wb") as file:
                    shutil.copyfileobj(source, file)
    except (tarfile.TarError, EOFError) as error:
        raise DownloadError(f"{archive} is not a readable tar archive: {error}.") from error


def install(archive: Path, dataset_dir: Path) -> None:
    """Unpack ``archive`` and give the folder in it that holds dataset.json the name ``dataset_dir``."""
    work = Path(tempfile.mkdtemp(prefix=f".{dataset_dir.name}-", dir=dataset_dir.parent))
    try:
        unpack(archive, work)
        roots = [path.parent for path in (*work.glob("dataset.json"), *work.glob("*/dataset.json"))]
        if len(roots) != 1 or not is_complete(roots[0]):
            raise DownloadError(f"{archive} does not hold one complete dataset (dataset.json and the files it lists).")
        if dataset_dir.is_dir():
            dataset_dir.rmdir()  # it is empty: download() made sure of that
        roots[0].chmod(0o755)  # mkdtemp made its folder private; the data need not be
        os.replace(roots[0], dataset_dir)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def download(
    dataset_dir: str | os.PathLike[str],
    url: str = DEFAULT_URL,
    md5: str | None = DEFAULT_MD5,
    sha256: str | None = None,
    archive: str | os.PathLike[str] | None = None,
) -> bool:
    """Put the dataset into ``dataset_dir``; return False if it was there already.

    Args:
        dataset_dir: folder that will hold dataset.json, imagesTr, labelsTr and imagesTs.
        url: address of the tar archive.
        md5: expected MD5 checksum of the archive.
        sha256: expected SHA-256 checksum of the archive.
        archive: a tar archive on this computer, to use instead of downloading one.

    Raises:
        DownloadError: with a text for the user, if anything goes wrong.
    """
    target = Path(dataset_dir).expanduser().absolute()
    if is_complete(target):
        return False
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise DownloadError(
            f"{target} exists but is not a complete dataset. Remove it, or name another folder with --dataset_dir."
        )
    if md5 is None and sha256 is None:
        raise DownloadError("A checksum is needed: pass --md5 or --sha256.")
    target.parent.mkdir(parents=True, exist_ok=True)
    if archive is not None:
        local = Path(archive).expanduser()
        if not local.is_file():
            raise DownloadError(f"There is no file {local}.")
        verify(local, md5, sha256)
        install(local, target)
        return True
    part = target.parent / f"{target.name}.tar.part"
    fetch(url, part)
    try:
        verify(part, md5, sha256)
        install(part, target)
    finally:
        part.unlink(missing_ok=True)  # complete but useless, or no longer needed: never a base to resume from
    return True


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.download",
        description="Download Task04_Hippocampus of the Medical Segmentation Decathlon (less than 30 MB, licence "
        "CC BY-SA 4.0) and unpack it. If the data are there already, nothing is done.",
    )
    parser.add_argument(
        "--dataset_dir",
        metavar="DIR",
        default="Task04_Hippocampus",
        help="folder to create, which will hold dataset.json, imagesTr and labelsTr (default: %(default)s); "
        "give the same folder to the bundle's configs with --dataset_dir",
    )
    parser.add_argument(
        "--url", metavar="URL", default=DEFAULT_URL, help="address of the tar archive (default: %(default)s)"
    )
    parser.add_argument(
        "--archive", metavar="FILE", help="use this tar file, downloaded before, instead of downloading one"
    )
    parser.add_argument(
        "--md5", metavar="HEX", help=f"expected MD5 of the archive (default: {DEFAULT_MD5}, unless --sha256 is given)"
    )
    parser.add_argument("--sha256", metavar="HEX", help="expected SHA-256 of the archive")
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
