"""Processes that run columns for this one, each one after the other.

Dagster's own work on a column is Python, of which a process does one thing at a time: threads alone
would keep little more than one core busy with many small columns.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from gmm_pipeline.orchestration.column_runner import ColumnRun, ColumnRunner

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from types import TracebackType

    from gmm_pipeline.fits.stages import Stage

MakeRunner: TypeAlias = Callable[[Event], ColumnRunner]
"""Makes what runs columns until an event is set; it is sent to the processes."""
_STARTED, _STOP = "started", "stop"
_LOOK_EVERY = 1.0
"""Seconds."""


class ProcessGoneError(Exception):
    """A process is no longer there."""


@dataclass(frozen=True)
class _Ended:
    """How a run ended: with an error, or well if that is None."""

    error: str | None


class ColumnProcess:
    """A process that runs columns. It ends with this one, whatever ends that; what interrupts this
    one it ignores.
    """

    def __init__(self, make: MakeRunner) -> None:
        context = get_context("spawn")
        self._connection, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end, make), daemon=True)
        # A process inherits which signals are blocked; starting Python's tracker of resources
        # unblocks them.
        resource_tracker.ensure_running()
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        other_end.close()
        self._started = False
        self._sending = Lock()

    def has_started(self) -> bool:
        """Whether columns can be run; it takes seconds."""
        if not self._started and self._connection.poll():
            with suppress(EOFError, ConnectionError):
                self._started = self._connection.recv() == _STARTED
        return self._started

    def run(self, asked: ColumnRun, on_stage: Callable[[Stage], None]) -> str | None:
        """Run some of a column's stages in order, and tell of each that is done; return the error
        that ended it.

        Raises
        ------
        KeyboardInterrupt
            If a stage did not begin as the runs are stopping.
        ProcessGoneError
        Exception
            That was raised there.
        """
        self._send(asked)
        while not isinstance(told := self._receive(), _Ended):
            if isinstance(told, BaseException):
                raise told
            on_stage(told)
        return told.error

    def stop(self) -> None:
        """Let no further stage begin."""
        with suppress(ProcessGoneError):
            self._send(_STOP)

    def end(self) -> None:
        """End the process, and what it is doing."""
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _send(self, told: ColumnRun | str) -> None:
        with self._sending:
            try:
                self._connection.send(told)
            except ConnectionError as error:
                raise ProcessGoneError from error

    def _receive(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, ConnectionError) as error:
            raise ProcessGoneError from error


class ColumnProcesses:
    """So many processes, for as long as the context lasts."""

    def __init__(self, make: MakeRunner, number: int) -> None:
        self._all: list[ColumnProcess] = []
        try:
            for _ in range(number):
                self._all.append(ColumnProcess(make))
        except BaseException:
            self.end()
            raise
        self._free = list(self._all)
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @contextmanager
    def free(self) -> Iterator[ColumnProcess | None]:
        """Give a process that has nothing to do, if there is one; one whose use fails is not given
        again.
        """
        with self._lock:
            process = next((each for each in self._free if each.has_started()), None)
            self._free = [each for each in self._free if each is not process]
        yield process
        if process is not None:
            with self._lock:
                self._free.append(process)

    def stop(self) -> None:
        """Let no further stage begin."""
        for process in self._all:
            process.stop()

    def end(self) -> None:
        """End the processes, and what they are doing."""
        for process in self._all:
            process.end()


def _serve(connection: Connection[Any, Any], make: MakeRunner) -> None:
    """Run the columns that are asked for, until the process that asks is gone."""
    asked: SimpleQueue[ColumnRun] = SimpleQueue()
    stopping = Event()
    # Dagster minds signals in the main thread.
    running = Thread(target=_run_columns, args=(connection, make, asked, stopping), daemon=True)
    running.start()
    try:
        while running.is_alive():
            if connection.poll(_LOOK_EVERY):
                told = connection.recv()
                if told == _STOP:
                    stopping.set()
                else:
                    asked.put(told)
    except (EOFError, ConnectionError):
        pass
    finally:
        os._exit(1)


def _run_columns(
    connection: Connection[Any, Any],
    make: MakeRunner,
    asked: SimpleQueue[ColumnRun],
    stopping: Event,
) -> None:
    runner = make(stopping)
    connection.send(_STARTED)
    while True:
        ended: _Ended | BaseException
        try:
            ended = _Ended(runner.run(asked.get(), connection.send))
        except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - raised where it was asked for
            error.add_note(traceback.format_exc())
            ended = error
        connection.send(ended)
