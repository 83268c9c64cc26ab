"""Download a bundle that somebody published."""

from __future__ import annotations

import os
import re
import shutil
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bundle_engine.archives import members
from bundle_engine.bundle.archive import is_bundle
from bundle_engine.bundle.arrival import names_to_take, place
from bundle_engine.bundle.origin import BundleOrigin, read_origin
from bundle_engine.bundle.sources import default_source, names_near, plans_of
from bundle_engine.bundle.sources.ngc import PREFIX
from bundle_engine.bundle.sources.plans import Archive, Asking, Files, Plan, Snapshot, Wanted
from bundle_engine.bundle.versions import fits, installed_version
from bundle_engine.errors import BundleEngineWarning, InputError, NotPublishedError, UsageError
from bundle_engine.network.addresses import check_address, direct, host_of, without_secrets
from bundle_engine.network.limits import Limits, read_size
from bundle_engine.network.progress import Progress, progress_of
from bundle_engine.network.transfer import Fetched, fetch

__all__ = ["default_bundle_dir", "download", "folder_name"]

_NAME = re.compile(r"[^\W_][\w.+-]*", re.ASCII)
_VERSIONED = re.compile(r"(.+?)_v\d[\w.+-]*")


def download(
    name: str | None = None,
    version: str | None = None,
    bundle_dir: str | os.PathLike[str] | None = None,
    source: str | None = None,
    repo: str | None = None,
    url: str | None = None,
    remove_prefix: str | bool | None = PREFIX,
    progress: bool | None = None,
    args_file: Any = None,
    *,
    sha256: str | None = None,
    max_size: str | int | None = None,
    overwrite: bool | None = None,
    token: str | None = None,
    limits: Limits | None = None,
) -> Path:
    """Download a bundle, check it, and put it in its folder, with a record of where it came from.

    An interrupted download goes on where it was when it is called again. Nothing of the bundle is run.

    Args:
        name: its name, and the name of its folder.
        version: its version; by default the newest. On the Hugging Face hub a tag, a branch or a commit.
        bundle_dir: the folder in which the bundle's folder is made; by default ``bundle`` in the folder of
            ``torch.hub``.
        source: ``monaihosting``, ``github``, ``ngc``, ``ngc_private`` or ``huggingface_hub``; by default what
            ``BUNDLE_DOWNLOAD_SRC`` says, or ``monaihosting``.
        repo: for github ``OWNER/REPOSITORY/TAG``, for huggingface_hub ``OWNER/NAME``, for ngc_private ``org/NAME`` or
            ``org/NAME/team/NAME``.
        url: address of a zip archive; then the source does not matter.
        remove_prefix: what is dropped from the start of the names of NGC; None or False for nothing.
        progress: whether the progress is shown; it is by default.
        args_file: file or files, or a mapping, with arguments; those that are given win.
        sha256: digest that the archive must have.
        max_size: size such as ``2GB`` that is taken at most, as an archive and unpacked.
        overwrite: whether a bundle that is there already is replaced.
        token: what gives access to github or huggingface_hub, or the API key of ngc_private, which by default comes
            from ``NGC_API_KEY``.
        limits: how long to wait, and how often to try.

    Returns:
        the bundle's folder. One that has come from the same place before is left as it is.

    Raises:
        UsageError: when the arguments do not fit together, or the folder is there already.
        NotPublishedError: when there is no such bundle or version; similar names are offered.
        DownloadError: when it cannot be had.
        InputError: when what came is no bundle, or is refused.
    """
    order = _Order.of(
        args_file,
        keep_prefix=not remove_prefix,
        name=name,
        version=version,
        bundle_dir=bundle_dir,
        source=source,
        repo=repo,
        url=url,
        remove_prefix=remove_prefix if remove_prefix != PREFIX else None,
        progress=progress,
        sha256=sha256,
        max_size=max_size,
        overwrite=overwrite,
        token=token,
    )
    with progress_of(order.progress) as shown:
        return _Delivery(order, limits or Limits(), shown).bring()


