"""The folder of one column: its results by stage, each replaced as a whole.

`<stage>/` holds the files of a result, and `manifests/` its manifest. The files carry the id of the
content in their names, and the manifest has it in its own, so that whichever of two contents is in
place, its manifest is at hand: it is written before the folder is put in place, and the old one is
removed after. `earlier/` keeps models and rankings that others have taken the place of, each in a
folder of the same layout.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from gmm_pipeline.arrow.written_file import WrittenFile, WrittenFiles
from gmm_pipeline.atomic_write import atomic_write, flush, replace_folder
from gmm_pipeline.errors import StoreError
from gmm_pipeline.store.earlier import keep_earlier
from gmm_pipeline.store.manifest import FileFacts, Manifest, versions
from gmm_pipeline.store.result import Product, Result, content_id_of, link_files, with_id

EARLIER = "earlier"
FITTED = ("model", "feature_rank")
"""The stages that make up a fit: what encoding and decoding need."""
_ATTEMPTS = 8
_PAUSE = 0.02


class Failure(BaseModel):
    """Why the last attempt at a stage failed."""

    model_config = ConfigDict(frozen=True)

    stage: str
    error: str
    message: str
    at: datetime


class ColumnFolder:
    """Results of one column.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def result(self, stage: str) -> Result | None:
        """Return the result of a stage, or None if there is none that is whole."""
        folder = self.path / stage
        for attempt in range(_ATTEMPTS):
            if not folder.is_dir():
                return None
            # Another process may put a new content in place between any two look-ups; then all of
            # them start again.
            if attempt:
                time.sleep(_PAUSE * attempt)
            content_id = content_id_of(folder)
            if content_id is None:
                continue
            try:
                text = self._manifest_path(stage, content_id).read_text()
                result = Result(Manifest.model_validate_json(text), folder)
                return result if result.is_whole() else None
            except (FileNotFoundError, NotADirectoryError):
                continue
            except ValidationError:
                return None
        return None

    def last_manifest(self, stage: str) -> Manifest | None:
        """Return the manifest of a stage's result even if its files are gone, or None if there is
        none.
        """
        for path in sorted((self.path / "manifests").glob(f"{stage}-*.json")):
            try:
                return Manifest.model_validate_json(path.read_text())
            except (FileNotFoundError, ValidationError):
                continue
        return None

    def require(self, stage: str) -> Result:
        """Return the result of a stage; raise StoreError if there is none."""
        result = self.result(stage)
        if result is None:
            raise StoreError(
                f"{self.path} holds no whole result of stage {stage!r}",
                remedy="Make it with `gmm-pipeline run`, or materialise the asset",
            )
        return result

    def publish(self, product: Product) -> Result:
        """Write a product and put it in place of its stage's result: readers see the old one or the
        new one.

        Nothing is written if the product keeps a result that is made from the same.

        Raises
        ------
        StoreError
            If another run is writing to this column, or has put another result in place of what is
            to be kept.
        """
        with self._locked():
            present = self.result(product.stage)
            self._check_kept(product, present)
            self._remove_drafts()
            if product.keeps and product.keeps.manifest.origin == product.origin:
                return product.keeps
            draft = self._drafts / f"{product.stage}-{uuid.uuid4().hex}"
            draft.mkdir(parents=True)
            try:
                manifest = self._write(product, draft, present)
                self._put_in_place(manifest, draft, product.keeps, present)
            finally:
                self._remove_drafts()
            return Result(manifest, self.path / product.stage)

    def tidy(self) -> None:
        """Remove what a run that was killed left behind, unless another run is writing to this
        column.
        """
        if self._drafts.exists():
            with suppress(StoreError), self._locked():
                self._remove_drafts()

    def earlier(self) -> list[ColumnFolder]:
        """Return the fits that others have taken the place of, each as a folder of its model and
        ranking, by age.
        """
        folders = [ColumnFolder(path) for path in (self.path / EARLIER).glob("[!.]*")]
        made = {folder: folder.result(FITTED[0]) for folder in folders}
        whole = {folder: result.manifest.created for folder, result in made.items() if result}
        return sorted(whole, key=lambda folder: whole[folder])

    def record_failure(self, stage: str, error: BaseException) -> None:
        """Remember why a stage failed."""
        failure = Failure(
            stage=stage, error=type(error).__name__, message=str(error), at=datetime.now(UTC)
        )
        self.path.mkdir(parents=True, exist_ok=True)
        with atomic_write(self._failure_path) as partial:
            partial.write_text(failure.model_dump_json(indent=2))

    def clear_failure(self) -> None:
        """Forget the last failure."""
        self._failure_path.unlink(missing_ok=True)

    def failure(self) -> Failure | None:
        """Return why the last attempt failed, if it did."""
        try:
            return Failure.model_validate_json(self._failure_path.read_text())
        except (FileNotFoundError, ValidationError):
            return None

    @property
    def _drafts(self) -> Path:
        return self.path / ".drafts"

    @property
    def _failure_path(self) -> Path:
        return self.path / "failure.json"

    def _manifest_path(self, stage: str, content_id: str) -> Path:
        return self.path / "manifests" / f"{stage}-{content_id}.json"

    def _keep_fit(self, draft: Path) -> None:
        """Keep the present model and ranking as an earlier fit, if they belong together."""
        model, ranking = (self.result(stage) for stage in FITTED)
        if (
            model
            and ranking
            and ranking.manifest.origin.inputs.get(model.manifest.stage) == model.manifest.content
        ):
            keep_earlier(self.path / EARLIER / model.manifest.content_id, [model, ranking], draft)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / ".lock", blocking=False):
                yield
        except Timeout as error:
            raise self._taken() from error

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

    def _write(self, product: Product, draft: Path, present: Result | None) -> Manifest:
        started = time.perf_counter()
        made = product.write(draft)
        files = _facts(draft, made.files)
        manifest = Manifest(
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
        # Made once more, it is as old as it was: earlier fits are named by when their parts were
        # made.
        return manifest.model_copy(
            update={"created": present.manifest.created, "confirmed": manifest.created}
        )

    def _put_in_place(
        self, manifest: Manifest, draft: Path, kept: Result | None, present: Result | None
    ) -> None:
        stage = manifest.stage
        path = self._manifest_path(stage, manifest.content_id)
        path.parent.mkdir(exist_ok=True)
        partial = draft.with_suffix(".json")
        partial.write_text(manifest.model_dump_json(indent=2))
        flush(partial)
        partial.replace(path)
        for file in [entry for entry in draft.iterdir() if entry.is_file()]:
            file.rename(draft / with_id(Path(file.name), manifest.content_id))
        same = present is not None and present.manifest.content == manifest.content
        # What is made once more replaces what is there if that is damaged; files that are to stay
        # are not read for it.
        if present is None or not same or not (kept or present.is_sound()):
            if kept:
                link_files(kept, draft)
            if stage == FITTED[0] and content_id_of(self.path / stage) != manifest.content_id:
                self._keep_fit(draft.with_suffix(".earlier"))
            replace_folder(draft, self.path / stage)
        for other in path.parent.glob(f"{stage}-*.json"):
            if other != path:
                other.unlink(missing_ok=True)


def _facts(draft: Path, known: WrittenFiles) -> dict[str, FileFacts]:
    """Bring the files of a draft to the disk, except those that are known, and return the facts of
    all.
    """
    names = sorted(
        path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file()
    )
    others = [name for name in names if name not in known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        flushed = pool.map(WrittenFile.flushed, (draft / name for name in others))
        written = {**known, **dict(zip(others, flushed, strict=True))}
    return {name: FileFacts.told(written[name]) for name in names}
