"""Completion in shells: commands, options, values, and the ids of the config on the line.

The scripts for the shells are short: they ask this program, which knows its own options. So it has to be fast, and it
never fails: where nothing can be said, nothing is offered.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bundle_engine.cli.command import PROGRAM, Command, Option
from bundle_engine.cli.options import COMMANDS
from bundle_engine.errors import BundleEngineError, UsageError

__all__ = ["FILES", "SCRIPTS", "answer", "candidates", "completion"]

#: stands among the candidates where files can be meant
FILES = ":files"

_IDS = frozenset({"id", "run_id", "init_id", "final_id"})
_CONFIGS = ("config_file", "first", "second")
_CHOICES = re.compile(r"((?:\w+, )*\w+ or \w+) \(default")
_MOST = 500  # candidates that somebody may want to see
_LONG = 60  # characters of a description

_BASH = r"""# completion of {program} for bash
_{name}() {{
    local line="${{COMP_LINE:0:COMP_POINT}}" words=() cur before candidate files=
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    cur="${{words[${{#words[@]}}-1]}}"
    before="${{cur%"${{cur##*[:=]}}"}}"  # bash takes these characters as the beginning of a new word
    COMPREPLY=()
    while IFS= read -r candidate; do
        if [[ "$candidate" == "{files}" ]]; then files=1; continue; fi
        COMPREPLY+=("${{candidate#"$before"}}")
    done < <("${{words[0]}}" __complete "${{words[@]:1}}" 2>/dev/null | cut -f1)
    if [[ -n "$files" ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "${{cur##*=}}")
    fi
    if [[ ${{#COMPREPLY[@]}} -eq 1 && "${{COMPREPLY[0]}}" == *[:=] ]]; then compopt -o nospace 2>/dev/null; fi
}}
complete -F _{name} {program}
"""

_ZSH = r"""#compdef {program}
# completion of {program} for zsh
_{name}() {{
    local -a lines whole open
    local line value text files
    lines=("${{(@f)$("${{words[1]}}" __complete "${{(@)words[2,CURRENT]}}" 2>/dev/null)}}")
    for line in $lines; do
        if [[ "$line" == "{files}" ]]; then files=1; continue; fi
        value="${{line%%$'\t'*}}" text="${{line#*$'\t'}}"
        value="${{value//:/\\:}}"
        [[ "$text" == "$line" ]] && text=
        if [[ "$value" == *[:=] ]]; then open+=("$value${{text:+:$text}}"); else whole+=("$value${{text:+:$text}}"); fi
    done
    (( $#whole )) && _describe -t values value whole
    (( $#open )) && _describe -t ids id open -S ''
    if [[ -n "$files" ]]; then
        [[ "${{words[CURRENT]}}" == --*=* ]] && compset -P '*='
        _files
    fi
}}
if [[ "$funcstack[1]" == "_{program}" ]]; then _{name} "$@"; else compdef _{name} {program}; fi
"""

_FISH = r"""# completion of {program} for fish
function __{name}_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command $words[1] __complete $words[2..-1] 2>/dev/null)
        if test "$line" = "{files}"
            set -l option (string match -r -- '^--[^=]*=' (commandline -ct))
            for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' (commandline -ct)))
                echo "$option$path"
            end
        else
            echo $line
        end
    end
end
complete -c {program} -f -a '(__{name}_complete)'
"""

_NAME = PROGRAM.replace("-", "_")
SCRIPTS = {
    shell: text.format(program=PROGRAM, name=_NAME, files=FILES)
    for shell, text in (("bash", _BASH), ("zsh", _ZSH), ("fish", _FISH))
}


def completion(shell: str | None = None) -> int:
    """Print the script that switches completion on; ``bundle-engine completion --help`` explains it."""
    if shell not in SCRIPTS:
        said = f"there is no completion for '{shell}'" if shell else "no shell is named"
        raise UsageError(said, hint=f"completion {' or '.join(SCRIPTS)}")
    print(SCRIPTS[shell], end="")
    return 0


def answer(words: Sequence[str]) -> int:
    """Print what the last word may become, a line each; what a shell shows beside it follows behind a tabulator.

    Args:
        words: the command line behind the program's name, up to the cursor.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for candidate in candidates(words):
                print("\t".join(filter(None, candidate)))
    except (BundleEngineError, OSError, RecursionError):
        pass
    return 0


class Candidate(NamedTuple):
    """What a word may become, and what it means."""

    text: str
    meaning: str = ""


def candidates(words: Sequence[str]) -> list[Candidate]:
    """Give what the last word may become.

    Args:
        words: the command line behind the program's name; the last one may be empty.
    """
    *before, current = words or [""]
    if not before:
        commands = [Candidate(command.name, command.summary) for command in COMMANDS.values()]
        more = [Candidate("help", "show the options of a command"), Candidate("--help"), Candidate("--version")]
        return _beginning(current, [*commands, *more])
    if before[0] == "help":
        return _beginning(current, [Candidate(name, command.summary) for name, command in COMMANDS.items()])
    command = COMMANDS.get(before[0])
    if command is None:
        return []
    line = _Line(command, before[1:])
    if current.startswith("--") and "=" in current:
        name, _, value = current.partition("=")
        found = _values(line, command.option(_name(name)), value)
        return [c if c.text == FILES else Candidate(f"{name}={c.text}", c.meaning) for c in found]
    if current.startswith("-"):
        return [*_options(command, current), *_overrides(line, current)][:_MOST]
    if line.open is not None:
        return _values(line, command.option(line.open), current)
    return _values(line, line.next_positional(), current)


def _beginning(current: str, found: Sequence[Candidate]) -> list[Candidate]:
    return [candidate for candidate in found if candidate.text.startswith(current)]


def _name(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


class _Line:
    """What a command line says so far.

    Attributes:
        command: the command.
        values: values of the options that were given, by name.
        positional: arguments without a name.
        open: the option that waits for a value; an override's key counts as one.
    """

    def __init__(self, command: Command, words: Sequence[str]) -> None:
        self.command = command
        self.values: dict[str, list[str]] = {}
        self.positional: list[str] = []
        self.open: str | None = None
        for word in words:
            if word.startswith("--"):
                name, equals, value = word.partition("=")
                option = command.option(_name(name))
                self.open = None if equals or (option is not None and option.kind == "switch") else _name(name)
                if equals:
                    self.values.setdefault(_name(name), []).append(value)
            elif self.open is not None:
                self.values.setdefault(self.open, []).append(word)
                self.open = None
            else:
                self.positional.append(word)

    def next_positional(self) -> Option | None:
        """Give the option that an argument without a name would be."""
        if len(self.positional) < self.command.positional:
            return self.command.options[len(self.positional)]
        return self.command.option(self.command.rest) if self.command.rest else None

    def config(self) -> Any:
        """Give the config that the line names; None where there is none, or it cannot be read."""
        from bundle_engine.cli.bundles import find_bundle, find_configs
        from bundle_engine.cli.values import read_option
        from bundle_engine.config import ConfigParser
        from bundle_engine.config.source import is_config_path

        files: list[Any] = []
        for bundle in self.values.get("bundle", ())[-1:]:
            workflow = self.values.get("workflow", ["train"])[-1]
            files += find_configs(find_bundle(bundle)[0], workflow)
        option = Option("config_file", "files", "", "")
        given = [text for name in _CONFIGS for text in self.values.get(name, ())]
        for text in [*given, *(text for text in self.positional if is_config_path(text.partition(",")[0]))]:
            read = read_option(option, text)
            files += read if isinstance(read, list) else []
        if not files:
            return None
        parser = ConfigParser()
        parser.read_config([os.path.expanduser(file) for file in files])
        return parser.config


def _options(command: Command, current: str) -> Iterator[Candidate]:
    for option in command.options:
        if f"--{option.name}".startswith(current):
            yield Candidate(f"--{option.name}", _short(option.meaning))
    if "--help".startswith(current):
        yield Candidate("--help", "show the options")


def _overrides(line: _Line, current: str) -> Iterator[Candidate]:
    """Give the ids that an override may set, one level at a time."""
    if line.command.overrides is None or not current.startswith("--"):
        return
    operator = current[2:3] if current[2:3] in ("+", "~") else ""
    words = current[2 + len(operator) :]
    options = {option.name for option in line.command.options}
    for candidate in _ids(line, words):
        if operator or candidate.text not in options:
            yield Candidate(f"--{operator}{candidate.text}", candidate.meaning)


def _ids(line: _Line, words: str) -> list[Candidate]:
    """Give the ids that begin in some way; those with something inside end in ``::``."""
    from bundle_engine.config.ids import META, SEP, Id
    from bundle_engine.config.tree import NoSuchKey, find

    config = line.config()
    if config is None:
        return []
    *above, start = Id.parse(words) or ("",)
    try:
        around = find(config, Id(above))
    except NoSuchKey:
        return []
    found = []
    inside = isinstance(around, (dict, list))
    for key, value in (around.items() if isinstance(around, dict) else enumerate(around)) if inside else ():
        if str(key).startswith(start) and (key != META or above):
            more = SEP if isinstance(value, (dict, list)) and value else ""
            found.append(Candidate(f"{Id(above).child(key)}{more}", _about(value)))
    return found


def _about(value: Any) -> str:
    from bundle_engine.config.ids import TARGET

    if isinstance(value, dict):
        return _short(str(value[TARGET])) if TARGET in value else f"{len(value)} keys"
    return f"{len(value)} items" if isinstance(value, list) else _short(str(value))


def _short(text: str) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def _values(line: _Line, option: Option | None, current: str) -> list[Candidate]:
    """Give the values that an option may have."""
    if option is None:
        return [Candidate(FILES)] if line.open is not None else []
    if option.name in _IDS:
        return _ids(line, current)
    if option.name == "bundle":
        return [*_beginning(current, [Candidate(name, "ready-made") for name in _ready_made()]), Candidate(FILES)]
    if option.name == "workflow" and "bundle" in line.values:
        return _beginning(current, [Candidate(name) for name in _workflows(line.values["bundle"][-1])])
    if option.name == "shell":
        return _beginning(current, [Candidate(shell) for shell in SCRIPTS])
    if option.kind in ("file", "files", "log", "settings"):
        return [Candidate(FILES)]
    choices = _CHOICES.search(option.meaning)
    names = re.split(r", | or ", choices.group(1)) if choices else []
    return _beginning(current, [Candidate(name) for name in names])


def _ready_made() -> list[str]:
    from bundle_engine.resources import bundles_dir

    folder = bundles_dir()
    return sorted(entry.name for entry in folder.iterdir() if (entry / "configs").is_dir()) if folder.is_dir() else []


def _workflows(bundle: str) -> list[str]:
    from bundle_engine.cli.bundles import find_bundle

    configs = find_bundle(bundle)[0] / "configs"
    suffixes = (".json", ".yaml", ".yml")
    names = {file.stem for file in configs.iterdir() if file.suffix.lower() in suffixes}
    return sorted(names - {"metadata", "logging"})
