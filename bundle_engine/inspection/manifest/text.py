"""Write a manifest for people."""

from __future__ import annotations

from collections.abc import Iterator

from bundle_engine.inspection.layout import printable
from bundle_engine.inspection.manifest.entries import Manifest, Where

__all__ = ["render"]

_WIDTH = 110


def render(manifest: Manifest, *, colour: bool = False) -> str:
    """Write a manifest, what is noteworthy first.

    Args:
        manifest: what to write.
        colour: mark headings with the codes that terminals understand.
    """
    bold, plain = ("\x1b[1m", "\x1b[0m") if colour else ("", "")
    out = []
    for title, rows in _sections(manifest):
        found = list(rows)
        out.append(f"{bold}{title}: {len(found) or 'none'}{plain}")
        out += [f"  {printable(line)}" for row in found for line in row]
    return "\n".join(out)


def _sections(manifest: Manifest) -> Iterator[tuple[str, Iterator[list[str]]]]:
    if manifest.problems:
        yield "could not be read", ([problem] for problem in manifest.problems)
    yield (
        "noteworthy",
        (
            [f"{each.kind}: {each.name}  {each.where}", f"    {_short(each.text)}", f"    {each.why}"]
            for each in manifest.noteworthy
        ),
    )
    yield "packages", ([f"{root.name}  {root.kind}{_from(root.where)}"] for root in manifest.roots)
    yield "own modules", ([f"{module.name}  {module.file}"] for module in manifest.modules)
    yield (
        "callables",
        (
            [f"{each.path}  {each.how}{'' if each.known else ', not known before it runs'}{_from(each.where)}"]
            for each in manifest.callables
        ),
    )
    yield (
        "files and folders",
        (
            [f"{use.mode}: {use.path or f'known when it runs, {_short(use.text)}'}  {use.by}{_from(use.where)}"]
            for use in manifest.files
        ),
    )
    yield (
        "weights",
        (
            [
                f"{each.path}  {each.kind}{', may run code' if each.runs_code else ''}"
                f"{'' if each.there else ', not in the bundle'}{_from(each.where)}"
            ]
            for each in manifest.weights
        ),
    )
    yield (
        "downloads",
        (
            [f"{each.path} from {each.url}  {each.hash or 'without a checksum'}{_from(each.where)}"]
            for each in manifest.downloads
        ),
    )
    yield "addresses", ([f"{each.url}{_from(each.where)}"] for each in manifest.urls)
    yield "configs", ([f"{file}  sha256 {digest[:16]}…"] for file, digest in manifest.configs)


def _from(where: tuple[Where, ...]) -> str:
    if not where:
        return ""
    return f"  {where[0]}" + (f" and {len(where) - 1} more" if len(where) > 1 else "")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
