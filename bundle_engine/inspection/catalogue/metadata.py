"""What can be wrong with a bundle as something that is handed over: its metadata, its files, its versions."""

from __future__ import annotations

from bundle_engine.inspection.findings import Code

__all__ = ["CODES"]

_FORMAT = """\
network_data_format:
  inputs:
    image: {type: image, format: hounsfield, num_channels: 1, spatial_shape: [96, 96], dtype: float32}
  outputs:
    pred:
      type: probabilities
      num_channels: 2
"""


def _large(*fields: str) -> str:
    return "\n".join(["large_files:", f"- path: {fields[0]}", *(f"  {field}" for field in fields[1:]), ""])


_SUM = "hash_val: b1946ac92492d2347c6235b4d2611184"
_URL = "url: https://example.org/model.pt"

CODES = (
    Code(
        "BE060",
        "error",
        "no metadata",
        "A bundle says in `configs/metadata.json` (or .yaml) what it is, which versions it needs, and what its network"
        " takes and gives. Without it nobody can tell what the bundle is for, and applications cannot load it.",
        "# a bundle with configs/train.yaml, and no configs/metadata.json\n",
        "# a bundle with configs/train.yaml and configs/metadata.json\n",
    ),
    Code(
        "BE061",
        "error",
        "key missing in a description",
        "The schema asks for a key that is not there. Where a key beside is spelt almost like it, the finding points"
        " to that one.",
        "athors: Its authors  # here\n",
        "authors: Its authors\n",
    ),
    Code(
        "BE062",
        "error",
        "value that does not fit its key",
        "The schema asks for another kind of value here, another size, or one of a few words. A number that should be"
        " text, such as a version, needs quotes in YAML.",
        "version: 1.0  # here\n",
        "version: '1.0'\nchangelog: {'1.0': first version}\n",
    ),
    Code(
        "BE063",
        "warning",
        "key spelt almost like a known one",
        "Keys of one's own are allowed in metadata. This one is spelt almost like a key that means something and that"
        " is not there.",
        "intented_use: research only  # here\n",
        "intended_use: research only\n",
    ),
    Code(
        "BE064",
        "warning",
        "text that says nothing",
        "A text that the metadata has to have is there and empty. Who receives the bundle learns nothing from it.",
        'description: ""  # here\n',
        "description: A small network for the spleen in CT\n",
    ),
    Code(
        "BE065",
        "warning",
        "number that JSON does not have",
        "NaN and infinity are no numbers in JSON, and most programs refuse a file that has them.",
        "eval_metrics: {mean_dice: .nan}  # here\n",
        "eval_metrics: {mean_dice: 0.96}\n",
    ),
    Code(
        "BE066",
        "warning",
        "version that cannot be compared",
        "A version is read as Python packages have them (PEP 440): 0.10.0, 1.2.0rc1, 2.4.0+cu121. Another text cannot"
        " be compared with other versions, so nobody can tell whether it is older or newer. For the bundle's own"
        " version it is an error.",
        "pytorch_version: 2.x  # here\n",
        "pytorch_version: 2.1.0\n",
    ),
    Code(
        "BE067",
        "warning",
        "version and changelog do not agree",
        "The changelog has no entry for the version of the bundle, or has one for a later version; or there is no"
        " changelog.",
        "version: 0.2.0  # here\nchangelog: {0.1.0: first version}\n",
        "version: 0.2.0\nchangelog: {0.2.0: better weights, 0.1.0: first version}\n",
    ),
    Code(
        "BE068",
        "info",
        "package that is not as the bundle needs it",
        "A package that the metadata names is not installed here, or in an older version. The bundle may be all right;"
        " running it here may fail.",
        "required_packages_version:\n  no_such_package: 1.0.0  # here\n",
        "required_packages_version:\n  pyyaml: '5.1'\n",
    ),
    Code(
        "BE069",
        "error",
        "no config to run",
        "A bundle has at least one config beside its metadata: `configs/train.yaml`, `configs/inference.yaml`, ... in"
        " JSON or YAML.",
        "# a bundle with configs/metadata.json, and no other config\n",
        "# a bundle with configs/metadata.json and configs/train.yaml\n",
    ),
    Code(
        "BE070",
        "warning",
        "file that a bundle should have",
        "Who receives a bundle needs its licence (`LICENSE`) to be allowed to use it, and a description"
        " (`docs/README.md`) to use it rightly. One of them is not there, or empty.",
        "# a bundle without LICENSE\n",
        "# a bundle with LICENSE and docs/README.md\n",
    ),
    Code(
        "BE071",
        "info",
        "weights or large file not there",
        "A file with weights that a config loads, or a file that `large_files.yml` lists, is not in the bundle's"
        " folder. It has to be downloaded, or made by a training.",
        _large("models/model.pt  # here", _URL, _SUM),
        "# large_files.yml, and the files that it lists\n",
    ),
    Code(
        "BE072",
        "error",
        "file other than its checksum says",
        "The file is there, and its content is not the one that the checksum in `large_files.yml` was made of: it was"
        " cut off, changed, or replaced by a page that says something went wrong.",
        _large("LICENSE", _URL, f"{_SUM}  # here"),
        "# large_files.yml, and the files that it lists\n",
    ),
    Code(
        "BE073",
        "error",
        "file outside of the bundle",
        "A path in `large_files.yml` leads out of the bundle's folder. A download would write there.",
        _large("../model.pt  # here", _URL, _SUM),
        _large("models/model.pt", _URL, _SUM),
    ),
    Code(
        "BE074",
        "info",
        "file that nothing can be checked by",
        "`large_files.yml` has no checksum for this file, so nobody notices when the download gives something else."
        " A sha256 is best.",
        _large("LICENSE  # here", _URL),
        _large("models/model.pt", _URL, _SUM),
    ),
    Code(
        "BE075",
        "warning",
        "channels and their meanings differ",
        '`channel_def` says what each channel is, from "0" on; it has another number of them than `num_channels` says.'
        " A label map has one channel and may name its values there.",
        _FORMAT + '      channel_def: {"0": spleen}  # here\n',
        _FORMAT + '      channel_def: {"0": background, "1": spleen}\n',
    ),
    Code(
        "BE076",
        "error",
        "value range that is none",
        "`value_range` has the smallest and the largest value, in this order. It may be empty where they are not known,"
        " or list all values of labels, in their order.",
        _FORMAT + "      value_range: [1, 0]  # here\n",
        _FORMAT + "      value_range: [0, 1]\n",
    ),
    Code(
        "BE077",
        "error",
        "size that cannot be computed",
        "An item of `spatial_shape` is a number, a formula over n and p such as `8*n` or `2**p*n`, or `*` for any"
        " size.",
        _FORMAT + "      spatial_shape: [8*m, 8*n]  # here\n",
        _FORMAT + "      spatial_shape: [8*n, 8*n]\n",
    ),
    Code(
        "BE078",
        "warning",
        "type of numbers that is not known",
        "`dtype` is a name that both NumPy and torch have, such as float32, int64, uint8 or bool.",
        _FORMAT + "      dtype: flaot32  # here\n",
        _FORMAT + "      dtype: float32\n",
    ),
)
