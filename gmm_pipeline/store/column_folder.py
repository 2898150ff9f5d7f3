"""The folder of one column: its newest result of each stage, and how a result is published.

`results.json` names the newest manifest of each stage, and a manifest names an immutable content.
A result is published by replacing `results.json`; readers of a fit see it once a snapshot names it.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from gmm_pipeline.arrow.written_file import WrittenFile, WrittenFiles
from gmm_pipeline.atomic_write import atomic_write, flush, flush_folder, replace_folder
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store import legacy
from gmm_pipeline.store.contents import CONTENTS, content_folder, link_content
from gmm_pipeline.store.manifest import FORMAT, FileFacts, Manifest, read_manifest, versions
from gmm_pipeline.store.names import own_folder, owned_folder
from gmm_pipeline.store.result import Product, Result, content_id_of, link_files, with_id

STAGES = ("raw", "sketch", "model", "feature_rank", "transformed")
"""The folders of a column's results, in the order in which they are made."""
MANIFESTS = "manifests"
_NEWEST = "results.json"
_ATTEMPTS = 5
"""A look-up starts again when a collector removes what was named a moment ago; more than once is rare."""


class Failure(BaseModel):
    """Why the last attempt at a stage failed."""

    model_config = ConfigDict(frozen=True)

    stage: str
    error: str
    message: str
    at: datetime


