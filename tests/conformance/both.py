"""What each of the two parsers gives for a config, whatever it is: a value, or MONAI's error."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from bundle_engine import ConfigParser

from .oracle import monai_parser, silence


def ours(config: Any, id: str = "") -> Any:
    """Give what our parser resolves."""
    return ConfigParser(config).get_parsed_content(id)


def theirs(config: Any, id: str = "") -> Any:
    """Give what MONAI's parser resolves, or the error it raises."""
    with silence():
        try:
            return monai_parser(copy.deepcopy(config)).get_parsed_content(id)
        except Exception as error:  # whatever MONAI raises is what ours is held against
            return error


def read(*paths: Path) -> tuple[ConfigParser, Any]:
    """Read files with both parsers; in the place of MONAI's stands the error that it raises."""
    parser = ConfigParser()
    parser.read_config(list(paths))
    with silence():
        other = monai_parser()
        try:
            other.read_config(list(paths))
        except Exception as error:  # likewise
            other = error
    return parser, other
