"""The options that say how a run is shown, recorded and resumed."""

from __future__ import annotations

from bundle_engine.cli.command import Option

__all__ = ["RECORDING"]

RECORDING = (
    Option(
        "resume",
        "optional",
        "[RUN]",
        "go on with a run that was stopped: its folder or a part of its name; alone, the newest one of this bundle and"
        " workflow that has not ended. What it was run with counts, but for what the command line says",
    ),
    Option(
        "output_dir",
        "text",
        "DIR",
        "write the record of the run to this folder; sets the id output_dir, too, if the config has it (default: a"
        " folder of its own in runs/, or in the one that BUNDLE_ENGINE_RUNS names)",
    ),
    Option("run_name", "text", "NAME", "name of the record's folder, behind the time (default: that of the workflow)"),
    Option("record", "switch", "", "--record false: keep no record of the run, and no checkpoints to resume it from"),
    Option(
        "checkpoint_interval",
        "text",
        "N",
        "epochs from one checkpoint of a training to the next, from which --resume goes on; 0 for none (default: 1)",
    ),
    Option(
        "progress",
        "text",
        "MODE",
        "how to show how far it is: bar, a board on the terminal; plain, lines in the log; none; auto, which is bar on"
        " a terminal and plain elsewhere (default: auto)",
    ),
)
