"""Build what a step needs in the order in which it would be built, and stop at one component of it."""

from __future__ import annotations

from collections.abc import Iterator

from bundle_engine.config import ConfigParser, Id

__all__ = ["build_before"]


def build_before(parser: ConfigParser, step: str, wanted: str) -> bool:
    """Build what a step refers to, in its order, until a wanted component is built.

    What needs the component is not evaluated: it may be what runs it. What else it refers to is.

    Args:
        parser: the config.
        step: id of the step.
        wanted: id of the component.

    Returns:
        whether the step needs the component, and so whether it is built now.
    """
    if wanted not in parser:
        return False
    links = dict(_links(parser, step, Id.parse(wanted)))
    needing = {id for id, targets in links.items() if any(Id.parse(t).covers(Id.parse(wanted)) for t in targets)}
    if not needing:
        return False
    while True:
        more = {id for id, targets in links.items() if id not in needing and needing.intersection(targets)}
        if not more:
            break
        needing |= more
    levels: list[Iterator[str]] = [iter(links[step])]
    seen = {step}
    while levels:
        id = next(levels[-1], None)
        if id is None:
            levels.pop()
        elif id not in seen:
            seen.add(id)
            if Id.parse(id).covers(Id.parse(wanted)):
                parser.get_parsed_content(id)
                return True
            if id in needing:
                levels.append(iter(links[id]))
            else:
                parser.get_parsed_content(id)
    return False


def _links(parser: ConfigParser, step: str, wanted: Id) -> Iterator[tuple[str, list[str]]]:
    """Give what a step refers to, what that refers to and so on, but for what the wanted component itself refers to."""
    waiting, seen = [step], {step}
    while waiting:
        id = waiting.pop()
        targets = [target for target in parser.dependencies(id) if target in parser]
        yield id, targets
        new = [target for target in targets if target not in seen and not Id.parse(target).covers(wanted)]
        waiting += new
        seen.update(new)
