"""The config as a workflow: its steps, its properties, metrics and handlers, keys without a use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bundle_engine.config import closest, links
from bundle_engine.config.ids import DISABLED, EXPRESSION, META, REFERENCE, ROOT, TARGET, Id
from bundle_engine.config.names import is_import
from bundle_engine.errors import Place
from bundle_engine.inspection.findings import Finding, Severity
from bundle_engine.inspection.rules.scene import MISSING, UNKNOWN, Scene, did_you_mean, is_off, is_steps

__all__ = ["metrics", "properties", "steps", "unused", "unused_overrides"]

_ENGINES = {
    "SupervisedTrainer": ("key_train_metric", "train_handlers"),
    "SupervisedEvaluator": ("key_val_metric", "val_handlers"),
    "EnsembleEvaluator": ("key_val_metric", "val_handlers"),
}
# handlers that compute no metrics, so that with only them an engine has no others than it says
_NO_METRICS = frozenset(
    {"CheckpointLoader", "CheckpointSaver", "EarlyStopHandler", "GarbageCollector", "LogfileHandler",
     "LrScheduleHandler", "MLFlowHandler", "MetricsSaver", "ParamSchedulerHandler", "PostProcessing", "ProgressBar",
     "StatsHandler", "TensorBoardImageHandler", "TensorBoardStatsHandler", "ValidationHandler"}
)  # fmt: skip
# keys that tools around bundles look for, or that people write for themselves
_KNOWN_KEYS = frozenset(
    {"bundle_root", "ckpt_dir", "dataset_dir", "dataset", "device", "displayable_configs", "evaluator", "handlers",
     "imports", "inferer", "initialize", "finalize", "network", "network_def", "output_dir", "run", "tracking",
     "train", "trainer", "validate", "version", "name", "description", "supported_apps", "load_pretrain"}
)  # fmt: skip


def _file_place(scene: Scene) -> Place | None:
    for document in scene.subject.documents:
        if document.path in scene.subject.files and (spot := document.find(ROOT)) is not None:
            return spot.value
    return None


def steps(scene: Scene) -> Iterator[Finding]:
    """Find that there is nothing to run."""
    run_id = scene.steps[0]
    if scene.follow(Id.parse(run_id))[0] is not MISSING or scene.subject.broken or not scene.subject.documents:
        return
    others = [str(key) for key, value in scene.root.items() if is_steps(value)]
    if others:
        near = closest.matches(run_id, others) or others
        hint: str | None = f"give the id of the steps: --run_id {near[0]}"
    else:
        hint = did_you_mean(run_id, [str(key) for key in scene.root if len(str(key)) > 1])
        hint = hint or f"'{run_id}' is a list of expressions, such as ['$@trainer.run()']"
    severity: Severity | None = "error" if run_id != "run" else "info" if others else None
    message = f"there is no '{run_id}' with the steps to run"
    yield scene.finding(
        "BE050", Id.parse(run_id), message, hint, place=_file_place(scene), severity=severity, anywhere=True
    )


def properties(scene: Scene, table: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """Find required properties that the config does not have."""
    if scene.subject.broken:
        return
    for name, facts in table.items():
        id = Id.parse(facts["id"])
        if not facts.get("required") or scene.value(id) is not MISSING:
            continue
        value, at = scene.follow(id)
        if value is UNKNOWN and not _is_plain_component(scene.value(at)):
            continue
        place = scene.subject.place(at, key=True) if at and at != id else _file_place(scene)
        message = f"the property '{name}' is missing: there is no '{id}' ({facts.get('description', '')})"
        hint = did_you_mean(id[-1], [str(key) for key in _keys(scene.value(id.parent))])
        yield scene.finding("BE051", id, message, hint, place=place)


def _is_plain_component(value: Any) -> bool:
    return isinstance(value, dict) and TARGET in value


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else []


# --- metrics ---


def metrics(scene: Scene) -> Iterator[Finding]:
    """Find handlers that name metrics which their engine does not have."""
    for _, engine in scene.components:
        target = engine[TARGET]
        name = target.rpartition(".")[2] if isinstance(target, str) else ""
        if name not in _ENGINES:
            continue
        key_metric, handlers_key = _ENGINES[name]
        known = _metric_names(scene, engine, (key_metric, "additional_metrics"))
        if known is None:
            continue
        handlers, sure = _handlers(scene, engine.get(handlers_key))
        for at, handler in handlers:
            for where, written in _named_by(scene, at, handler):
                hint = did_you_mean(written, known)
                if written not in known and (sure or hint is not None):
                    message = f"no metric of the engine is called '{written}'"
                    hint = hint or f"it has {', '.join(sorted(known)) or 'no metrics'}"
                    yield scene.finding("BE052", where, message, hint)


def _metric_names(scene: Scene, engine: dict[Any, Any], keys: Iterable[str]) -> set[str] | None:
    names: set[str] = set()
    for key in keys:
        value = _followed(scene, engine.get(key))
        if value is None:
            continue
        if not isinstance(value, dict) or TARGET in value:
            return None
        for name, metric in value.items():
            names.add(str(name))
            followed = _followed(scene, metric)
            if not isinstance(followed, dict) or followed.get("return_with_label"):
                return None  # such a metric has more names than its own
    return names


def _followed(scene: Scene, value: Any) -> Any:
    if isinstance(value, str) and value[:1] == REFERENCE:
        from bundle_engine.config.ids import split
        from bundle_engine.config.references import whole_reference

        reference = whole_reference(value)
        if reference is None or reference[1] is not None or reference[0].up:
            return UNKNOWN
        return scene.follow(Id(split(reference[0].words)))[0]
    return value


def _handlers(scene: Scene, written: Any) -> tuple[list[tuple[Id, dict[Any, Any]]], bool]:
    """Give the handlers of an engine, and whether certainly none of them computes metrics."""
    value = _followed(scene, written)
    found: list[tuple[Id, dict[Any, Any]]] = []
    sure = value is None or isinstance(value, list)
    for each in value if isinstance(value, list) else ():
        handler = _followed(scene, each)
        target = handler.get(TARGET) if isinstance(handler, dict) else None
        sure = sure and isinstance(target, str) and target.rpartition(".")[2] in _NO_METRICS
        if isinstance(target, str):
            at = next((at for at, component in scene.components if component is handler), None)
            found += [(at, handler)] if at is not None and not is_off(handler.get(DISABLED)) else []
    return found, sure


def _named_by(scene: Scene, at: Id, handler: dict[Any, Any]) -> Iterator[tuple[Id, str]]:
    name = handler[TARGET].rpartition(".")[2]
    if name == "CheckpointSaver" and handler.get("save_key_metric") in (True, None) and handler.get("save_key_metric"):
        keys = ["key_metric_name"]
    elif name == "MetricsSaver":
        keys = ["metrics"]
    else:
        return
    for key in keys:
        value, where = scene.literal(handler.get(key), at.child(key))
        if isinstance(value, str) and value != "*":
            yield where, value
        elif isinstance(value, list):
            for number, each in enumerate(value):
                if isinstance(each, str) and each != "*":
                    yield where.child(number), each


# --- what has no use ---


def unused(scene: Scene) -> Iterator[Finding]:
    """Find keys at the root that nothing refers to."""
    if scene.subject.broken or scene.value(Id.parse(scene.steps[0])) is MISSING:
        return
    used = {target[0] for _, targets in links.references(scene.root) for target in targets if target}
    used |= {id[0] for id in scene.subject.sources if id} | {Id.parse(step)[0] for step in scene.steps if step}
    used |= {id[0] for id, _ in scene.subject.overrides if id}  # another rule tells of these
    names = {str(key) for key in scene.root}
    missing = used - names
    for key, value in scene.root.items():
        name = str(key)
        if name in used or name in _KNOWN_KEYS or name[:1] == "_" or _has_effect(value) or key == META:
            continue
        if any(closest.edit_distance(name, each, 2) <= 2 for each in missing):
            continue  # a misspelt reference means it, of which another rule tells
        near = [each for each in sorted(used & names) if len(name) > 4 and closest.edit_distance(name, each, 1) <= 1]
        alike = any(isinstance(value, (int, float, str)) and type(scene.root.get(each)) is type(value) for each in near)
        severity: Severity | None = "warning" if alike else None
        hint = f"did you mean {closest.either(near)}?" if near else "refer to it with '@', or take it out"
        yield scene.finding("BE053", Id((name,)), f"nothing refers to '{name}'", hint, key=True, severity=severity)


def _has_effect(value: Any) -> bool:
    """Tell whether a value may be there for itself: import statements, steps."""
    texts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
    return any(isinstance(each, str) and (is_import(each) or each[:1] == EXPRESSION) for each in texts) and (
        is_steps(value) or any(isinstance(each, str) and is_import(each) for each in texts) or isinstance(value, list)
    )


def unused_overrides(scene: Scene) -> Iterator[Finding]:
    """Find overrides that reach nothing."""
    if scene.subject.broken:
        return
    wanted = [*map(Id.parse, scene.steps), Id((META,)), *scene.subject.sources]
    for id, text in links.unused(scene.root, scene.subject.overrides, wanted).items():
        message, _, hint = text.partition("; ")
        yield scene.finding("BE054", id, message, hint)
