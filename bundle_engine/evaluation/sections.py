"""What a page says about one evaluation: the figures with what they mean, plots, outliers, the worst cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bundle_engine.evaluation.aggregates import aggregate, outliers
from bundle_engine.evaluation.classifying import classification_plots
from bundle_engine.evaluation.handlers import box_plots, thumbnail_name
from bundle_engine.evaluation.markup import definitions, picture, plot, table, tile
from bundle_engine.evaluation.records import Evaluation
from bundle_engine.evaluation.tables import AggregateRow, StructureRow
from bundle_engine.evaluation.verdicts import ALL, Verdict, summarize

__all__ = ["MEANINGS", "SHORT", "classification_section", "number", "segmentation_section"]

_WORST = 4
SHORT = {"HausdorffDistance_mm": "Hausdorff (mm)", "MeanDistance_mm": "mean distance (mm)", "HD95_mm": "HD95 (mm)"}
SHORT |= {"Volume_ml": "volume (ml)", "TruthVolume_ml": "true volume (ml)", "Dice": "Dice"}
MEANINGS = {
    "Dice": "overlap of prediction and truth: 0 none, 1 the same",
    "mean distance (mm)": "how far, on average, a point of one surface lies from the other surface (mean symmetric"
    " surface distance)",
    "HD95 (mm)": "95 % of the points of a surface lie nearer than this to the other surface",
    "Hausdorff (mm)": "the farthest that any voxel of one lies from the other: one stray voxel is enough",
    "volume (ml)": "volume of the prediction",
    "true volume (ml)": "volume of the truth",
}
_COUNTS = {
    "infinite": "the structure was missed, or found where it is not: it has no finite distance, and is not in the mean",
    "undefined": "the structure was neither there nor found: its Dice counts as 1, and it has no distance",
}
_FIGURES = {
    "AUC": "how often a subject with the class has a higher probability than one without; 0.5 is guessing, 1 perfect",
    "AveragePrecision": "area under the precision-recall curve; guessing gives the part of subjects with the class",
    "Accuracy": "part of the subjects that are put into the right class",
    "Sensitivity": "part of the subjects with the class that are found",
    "Specificity": "part of the subjects without the class that are left alone",
    "Threshold": "from this probability on the class is decided for",
    "ECE": "expected calibration error: how far probabilities and what comes true lie apart; 0 is perfect",
    "Brier": "mean squared error of the probabilities: 0 is perfect; 0.25 is saying 0.5 of everybody, with two classes",
}


def number(value: float | None, digits: int = 3) -> str:
    """Write a number for people; a dash where there is none."""
    if value is None:
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{digits}f}"


def segmentation_section(evaluation: Evaluation, anchor: str) -> str:
    """Give the section of a page about a segmentation."""
    rows, summary = list(evaluation.rows), aggregate(evaluation.rows)
    found = {(row.structure, row.metric): row for row in summary}
    structures = list(dict.fromkeys(row.structure for row in rows))
    subjects = len({row.subject for row in rows})
    tiles = [tile(str(subjects), "subjects", f"{len(structures)} structures each")]
    tiles += [
        tile(number(found[s, "Dice"].mean), f"Dice, {s}", MEANINGS["Dice"], f"± {number(found[s, 'Dice'].std)}")
        for s in structures[:5]
    ]
    parts = [
        f'<section id="{anchor}"><h2>{escape(_heading(evaluation))}</h2>',
        f'<div class="tiles">{"".join(tiles)}</div>',
        _notices(summary),
        "<h3>All structures</h3>",
        _summary_table(structures, found),
        definitions({**MEANINGS, **_shown(summary)}),
        "<h3>Spread over the subjects</h3>",
        plot(
            box_plots(rows),
            "Each point is a subject. Boxes hold the middle half of them, with the median as a line; whiskers reach to"
            " the last subject within 1.5 times the box. For Dice right is better, for distances left.",
        ),
        _outlier_part(rows),
        _worst_part(evaluation, structures),
        "<details><summary>All subjects</summary>",
        _all_subjects(rows),
        "</details></section>",
    ]
    return "\n".join(parts)


def classification_section(evaluation: Evaluation, anchor: str) -> str:
    """Give the section of a page about a classification."""
    classes, verdicts = list(evaluation.classes), list(evaluation.verdicts)
    figures = summarize(verdicts, classes, evaluation.threshold)
    first = (
        [f for f in figures if f.metric != "Threshold"] if len(classes) == 2 else [f for f in figures if f.of == ALL]
    )
    tiles = [tile(str(len(verdicts)), "subjects", _shares(verdicts, classes))]
    tiles += [
        tile(number(f.value), _spaced(f.metric) + ("" if f.of == ALL else f", {f.of}"), _FIGURES[f.metric])
        for f in first
    ]
    captions = {
        "roc": "Sensitivity against false alarms, for every threshold. The dotted line is guessing.",
        "precision_recall": "How many of those that are found really have the class, against how many are found. The"
        " dotted line is guessing.",
        "reliability": "Of the subjects that were given a probability, how many came true. On the dotted line, what is"
        " said is what happens. Bars: how many subjects.",
        "confusion": "Subjects by their true and their predicted class, and the part of each row.",
    }
    drawn = [plot(figure, captions[name]) for name, figure in classification_plots(verdicts, classes).items()]
    parts = [
        f'<section id="{anchor}"><h2>{escape(_heading(evaluation))}</h2>',
        f'<div class="tiles">{"".join(tiles)}</div>',
        _threshold_part(evaluation, classes),
        _open_questions(
            [f"{_spaced(f.metric)} of {f.of}" for f in figures if f.value is None and f.metric in _FIGURES]
        ),
    ]
    if len(classes) > 2:
        named = [f for f in figures if f.of != ALL]
        metrics = list(dict.fromkeys(f.metric for f in named))
        values = {(f.of, f.metric): number(f.value) for f in named}
        lines = [[escape(name), *(values[name, metric] for metric in metrics)] for name in classes]
        meanings = {_spaced(metric): _FIGURES[metric] for metric in metrics}
        parts += ["<h3>Each class against the others</h3>", table(["class", *meanings], lines, meanings=meanings)]
        parts += [definitions(meanings)]
    parts += ["<h3>Curves</h3>", f'<div class="plots">{"".join(drawn)}</div>']
    for word, text in (("worst", "least"), ("best", "most")):
        shown = [
            picture(evaluation.folder / "thumbnails" / f"{word}_{index}.png", f"{word} {index}")
            for index in range(1, 9)
        ]
        if any(shown):
            heading = f"{word.capitalize()} images: the {text} probability for the true class"
            parts += [f"<h3>{heading}</h3>", f'<div class="cases">{"".join(shown)}</div>']
    parts += [_mistakes(verdicts, classes), "</section>"]
    return "\n".join(parts)


def _heading(evaluation: Evaluation) -> str:
    words = {"train": "Training set", "val": "Validation set", "test": "Test set"}
    part = words.get(str(evaluation.record.get("set")), evaluation.name)
    folder = evaluation.name.rpartition("/")[0]
    return f"{part} ({folder})" if folder else part


def _summary_table(structures: Sequence[str], found: dict[tuple[str, str], AggregateRow]) -> str:
    metrics = list(MEANINGS)
    original = {short: metric for metric, short in SHORT.items()}
    lines = []
    for structure in structures:
        cells = [escape(structure)]
        for short in metrics:
            row = found[structure, original[short]]
            digits = 3 if short == "Dice" else 2
            spread = f" ± {number(row.std, digits)}" if row.std is not None else ""
            lowest = f"{number(row.min, digits)}–{number(row.max, digits)}" if row.count else ""
            cells.append(f"{number(row.mean, digits)}{spread}<br><small class='quiet'>{lowest}</small>")
        lines.append(cells)
    caption = "<p class='quiet'>Mean ± standard deviation over the subjects; below, smallest and largest.</p>"
    return caption + table(["structure", *metrics], lines, meanings=MEANINGS)


def _shown(summary: Sequence[AggregateRow]) -> dict[str, str]:
    return {name: meaning for name, meaning in _COUNTS.items() if any(getattr(row, name) for row in summary)}


def _notices(summary: Sequence[AggregateRow]) -> str:
    lines = []
    for row in summary:
        if row.metric == "HausdorffDistance_mm" and row.infinite:
            lines.append(
                f"<b>{escape(row.structure)}</b>: missed, or found where it is not, in <b>{row.infinite}</b> of"
                f" {row.count + row.infinite + row.undefined} subjects. They have no finite distance: the distances"
                " below are those of the others."
            )
        if row.metric == "HausdorffDistance_mm" and row.both_empty:
            lines.append(
                f"<b>{escape(row.structure)}</b>: neither there nor found in {row.both_empty} subjects, whose Dice"
                " counts as 1."
            )
    return "".join(f'<p class="notice">{line}</p>' for line in lines)


def _outlier_part(rows: Sequence[StructureRow]) -> str:
    found = outliers(rows)
    head = "<h3>Outliers</h3>"
    if not found:
        return head + "<p class='quiet'>No subject is much worse than the others.</p>"
    by_case: dict[tuple[str, str], list[str]] = {}
    for each in found:
        limit = f" ({'below' if each.metric == 'Dice' else 'above'} {number(each.fence, 2)})" if each.fence else ""
        text = f"{SHORT[each.metric]} {number(each.value, 3 if each.metric == 'Dice' else 2)}{limit}"
        by_case.setdefault((each.subject, each.structure), []).append(text)
    lines = [
        [escape(subject), escape(structure), escape(", ".join(texts))]
        for (subject, structure), texts in sorted(by_case.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    ]
    why = (
        "<p class='quiet'>Worse than the worst quarter by more than 1.5 times the spread of the middle half (Tukey's"
        " fence, in brackets). Look at these first: the label may be wrong as well as the prediction.</p>"
    )
    more = f"<p class='quiet'>and {len(lines) - 20} more</p>" if len(lines) > 20 else ""
    return head + why + table(["subject", "structure", "what"], lines[:20], words=3) + more


def _worst_part(evaluation: Evaluation, structures: Sequence[str]) -> str:
    parts: list[str] = []
    for structure in structures:
        rows = [row for row in evaluation.rows if row.structure == structure and not row.agreement.both_empty]
        rows.sort(key=lambda row: (row.agreement.dice, -(row.agreement.hausdorff_mm or 0), row.subject))
        shown = [
            picture(evaluation.folder / thumbnail_name(row.subject, structure), f"{row.subject}, {structure}")
            for row in rows[:_WORST]
        ]
        if any(shown):
            parts += [f"<h3>Worst cases: {escape(structure)}</h3>", f'<div class="cases">{"".join(shown)}</div>']
    if not parts:
        return ""
    return "\n".join(parts) + (
        "<p class='quiet'>The lowest Dice first; the slice with the most predicted voxels of each. Letters: the"
        " patient's right, left, front (A), back (P), head (S), feet (I).</p>"
    )


def _all_subjects(rows: Sequence[StructureRow]) -> str:
    bad = {(each.subject, each.structure, each.metric) for each in outliers(rows)}
    lines = []
    for row in rows:
        cells = [escape(row.subject), escape(row.structure)]
        values = {"Dice": row.agreement.dice, "HausdorffDistance_mm": row.agreement.hausdorff_mm}
        values |= {"MeanDistance_mm": row.agreement.mean_mm, "HD95_mm": row.agreement.hd95_mm}
        values |= {"Volume_ml": row.agreement.volume_ml, "TruthVolume_ml": row.agreement.truth_ml}
        for metric, value in values.items():
            mark = "!" if (row.subject, row.structure, metric) in bad else ""
            cells.append(mark + number(value, 3 if metric == "Dice" else 2))
        lines.append(cells)
    return "<p class='quiet'>Outliers in red.</p>" + table(["subject", "structure", *_SHORT_ORDER], lines, words=2)


_SHORT_ORDER = ("Dice", "Hausdorff (mm)", "mean distance (mm)", "HD95 (mm)", "volume (ml)", "true volume (ml)")


def _shares(verdicts: Sequence[Verdict], classes: Sequence[str]) -> str:
    counts = {name: sum(each.label == name for each in verdicts) for name in classes}
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _threshold_part(evaluation: Evaluation, classes: Sequence[str]) -> str:
    if evaluation.threshold is None:
        return "<p>Each subject is put into its likeliest class.</p>"
    source = str((evaluation.record.get("threshold") or {}).get("source", ""))
    note = ""
    if source == "chosen on this set":
        note = " Figures at a threshold that was chosen on the same subjects are a little too good."
    return (
        f"<p>A subject counts as <b>{escape(classes[1])}</b> from a probability of <b>{evaluation.threshold:.3f}</b> on"
        f" ({escape(source)}; where it is chosen, sensitivity + specificity is largest).{note}</p>"
    )


def _open_questions(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        f'<p class="notice">This set cannot tell: {escape(", ".join(names))}. That takes subjects with the class and'
        " subjects without it.</p>"
    )


def _mistakes(verdicts: Sequence[Verdict], classes: Sequence[str]) -> str:
    numbers = {name: index for index, name in enumerate(classes)}
    wrong = [each for each in verdicts if each.label != each.prediction]
    wrong.sort(key=lambda each: (each.probabilities[numbers[each.label]], each.subject))
    if not wrong:
        return "<p>No subject is in a wrong class.</p>"
    lines = [
        [
            escape(each.subject),
            escape(each.label),
            escape(each.prediction),
            number(each.probabilities[numbers[each.label]]),
        ]
        for each in wrong
    ]
    columns = ["subject", "true class", "predicted", "probability of the true class"]
    return f"<details><summary>All {len(wrong)} mistakes</summary>{table(columns, lines, words=3)}</details>"


def _spaced(name: str) -> str:
    return {"AveragePrecision": "average precision", "ECE": "ECE", "AUC": "AUC", "Brier": "Brier score"}.get(
        name, name.lower()
    )
