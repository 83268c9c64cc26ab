"""What can be wrong with references and macros."""

from __future__ import annotations

from bundle_engine.inspection.findings import Code

__all__ = ["CODES"]

CODES = (
    Code(
        "BE010",
        "error",
        "reference that leads to nothing",
        "`@id` refers to an id that no file has. Resolving it fails, unless it has a default: `@id ?? 3`. If one of"
        " the files is broken, the id may stand in that one, and this is a warning.",
        """\
learning_rate: 0.001
half: $@learning_rte / 2  # here
""",
        """\
learning_rate: 0.001
half: $@learning_rate / 2
""",
    ),
    Code(
        "BE011",
        "error",
        "relative id that goes up past the root",
        "`@::x` is a sibling, and each further separator goes one level up. This one goes further up than there are"
        " levels.",
        """\
x: 1
train:
  y: "@::::::x"  # here
""",
        """\
x: 1
train:
  y: "@::::x"
""",
    ),
    Code(
        "BE012",
        "warning",
        "text that looks like a reference",
        "The text begins with `@`, but is no reference: an id has letters, digits and underscores only, so `@my-key`"
        " and `@key ` (with a blank behind it) stay text. If text is meant, write `\\@`.",
        """\
my_key: 3
value: "@my-key"  # here
""",
        """\
my_key: 3
value: "@my_key"
""",
    ),
    Code(
        "BE013",
        "warning",
        "text that looks like an expression",
        "The text can be read as Python that calls something or computes with references, but it does not begin with"
        " `$`, so it stays text.",
        """\
lr: 0.001
device: torch.device("cuda:0")  # here
""",
        """\
lr: 0.001
device: $torch.device("cuda:0")
""",
    ),
    Code(
        "BE014",
        "error",
        "circle",
        "References, macros or `_extends_` lead back to where they began, so there is no order in which they could"
        " be resolved.",
        """\
a: "@b"  # here
b: $@a + 1
""",
        """\
a: "@b"
b: 1
""",
    ),
    Code(
        "BE015",
        "error",
        "value left open",
        "`???` says that somebody must set this value, in another file or on the command line, and nobody did.",
        """\
epochs: ???  # here
""",
        """\
epochs: 10
""",
    ),
    Code(
        "BE016",
        "error",
        "macro that leads to nothing",
        "`%id` copies the text that stands at an id, and there is nothing at this one.",
        """\
train:
  batch_size: 2
batch: "%train::batchsize"  # here
""",
        """\
train:
  batch_size: 2
batch: "%train::batch_size"
""",
    ),
    Code(
        "BE017",
        "error",
        "file of a macro that cannot be read",
        "`%file.yaml::id` copies text from a file. It is looked for beside the file that holds the macro, in the"
        " bundle's root and in the working directory, and it is not there, or cannot be read.",
        """\
batch: "%no_such_file.yaml::batch"  # here
""",
        """\
batch: 2
""",
    ),
)
