"""Hold a network against the metadata: does it take these inputs, and does it give these outputs?

The network is first built and called on fake tensors, which costs milliseconds and no memory whatever its size. Then
it runs for real where that is cheap, or was asked for: only then the ranges of values can be seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from bundle_engine.config import ConfigParser
from bundle_engine.config.closest import either, matches
from bundle_engine.config.ids import META, Id
from bundle_engine.config.source import PathLike
from bundle_engine.errors import (
    BundleEngineError,
    BundleEngineWarning,
    IdNotFoundError,
    InputNotFoundError,
    Place,
    UsageError,
)
from bundle_engine.inspection.catalogue import found
from bundle_engine.inspection.findings import Finding
from bundle_engine.metadata.comparison import Mismatch, compare, descriptions
from bundle_engine.metadata.data_format import NETWORK, DataFormat, Problem, read_data_format
from bundle_engine.metadata.search import Probe, Search, probes
from bundle_engine.metadata.trial import Cost, FakeNetwork, NotANetworkError, RealNetwork, Trial

__all__ = ["NETWORK_IDS", "network_id", "verify_net_in_out", "verify_network"]

#: ids at which a network is looked for, where none is named
NETWORK_IDS = ("network_def", "network", "net", "model")
#: what a call may take to be made for real without being asked for
CHEAP = Cost(operations=20 * 10**9, memory=2 * 10**9)
_CONFIGS = ("inference", "evaluate", "train")
_SUFFIXES = (".json", ".yaml", ".yml")


def verify_net_in_out(
    net_id: str | None = None,
    meta_file: PathLike | Sequence[PathLike] | None = None,
    config_file: PathLike | Sequence[PathLike] | None = None,
    device: str | None = None,
    p: int | None = None,
    n: int | None = None,
    any: int | None = None,
    extra_forward_args: Mapping[str, Any] | None = None,
    args_file: Any = None,
    *,
    bundle: PathLike | None = None,
    real: bool | None = None,
    **override: Any,
) -> list[Finding]:
    """Verify the inputs and outputs that metadata describes against the network of a config.

    Args:
        net_id: id of the network; by default the first of `NETWORK_IDS` that the config has.
        meta_file: the metadata; by default ``metadata.json`` (or ``.yaml``) beside the config.
        config_file: file or files with the config; by default those of the bundle.
        device: where the real run happens; by default where the network is built.
        p: what `p` is in sizes such as ``2**p``.
        n: what `n` is in sizes such as ``8*n``.
        any: the size for ``*``. Without `p`, `n` and `any` the smallest sizes that the network takes are found.
        extra_forward_args: further arguments of the network's ``forward``.
        args_file: file or files, or a mapping, with arguments of this function and overrides.
        bundle: folder of a bundle whose config and metadata are found.
        real: True runs the network for real, False uses fake tensors only; by default it runs where that is cheap.
        override: ids and the values to set there; metadata stands at ``_meta_``.

    Returns:
        what was found; nothing where all is as the metadata says.

    Raises:
        UsageError: when no config is named, or a number is none.
        InputError: when a file is not there or cannot be read.
        PolicyError: for a bundle from elsewhere that its owner has not approved, for the network's code runs.
    """
    from bundle_engine.workflow.approval import require_approval
    from bundle_engine.workflow.create import read_args_file, update_kwargs
    from bundle_engine.workflow.files import as_files
    from bundle_engine.workflow.roots import bundle_root_of, importable

    given: dict[str, Any] = {"net_id": net_id, "meta_file": meta_file, "config_file": config_file, "device": device}
    given |= {"p": p, "n": n, "any": any, "extra_forward_args": extra_forward_args, "bundle": bundle, "real": real}
    arguments = update_kwargs(read_args_file(args_file), ignore_none=True, **given)
    options = {name: arguments.pop(name, None) for name in given}
    arguments |= override
    root = None if options["bundle"] is None else Path(options["bundle"])
    config = options["config_file"]
    files = [Path(file) for file in as_files(config)] if not isinstance(config, Mapping) else []
    if root is not None and config is None:
        files = [_config_of(root)]
    if not files and config is None:
        raise UsageError("no config is named", hint="name the config_file, or a bundle")
    metadata = options["meta_file"] or (_metadata_of(files[0]) if files else None)
    if metadata is None:
        raise UsageError("no metadata is named", hint="name the meta_file; metadata.json beside the config is found")
    require_approval(root, files, metadata, args_file)
    parser = ConfigParser(on_read=require_approval)  # a macro may read from another bundle
    parser.bundle_root = root.absolute() if root is not None else bundle_root_of(files[0]) if files else None
    parser.read_config(config if isinstance(config, Mapping) else files)
    parser.read_meta(metadata)
    if root is not None and "bundle_root" in parser:
        parser.override({"bundle_root": str(root.absolute())}, source="--bundle")
    parser.override(arguments)
    for message in parser.unused_overrides(*NETWORK_IDS, str(options["net_id"] or "")).values():
        warnings.warn(message, BundleEngineWarning, stacklevel=2)
    with importable(parser.bundle_root):
        return verify_network(
            parser,
            options["net_id"],
            given=_numbers(options),
            device=options["device"],
            extra_forward_args=options["extra_forward_args"],
            real=options["real"],
        )


def verify_network(
    bundle: ConfigParser | PathLike,
    net_id: str | None = None,
    *,
    given: Mapping[str, int] | None = None,
    device: str | None = None,
    extra_forward_args: Mapping[str, Any] | None = None,
    real: bool | None = None,
    key: str = NETWORK,
) -> list[Finding]:
    """Verify the inputs and outputs that metadata describes against a network.

    Args:
        bundle: a bundle's folder; or a config with the metadata at ``_meta_``. That is not changed, and what it has
            built is not used; modules of a bundle that the network needs must be importable then.
        net_id: id of the network; by default the first of `NETWORK_IDS` that the config has.
        given: what `n`, `p` and `any` are; where none is given, the smallest sizes that the network takes are found.
        device: where the real run happens; by default where the network is built.
        extra_forward_args: further arguments of the network's ``forward``.
        real: True runs the network for real, False uses fake tensors only; by default it runs where that is cheap.
        key: which description of the metadata.

    Returns:
        what was found, in the order of the metadata's text.
    """
    if not isinstance(bundle, ConfigParser):
        more = {"device": device, "extra_forward_args": extra_forward_args, "real": real, **(given or {})}
        return verify_net_in_out(net_id, bundle=bundle, **more)  # type: ignore[arg-type]
    parser = bundle
    mismatches: list[Mismatch] = []
    problems: list[Problem] = []
    metadata = parser.get(META, {})
    format = read_data_format(metadata if isinstance(metadata, Mapping) else {}, key=key, problems=problems)
    mismatches += [Mismatch(_code_of(problem), problem.id, problem.message, problem.hint) for problem in problems]
    findings: list[Finding] = []
    if format.inputs and not any(each.code == "BE077" for each in mismatches):
        mismatches += descriptions(format)
        try:
            id = net_id or network_id(parser)
            verification = _Verification(parser, id, format, device, extra_forward_args or {}, real)
            mismatches += verification.run(dict(given or {}))
        except BundleEngineError as error:
            findings.append(_not_built(error, net_id or ""))
        except _NotBuilt as error:
            place = parser.where(error.id).place
            findings.append(found("BE080", error.id, place, f"the network '{error.id}' {error}", _BUILD_HINT))
    findings += [
        found(each.code, each.id, _place(parser, each.id), each.message, each.suggestion, severity=each.severity)
        for each in _unique(mismatches)
    ]
    from bundle_engine.inspection.findings import sort_key

    return sorted(findings, key=sort_key)


def network_id(parser: ConfigParser) -> str:
    """Find the id of a config's network.

    Raises:
        IdNotFoundError: when it has none of `NETWORK_IDS`.
    """
    for id in NETWORK_IDS:
        if parser.get(id):
            return id
    hint = f"--net_id names it; it is looked for at {either(NETWORK_IDS)}"
    raise IdNotFoundError("the config has no network", id=NETWORK_IDS[0], hint=hint)


_BUILD_HINT = "--net_id names another id"


class _NotBuilt(Exception):
    """A network that cannot be built, for a reason that is not an error of the config."""

    def __init__(self, id: str, message: str) -> None:
        super().__init__(message)
        self.id = id


class _Verification:
    """One network against one description."""

    def __init__(
        self,
        parser: ConfigParser,
        net_id: str,
        format: DataFormat,
        device: str | None,
        extra: Mapping[str, Any],
        real: bool | None,
    ) -> None:
        self.parser, self.net_id, self.format = parser, net_id, format
        self.device, self.extra, self.real = device, extra, real
        self.mismatches: list[Mismatch] = []

    def run(self, given: dict[str, int]) -> list[Mismatch]:
        self._import()
        fake = self._made(lambda make: FakeNetwork(make))
        search = Search(fake, self.format, self.extra)
        if unfit := search.unfit():
            return unfit
        accepted = search.smallest(probes(self.format, given))
        if accepted is None:
            self._without_fakes(search)
        else:
            self.mismatches += search.mismatches
            self._compare(search, accepted, search.trial, values=False)
            if not given:
                self._try_larger(search, accepted)
            self._for_real(search, accepted, search.trial.cost)
        return self.mismatches

    def _import(self) -> None:
        """Import what the config imports and names, so that no module is loaded among fake tensors."""
        self.parser.get_parsed_content("\0", default=None)
        self.parser.check(self.net_id)

    def _make(self) -> Any:
        return copy(self.parser).get_parsed_content(self.net_id)

    def _made(self, build: Callable[[Callable[[], Any]], Any]) -> Any:
        try:
            return build(self._make)
        except NotANetworkError as error:
            raise _NotBuilt(self.net_id, str(error)) from None

    def _compare(self, search: Search, probe: Probe, trial: Trial, *, values: bool) -> None:
        near = f" for {search.shown(probe)}" if search.varies else ""
        self.mismatches += compare(self.format, trial.outputs, probe.given, values=values, near=near)

    def _try_larger(self, search: Search, accepted: Probe) -> None:
        """Look whether the sizes grow together, and not only meet at one point."""
        larger = search.next(accepted)
        if larger is None:
            return
        trial = search.again(larger)
        if not trial.refusal:
            self._compare(search, larger, trial, values=False)
        elif not trial.unable:
            message = f"the network takes {search.shown(accepted)}, and refuses {search.shown(larger)}: {trial.refusal}"
            hint = "write sizes that the network takes, such as the one number"
            self.mismatches = [each for each in self.mismatches if each.code != "BE089"]
            self.mismatches.append(Mismatch("BE089", search.where_it_varies(), message, hint))

    def _for_real(self, search: Search, probe: Probe, cost: Cost) -> None:
        cheap = cost.operations <= CHEAP.operations and cost.memory <= CHEAP.memory
        if self.real or (self.real is None and cheap):
            self._run(search, probe)
        elif self.real is None and any(spec.value_range for spec in self.format.outputs.values()):
            takes = f"{cost.operations / 1e9:,.0f} GFLOP and up to {cost.memory / 1e9:,.1f} GB"
            message = f"the network did not run, for that takes {takes}: its values are not held against value_range"
            self.mismatches.append(Mismatch("BE090", self.format.id, message, "--real runs it"))

    def _run(self, search: Search, probe: Probe) -> None:
        network = self._made(lambda make: RealNetwork(make, self.device))
        trial = search.call(network, probe)
        if not trial.refusal:
            self._compare(search, probe, trial, values=True)
        elif trial.unable:
            message = f"the network could not run: {trial.refusal}"
            self.mismatches.append(Mismatch("BE090", self.format.id, message, "--fake_only leaves it at fake tensors"))
        else:
            self.mismatches.append(search.refused(probe, trial))

    def _without_fakes(self, search: Search) -> None:
        """Go on where the network took no fake tensors at all: for want of values, or because it takes no others."""
        probe, trial = search.first
        if self.real is not False and (self.real or search.is_small(probe)):
            network = self._made(lambda make: RealNetwork(make, self.device))
            again = search.call(network, probe)
            if again.refusal:
                self.mismatches.append(search.refused(probe, again))
                return
            message = f"fake tensors cannot follow the network, so only a run was looked at: {trial.refusal}"
            self.mismatches.append(Mismatch("BE090", self.format.id, message))
            self._compare(search, probe, again, values=True)
        elif trial.unable:
            message = f"fake tensors cannot follow the network, and it did not run: {trial.refusal}"
            self.mismatches.append(Mismatch("BE090", self.format.id, message, "--real runs it", "warning"))
        else:
            self.mismatches.append(search.refused(probe, trial))


def _config_of(bundle: Path) -> Path:
    """Find a config with a network in a bundle.

    Raises:
        InputNotFoundError: when there is none.
    """
    candidates = [bundle / "configs" / f"{name}{suffix}" for name in _CONFIGS for suffix in _SUFFIXES]
    there = [file for file in candidates if file.is_file()]
    for file in there:
        parser = ConfigParser()
        parser.bundle_root = bundle
        parser.read_config(file)
        if any(id in parser for id in NETWORK_IDS):
            return file
    if there:
        return there[0]
    names = [entry.name for entry in bundle.parent.iterdir()] if bundle.parent.is_dir() and not bundle.exists() else []
    near = matches(bundle.name, names)
    hint = f"did you mean {either(near)}?" if near else f"it has no {either(f'configs/{name}' for name in _CONFIGS)}"
    raise InputNotFoundError(f"'{bundle}' has no config with a network", hint=hint)


def _metadata_of(config: Path) -> Path | None:
    beside = (config.parent / f"metadata{suffix}" for suffix in _SUFFIXES)
    return next((path for path in beside if path.is_file()), None)


def _numbers(options: Mapping[str, Any]) -> dict[str, int]:
    """Read `n`, `p` and `any`, as far as they are given."""
    numbers: dict[str, int] = {}
    for name in ("n", "p", "any"):
        value = options[name]
        if value is None:
            continue
        text = str(value).strip()
        if not text.isdecimal() or not 0 < len(text) < 10:
            raise UsageError(f"{name} is a whole number, not '{value}'", hint=f"--{name} 2")
        numbers[name] = int(text)
    return numbers


#: findings of `verify` on metadata that this reading can come to as well
_CODES_OF_FIELDS = {"spatial_shape": "BE077", "value_range": "BE076", "dtype": "BE078"}


def _code_of(problem: Problem) -> str:
    id = Id.parse(problem.id)
    return (
        "BE061"
        if len(id) == 1
        else next((_CODES_OF_FIELDS[key] for key in id[3:4] if key in _CODES_OF_FIELDS), "BE062")
    )


def _not_built(error: BundleEngineError, id: str) -> Finding:
    notes = [note for note in error.notes if "\n" not in note][:3]
    lines = [line.strip() for line in error.message.split("\n") if line.strip()]
    message = "; ".join([lines[0] if lines else "it failed", *notes])
    return found("BE080", error.id or id, error.place, message, error.hint)


def _place(parser: ConfigParser, id: str) -> Place | None:
    """Give the place of an entry of the metadata, or of what is around it."""
    where = Id((META, *Id.parse(id)))
    while where not in parser:
        where = where.parent
    origin = parser.where(where)
    place = origin.key if isinstance(parser[where], Mapping) else origin.place
    return place if place.line or place.source != "code" else None


def _unique(mismatches: Iterable[Mismatch]) -> list[Mismatch]:
    """Keep the first of each kind at each id."""
    kept: dict[tuple[str, str], Mismatch] = {}
    for each in mismatches:
        kept.setdefault((each.code, each.id), each)
    return list(kept.values())
