"""The folder of one column: its newest result of each stage, and how a result is published.

`results.json` names the newest manifest of each stage, and a manifest names an immutable content.
A result is published by replacing `results.json`; readers of a fit see it once a snapshot names it.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from gmm_pipeline.atomic_write import flush_folder, remove_leftovers, write_durably
from gmm_pipeline.errors import RECOMPUTE, StoreError
from gmm_pipeline.store import legacy
from gmm_pipeline.store.contents import CONTENTS, content_folder, link_content
from gmm_pipeline.store.draft import Draft
from gmm_pipeline.store.failure import Failure, read_failure, remove_failure, write_failure
from gmm_pipeline.store.manifest import Manifest, read_manifest
from gmm_pipeline.store.names import own_folder, owned_folder
from gmm_pipeline.store.newest import (
    MANIFESTS,
    NEWEST,
    Newest,
    read_manifests,
    read_newest,
)
from gmm_pipeline.store.result import Product, Result, content_id_of

STAGES = ("raw", "sketch", "model", "feature_rank", "transformed")
"""The folders of a column's results, in the order in which they are made."""
_ATTEMPTS = 5
"""A look-up starts again when what was named a moment ago is collected: hardly ever twice."""


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
        self._owned: Path | None = path if column is None else None

    @property
    def path(self) -> Path:
        """Where the column's results lie."""
        if self._owned is None and self.column is not None:
            # Once a folder has an owner, it keeps it.
            self._owned = owned_folder(self._path, self.column)
        return self._owned or self._path

    def result(self, stage: str) -> Result | None:
        """Return the newest result of a stage; None if there is none, or files of it are gone."""
        manifest = self.last_manifest(stage)
        for _ in range(_ATTEMPTS):
            if manifest is None:
                return None
            result = self.result_of(manifest)
            if result.is_complete():
                return result
            before, manifest = manifest, self.last_manifest(stage)
            if manifest == before:
                return None
        return None

    def result_of(self, manifest: Manifest) -> Result:
        """Return the result that a manifest describes, whether its files are there or not."""
        return Result(manifest, legacy.locate(self.path, manifest))

    def last_manifest(self, stage: str) -> Manifest | None:
        """Return the manifest of a stage's newest result even if its files are gone, or None."""
        return self.manifests().get(stage)

    def manifests(self) -> dict[str, Manifest]:
        """Return the newest manifest of each stage that has one; damaged ones are left out."""
        path = self.path
        newest, found = read_newest(path), dict[str, Manifest]()
        for _ in range(_ATTEMPTS):
            if newest is None:
                return legacy.manifests(path)
            found = read_manifests(path, newest)
            before, newest = newest, read_newest(path)
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
            remedy=f"Compute the column again: {RECOMPUTE}",
        )

    def require(self, stage: str) -> Result:
        """Return the newest result of a stage; raise StoreError if there is none."""
        result = self.result(stage)
        if result is None:
            raise StoreError(
                f"{self.path} holds no complete result of stage {stage!r}",
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
        self.upgrade()
        if self.column is not None:
            own_folder(self._path, self.column)
        with self.lock():
            present = self.result(product.stage)
            self._check_kept(product, present)
            self._remove_drafts()
            if product.keeps and product.keeps.manifest.origin == product.origin:
                return product.keeps
            folder = self._drafts / f"{product.stage}-{uuid.uuid4().hex}"
            try:
                return Draft.write(self.path, folder, product, present).publish()
            finally:
                self._remove_drafts()

    def upgrade(self) -> None:
        """Name the results of version 0.1.0 as those of today; their files stay in place."""
        newest = legacy.manifests(self.path)
        if read_newest(self.path) is not None or not newest:
            return
        with self.lock():
            for manifest in legacy.all_manifests(self.path):
                write_durably(self.path / MANIFESTS / manifest.file_name, manifest.text)
            named = Newest(manifests={each.stage: each.file_name for each in newest.values()})
            write_durably(self.path / NEWEST, named.model_dump_json(indent=2))

    def link(self, contents: Mapping[str, str]) -> None:
        """Let the stages' plain folders show these contents, and no other."""
        for stage in STAGES:
            link_content(self.path, stage, contents.get(stage))

    def flush(self) -> None:
        """Bring the names of results and manifests to the disk; their bytes are there already."""
        for folder in (self.path / CONTENTS, self.path / MANIFESTS, self.path, self.path.parent):
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
            pointers = read_newest(self.path)
            if pointers is None:
                return
            newest = self.manifests()
            kept = {(each.stage, each.content_id) for each in newest.values()} | set(contents)
            names = {content_folder(self.path, *content).name for content in kept}
            for folder in (self.path / CONTENTS).glob("*"):
                if folder.name not in names:
                    shutil.rmtree(folder, ignore_errors=True)
            for path in (self.path / MANIFESTS).glob("*"):
                if path.name not in {*manifests, *pointers.manifests.values()}:
                    path.unlink(missing_ok=True)
            for earlier in (self.path / legacy.EARLIER).glob("*"):
                if ("model", content_id_of(earlier / "model")) not in kept:
                    shutil.rmtree(earlier, ignore_errors=True)
            self._remove_drafts()
            remove_leftovers(self.path)

    def tidy(self) -> None:
        """Remove what a killed run left behind, unless another run is writing to this column."""
        if self._drafts.exists():
            with suppress(StoreError), self.lock():
                self._remove_drafts()

    def record_failure(self, stage: str, error: BaseException) -> None:
        """Remember why a stage failed."""
        if self.column is not None:
            own_folder(self._path, self.column)
        write_failure(self.path, stage, error)

    def clear_failure(self) -> None:
        """Forget the last failure."""
        remove_failure(self.path)

    def failure(self) -> Failure | None:
        """Return why the last attempt failed, if it did."""
        return read_failure(self.path)

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

    def _taken(self) -> StoreError:
        return StoreError(
            f"another run is writing to {self.path}",
            remedy="Wait for it to end, then run again; what it finished is not redone",
        )

    def _remove_drafts(self) -> None:
        """Remove all drafts; the lock keeps those of other living runs out."""
        shutil.rmtree(self._drafts, ignore_errors=True)

    def _check_kept(self, product: Product, present: Result | None) -> None:
        if product.keeps and (
            present is None or present.manifest.content != product.keeps.manifest.content
        ):
            raise self._taken()