class Newest(BaseModel):
    """The file names of a column's newest manifests by stage."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    manifests: dict[str, str] = {}


class ColumnFolder:
    """Results of one column.

    Parameters
    ----------
    path : Path
    column : str, optional
        The column's name. Where the file system ignores case, another column may own `path`; the
        folder then lies beside it.
    before_publishing : callable, optional
        Called before a result is written.
    """

    def __init__(
        self,
        path: Path,
        column: str | None = None,
        before_publishing: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self.column = column
        self._before_publishing = before_publishing

    @property
    def path(self) -> Path:
        """Where the column's results lie."""
        return self._path if self.column is None else owned_folder(self._path, self.column)

    def result(self, stage: str) -> Result | None:
        """Return the newest result of a stage, or None if there is none whose files are all there."""
        manifest = self.last_manifest(stage)
        for _ in range(_ATTEMPTS):
            if manifest is None:
                return None
            result = self.result_of(manifest)
            if result.is_whole():
                return result
            before, manifest = manifest, self.last_manifest(stage)
            if manifest == before:
                return None
        return None

    def result_of(self, manifest: Manifest) -> Result:
        """Return the result that a manifest of this column describes, whether its files are there or not."""
        return Result(manifest, legacy.locate(self.path, manifest))

    def last_manifest(self, stage: str) -> Manifest | None:
        """Return the manifest of a stage's newest result even if its files are gone, or None."""
        return self.manifests().get(stage)

    def manifests(self) -> dict[str, Manifest]:
        """Return the newest manifest of each stage that has one; damaged ones are left out."""
        path = self.path
        newest, found = _newest(path), dict[str, Manifest]()
        for _ in range(_ATTEMPTS):
            if newest is None:
                return legacy.manifests(path)
            found = _read_manifests(path, newest)
            before, newest = newest, _newest(path)
            if len(found) == len(before.manifests) or newest == before:
                break
        return found

    def manifest(self, name: str) -> Manifest:
        """Return a manifest by the name of its file; raise StoreError if it is gone or damaged."""
        path = self.path / MANIFESTS / name
        with suppress(FileNotFoundError, ValueError):
            return read_manifest(path)
        for manifest in legacy.all_manifests(self.path):
            if manifest.file_name == name:
                return manifest
        raise StoreError(
            f"{path} is missing or damaged",
            column=self.column,
            remedy="Compute the column again with `gmm-pipeline run --refit`",
        )

    def require(self, stage: str) -> Result:
        """Return the newest result of a stage; raise StoreError if there is none."""
        result = self.result(stage)
        if result is None:
            raise StoreError(
                f"{self.path} holds no whole result of stage {stage!r}",
                remedy="Compute it with `gmm-pipeline run`, or materialise the asset",
            )
        return result

    def publish(self, product: Product) -> Result:
        """Write a product and make it the newest result of its stage.

        Nothing is written if the product keeps a result that is made from the same.

        Raises
        ------
        StoreError
            If another run is writing to this column, or has replaced the result to be kept.
        """
        self._before_publishing()
        if self.column is not None:
            own_folder(self._path, self.column)
        with self.lock():
            present = self.result(product.stage)
            self._check_kept(product, present)
            self._remove_drafts()
            if product.keeps and product.keeps.manifest.origin == product.origin:
                return product.keeps
            draft = self._drafts / f"{product.stage}-{uuid.uuid4().hex}"
            draft.mkdir(parents=True)
            try:
                manifest = self._write(product, draft, present)
                # A disk that fills up does so before anything is in its place.
                described, named = self._describe(manifest, draft)
                folder = self._place(manifest, draft, product.keeps)
                described.replace(self.path / MANIFESTS / manifest.file_name)
                named.replace(self.path / _NEWEST)
            finally:
                self._remove_drafts()
            return Result(manifest, folder)

    def upgrade(self) -> None:
        """Name the results of version 0.1.0 as today's are named; their files stay where they are."""
        newest = legacy.manifests(self.path)
        if _newest(self.path) is not None or not newest:
            return
        with self.lock():
            for manifest in legacy.all_manifests(self.path):
                _write_flushed(self.path / MANIFESTS / manifest.file_name, manifest.text)
            named = Newest(manifests={each.stage: each.file_name for each in newest.values()})
            _write_flushed(self.path / _NEWEST, named.model_dump_json(indent=2))

    def link(self, contents: Mapping[str, str]) -> None:
        """Let the stages' plain folders show these contents, and no other."""
        for stage in STAGES:
            link_content(self.path, stage, contents.get(stage), self._drafts)

    def flush(self) -> None:
        """Bring the names of results and manifests to the disk; their bytes are there already."""
        for folder in (self.path / CONTENTS, self.path / MANIFESTS, self.path):
            flush_folder(folder)

    def collect(self, contents: Collection[tuple[str, str]], manifests: Collection[str]) -> None:
        """Remove results that nothing names, unless another run is writing to this column.

        Parameters
        ----------
        contents : collection of (str, str)
            Stage and id of the contents that snapshots name; the newest stay as well.
        manifests : collection of str
            File names of the manifests that they name.
        """
        with suppress(StoreError), self.lock():
            newest = self.manifests()
            kept = {(each.stage, each.content_id) for each in newest.values()} | set(contents)
            names = {content_folder(self.path, *content).name for content in kept}
            for folder in (self.path / CONTENTS).glob("*"):
                if folder.name not in names:
                    shutil.rmtree(folder, ignore_errors=True)
            pointers = _newest(self.path) or Newest()
            for path in (self.path / MANIFESTS).glob("*"):
                if path.name not in {*manifests, *pointers.manifests.values()}:
                    path.unlink(missing_ok=True)
            for earlier in (self.path / legacy.EARLIER).glob("*"):
                if ("model", content_id_of(earlier / "model")) not in kept:
                    shutil.rmtree(earlier, ignore_errors=True)
            self._remove_drafts()

    def tidy(self) -> None:
        """Remove what a killed run left behind, unless another run is writing to this column."""
        if self._drafts.exists():
            with suppress(StoreError), self.lock():
                self._remove_drafts()

    def record_failure(self, stage: str, error: BaseException) -> None:
        """Remember why a stage failed."""
        if self.column is not None:
            own_folder(self._path, self.column)
        failure = Failure(
            stage=stage, error=type(error).__name__, message=str(error), at=datetime.now(UTC)
        )
        self.path.mkdir(parents=True, exist_ok=True)
        with atomic_write(self._failure_path) as partial:
            partial.write_text(failure.model_dump_json(indent=2), encoding="utf-8")

    def clear_failure(self) -> None:
        """Forget the last failure."""
        self._failure_path.unlink(missing_ok=True)

    def failure(self) -> Failure | None:
        """Return why the last attempt failed, if it did."""
        try:
            return Failure.model_validate_json(self._failure_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other writers out of this column; raise StoreError if there is one."""
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", blocking=False):
                yield
        except Timeout as error:
            raise self._taken() from error

    @property
    def _drafts(self) -> Path:
        return self.path / ".drafts"

    @property
    def _failure_path(self) -> Path:
        return self.path / "failure.json"

    def _taken(self) -> StoreError:
        return StoreError(
            f"another run is writing to {self.path}",
            remedy="Wait for it to end, then run again; what it finished is not redone",
        )

    def _remove_drafts(self) -> None:
        """Remove all drafts; the lock keeps those of other living runs out."""
        shutil.rmtree(self._drafts, ignore_errors=True)
        for partial in self.path.glob(".*.json.*"):
            partial.unlink(missing_ok=True)

    def _check_kept(self, product: Product, present: Result | None) -> None:
        if product.keeps and (
            present is None or present.manifest.content != product.keeps.manifest.content
        ):
            raise self._taken()

    def _write(self, product: Product, draft: Path, present: Result | None) -> Manifest:
        started = time.perf_counter()
        made = product.write(draft)
        files = _facts(draft, made.files)
        manifest = Manifest(
            format=FORMAT,
            column=product.column,
            stage=product.stage,
            rows=product.rows,
            columns=product.columns,
            files={**(product.keeps.kept_files() if product.keeps else {}), **files},
            origin=product.origin,
            continues=product.continues,
            versions=versions(),
            created=datetime.now(UTC),
            seconds=time.perf_counter() - started,
            summary=made.summary,
        )
        if present is None or present.manifest.content != manifest.content:
            return manifest
        # The same content is as old as it was, however often it is computed.
        return manifest.model_copy(
            update={"created": present.manifest.created, "confirmed": manifest.created}
        )

    def _place(self, manifest: Manifest, draft: Path, kept: Result | None) -> Path:
        """Make the files of a draft a content of their own, unless it is there and sound."""
        target = content_folder(self.path, manifest.stage, manifest.content_id)
        present = Result(manifest, legacy.locate(self.path, manifest))
        if present.folder.is_dir() and (kept is not None and present.is_whole()):
            return present.folder
        if present.folder.is_dir() and kept is None and present.is_sound():
            return present.folder
        for file in [entry for entry in draft.iterdir() if entry.is_file()]:
            file.rename(draft / with_id(Path(file.name), manifest.content_id))
        if kept:
            link_files(kept, draft)
        flush_folder(draft)
        target.parent.mkdir(exist_ok=True)
        replace_folder(draft, target)
        return target

    def _describe(self, manifest: Manifest, draft: Path) -> tuple[Path, Path]:
        """Write a manifest, and the names of the newest with it among them; return both drafts."""
        (self.path / MANIFESTS).mkdir(exist_ok=True)
        newest = _newest(self.path) or Newest()
        named = Newest(manifests={**newest.manifests, manifest.stage: manifest.file_name})
        drafts = draft.with_suffix(".manifest"), draft.with_suffix(".newest")
        for path, text in zip(
            drafts, (manifest.text, named.model_dump_json(indent=2)), strict=True
        ):
            path.write_text(text, encoding="utf-8")
            flush(path)
        return drafts


def _read_manifests(path: Path, newest: Newest) -> dict[str, Manifest]:
    found: dict[str, Manifest] = {}
    for stage, name in newest.manifests.items():
        with suppress(FileNotFoundError, ValueError):
            found[stage] = read_manifest(path / MANIFESTS / name)
    return found


def _newest(path: Path) -> Newest | None:
    """Return which manifests are a column's newest; None if it is of the layout of version 0.1.0."""
    try:
        return Newest.model_validate_json((path / _NEWEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValidationError, UnicodeDecodeError):
        return Newest()


def _write_flushed(path: Path, text: str) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")
        flush(partial)


def _facts(draft: Path, known: WrittenFiles) -> dict[str, FileFacts]:
    """Bring the files of a draft to the disk, except the known ones, and return the facts of all."""
    names = sorted(
        path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file()
    )
    others = [name for name in names if name not in known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        flushed = pool.map(WrittenFile.flushed, (draft / name for name in others))
        written = {**known, **dict(zip(others, flushed, strict=True))}
    return {name: FileFacts.told(written[name]) for name in names}
