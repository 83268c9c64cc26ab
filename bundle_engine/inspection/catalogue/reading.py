"""What can be wrong with reading files and putting them together."""

from __future__ import annotations

from bundle_engine.inspection.findings import Code

__all__ = ["CODES"]

CODES = (
    Code(
        "BE001",
        "error",
        "file not found",
        "A file that was given, or that `_extends_` names, is not there. Paths in `_extends_` are relative to the"
        " file that holds them. Similar names beside it are suggested.",
        """\
_extends_: no_such_base.yaml  # here
lr: 0.001
""",
        """\
lr: 0.001
""",
    ),
    Code(
        "BE002",
        "error",
        "file is no config",
        "The file can be read, but is no config: its root is a list or a single value, it is empty, its bytes are"
        " not UTF-8, or its name ends in something else than .json, .yaml or .yml. The other files are checked"
        " all the same.",
        """\
- lr  # here
- 0.001
""",
        """\
lr: 0.001
""",
    ),
    Code(
        "BE003",
        "error",
        "syntax error in a file",
        "The file is no JSON or YAML: a bracket or quote is never closed, a colon or comma is missing, the"
        " indentation does not fit. Nothing of this file is known then; the other files are checked all the same,"
        " and references that may lead into the broken file are only warned of.",
        """\
lr: 0.001
epochs: [1, 2  # here
""",
        """\
lr: 0.001
epochs: [1, 2]
""",
    ),
    Code(
        "BE004",
        "warning",
        "duplicate key",
        "A key is written twice in one mapping. The later one counts, and the earlier one is silently lost: often"
        " the rest of a value that was copied. With MONAI_FAIL_ON_DUPLICATE_CONFIG=1 it is an error.",
        """\
lr: 0.001
epochs: 10
lr: 0.01  # here
""",
        """\
lr: 0.01
epochs: 10
""",
    ),
    Code(
        "BE005",
        "error",
        "key that cannot be merged",
        "`+key` merges two mappings or appends to a list, and here the kinds do not fit; or `~key` deletes"
        " something that is not there; or `a::b` leads into a value that has no inside.",
        """\
lr: 0.001
"~learning_rate": null  # here
""",
        """\
lr: 0.001
"~lr": null
""",
    ),
    Code(
        "BE006",
        "warning",
        "plain word that YAML reads as something else",
        "YAML reads the unquoted words yes, no, on, off as true or false, 1:30 as the number 90, 010 as 8 and"
        " 2024-01-31 as a date. If text is meant, it needs quotes; if true or false is meant, write true or false.",
        """\
mode: off  # here
""",
        """\
mode: "off"
""",
    ),
    Code(
        "BE007",
        "warning",
        "number as text",
        "A number stands in quotes, so it is text. Optimizers and losses fail on it, or compute something else."
        ' Early YAML readers took 1e-4 for text, so old configs write "1e-4" or $1e-4.',
        """\
lr: "1e-4"  # here
""",
        """\
lr: 1.0e-4
""",
    ),
    Code(
        "BE008",
        "warning",
        "unknown code in _lint_",
        "`_lint_: {ignore: [...]}` names a code that there is not, or is written in another way, so it ignores"
        " nothing.",
        """\
model:
  _lint_: {ignore: [BE999]}  # here
  channels: 3
""",
        """\
model:
  _lint_: {ignore: [BE004]}
  channels: 3
""",
    ),
)
