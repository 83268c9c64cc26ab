"""What names mean for trust: functions that reach out of the program, arguments that take paths, kinds of weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from bundle_engine.inspection.manifest.entries import Mode

__all__ = ["FUNCTIONS_ON_FILES", "WEIGHTS", "judge", "judge_attribute", "mode_of_argument", "urls_in", "weights_kind"]


class Judgement(NamedTuple):
    """What kind of thing a name reaches, and what it can do."""

    kind: str
    why: str


_CODE = Judgement("code", "runs code from text")
_PROGRAM = Judgement("program", "starts programs or ends processes")
_OPENS = Judgement("file", "opens files")
_CHANGES = Judgement("file", "deletes, moves or changes files")
_SYSTEM = Judgement("file", "asks the operating system")
_PICKLE = Judgement("unpickling", "loading may run code that the file holds")
_NETWORK = Judgement("network", "uses the network")
_NATIVE = Judgement("native", "calls native code")
_IMPORT = Judgement("import", "imports by name, or changes what is imported")
_ENVIRONMENT = Judgement("environment", "reads or sets environment variables")
_NAMES = Judgement("internals", "reaches names by text")
_INTERNALS = Judgement("internals", "reaches into Python's internals")
_STOPS = Judgement("code", "waits for somebody at the terminal")
_HARMLESS: Judgement | None = None

# the longest prefix counts
_NAMES_AND_MEANINGS: Mapping[str, Judgement | None] = {
    **dict.fromkeys(("eval", "exec", "compile", "code", "codeop", "timeit", "torch.compile"), _CODE),
    "torch.compile": _HARMLESS,
    **dict.fromkeys(
        ("subprocess", "pty", "multiprocessing", "torch.multiprocessing.spawn", "os.system", "os.popen", "os.fork",
         "os.forkpty", "os.kill", "os.killpg", "os.abort", "os._exit", "os.startfile", "asyncio.create_subprocess_exec",
         "asyncio.create_subprocess_shell", "posix.system", "nt.system", "signal"),
        _PROGRAM,
    ),
    **dict.fromkeys(
        ("open", "io.open", "io.FileIO", "os.open", "os.fdopen", "codecs.open", "gzip.open", "bz2.open", "lzma.open",
         "zipfile", "tarfile", "tempfile", "fileinput", "mmap", "sqlite3", "h5py"),
        _OPENS,
    ),
    **dict.fromkeys(
        ("shutil", "os.remove", "os.unlink", "os.rmdir", "os.removedirs", "os.rename", "os.renames", "os.replace",
         "os.truncate", "os.chmod", "os.chown", "os.link", "os.symlink", "os.mkdir", "os.makedirs", "os.mkfifo"),
        _CHANGES,
    ),
    "os": _SYSTEM,
    "posix": _SYSTEM,
    "os.path": _HARMLESS,
    "os.sep": _HARMLESS,
    "os.PathLike": _HARMLESS,
    "os.fspath": _HARMLESS,
    "os.cpu_count": _HARMLESS,
    "posixpath": _HARMLESS,
    "genericpath": _HARMLESS,
    **dict.fromkeys(("os.environ", "os.environb", "os.getenv", "os.putenv", "os.unsetenv", "env"), _ENVIRONMENT),
    **dict.fromkeys(
        ("pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "torch.load",
         "torch.jit.load", "torch.jit._serialization.load", "torch.serialization.load", "torch.package",
         "torch.export.load",
         "torch.utils.model_zoo", "numpy.load", "pandas.read_pickle", "yaml.load", "yaml.load_all",
         "yaml.unsafe_load", "yaml.full_load", "onnxruntime", "tensorrt"),
        _PICKLE,
    ),
    **dict.fromkeys(
        ("socket", "ssl", "urllib", "urllib3", "http", "requests", "httpx", "aiohttp", "ftplib", "smtplib", "telnetlib",
         "xmlrpc", "paramiko", "gdown", "boto3", "wget", "webbrowser", "websocket", "websockets", "grpc",
         "huggingface_hub", "torch.hub", "monai.apps.utils.download_url", "monai.apps.utils.download_and_extract",
         "monai.apps.download_url", "monai.apps.download_and_extract", "monai.bundle.download", "monai.bundle.load",
         "monai.bundle.scripts", "mlflow", "wandb", "comet_ml"),
        _NETWORK,
    ),
    "urllib.parse": _HARMLESS,
    "urllib.error": _HARMLESS,
    "http.client.HTTPException": _HARMLESS,
    "http.client.HTTPResponse": _HARMLESS,
    **dict.fromkeys(("ctypes", "_ctypes", "cffi", "torch.ops.load_library", "torch.utils.cpp_extension"), _NATIVE),
    **dict.fromkeys(
        ("__import__", "importlib", "runpy", "pkgutil", "imp", "zipimport", "site", "sys.path", "sys.modules",
         "sys.meta_path", "sys.path_hooks", "monai.utils.optional_import", "monai.utils.module.optional_import"),
        _IMPORT,
    ),
    **dict.fromkeys(
        ("globals", "locals", "vars", "getattr", "setattr", "delattr", "operator.attrgetter", "operator.methodcaller"),
        _NAMES,
    ),
    **dict.fromkeys(
        ("gc", "inspect", "sys._getframe", "sys.settrace", "sys.setprofile", "builtins.__dict__", "types.CodeType",
         "types.FunctionType"),
        _INTERNALS,
    ),
    **dict.fromkeys(("breakpoint", "pdb", "bdb", "input"), _STOPS),
}  # fmt: skip
_REACHING = frozenset(
    {"builtins", "os", "posix", "subprocess", "sys", "shutil", "pickle", "socket", "ctypes", "importlib"}
)
_STARTS = re.compile(r"(?:os|posix|nt)\.(?:exec|spawn|posix_spawn)\w*$")
_INTERNAL = re.compile(r"__(?:\w+)__$")
_KNOWN_DUNDERS = frozenset({"__name__", "__len__", "__version__", "__doc__", "__call__", "__init__", "__file__"})
_METHODS: Mapping[str, Judgement] = {
    **dict.fromkeys(("write_text", "write_bytes", "unlink", "rmdir", "touch", "symlink_to", "hardlink_to"), _CHANGES),
    **dict.fromkeys(("read_text", "read_bytes", "extractall"), _OPENS),
    **dict.fromkeys(("system", "popen"), _PROGRAM),
    **dict.fromkeys(("exec_module", "load_module"), _IMPORT),
    **dict.fromkeys(("f_globals", "f_builtins", "f_locals", "gi_frame", "cr_frame", "tb_frame"), _INTERNALS),
}


def judge(name: str) -> Judgement | None:
    """Say what a dotted name reaches that a person should know of; None for what is harmless or not known.

    A module that is reached through another one, as in ``monai.utils.os.system``, is judged as itself.
    """
    parts = name.split(".")
    for number in range(len(parts) - 1):
        if (number == 0 or parts[number] in _REACHING) and (found := _judged(".".join(parts[number:]))) is not None:
            return found
    return _judged(name)


def _judged(name: str) -> Judgement | None:
    name = name.removeprefix("builtins.")
    if _STARTS.match(name):
        return _PROGRAM
    prefix = name
    while prefix:
        if prefix in _NAMES_AND_MEANINGS:
            return _NAMES_AND_MEANINGS[prefix]
        prefix = prefix.rpartition(".")[0]
    return None


def judge_attribute(name: str) -> Judgement | None:
    """Say what an attribute reaches, of whatever object it is."""
    if _INTERNAL.match(name) and name not in _KNOWN_DUNDERS:
        return _INTERNALS
    return _METHODS.get(name)


# --- files ---

_READS = frozenset(
    {"load_path", "data_dir", "dataset_dir", "data_list_file_path", "datalist_path", "datalist", "json_path",
     "image_dir", "images_dir", "label_dir", "labels_dir", "input_dir", "input_path", "checkpoint_path", "model_path",
     "weights_path",
     "pretrained_path", "pretrained", "config_file", "csv_file", "dataset_path", "data_root", "src_dir", "base_dir",
     "ckpt_path", "pretrained_model_path", "label_path", "image_path"}
)  # fmt: skip
_WRITES = frozenset(
    {"save_dir", "output_dir", "log_dir", "logdir", "save_path", "output_path", "results_dir", "result_dir", "tb_dir",
     "tensorboard_dir", "final_filename", "key_metric_filename", "summary_dir", "out_dir", "out_file", "export_path",
     "stats_path", "log_file"}
)  # fmt: skip
_PATHS = re.compile(r"(?:^|_)(?:dir|directory|path|file|filename|filepath|folder|root|uri|ckpt|checkpoint)$")
_NO_PATHS = frozenset({"separate_folder", "root", "track_uri", "ndim_path"})

#: functions that take a path: what they do with it, the position of the argument, its name
FUNCTIONS_ON_FILES: Mapping[str, tuple[Mode, int, str]] = {
    "open": ("reads or writes", 0, "file"),
    "torch.load": ("reads", 0, "f"),
    "torch.save": ("writes", 1, "f"),
    "torch.jit.load": ("reads", 0, "f"),
    "torch.jit.save": ("writes", 1, "f"),
    "numpy.load": ("reads", 0, "file"),
    "numpy.loadtxt": ("reads", 0, "fname"),
    "numpy.save": ("writes", 0, "file"),
    "numpy.savez": ("writes", 0, "file"),
    "numpy.savetxt": ("writes", 0, "fname"),
    "nibabel.load": ("reads", 0, "filename"),
    "pandas.read_csv": ("reads", 0, "filepath_or_buffer"),
    "pandas.read_json": ("reads", 0, "path_or_buf"),
    "glob.glob": ("reads", 0, "pathname"),
    "glob.iglob": ("reads", 0, "pathname"),
    "os.listdir": ("reads", 0, "path"),
    "os.scandir": ("reads", 0, "path"),
    "os.walk": ("reads", 0, "top"),
    "os.makedirs": ("writes", 0, "name"),
    "os.mkdir": ("writes", 0, "path"),
    "os.remove": ("writes", 0, "path"),
    "shutil.rmtree": ("writes", 0, "path"),
    "monai.data.load_decathlon_datalist": ("reads", 0, "data_list_file_path"),
    "monai.data.load_decathlon_properties": ("reads", 0, "data_property_file_path"),
    "monai.bundle.load_bundle_config": ("reads", 0, "bundle_path"),
}


def mode_of_argument(name: str) -> Mode | None:
    """Say what happens to the file or folder that an argument of some name is; None where it is probably none."""
    if name in _READS:
        return "reads"
    if name in _WRITES:
        return "writes"
    return "reads or writes" if _PATHS.search(name) and name not in _NO_PATHS else None


# --- weights ---

#: kinds of files with weights by their suffixes, and whether loading one may run code
WEIGHTS: Mapping[str, tuple[str, bool]] = {
    ".pt": ("PyTorch checkpoint (pickle)", True),
    ".pth": ("PyTorch checkpoint (pickle)", True),
    ".ckpt": ("PyTorch checkpoint (pickle)", True),
    ".bin": ("PyTorch checkpoint (pickle)", True),
    ".pkl": ("pickle", True),
    ".pickle": ("pickle", True),
    ".joblib": ("pickle", True),
    ".ts": ("TorchScript", True),
    ".pt2": ("exported program", True),
    ".onnx": ("ONNX graph", False),
    ".trt": ("TensorRT engine", True),
    ".engine": ("TensorRT engine", True),
    ".safetensors": ("safetensors: weights only", False),
    ".npz": ("NumPy arrays", False),
    ".h5": ("HDF5", False),
}
_SUFFIX = re.compile(r"\.[A-Za-z0-9]+$")
_URL = re.compile(r"\b(?:https?|ftp|sftp|s3|gs|hf|file|git\+https?|ssh)://[^\s'\"<>\\^`{|}]+", re.IGNORECASE)


def weights_kind(path: str) -> tuple[str, bool] | None:
    """Say what kind of weights a file holds by its name, and whether loading it may run code; None for other files."""
    found = _SUFFIX.search(path)
    return WEIGHTS.get(found.group().lower()) if found else None


def urls_in(text: str) -> list[str]:
    """Give the addresses in a text."""
    return [url.rstrip(".,;:!?)]") for url in _URL.findall(text)] if "://" in text else []