def default_bundle_dir() -> Path:
    """Give the folder for bundles that MONAI uses, too: ``bundle`` in the folder of ``torch.hub``."""
    if "torch" in sys.modules:  # where a program may have set another folder
        from torch import hub

        return Path(hub.get_dir()) / "bundle"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or os.path.join(cache, "torch")
    return Path(os.path.expanduser(home)) / "hub" / "bundle"


def folder_name(name: str) -> str:
    """Refuse a name of a bundle that would be more than the name of one folder.

    Raises:
        UsageError: when it has other characters than letters, digits, ``_``, ``-``, ``.`` and ``+``.
    """
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise UsageError(f"'{name}' is no name of a bundle", hint="it has letters, digits, '_', '-' and '.'")
    return name


@dataclass(frozen=True)
class _Order:
    """What is wanted, with all defaults in place."""

    name: str | None = None
    version: str | None = None
    bundle_dir: Path = Path()
    source: str = ""
    repo: str | None = None
    url: str | None = None
    remove_prefix: str | None = None
    progress: bool = True
    sha256: str | None = None
    max_size: int | None = None
    overwrite: bool = False
    token: str | None = None

    @classmethod
    def of(cls, args_file: Any, *, keep_prefix: bool, **given: Any) -> _Order:
        from bundle_engine.workflow.create import read_args_file

        row = {**read_args_file(args_file), **{key: value for key, value in given.items() if value is not None}}
        if unknown := sorted(row.keys() - given.keys()):
            raise UsageError(f"download takes no '{unknown[0]}'", hint=f"it takes {', '.join(given)}")
        name, url = row.get("name"), row.get("url")
        if url is not None and row.get("source") and row.get("repo"):
            raise UsageError("a url is given, and a source with a repo too", hint="give one of them")
        if name is None and url is None:
            raise UsageError("nothing to download is named", hint="give a name, or the url of an archive")
        if sha256 := row.get("sha256"):
            sha256 = _sha256(str(sha256))
        prefix = not keep_prefix and row.get("remove_prefix", True)
        folder = row.get("bundle_dir")
        return cls(
            name=folder_name(str(name)) if name is not None else None,
            version=str(row["version"]) if row.get("version") is not None else None,
            bundle_dir=Path(folder).expanduser() if folder is not None else default_bundle_dir(),
            source=str(row.get("source") or default_source()),
            repo=row.get("repo"),
            url=check_address(str(url)) if url is not None else None,
            remove_prefix=PREFIX if prefix is True else str(prefix) if prefix else None,
            progress=bool(row.get("progress", True)),
            sha256=sha256,
            max_size=read_size(row["max_size"]) if row.get("max_size") is not None else None,
            overwrite=bool(row.get("overwrite", False)),
            token=row.get("token"),
        )


def _sha256(text: str) -> str:
    from bundle_engine.bundle.digests import is_digest

    if not is_digest(text.strip()):
        raise UsageError(f"'{text}' is no SHA-256 digest", hint="it has 64 hexadecimal digits")
    return text.strip().lower()


