"""A notebook about evaluations, executed: the tables, plots, outliers and worst cases, with the code to go on from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from bundle_engine.errors import MissingDependencyError, WorkflowError
from bundle_engine.evaluation.records import Evaluation, find_evaluations
from bundle_engine.evaluation.report_page import title_of
from bundle_engine.workflow.replacement import replacing

__all__ = ["write_notebook"]

_SECONDS = 300  # for one cell

_SETUP = """from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image, display

%matplotlib inline
folder = Path({folder})"""

_READ = """metrics = pd.read_csv(folder / {table})
metrics"""

_AGGREGATES = """# mean, std, median, min and max are of the finite values; how many are not stands beside them
pd.read_csv(folder / {table})"""

_BOXES = """measures = ["Dice", "HausdorffDistance_mm", "MeanDistance_mm", "HD95_mm"]
finite = metrics.replace(float("inf"), float("nan"))
figure, panels = plt.subplots(1, len(measures), figsize=(14, 3.6), layout="constrained")
for measure, panel in zip(measures, panels):
    names = list(finite.Structure.unique())
    panel.boxplot([finite.loc[finite.Structure == name, measure].dropna() for name in names], tick_labels=names)
    panel.set_title(measure)
    panel.tick_params(axis="x", rotation=20)
plt.show()"""

_OUTLIERS = """# worse than the worst quarter by 1.5 times the spread of the middle half, and what was missed
def outliers(of, measure, sign):
    values = sign * of[measure]
    finite = values[values.abs() != float("inf")].dropna()
    lower, upper = finite.quantile([0.25, 0.75])
    return of[(values < lower - 1.5 * (upper - lower)) | (values == -float("inf"))]

found = [
    outliers(of, measure, 1 if measure == "Dice" else -1).assign(Because=measure)
    for _, of in metrics.groupby("Structure", sort=False)
    for measure in measures
]
pd.concat(found)[["Patient", "Structure", "Because", *measures]]"""

_WORST = """for name, of in metrics.groupby("Structure", sort=False):
    print("worst:", name)
    display(of.sort_values("Dice").head(3)[["Patient", "Dice", "HausdorffDistance_mm"]])
thumbnails = [folder / name for name in {thumbnails}]
for path in thumbnails:
    display(Image(path))"""

_FIGURES = """pd.read_csv(folder / {table})"""

_CURVES = """for name in ("roc", "precision_recall", "reliability", "confusion"):
    path = folder / {part} / "plots" / f"{{name}}.png"
    if path.exists():
        display(Image(path))"""

_MISTAKES = """metrics[metrics.Correct == 0]"""

_IMAGES = """for path in sorted((folder / {part} / "thumbnails").glob("worst_*.png"))[:4]:
    display(Image(path))"""


def write_notebook(folder: str | os.PathLike[str], path: str | os.PathLike[str], *, title: str = "") -> Path:
    """Write and execute a notebook on the evaluations in a folder.

    Args:
        folder: what evaluate wrote.
        path: the file.
        title: of the notebook; by default the name of the bundle.

    Returns:
        the file.

    Raises:
        InputError: when there is no evaluation, or one is damaged.
        MissingDependencyError: when what executes notebooks is not installed.
        WorkflowError: when a cell fails.
        UsageError: when the file cannot be written.
    """
    evaluations = find_evaluations(folder)
    for name in ("nbformat", "nbclient", "ipykernel", "pandas", "matplotlib"):
        try:
            import_module(name)
        except ImportError as error:
            raise MissingDependencyError(
                f"a notebook needs the package {name}",
                hint="pip install 'bundle-engine[evaluation]', or leave it out with --nonotebook",
            ) from error
    nbformat: Any = import_module("nbformat")
    root, target = Path(folder).expanduser().absolute(), Path(path).expanduser()
    notebook = _executed(_cells(evaluations, root, title), root)
    # the folder is the one around the notebook, wherever it goes; otherwise where it is now
    home = "." if target.absolute().parent == root else str(root)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace(repr(str(root)), repr(home))
    with replacing(target) as temporary:
        nbformat.write(notebook, temporary)
    return target


def _cells(evaluations: Sequence[Evaluation], root: Path, title: str) -> Any:
    v4: Any = import_module("nbformat.v4")
    cells = [
        v4.new_markdown_cell(f"# {title or title_of(evaluations)}"),
        v4.new_code_cell(_SETUP.format(folder=repr(str(root)))),
    ]
    for each in evaluations:
        part = str(each.folder.relative_to(root))
        names = {"table": repr(f"{part}/metrics.csv"), "part": repr(part)}
        totals = {"table": repr(f"{part}/metrics_aggregates.csv")}
        count = each.record.get("subjects", "")
        cells.append(v4.new_markdown_cell(f"## {each.name}\n\n{count} subjects, {each.record['task']}"))
        cells.append(v4.new_code_cell(_READ.format(**names)))
        if each.rows:
            worst = {"thumbnails": repr(_worst(each, part))}
            cells += [
                v4.new_markdown_cell("### Aggregates"),
                v4.new_code_cell(_AGGREGATES.format(**totals)),
                v4.new_code_cell(_BOXES),
                v4.new_markdown_cell("### Outliers"),
                v4.new_code_cell(_OUTLIERS),
                v4.new_markdown_cell("### Worst cases"),
                v4.new_code_cell(_WORST.format(**worst)),
            ]
        else:
            cells += [
                v4.new_code_cell(_FIGURES.format(**totals)),
                v4.new_code_cell(_CURVES.format(**names)),
                v4.new_markdown_cell("### Mistakes and worst images"),
                v4.new_code_cell(_MISTAKES),
                v4.new_code_cell(_IMAGES.format(**names)),
            ]
    notebook = v4.new_notebook(cells=cells)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def _worst(evaluation: Evaluation, part: str, most: int = 2) -> list[str]:
    from bundle_engine.evaluation.handlers import thumbnail_name

    found: list[str] = []
    for structure in dict.fromkeys(row.structure for row in evaluation.rows):
        rows = [row for row in evaluation.rows if row.structure == structure and not row.agreement.both_empty]
        rows.sort(key=lambda row: (row.agreement.dice, row.subject))
        names = [thumbnail_name(row.subject, structure) for row in rows[:most]]
        found += [f"{part}/{name}" for name in names if (evaluation.folder / name).is_file()]
    return found


def _executed(notebook: Any, folder: Path) -> Any:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    with tempfile.TemporaryDirectory() as place:
        config = Config()
        if os.name != "nt":  # between two processes of one machine, no port need be opened
            config.KernelManager.transport = "ipc"
            config.KernelManager.connection_file = os.path.join(place, "kernel.json")
        resources = {"metadata": {"path": str(folder)}}
        client = NotebookClient(notebook, config=config, kernel_name="python3", timeout=_SECONDS, resources=resources)
        try:
            client.execute()
        except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as error:
            raise WorkflowError(
                f"the notebook cannot be executed: {error}", hint="--nonotebook leaves it out"
            ) from error
    return notebook
