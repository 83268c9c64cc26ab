"""The Hugging Face hub, through its own library: take a repository, and publish a bundle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from bundle_engine.bundle.arrival import names_to_take
from bundle_engine.bundle.sources.bases import base
from bundle_engine.bundle.sources.plans import Snapshot, parts_of
from bundle_engine.bundle.versions import newest
from bundle_engine.errors import DownloadError, InputError, MissingDependencyError, NotPublishedError, UsageError
from bundle_engine.network.limits import Limits
from bundle_engine.network.progress import sized

__all__ = ["LATEST", "Taken", "push_to_hf_hub", "take_snapshot"]

T = TypeVar("T")
LATEST = "latest_version"  # the tag that names the version to take when none is asked for
_CARD_HEAD = "---\ntags:\n- monai\n- medical\nlibrary_name: monai\nlicense: {license}\n---\n"


class Taken(NamedTuple):
    """A repository that was taken.

    Attributes:
        url: its address.
        version: the tag, branch or commit that was asked for, or found to be the newest.
        commit: the commit.
        names: paths of the files that came.
    """

    url: str
    version: str
    commit: str
    names: tuple[str, ...]


def take_snapshot(plan: Snapshot, staging: Path, limits: Limits, *, progress: bool) -> Taken:
    """Download a repository of the hub; an interrupted download goes on where it was.

    Args:
        plan: which one.
        staging: the folder for its files.
        limits: how much is taken.
        progress: whether the library shows its bars.

    Raises:
        NotPublishedError: when there is no such repository or version.
        DownloadError: when it cannot be had, or is too large.
        InputError: when it has files with names that are refused.
        MissingDependencyError: when the library is not installed.
    """
    hub = _library()
    api = _api(hub, plan.token)
    revision = plan.revision or _asked(plan.repo, lambda: _latest(api, plan.repo))
    info = _asked(plan.repo, lambda: api.model_info(plan.repo, revision=revision, files_metadata=True))
    files = {str(file.rfilename): int(file.size or 0) for file in info.siblings or ()}
    wanted = names_to_take(files)
    total = sum(files.values())
    if total > limits.most_bytes:
        message = f"'{plan.repo}' is {sized(total)} large, and {sized(limits.most_bytes)} is the most that is taken"
        raise DownloadError(message, hint="if it is meant to be so large, say so: --max_size 100GB")
    with _bars(hub, shown=progress):
        _asked(
            plan.repo,
            lambda: hub.snapshot_download(
                plan.repo,
                revision=info.sha,
                local_dir=staging,
                allow_patterns=[_literally(name) for name in wanted],
                endpoint=base("huggingface_hub") or None,
                token=plan.token,
            ),
        )
    sizes = {name: (staging / name).lstat().st_size if (staging / name).is_file() else -1 for name in wanted}
    if missing := [name for name in wanted if sizes[name] != files[name]]:
        raise DownloadError(f"'{plan.repo}' came incomplete: {', '.join(missing[:5])}", hint="try again")
    shutil.rmtree(staging / ".cache", ignore_errors=True)
    return Taken(f"{api.endpoint}/{plan.repo}", revision, str(info.sha), tuple(wanted))


def push_to_hf_hub(
    repo: str,
    name: str,
    bundle_dir: str | os.PathLike[str],
    token: str | None = None,
    private: bool | None = True,
    version: str | None = None,
    tag_as_latest_version: bool | None = False,
    **upload_folder_kwargs: Any,
) -> Any:
    """Publish a bundle in a repository of the Hugging Face hub, which is made if need be.

    The bundle's ``docs/README.md`` becomes the page of the repository. The bundle itself is not changed. What belongs
    to this computer only (records of origin and approval, ``__pycache__``, ``.git``) stays here.

    Args:
        repo: ``OWNER/NAME``.
        name: name of the bundle's folder.
        bundle_dir: the folder in which it lies.
        token: what gives access; by default what the library has stored, or ``HF_TOKEN``.
        private: whether only its owner can see a repository that is made now.
        version: a tag to give the commit.
        tag_as_latest_version: whether the commit also gets the tag ``latest_version``, which is what `download` takes
            when no version is asked for.
        upload_folder_kwargs: further arguments of ``huggingface_hub.HfApi.upload_folder``.

    Returns:
        what the library says of the commit.

    Raises:
        InputError: when the folder is no bundle.
        DownloadError: when the hub cannot be reached, or refuses.
        MissingDependencyError: when the library is not installed.
    """
    from bundle_engine.bundle.archive import is_bundle
    from bundle_engine.bundle.digests import files_of

    repo = "/".join(parts_of(repo, (2,), "repo_owner/repo_name"))
    root = Path(bundle_dir) / name
    if not is_bundle(root):
        hint = "a bundle has a folder 'configs' with metadata.json and configs in it"
        raise InputError(f"'{root}' is no bundle", hint=hint)
    files = files_of(root)
    hub = _library()
    operations = [hub.CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(file)) for path, file in files.items()]
    if "docs/README.md" in files:
        card = _card(root).encode()
        operations = [each for each in operations if each.path_in_repo != "README.md"]
        operations.append(hub.CommitOperationAdd(path_in_repo="README.md", path_or_fileobj=card))
    options = {"commit_message": f"Upload {name}{f' {version}' if version else ''}", **upload_folder_kwargs}
    if refused := sorted({"folder_path", "repo_id", "path_in_repo", "operations"} & set(options)):
        raise UsageError(f"'{refused[0]}' is settled already: by repo, name and bundle_dir")
    for unsupported in ("allow_patterns", "ignore_patterns", "delete_patterns"):
        patterns = options.pop(unsupported, None)
        operations = _filtered(hub, operations, unsupported, patterns)
    api = _api(hub, token)

    def publish() -> Any:
        api.create_repo(repo_id=repo, private=private, exist_ok=True)
        commit = api.create_commit(repo_id=repo, operations=operations, **options)
        for tag in (version, LATEST if tag_as_latest_version else None):
            if tag is not None:
                _tag(api, repo, tag, commit)
        return commit

    return _asked(repo, publish)


def _tag(api: Any, repo: str, tag: str, commit: Any) -> None:
    """Tag a commit; `latest_version` moves, while the tag of a version stays where it is."""
    if tag == LATEST and any(each.name == LATEST for each in api.list_repo_refs(repo).tags):
        api.delete_tag(repo, tag=LATEST)
    revision = getattr(commit, "oid", None)
    api.create_tag(repo_id=repo, tag=tag, revision=revision, exist_ok=True)


def _filtered(hub: Any, operations: list[Any], kind: str, patterns: Any) -> list[Any]:
    if not patterns:
        return operations
    if kind == "delete_patterns":
        raise UsageError("delete_patterns are not supported", hint="delete files on the hub's pages")
    names = [each.path_in_repo for each in operations]
    left = set(hub.utils.filter_repo_objects(names, **{kind: patterns}))
    return [each for each in operations if each.path_in_repo in left]


def _card(root: Path) -> str:
    """Write the page of a repository: the bundle's own, with what the hub reads at its top."""
    text = (root / "docs" / "README.md").read_text(encoding="utf-8")
    return text if text.startswith("---\n") else _CARD_HEAD.format(license=_license(root)) + text


