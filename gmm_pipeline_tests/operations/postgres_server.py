"""A PostgreSQL server of the machine's own installation, on the loopback address."""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from running_dagster import wait_for

USER = "dagster"


@contextmanager
def postgres_server() -> Iterator[int]:
    """Start a server with a user and a database `dagster`; give its port. Without PostgreSQL on the
    machine the test is skipped.
    """
    installed = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(installed[-1]) if installed else shutil.which("initdb")
    if found is None:
        pytest.skip("no PostgreSQL server: install it, on Debian by `apt-get install postgresql`")
    programs = pathlib.Path(found).parent
    # It refuses to run as root, and its user cannot look into root's temporary folders.
    owner = "nobody" if os.geteuid() == 0 else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    if owner is not None:
        os.chown(folder, pwd.getpwnam(owner).pw_uid, -1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "--no-sync"],
        user=owner,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    settings = ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off"]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-p", str(port)]
        + [part for setting in settings for part in ("-c", setting)],
        user=owner,
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )
    try:
        create = [programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", USER, USER]
        wait_for(
            lambda: subprocess.run(create, capture_output=True, check=False).returncode == 0,
            "the database to be created",
        )
        yield port
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
        shutil.rmtree(folder)
