"""Config files without a parser: read, write, split their names from ids."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle_engine.config import merge, source
from bundle_engine.config.ids import EXTENDS, PATH_SUFFIXES, normalize, split_path
from bundle_engine.config.origins import Origins
from bundle_engine.config.source import PathLike
from bundle_engine.errors import BundleEngineWarning

#: names in metadata that were given up, and what they are called now
RENAMED_KEYS: Mapping[str, str] = {"optional_packages_version": "required_packages_version"}


class ConfigFiles:
    """What a parser does with files, without being made."""

    suffixes = tuple(suffix[1:] for suffix in PATH_SUFFIXES)

    @classmethod
    def load_config_file(cls, filepath: PathLike | None, **kwargs: Any) -> dict[str, Any]:
        """Read one JSON or YAML file, with what it extends; no file gives an empty config.

        Args:
            filepath: the file.
            kwargs: options for `json.loads`.

        Raises:
            InputError: when it cannot be read.
        """
        if not filepath:
            return {}
        document = source.load(filepath, json_options=kwargs)
        return merge.assemble([document], source.load, Origins()) if EXTENDS in document.data else document.data

    @classmethod
    def load_config_files(
        cls, files: PathLike | Sequence[PathLike] | Mapping[str, Any], **kwargs: Any
    ) -> dict[str, Any]:
        """Read several files, later ones on top of earlier ones; a mapping is given back as it is.

        Raises:
            InputError: for a file that cannot be read, and see `merge.apply`.
        """
        if isinstance(files, Mapping):
            return files  # type: ignore[return-value]
        return merge.assemble(source.load_all(files, kwargs), source.load, Origins())

    @classmethod
    def export_config_file(cls, config: Any, filepath: PathLike, fmt: str = "json", **kwargs: Any) -> None:
        """Write a config as JSON or YAML; the file is complete or not there.

        Args:
            config: plain data.
            filepath: the file to write.
            fmt: ``json``, ``yaml`` or ``yml``.
            kwargs: options for `json.dump` or `yaml.safe_dump`.

        Raises:
            ValueError: for another format.
        """
        if fmt.lower() not in cls.suffixes:
            raise ValueError(f"a config is written as {', '.join(cls.suffixes)}, not as '{fmt}'")
        if fmt.lower() == "json":
            import json

            text = json.dumps(config, **kwargs)
        else:
            import yaml

            text = yaml.safe_dump(config, **kwargs)
        source.write(Path(filepath), text)

    @classmethod
    def split_path_id(cls, src: str) -> tuple[str, str]:
        """Split ``file.yaml::key`` into the path and the id; either is empty where it is missing."""
        path, words = split_path(src)
        return path, normalize(words)


def renamed(config: Any) -> Any:
    """Give up old names of metadata."""
    if isinstance(config, dict):
        for old, new in RENAMED_KEYS.items():
            if old in config:
                warnings.warn(f"'{old}' is called '{new}' now", BundleEngineWarning, stacklevel=4)
                config[new] = config.pop(old)
    return config
