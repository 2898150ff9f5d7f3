"""Which processes of this machine are there: tests look for what Spark leaves behind."""

import psutil


def commands() -> dict[int, str]:
    """Return the command line of each process of the machine."""
    return {
        process.pid: " ".join(process.info["cmdline"] or [])
        for process in psutil.process_iter(["cmdline"])
    }


def family(process: int) -> list[int]:
    """Return a process and all that it has started, by number."""
    return [process, *(child.pid for child in psutil.Process(process).children(recursive=True))]
