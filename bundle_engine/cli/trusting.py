"""The command that approves a bundle from elsewhere: trust."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from bundle_engine.cli.command import Command, Option
from bundle_engine.errors import UsageError

if TYPE_CHECKING:
    from bundle_engine.bundle.trust import State

__all__ = ["TRUST", "TRUSTING", "trust"]

_REFUSED = 1

#: how far `run` and others trust a config
TRUST = Option(
    "trust",
    "text",
    "LEVEL",
    "how far to trust the config: data (plain values only), safe (components of a list, and expressions over plain"
    " data) or full (default; a bundle from elsewhere needs the command trust first). No file can set this",
)


def trust(bundle: str | None = None, *, yes: bool = False, revoke: bool = False, show: bool = False) -> int:
    """Approve a bundle from elsewhere; ``bundle-engine trust --help`` explains the options."""
    from bundle_engine.bundle import trust as approvals
    from bundle_engine.cli import report
    from bundle_engine.cli.bundles import find_bundle

    if bundle is None:
        raise UsageError("no bundle is named", hint="bundle-engine trust DIR")
    if revoke + show + yes > 1:
        raise UsageError("--yes, --revoke and --show are three different things", hint="give one of them")
    root = find_bundle(bundle)[0].resolve()
    if revoke:
        report.note("the approval is taken back" if approvals.revoke(root) else "there was no approval")
        return 0
    state = approvals.state_of(root)
    if show or state.may_run:
        print(_told(state))
        return 0 if state.may_run else _REFUSED
    seen = approvals.contents(root)
    if not yes:
        _show_manifest(state)
        _ask(state)
    approvals.approve(root, seen)
    report.note(f"approved, with {len(seen)} files as they are now; a change ends it")
    return 0


def _told(state: State) -> str:
    """Say in a few lines how things stand."""
    from bundle_engine.inspection.layout import printable

    if state.origin is None:
        return f"{state.root}: a bundle of one's own, which needs no approval"
    origin = state.origin
    lines = [f"{state.root}: {state.kind}" + (f" at {state.time}" if state.time else "")]
    lines.append(f"  from {origin.source} {origin.url} {origin.version}".rstrip() + f", came at {origin.time}")
    return "\n".join(printable(line) for line in [*lines, *(f"  {change}" for change in state.changes)])


def _show_manifest(state: State) -> None:
    from bundle_engine.cli.inspecting import progress_line
    from bundle_engine.inspection.manifest import manifest_of_bundle
    from bundle_engine.inspection.manifest.text import render
    from bundle_engine.inspection.targets import TargetIndex

    with progress_line() as progress, TargetIndex(paths=[state.root], progress=progress) as index:
        found = manifest_of_bundle(state.root, index=index)
    print(_told(state))
    print(render(found, colour=sys.stdout.isatty()))


def _ask(state: State) -> None:
    """Ask on the terminal.

    Raises:
        UsageError: where there is no terminal, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            f"whether to trust '{state.root}' is asked on a terminal, and here is none",
            hint="--yes approves it without a question, once you have read the above",
        )
    answer = input("Let this bundle run with all rights that you have? Type 'yes' to approve it: ")
    if answer.strip().lower() != "yes":
        raise UsageError("not approved", hint="run it with --trust safe, or in a container; see tutorials/trust.md")


def _load_trust() -> Callable[..., int]:
    return trust


TRUSTING = (
    Command(
        name="trust",
        summary="approve a bundle from elsewhere, so that it can run with full trust",
        usage="DIR [--yes | --show | --revoke]",
        options=(
            Option("bundle", "file", "DIR", "the bundle's folder"),
            Option("yes", "switch", "", "approve it without showing its manifest and asking"),
            Option("revoke", "switch", "", "take the approval back"),
            Option("show", "switch", "", "say whether it is approved, and what has changed since"),
        ),
        positional=1,
        overrides=None,
        examples=(
            ("trust my_download", "show what the bundle can do, and ask"),
            ("trust my_download --show", "say whether it is approved"),
            ("trust my_download --revoke", "take the approval back"),
        ),
        load=_load_trust,
        exits=((0, "approved, or one's own"), (1, "--show: not approved"), (2, "wrong input, or not approved now")),
    ),
)
