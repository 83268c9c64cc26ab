"""The table of the commands that show a config from one side: show, explain, diff, manifest; and of completion."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from bundle_engine.cli.command import Command, Option
from bundle_engine.cli.inspecting import ARGS_FILE, BUNDLE, CONFIG_FILE, META_FILE, OVERRIDES, WORKFLOW

__all__ = ["VIEWS"]

_EXITS = ((0, "done"), (2, "the input is wrong: the config, a file, or the command line"))
_TEXT_OR_JSON = Option("format", "text", "FORMAT", "text or json (default: text)")
_SOURCES = (CONFIG_FILE, BUNDLE, WORKFLOW, META_FILE, ARGS_FILE)


def _loader(name: str, module: str = "showing") -> Callable[[], Callable[..., int]]:
    def load() -> Callable[..., int]:
        command: Callable[..., int] = getattr(import_module(f"bundle_engine.cli.{module}"), name)
        return command

    return load


VIEWS: tuple[Command, ...] = (
    Command(
        name="show",
        summary="print the config that files, macros and overrides come to",
        usage="CONFIG... | --bundle DIR [OPTIONS] [--any::id=VALUE ...]",
        options=(
            *_SOURCES,
            Option("id", "text", "ID", "print the value at this id only"),
            Option("format", "text", "FORMAT", "yaml or json (default: yaml)"),
            Option("origins", "switch", "", "say of each value where it was written, and what it replaced"),
            Option(
                "resolved",
                "switch",
                "",
                "put plain values in the place of references to them; what takes an expression or a component stays"
                " as it is, with a comment",
            ),
        ),
        positional=0,
        overrides=OVERRIDES,
        examples=(
            ("show configs/train.yaml", "the whole config"),
            ("show configs/train.yaml configs/multi_gpu_train.yaml --origins", "the second file over the first"),
            ("show configs/train.yaml --id train::trainer --max_epochs 2", "one id, with an override"),
            ("show --bundle my_bundle --format json", "as JSON"),
        ),
        load=_loader("show"),
        rest="config_file",
        exits=_EXITS,
    ),
    Command(
        name="explain",
        summary="print what is known of one id of a config",
        usage="ID CONFIG... | ID --bundle DIR [OPTIONS] [--any::id=VALUE ...]",
        options=(Option("id", "text", "ID", "the id"), *_SOURCES, _TEXT_OR_JSON),
        positional=1,
        overrides=OVERRIDES,
        examples=(
            ("explain optimizer configs/train.yaml", "value, origin, links and target of an id"),
            ("explain train::trainer::max_epochs --bundle my_bundle", "which argument of which class it is"),
        ),
        load=_loader("explain"),
        rest="config_file",
        exits=_EXITS,
    ),
    Command(
        name="diff",
        summary="print what differs between two configs, or what overrides change",
        usage="FIRST SECOND [OPTIONS] [--any::id=VALUE ...] | CONFIG --any::id=VALUE ...",
        options=(
            Option("first", "files", "FILES", "a config, or a bundle's folder; files with commas between go together"),
            Option("second", "files", "FILES", "another one; left out, what the overrides change in the first is told"),
            WORKFLOW._replace(meaning="which config of a bundle that is given by its folder (default: train)"),
            ARGS_FILE,
            Option("id", "text", "ID", "compare what stands at this id only"),
            _TEXT_OR_JSON,
        ),
        positional=2,
        overrides="set this id in both configs; where only one is given, in its second version",
        examples=(
            ("diff train.yaml old/train.yaml", "two configs"),
            ("diff train.yaml train.yaml,multi_gpu_train.yaml", "what a second file changes"),
            ("diff train.yaml --max_epochs 2", "what an override changes"),
            ("diff my_bundle other_bundle --workflow evaluate --id network_def", "one id of two bundles"),
        ),
        load=_loader("diff"),
        exits=((0, "there is no difference"), (1, "there are differences"), (2, "the input is wrong")),
    ),
    Command(
        name="manifest",
        summary="print what a bundle can do if it runs",
        usage="--bundle DIR [--workflow NAME] | CONFIG... [OPTIONS] [--any::id=VALUE ...]",
        options=(
            CONFIG_FILE,
            BUNDLE._replace(meaning="look at a whole bundle: each of its configs, its Python files, its other files"),
            WORKFLOW._replace(meaning="with --bundle: look at this config only, such as train; a,b for b over a"),
            ARGS_FILE,
            _TEXT_OR_JSON,
        ),
        positional=0,
        overrides=OVERRIDES,
        examples=(
            ("manifest --bundle my_bundle", "all configs and modules of a bundle"),
            ("manifest configs/train.yaml --format json", "a config, and the modules of the bundle that it leads to"),
        ),
        load=_loader("manifest"),
        rest="config_file",
        exits=_EXITS,
    ),
    Command(
        name="completion",
        summary="print the script that lets a shell complete commands, options and ids",
        usage="bash | zsh | fish",
        options=(Option("shell", "text", "SHELL", "bash, zsh or fish"),),
        positional=1,
        overrides=None,
        examples=(
            ("completion bash", "to be kept in ~/.local/share/bash-completion/completions/bundle-engine"),
            ("completion zsh", "to be kept as _bundle-engine in a folder of fpath"),
            ("completion fish", "to be kept in ~/.config/fish/completions/bundle-engine.fish"),
        ),
        load=_loader("completion", "completion"),
        exits=_EXITS,
    ),
)
