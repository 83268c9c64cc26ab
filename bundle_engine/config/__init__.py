"""The configuration language: documents, ids, references, macros, expressions, components.

Imports PyYAML and the standard library only, and PyYAML when a YAML file is read.
"""

from bundle_engine.config.ids import PATH_SUFFIXES, Id
from bundle_engine.config.items import ConfigComponent, ConfigExpression, ConfigItem
from bundle_engine.config.origins import Origin
from bundle_engine.config.parser import ConfigParser
from bundle_engine.config.resolver import ReferenceResolver
from bundle_engine.config.targets import ComponentLocator

__all__ = [
    "PATH_SUFFIXES",
    "ComponentLocator",
    "ConfigComponent",
    "ConfigExpression",
    "ConfigItem",
    "ConfigParser",
    "Id",
    "Origin",
    "ReferenceResolver",
]