class _Delivery:
    """One download, from the source to the folder."""

    def __init__(self, order: _Order, limits: Limits, progress: Progress) -> None:
        self.order, self.progress = order, progress
        self.limits = replace(limits, most_bytes=order.max_size) if order.max_size else limits
        self.asking = Asking(self.limits, progress.note)
        self.source = "url" if order.url is not None else order.source

    def bring(self) -> Path:
        """Take the first of the plans that the source can fulfil."""
        try:
            self.order.bundle_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make '{self.order.bundle_dir}': {error.strerror or error}") from error
        if self.order.url is not None:
            found = self._from_url(direct(self.order.url))
        else:
            found = self._from_source()
        _warn_of_old_monai(found)
        self._tell_large_files(found)
        return found

    def _from_source(self) -> Path:
        order = self.order
        assert order.name is not None
        wanted = Wanted(order.name, order.version, order.repo, order.remove_prefix, order.token)
        missing: NotPublishedError | None = None
        try:
            for plan in plans_of(order.source, wanted, self.asking):
                if order.sha256 and not isinstance(plan, Archive):
                    continue  # only an archive has a digest
                try:
                    return self._take(plan)
                except NotPublishedError as error:
                    missing = error
        except NotPublishedError as error:
            missing = error
        if missing is None:
            raise UsageError(f"sha256 is the digest of an archive, and {order.source} gives single files")
        hint = names_near(order.source, wanted, self.asking) or missing.hint
        asked = f"'{order.name}'" + (f" of version {order.version}" if order.version else "")
        raise NotPublishedError(f"{order.source} has no bundle {asked}: {missing.message}", hint=hint) from None

    def _take(self, plan: Plan) -> Path:
        target = self.order.bundle_dir / folder_name(plan.folder)
        if isinstance(plan, Snapshot):
            return self._take_snapshot(plan, target)
        if self._is_there(target, plan.url, plan.version):
            return target
        if isinstance(plan, Files):
            return self._take_files(plan, target)
        return self._take_archive(plan, target)

    def _is_there(self, target: Path, url: str, version: str) -> bool:
        """Tell whether this very bundle came before; refuse when another one is in its place."""
        if not os.path.lexists(target) or (target.is_dir() and not any(target.iterdir())):
            return False
        if self.order.overwrite:
            if target.is_symlink() or not is_bundle(target):
                hint = "remove it by hand, or name another place (--bundle_dir)"
                raise UsageError(f"'{target}' is there already and no bundle, so it is not replaced", hint=hint)
            return False
        origin = None
        with suppress(InputError):
            origin = read_origin(target)
        same = origin is not None and (origin.url, origin.version) == (without_secrets(url), version)
        if origin is not None and same and self.order.sha256 in (None, origin.archive_digest):
            self.progress.note(f"'{target}' is there already, from {origin.url} on {origin.time[:10]}")
            return True
        came = (
            f", from {origin.url or origin.source}{f' ({origin.version})' if origin.version else ''}" if origin else ""
        )
        hint = "overwrite replaces it (--overwrite), or name another place (--bundle_dir)"
        raise UsageError(f"'{target}' is there already{came}", hint=hint)

    def _from_url(self, url: str) -> Path:
        order = self.order
        stem = unquote(urlsplit(url).path).rpartition("/")[2].removesuffix(".zip")
        found = _VERSIONED.fullmatch(stem)
        stem = order.name or (found[1] if found else stem)
        folder = stem if _NAME.fullmatch(stem) else "bundle"
        if order.name is not None and self._is_there(order.bundle_dir / folder, url, order.version or ""):
            return order.bundle_dir / folder
        return self._take_archive(Archive(url, folder, order.version or ""), order.bundle_dir / folder)

    def _take_archive(self, plan: Archive, target: Path) -> Path:
        from bundle_engine.bundle.unpack import unpack

        named = f"{plan.folder}_v{plan.version}.zip" if plan.version else f"{plan.folder}.zip"
        archive = target.with_name(f".{named}")
        digests = {**plan.digests, **({"sha256": self.order.sha256} if self.order.sha256 else {})}
        web = self.asking.web(plan.hosts, plan.headers)
        got = fetch(plan.url, archive, web=web, progress=self.progress, digests=digests, archive=True, name=named)
        try:
            if self.order.url is not None and self.order.name is None:
                target = self.order.bundle_dir / (_folder_in(archive) or plan.folder)
                if self._is_there(target, plan.url, plan.version):
                    return target
            folder = unpack(
                archive,
                target,
                sha256=got.digests["sha256"],
                overwrite=self.order.overwrite,
                limits=members.Limits(size=self.order.max_size) if self.order.max_size else None,
                origin=self._origin(plan.url, plan.version, got),
            )
        finally:
            archive.unlink(missing_ok=True)
        return folder

    def _take_files(self, plan: Files, target: Path) -> Path:
        wanted = names_to_take(plan.files)
        web = self.asking.web(plan.hosts, plan.headers)
        left = self.limits.most_bytes
        hosts: tuple[str, ...] = ()
        with self._collecting(target, plan.version) as staging:
            for name in wanted:
                file = staging / name
                if not file.exists():
                    file.parent.mkdir(parents=True, exist_ok=True)
                    web.limits = replace(self.limits, most_bytes=left)
                    got = fetch(plan.files[name], file, web=web, progress=self.progress, name=name)
                    hosts = got.hosts
                left -= file.stat().st_size
        return place(staging, wanted, target, self._origin(plan.url, plan.version, None, hosts))

    def _take_snapshot(self, plan: Snapshot, target: Path) -> Path:
        from bundle_engine.bundle.hub import take_snapshot
        from bundle_engine.bundle.sources.bases import base

        url = f"{base('huggingface_hub') or 'https://huggingface.co'}/{plan.repo}"
        if plan.revision is not None and self._is_there(target, url, plan.revision):
            return target
        with self._collecting(target, plan.revision or "newest") as staging:
            taken = take_snapshot(plan, staging, self.limits, progress=self.order.progress)
        if plan.revision is None and self._is_there(target, url, taken.version):
            shutil.rmtree(staging, ignore_errors=True)
            return target
        self.progress.note(f"{plan.repo}: {taken.version}, commit {taken.commit[:12]}")
        return place(staging, taken.names, target, self._origin(url, taken.version, None))

    @contextmanager
    def _collecting(self, target: Path, version: str) -> Iterator[Path]:
        """Give the hidden folder in which single files are collected; it stays when the download is interrupted."""
        folder = target.with_name(f".{target.name}_{re.sub(r'[^0-9A-Za-z.+-]', '-', version)}.files")
        if folder.is_symlink():
            folder.unlink()
        folder.mkdir(exist_ok=True)
        try:
            yield folder
        except BaseException:
            if not any(path.is_file() for path in folder.rglob("*")):
                shutil.rmtree(folder, ignore_errors=True)
            else:
                self.progress.note(f"what came is kept in '{folder}'; the same command goes on from there")
            raise

    def _origin(self, url: str, version: str, got: Fetched | None, hosts: tuple[str, ...] = ()) -> BundleOrigin:
        hosts = got.hosts if got is not None else hosts
        served = hosts[-1] if hosts and hosts[-1] != host_of(url) else ""
        return BundleOrigin(self.source, without_secrets(url), version, served_by=served)

    def _tell_large_files(self, bundle: Path) -> None:
        from bundle_engine.bundle.large_files import missing_large_files

        with suppress(InputError):
            if missing := missing_large_files(bundle):
                self.progress.note(
                    f"{', '.join(missing[:3])}{' and others' if len(missing) > 3 else ''} must be downloaded as well:"
                    f" download_large_files --bundle_path {bundle}"
                )


def _folder_in(archive: Path) -> str | None:
    """Give the name of the only folder in an archive; None where there is no such folder, or its name is no good."""
    try:
        with zipfile.ZipFile(archive) as file:
            tops = {name.partition("/")[0] for name in file.namelist() if "/" in name}
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return None  # unpacking it says what is wrong
    top = tops.pop() if len(tops) == 1 else ""
    return top if _NAME.fullmatch(top) and top != "configs" else None


def _warn_of_old_monai(bundle: Path) -> None:
    """Warn when the bundle was made with a newer MONAI than the one that is installed."""
    import json

    try:
        metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    needed = metadata.get("monai_version") if isinstance(metadata, Mapping) else None
    installed = installed_version("monai")
    if isinstance(needed, str) and not fits(needed, installed):
        message = f"the bundle '{bundle.name}' was made with MONAI {needed}, and MONAI {installed} is installed"
        warnings.warn(message, BundleEngineWarning, stacklevel=4)
