"""Turn into a command that ends when the process that started it does; run as a script, before the command.

It is a step of its own because what is set here has to be set in the new process, and running Python between fork and
exec is not safe in a program with threads.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become a command.

    Args:
        arguments: number of the process that started this one, and the words of the command.
    """
    parent, *command = arguments
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # as schedulers do, so that it saves
        if os.getppid() != int(parent):
            sys.exit(143)  # it has ended already
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, [])  # ray, for one, holds signals back
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what runs in the background of a shell does not listen to it
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what is ignored is inherited
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"error: '{command[0]}' cannot be started: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
