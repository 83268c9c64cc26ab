"""Single values of a config as objects: what `instantiate=False` and `eval_expr=False` give.

They can also be used alone, to build one component or to evaluate one expression without a parser.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from pprint import pformat
from typing import Any

from bundle_engine.config import expressions
from bundle_engine.config.ids import COMPONENT_KEYS, DISABLED, EXPRESSION, MODE, TARGET, Id
from bundle_engine.config.names import base_names, is_import, run_import
from bundle_engine.config.policy import FULL, Outside, Policy, refusal
from bundle_engine.config.targets import ComponentLocator
from bundle_engine.errors import BundleEngineWarning, ExpressionError, ExpressionSyntaxError


class ConfigItem:
    """A value of a config with its id.

    Args:
        config: the value as written, or with its references resolved.
        id: its id.
    """

    def __init__(self, config: Any, id: str = "") -> None:
        self.config = config
        self.id = id

    def get_id(self) -> str:
        """Give the id."""
        return self.id

    def get_config(self) -> Any:
        """Give the value."""
        return self.config

    def update_config(self, config: Any) -> None:
        """Replace the value."""
        self.config = config

    def __repr__(self) -> str:
        return f"{type(self).__name__}:\n{pformat(self.config)}"


class ConfigComponent(ConfigItem):
    """A mapping with ``_target_``, not built yet.

    Args:
        config: the mapping.
        id: its id.
        locator: finds short names.
        excludes: modules that the search for short names leaves out, where there is no `locator`.
        policy: how far the config is trusted.
    """

    def __init__(
        self,
        config: Any,
        id: str = "",
        locator: ComponentLocator | None = None,
        excludes: Sequence[str] | str | None = None,
        *,
        policy: Policy = FULL,
    ) -> None:
        super().__init__(config, id)
        self.locator = ComponentLocator(excludes) if locator is None else locator
        self.policy = policy

    @staticmethod
    def is_instantiable(config: Any) -> bool:
        """Tell whether a value is a component."""
        return isinstance(config, Mapping) and TARGET in config

    def resolve_module_name(self) -> Any:
        """Give the dotted path of the target; a target that is no string is given as it is."""
        target = self.config[TARGET]
        return self.locator.full_name(target) if isinstance(target, str) else target

    def resolve_args(self) -> dict[str, Any]:
        """Give the keyword arguments."""
        return {key: value for key, value in self.config.items() if key not in COMPONENT_KEYS}

    def is_disabled(self) -> bool:
        """Tell whether the component is disabled."""
        flag = self.config.get(DISABLED, False)
        return flag.strip().lower() == "true" if isinstance(flag, str) else bool(flag)

    def instantiate(self, **kwargs: Any) -> Any:
        """Build the component; None where it is disabled, or is none.

        Args:
            kwargs: arguments that replace or join those of the config.

        Raises:
            TargetNotFoundError, ArgumentError, InstantiationError: as when a parser builds it.
            PolicyError: where the policy does not allow it.
        """
        from bundle_engine.config.components import DEFAULT, Components
        from bundle_engine.config.guarded import GuardedComponents

        if not self.is_instantiable(self.config) or self.is_disabled():
            return None
        arguments = {**self.resolve_args(), **kwargs}
        kind = Components if self.policy.is_full else functools.partial(GuardedComponents, policy=self.policy)
        components: Components = kind(self.locator, lambda id, *, key=False: None)
        mode = self.config.get(MODE, DEFAULT)
        return components.build(self.config[TARGET], mode, arguments, self.config, lambda: Id.parse(self.id))


class ConfigExpression(ConfigItem):
    """A string with ``$``, not evaluated yet.

    Args:
        config: the string.
        id: its id.
        globals: names the expression may use; import statements bind into it.
        policy: how far the config is trusted; below ``full`` the parser alone evaluates.
    """

    prefix = EXPRESSION

    def __init__(
        self, config: Any, id: str = "", globals: dict[str, Any] | None = None, *, policy: Policy = FULL
    ) -> None:
        super().__init__(config, id)
        self.policy = policy
        self.globals: dict[str, Any] = {} if globals is None else globals

    @classmethod
    def is_expression(cls, config: Any) -> bool:
        """Tell whether a value is an expression or an import statement."""
        return isinstance(config, str) and config.startswith(EXPRESSION)

    @classmethod
    def is_import_statement(cls, config: Any) -> bool:
        """Tell whether a value is an import statement."""
        return isinstance(config, str) and is_import(config)

    def evaluate(self, globals: Mapping[str, Any] | None = None, locals: Mapping[str, Any] | None = None) -> Any:
        """Evaluate the expression, or run the import statement; None where the value is neither.

        Args:
            globals: further names.
            locals: further names, which win.

        Raises:
            ExpressionSyntaxError: where it cannot be read.
            ExpressionError: where it raises; its exception is the ``__cause__``.
            PolicyError: below full trust.
        """
        text = self.config
        if not self.is_expression(text):
            return None
        if not self.policy.is_full:
            reason = "an expression that stands alone is evaluated as Python does it"
            raise refusal([Outside(self.id, None, text, reason, "full")], self.policy)
        if is_import(text):
            return run_import(text, self.globals)
        for name in (globals or {}).keys() & self.globals.keys():
            warnings.warn(f"the name '{name}' is given twice; the later one counts", BundleEngineWarning, stacklevel=2)
        table = {**base_names(), **self.globals, **(globals or {}), **(locals or {})}
        try:
            compiled = expressions.compile_expression(text[1:])
        except expressions.ExpressionProblem as problem:
            raise ExpressionSyntaxError(f"{text!r} cannot be read: {problem.message}", id=self.id) from None
        try:
            return eval(compiled.code, table)
        except Exception as error:
            raise ExpressionError(f"{text!r} failed: {type(error).__name__}: {error}", id=self.id) from error
