"""What can be wrong with expressions and import statements."""

from __future__ import annotations

from bundle_engine.inspection.findings import Code

__all__ = ["CODES"]

CODES = (
    Code(
        "BE020",
        "error",
        "syntax error in an expression",
        "After `$` stands one Python expression, and this is none: a bracket is not closed, or it is a statement.",
        """\
sizes: $[2 * n for n in range(3)  # here
""",
        """\
sizes: $[2 * n for n in range(3)]
""",
    ),
    Code(
        "BE021",
        "error",
        "name that nothing binds",
        "An expression uses a name that is no builtin, is not imported by any `$import` in the config, and is none"
        " of monai, torch, np, numpy and env. Values of the config are `@id`.",
        """\
lr: 0.001
files: $sorted(glob.glob("*.nii"))  # here
""",
        """\
imports:
- $import glob
lr: 0.001
files: $sorted(glob.glob("*.nii"))
""",
    ),
    Code(
        "BE022",
        "error",
        "import of a module that is not there",
        "An import statement names a module that is not installed, nor in the bundle's folder. It fails where an"
        " expression uses what it would bind.",
        """\
imports:
- $import no_such_package  # here
value: $no_such_package.read("a")
""",
        """\
imports:
- $import json
value: $json.loads("1")
""",
    ),
    Code(
        "BE023",
        "error",
        "import of a name that its module lacks",
        "`$from module import name`: the module is there, and has no such name.",
        """\
imports:
- $from json import load_all  # here
value: $load_all("1")
""",
        """\
imports:
- $from json import loads
value: $loads("1")
""",
    ),
    Code(
        "BE024",
        "error",
        "attribute that its module lacks",
        "An expression uses `module.name`, and the source of the module has no such name.",
        """\
imports:
- $import json
value: $json.load_all("1")  # here
""",
        """\
imports:
- $import json
value: $json.loads("1")
""",
    ),
)
