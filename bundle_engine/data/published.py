"""A data set that somebody publishes, as a bundle describes it, and the command line that brings it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundle_engine.data.fetching import fetch_dataset
from bundle_engine.errors import BundleEngineError

__all__ = ["PublishedDataset"]


@dataclass(frozen=True, kw_only=True)
class PublishedDataset:
    """A data set that is published as one archive or as one file.

    Attributes:
        name: what it is, for people.
        size: how large it is, for people: ``4 MB``.
        licence: the licence that it has.
        url: address of the archive or file.
        md5: its MD5, as published; this or `sha256` is needed.
        sha256: its SHA-256, as published.
        folder: the usual name of the folder with the data.
        holds: what the folder holds, for people.
        file: the file's name in the folder, for what is no archive.
        complete: tells of a folder whether it holds all of the data; needed for an archive.
    """

    name: str
    size: str
    licence: str
    url: str
    folder: str
    holds: str
    md5: str | None = None
    sha256: str | None = None
    file: str | None = None
    complete: Callable[[Path], bool] | None = None

    def fetch(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        url: str | None = None,
        md5: str | None = None,
        sha256: str | None = None,
        archive: str | os.PathLike[str] | None = None,
        progress: bool = True,
    ) -> bool:
        """Put the data into a folder, unless they are there already; see `fetch_dataset`.

        Args:
            folder: the folder; by default the usual one, in the working directory.
            url: another address.
            md5: another MD5; with this or `sha256`, the published ones do not count.
            sha256: another SHA-256.
            archive: the file on this computer, to use instead of downloading it.
            progress: whether to tell on standard error how far it is.

        Returns:
            whether they were brought; False when they were there.
        """
        given = md5 is not None or sha256 is not None
        return fetch_dataset(
            url or self.url,
            folder or self.folder,
            file=self.file,
            complete=self.complete,
            md5=md5 if given else self.md5,
            sha256=sha256 if given else self.sha256,
            archive=archive,
            progress=progress,
        )

    def main(self, argv: Sequence[str] | None = None) -> int:
        """Run the command line that brings the data, ``python -m scripts.download`` in a bundle.

        Args:
            argv: its arguments; by default those of this process.

        Returns:
            0 when the data are there, 1 after an error that was printed, 130 after Ctrl-C.
        """
        args = self._parser().parse_args(argv)
        try:
            new = self.fetch(args.dataset_dir, url=args.url, md5=args.md5, sha256=args.sha256, archive=args.archive)
        except BundleEngineError as error:
            print(f"error: {error.render()}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\ninterrupted: run the command again to go on.", file=sys.stderr)
            return 130
        print(f"The data are {'ready' if new else 'already present'} in {args.dataset_dir}")
        return 0

    def _parser(self) -> argparse.ArgumentParser:
        what = "file" if self.file else "archive"
        parser = argparse.ArgumentParser(
            prog="python -m scripts.download",
            description=f"Download {self.name} ({self.size}, licence {self.licence}). If the data are there already, "
            "nothing is done.",
        )
        parser.add_argument(
            "--dataset_dir",
            metavar="DIR",
            default=self.folder,
            help=f"folder that will hold {self.holds} (default: %(default)s); give the same folder to the bundle's "
            "configs with --dataset_dir",
        )
        parser.add_argument(
            "--url", metavar="URL", default=self.url, help=f"address of the {what} (default: %(default)s)"
        )
        parser.add_argument(
            "--archive", metavar="FILE", help=f"use this {what}, downloaded before, instead of downloading it"
        )
        for name, usual in (("md5", self.md5), ("sha256", self.sha256)):
            kind = "MD5" if name == "md5" else "SHA-256"
            default = f" (default: {usual}, unless another checksum is given)" if usual else ""
            parser.add_argument(f"--{name}", metavar="HEX", help=f"expected {kind} of the {what}{default}")
        return parser
