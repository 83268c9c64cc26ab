"""The command `verify_net_in_out`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import Any

from bundle_engine.cli.command import Command, Option
from bundle_engine.errors import UsageError

__all__ = ["NETWORKS", "verify_net_in_out"]


def verify_net_in_out(
    net_id: str | None = None,
    meta_file: Any = None,
    config_file: Any = None,
    device: str | None = None,
    p: str | None = None,
    n: str | None = None,
    any: str | None = None,
    extra_forward_args: Any = None,
    args_file: Any = None,
    *,
    bundle: str | None = None,
    workflow: str | None = None,
    real: bool = False,
    fake_only: bool = False,
    format: str | None = None,
    fail_on: str | None = None,
    ignore: str | None = None,
    **override: Any,
) -> int:
    """Hold a network against the metadata; ``bundle-engine verify_net_in_out --help`` explains the options."""
    from bundle_engine.cli.checking import CLEAN, FOUND, one_of, print_findings, read_codes
    from bundle_engine.inspection.findings import at_or_above
    from bundle_engine.inspection.formats import FORMATS
    from bundle_engine.metadata.network import verify_net_in_out as verify

    one_of("format", format or "text", list(FORMATS))
    one_of("fail_on", fail_on or "error", ["error", "warning", "info"])
    ignored = read_codes(ignore)
    if real and fake_only:
        raise UsageError("--real and --fake_only contradict each other", hint="leave out one of them")
    folder = _folder(bundle)
    if workflow is not None:
        config_file = _configs(folder, workflow, config_file)
    with redirect_stdout(sys.stderr):  # what the network prints is not what was found
        findings = verify(
            net_id,
            meta_file=meta_file,
            config_file=config_file,
            device=device,
            p=p,  # type: ignore[arg-type]  # the library reads the numbers
            n=n,  # type: ignore[arg-type]
            any=any,  # type: ignore[arg-type]
            extra_forward_args=_mapping(extra_forward_args),
            args_file=args_file,
            bundle=folder,
            real=True if real else False if fake_only else None,
            **{key.replace("-", "_"): getattr(value, "value", value) for key, value in override.items()},
        )
    findings = [finding for finding in findings if finding.code not in ignored]
    print_findings(findings, [str(folder)] if folder else _listed(config_file) + _listed(meta_file), format or "text")
    return FOUND if at_or_above(findings, fail_on or "error") else CLEAN  # type: ignore[arg-type]


def _folder(bundle: str | None) -> Any:
    if bundle is None:
        return None
    from bundle_engine.cli.bundles import find_bundle

    return find_bundle(str(bundle))[0]


def _configs(folder: Any, workflow: str, more: Any) -> list[str]:
    from bundle_engine.cli.bundles import find_configs

    if folder is None:
        raise UsageError("--workflow needs --bundle", hint="--bundle names the folder; or name a config itself")
    return [*map(str, find_configs(folder, workflow)), *_listed(more)]


def _mapping(given: Any) -> Any:
    if given is None or isinstance(given, Mapping):
        return given
    from bundle_engine.config import ConfigParser

    return ConfigParser.load_config_file(given)


def _listed(files: Any) -> list[str]:
    return [] if files is None else [str(file) for file in files] if isinstance(files, list) else [str(files)]


def _load() -> Callable[..., int]:
    return verify_net_in_out


NETWORKS: tuple[Command, ...] = (
    Command(
        name="verify_net_in_out",
        summary="hold a network against the inputs and outputs that the metadata describes",
        usage="[NET_ID] --bundle DIR | --config_file FILES --meta_file FILE [OPTIONS] [--any::id=VALUE ...]",
        options=(
            Option(
                "net_id",
                "text",
                "ID",
                "id of the network (default: the first there is of network_def, network, net, model)",
            ),
            Option("meta_file", "files", "FILES", "metadata (default: metadata.json beside the config)"),
            Option("config_file", "files", "FILES", "config, JSON or YAML; of several, later ones win"),
            Option(
                "device", "text", "DEVICE", "where the real run happens (default: where the config puts the network)"
            ),
            Option("p", "text", "NUMBER", "what p is in a size such as 2**p"),
            Option("n", "text", "NUMBER", "what n is in a size such as 8*n"),
            Option(
                "any",
                "text",
                "NUMBER",
                "the size for '*'. Without --p, --n and --any, growing ones are tried until the network takes them,"
                " and then larger ones",
            ),
            Option(
                "extra_forward_args",
                "settings",
                "ARGS",
                "further arguments of the network: a mapping such as \"{'name': 1}\", or a JSON or YAML file with one",
            ),
            Option("args_file", "files", "FILES", "JSON or YAML file with options and overrides"),
            Option(
                "bundle",
                "file",
                "DIR",
                "find config and metadata in a bundle: a folder, or the name of a ready-made one",
            ),
            Option(
                "workflow",
                "text",
                "NAME",
                "with --bundle: which of its configs (default: inference, evaluate or train, the first with a network)",
            ),
            Option("real", "switch", "", "run the network for real also where that is expensive"),
            Option("fake_only", "switch", "", "look at shapes and number types only, on tensors without memory"),
            Option("format", "text", "FORMAT", "text, json, sarif, github (default: text)"),
            Option(
                "fail_on",
                "text",
                "SEVERITY",
                "exit with 1 from this severity on: error, warning, info (default: error)",
            ),
            Option("ignore", "text", "CODES", "leave out findings with these codes, such as BE088,BE089"),
        ),
        positional=9,
        overrides="set this id of the config; the metadata stands at _meta_",
        examples=(
            ("verify_net_in_out --bundle my_bundle", "everything is found"),
            ("verify_net_in_out --bundle my_bundle --n 3 --real", "with 24x24x24 for 8*n, and a run for certain"),
            ("verify_net_in_out net --meta_file metadata.json --config_file train.json", "as in MONAI"),
            ("verify_net_in_out --bundle my_bundle --network_def::out_channels=3", "another network"),
        ),
        load=_load,
        exits=(
            (0, "nothing was found that is as severe as --fail_on"),
            (1, "something was found"),
            (2, "wrong usage, or a file that cannot be read"),
        ),
    ),
)
