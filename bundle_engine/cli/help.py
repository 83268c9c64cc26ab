"""Write the help of the command line."""

from __future__ import annotations

from textwrap import fill

from bundle_engine.cli.command import PROGRAM, Command
from bundle_engine.cli.options import COMMANDS

__all__ = ["EXIT_CODES", "command_help", "program_help"]

EXIT_CODES = (
    (0, "done"),
    (1, "the workflow failed"),
    (2, "the input is wrong: the config, a file, or the command line"),
    (130, "interrupted (Ctrl-C)"),
    (143, "terminated (SIGTERM)"),
)
_WIDTH = 100


def program_help() -> str:
    """Write the help of the program: its commands."""
    rows = [(command.name, command.summary) for command in COMMANDS.values()]
    return "\n".join(
        [
            f"usage: {PROGRAM} COMMAND [ARGUMENTS]",
            "",
            "Train, evaluate and apply networks for medical images, described in YAML or JSON.",
            "",
            "commands:",
            *_table(rows),
            "",
            "options:",
            *_table([("-h, --help", "show this, or after a command its options"), ("--version", "show the version")]),
            "",
            "exit codes:",
            *_exit_codes(),
            "",
            *_text(
                f"{PROGRAM} COMMAND --help shows the options of a command. python -m bundle_engine does the same as"
                f" {PROGRAM}.",
                indent="",
            ),
        ]
    )


def command_help(command: Command) -> str:
    """Write the help of a command: its options with their meanings, examples, and exit codes."""
    lines = [
        fill(f"usage: {PROGRAM} {command.name} {command.usage}", _WIDTH, subsequent_indent=" " * 7),
        "",
        command.summary[:1].upper() + command.summary[1:] + ".",
    ]
    names = [option.name for option in command.options[: command.positional]]
    positional = ", ".join([*names, f"{command.rest} (any number)"] if command.rest else names)
    rows = [(f"--{option.name} {option.shows}".rstrip(), option.meaning) for option in command.options]
    lines += ["", "options:", *_table([*rows, ("-h, --help", "show this")])]
    if command.overrides is not None:
        lines += [
            "",
            "overrides:",
            *_table(
                [
                    ("--any::id VALUE", command.overrides + "; --any::id=VALUE is the same"),
                    ("--+any::id VALUE", "add to the list or mapping there"),
                    ("--~any::id", "delete what is there"),
                ]
            ),
            *_text(
                "VALUE is a Python literal, in which words need no quotes (1e-3, True, None, [a, b], {a: 1}), or else"
                " text. What a config says by its first character works here too: @id refers to another value,"
                " $expression is evaluated, %file.yaml::id is copied from a file. Quote these for the shell."
            ),
        ]
    if positional:
        lines += ["", *_text(f"Without their names, in this order: {positional}.", indent="")]
    lines += ["", "examples:"]
    for example, meaning in command.examples:
        lines += [f"  # {meaning}", f"  {PROGRAM} {example}"]
    lines += ["", "exit codes:", *_exit_codes(command.exits or EXIT_CODES)]
    return "\n".join(lines)


def _exit_codes(codes: tuple[tuple[int, str], ...] = EXIT_CODES) -> list[str]:
    return _table([(str(code), meaning) for code, meaning in codes])


def _table(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(left) for left, _ in rows) + 4
    return [
        fill(
            right,
            _WIDTH,
            initial_indent=f"  {left}".ljust(width),
            subsequent_indent=" " * width,
            break_on_hyphens=False,
            break_long_words=False,
        )
        for left, right in rows
    ]


def _text(text: str, indent: str = "  ") -> list[str]:
    return [fill(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)]