def _license(root: Path) -> str:
    try:
        text = (root / "LICENSE").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    if "Apache License" in text and "Version 2.0" in text:
        return "apache-2.0"
    return "mit" if "MIT License" in text else "other"


def _latest(api: Any, repo: str) -> str:
    """Find the newest version: what the tag `latest_version` names, or the newest tag, or the first branch."""
    refs = api.list_repo_refs(repo)
    tags = [str(tag.name) for tag in refs.tags]
    if LATEST in tags:
        return LATEST
    return newest(tags) if tags else next((str(branch.name) for branch in refs.branches), "main")


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        message = "the Hugging Face hub needs the package huggingface-hub"
        raise MissingDependencyError(message, hint="pip install 'bundle-engine[hub]'") from None
    return huggingface_hub


def _api(hub: Any, token: str | None) -> Any:
    return hub.HfApi(endpoint=base("huggingface_hub") or None, token=token)


def _asked(repo: str, ask: Callable[[], T]) -> T:
    """Ask the hub, and say in our own words what went wrong: the library's have whole addresses in them."""
    from huggingface_hub import utils as errors  # where older versions of the library have them, too

    try:
        return ask()
    except (errors.RevisionNotFoundError, errors.RepositoryNotFoundError) as error:
        if isinstance(error, errors.GatedRepoError):
            hint = "agree to its terms on its page, and give a token"
            raise DownloadError(f"the hub does not give access to '{repo}'", hint=hint) from None
        what = "such version of" if isinstance(error, errors.RevisionNotFoundError) else "repository"
        hint = "is the name right? A private one needs a token (HF_TOKEN)"
        raise NotPublishedError(f"there is no {what} '{repo}' on the Hugging Face hub", hint=hint) from None
    except (InputError, MissingDependencyError, UsageError):
        raise
    except errors.OfflineModeIsEnabled:
        raise DownloadError("the Hugging Face hub is switched off by HF_HUB_OFFLINE") from None
    except errors.HfHubHTTPError as error:
        code = getattr(error.response, "status_code", None)
        if code in (404, 410):
            raise NotPublishedError(f"the Hugging Face hub answered {code} for '{repo}'") from None
        hint = "is a token needed, or has it run out? (HF_TOKEN)" if code in (401, 403) else "try again later"
        raise DownloadError(
            f"the Hugging Face hub answered {code or 'with an error'} for '{repo}'", hint=hint
        ) from None
    except Exception as error:  # also what an answer that makes no sense leads to
        reason = type(error).__name__
        raise DownloadError(f"'{repo}' cannot be had from the Hugging Face hub: {reason}", hint="try again") from None


def _literally(name: str) -> str:
    """Write a name so that as a pattern it matches itself only."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


@contextmanager
def _bars(hub: Any, *, shown: bool) -> Iterator[None]:
    """Let the library show its bars, or not."""
    if shown or hub.utils.are_progress_bars_disabled():
        yield
        return
    hub.utils.disable_progress_bars()
    try:
        yield
    finally:
        hub.utils.enable_progress_bars()
