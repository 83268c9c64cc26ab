"""The commands that use the network: download bundles and their large files, list and publish bundles."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bundle_engine.cli.command import PROGRAM, Command, Option

__all__ = [
    "DOWNLOADING",
    "download",
    "download_large_files",
    "get_all_bundles_list",
    "get_bundle_info",
    "get_bundle_versions",
    "push_to_hf_hub",
]


def download(
    name: str | None = None,
    version: str | None = None,
    bundle_dir: str | None = None,
    source: str | None = None,
    repo: str | None = None,
    url: str | None = None,
    remove_prefix: str | None = "monai_",
    progress: bool | None = None,
    args_file: Any = None,
    *,
    sha256: str | None = None,
    max_size: str | None = None,
    overwrite: bool | None = None,
) -> int:
    """Download a bundle; ``bundle-engine download --help`` explains the options."""
    from bundle_engine.bundle.download import download as fetch_bundle
    from bundle_engine.cli import report

    with _redirects_told():
        folder = fetch_bundle(
            name,
            version,
            bundle_dir,
            source,
            repo,
            url,
            remove_prefix if remove_prefix not in ("False", "false", "") else None,
            progress,
            args_file,
            sha256=sha256,
            max_size=max_size,
            overwrite=overwrite,
        )
    report.note("the bundle is from elsewhere, and nothing of it was run")
    report.note(f"see what it can do: {PROGRAM} manifest --bundle {folder}")
    report.note(f"and then let it run: {PROGRAM} trust {folder}")
    print(folder)
    return 0


def download_large_files(
    bundle_path: str | None = None,
    large_file_name: str | None = None,
    *,
    progress: bool = True,
    max_size: str | None = None,
) -> int:
    """Download the large files of a bundle; ``bundle-engine download_large_files --help`` explains the options."""
    from bundle_engine.bundle.large_files import download_large_files as fetch_files

    with _redirects_told():
        for path in fetch_files(bundle_path, large_file_name, progress=progress, max_size=max_size):
            print(path)
    return 0


def get_all_bundles_list(
    repo: str | None = None, tag: str | None = None, auth_token: str | None = None, *, format: str = "text"
) -> int:
    """List published bundles; ``bundle-engine get_all_bundles_list --help`` explains the options."""
    from bundle_engine.bundle import published
    from bundle_engine.cli.showing import as_json, check_format, write

    check_format(format, ("text", "json"))
    found = published.get_all_bundles_list(**_given(repo, tag, auth_token))
    width = max((len(name) for name, _ in found), default=0)
    lines = "".join(f"{name:<{width}}  {version}\n" for name, version in sorted(found))
    write(as_json([list(row) for row in found]) if format == "json" else lines)
    return 0


def get_bundle_versions(
    bundle_name: str | None = None,
    repo: str | None = None,
    tag: str | None = None,
    auth_token: str | None = None,
    *,
    format: str = "text",
) -> int:
    """List the versions of a published bundle; ``bundle-engine get_bundle_versions --help`` explains the options."""
    from bundle_engine.bundle import published
    from bundle_engine.cli.showing import as_json, check_format, write

    check_format(format, ("text", "json"))
    found = published.get_bundle_versions(_named(bundle_name), **_given(repo, tag, auth_token))
    lines = "".join(
        f"{each}{'  latest' if each == found['latest_version'] else ''}\n" for each in found["all_versions"]
    )
    write(as_json(found) if format == "json" else lines)
    return 0


def get_bundle_info(
    bundle_name: str | None = None,
    version: str | None = None,
    repo: str | None = None,
    tag: str | None = None,
    auth_token: str | None = None,
    *,
    format: str = "text",
) -> int:
    """Show what is known of a published bundle; ``bundle-engine get_bundle_info --help`` explains the options."""
    from bundle_engine.bundle import published
    from bundle_engine.cli.showing import as_json, check_format, write

    check_format(format, ("text", "json"))
    found = published.get_bundle_info(_named(bundle_name), version, **_given(repo, tag, auth_token))
    plain = {key: value for key, value in found.items() if isinstance(value, (str, int, float))}
    write(as_json(found) if format == "json" else "".join(f"{key}: {value}\n" for key, value in plain.items()))
    return 0


def push_to_hf_hub(
    repo: str | None = None,
    name: str | None = None,
    bundle_dir: str | None = None,
    token: str | None = None,
    private: bool = True,
    version: str | None = None,
    tag_as_latest_version: bool = False,
    *,
    commit_message: str | None = None,
    commit_description: str | None = None,
    revision: str | None = None,
    create_pr: bool | None = None,
) -> int:
    """Publish a bundle on the Hugging Face hub; ``bundle-engine push_to_hf_hub --help`` explains the options."""
    from bundle_engine.bundle import hub
    from bundle_engine.errors import UsageError

    if repo is None or name is None or bundle_dir is None:
        hint = "push_to_hf_hub --repo OWNER/NAME --name NAME --bundle_dir DIR"
        raise UsageError("repo, name and bundle_dir are needed", hint=hint)
    more = {
        "commit_message": commit_message,
        "commit_description": commit_description,
        "revision": revision,
        "create_pr": create_pr,
    }
    given = {key: value for key, value in more.items() if value is not None}
    print(hub.push_to_hf_hub(repo, name, bundle_dir, token, private, version, tag_as_latest_version, **given))
    return 0


def _named(bundle_name: str | None) -> str:
    from bundle_engine.errors import UsageError

    if bundle_name is None:
        raise UsageError("no bundle is named", hint="--bundle_name NAME; get_all_bundles_list shows what there is")
    return bundle_name


def _given(repo: str | None, tag: str | None, auth_token: str | None) -> dict[str, Any]:
    given = {"repo": repo, "tag": tag, "auth_token": auth_token}
    return {name: value for name, value in given.items() if value is not None}


@contextmanager
def _redirects_told() -> Iterator[None]:
    """Print what the log says of redirects to other hosts."""
    from bundle_engine.cli import report

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            report.note(record.getMessage())

    logger, handler = logging.getLogger("bundle_engine.network"), Lines(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def _load(name: str) -> Callable[[], Callable[..., int]]:
    return lambda: globals()[name]


_SOURCES = "monaihosting, github, ngc, ngc_private, huggingface_hub"
_EXITS = ((0, "done"), (2, "it cannot be had, or the command line is wrong"), (130, "interrupted (Ctrl-C)"))
_PROGRESS = Option("progress", "switch", "", "show the progress (the default); --progress=False hides it")
_MAX_SIZE = Option("max_size", "text", "SIZE", "take at most this, such as 2GB (default: 50GB)")
_BUNDLE_NAME = Option("bundle_name", "text", "NAME", "name of the bundle")
_LIST_REPO = Option(
    "repo", "text", "OWNER/NAME", "a repository on GitHub (default: that of the Model Zoo, Project-MONAI/model-zoo)"
)
_TAG = Option(
    "tag",
    "text",
    "TAG",
    "a branch or tag with the list models/model_info.json, or a release with archives (default: dev)",
)
_AUTH_TOKEN = Option("auth_token", "text", "TOKEN", "a token of GitHub, which then answers more often")
_FORMAT = Option("format", "text", "FORMAT", "text or json (default: text)")

DOWNLOADING: tuple[Command, ...] = (
    Command(
        name="download",
        summary="download a published bundle, and check it",
        usage="NAME [VERSION] [OPTIONS] | --url URL [OPTIONS]",
        options=(
            Option("name", "text", "NAME", "name of the bundle, and of its folder"),
            Option("version", "text", "VERSION", "its version (default: the newest)"),
            Option(
                "bundle_dir",
                "file",
                "DIR",
                "the folder in which the bundle's folder is made (default: bundle in the folder of torch.hub)",
            ),
            Option(
                "source",
                "text",
                "SOURCE",
                f"{_SOURCES} (default: what BUNDLE_DOWNLOAD_SRC says, or monaihosting). ngc_private takes its key from"
                " NGC_API_KEY",
            ),
            Option(
                "repo",
                "text",
                "REPO",
                "for github OWNER/REPOSITORY/TAG, for huggingface_hub OWNER/NAME, for ngc_private org/NAME or"
                " org/NAME/team/NAME",
            ),
            Option("url", "text", "URL", "address of a zip archive, in place of a source"),
            Option(
                "remove_prefix",
                "text",
                "PREFIX",
                "what is dropped from the start of the names of NGC (default: monai_); None for nothing",
            ),
            _PROGRESS,
            Option("args_file", "files", "FILES", "JSON or YAML file with these options; the command line wins"),
            Option("sha256", "text", "DIGEST", "SHA-256 that the archive must have"),
            _MAX_SIZE,
            Option("overwrite", "switch", "", "replace the bundle that is there already"),
        ),
        positional=9,
        overrides=None,
        examples=(
            ("download spleen_ct_segmentation --bundle_dir .", "the newest version from the Model Zoo"),
            ("download --name spleen_ct_segmentation --version 0.5.3 --source github", "a certain one from GitHub"),
            ("download --name my_bundle --source huggingface_hub --repo me/my_bundle", "from the Hugging Face hub"),
            ("download --url https://example.org/my_bundle.zip --bundle_dir .", "from any address"),
        ),
        load=_load("download"),
        exits=_EXITS,
    ),
    Command(
        name="download_large_files",
        summary="download the files that a bundle lists in large_files.yml",
        usage="[DIR] [OPTIONS]",
        options=(
            Option("bundle_path", "file", "DIR", "the bundle's folder (default: the working directory)"),
            Option(
                "large_file_name",
                "file",
                "FILE",
                "name of the list (default: large_files with the ending .yml, .yaml or .json)",
            ),
            _PROGRESS,
            _MAX_SIZE,
        ),
        positional=2,
        overrides=None,
        examples=(
            ("download_large_files my_bundle", "what is not there yet"),
            ("download_large_files --bundle_path my_bundle --large_file_name weights.yaml", "from another list"),
        ),
        load=_load("download_large_files"),
        exits=_EXITS,
    ),
    Command(
        name="get_all_bundles_list",
        summary="list the bundles that are published, with their newest versions",
        usage="[OPTIONS]",
        options=(_LIST_REPO, _TAG, _AUTH_TOKEN, _FORMAT),
        positional=3,
        overrides=None,
        examples=(("get_all_bundles_list", "those of the Model Zoo"),),
        load=_load("get_all_bundles_list"),
        exits=_EXITS,
    ),
    Command(
        name="get_bundle_versions",
        summary="list the versions of a published bundle",
        usage="NAME [OPTIONS]",
        options=(_BUNDLE_NAME, _LIST_REPO, _TAG, _AUTH_TOKEN, _FORMAT),
        positional=4,
        overrides=None,
        examples=(("get_bundle_versions spleen_ct_segmentation", "from the oldest to the newest"),),
        load=_load("get_bundle_versions"),
        exits=_EXITS,
    ),
    Command(
        name="get_bundle_info",
        summary="show where a version of a published bundle is, and what is known of it",
        usage="NAME [VERSION] [OPTIONS]",
        options=(
            _BUNDLE_NAME,
            Option("version", "text", "VERSION", "its version (default: the newest)"),
            _LIST_REPO,
            _TAG,
            _AUTH_TOKEN,
            _FORMAT,
        ),
        positional=5,
        overrides=None,
        examples=(("get_bundle_info spleen_ct_segmentation --format json", "for another program"),),
        load=_load("get_bundle_info"),
        exits=_EXITS,
    ),
    Command(
        name="push_to_hf_hub",
        summary="publish a bundle on the Hugging Face hub",
        usage="--repo OWNER/NAME --name NAME --bundle_dir DIR [OPTIONS]",
        options=(
            Option("repo", "text", "OWNER/NAME", "the repository, which is made if need be"),
            Option("name", "text", "NAME", "name of the bundle's folder"),
            Option("bundle_dir", "file", "DIR", "the folder in which it lies"),
            Option(
                "token", "text", "TOKEN", "what gives access (default: HF_TOKEN, or what the hub's own login stored)"
            ),
            Option("private", "switch", "", "a new repository is seen by its owner only (the default)"),
            Option("version", "text", "VERSION", "a tag for this version"),
            Option("tag_as_latest_version", "switch", "", "make it the version that download takes when none is named"),
            Option("commit_message", "text", "TEXT", "what the history says of it"),
            Option("commit_description", "text", "TEXT", "and what more"),
            Option("revision", "text", "BRANCH", "the branch to publish on (default: main)"),
            Option("create_pr", "switch", "", "propose the change to the owner, instead of making it"),
        ),
        positional=7,
        overrides=None,
        examples=(
            (
                "push_to_hf_hub --repo me/spleen --name spleen --bundle_dir . --version 0.1.0",
                "a private repository with a tag",
            ),
            ("push_to_hf_hub me/spleen spleen . --private=False --tag_as_latest_version", "for everybody"),
        ),
        load=_load("push_to_hf_hub"),
        exits=_EXITS,
    ),
)
