"""The entry point of the command `v2m`: Ctrl-C ends it in one line, also while its modules are being imported."""

import os
import signal

_INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    # The imports take most of a second, and in the middle of one KeyboardInterrupt would end in a long traceback.
    # A shell that starts a command in the background has SIGINT ignored: that stays.
    watched = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if watched:
        signal.signal(signal.SIGINT, _exit_at_once)
    from cli.app import app

    if watched:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    app(prog_name="v2m")


def _exit_at_once(*_: object) -> None:
    os.write(2, b"v2m: interrupted\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
