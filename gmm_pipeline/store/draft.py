"""The draft of a result: all that can fail happens in it, before anything takes its place."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gmm_pipeline.arrow.written_file import WrittenFile, WrittenFiles
from gmm_pipeline.atomic_write import flush, flush_folder, replace_folder
from gmm_pipeline.store import legacy
from gmm_pipeline.store.contents import content_folder
from gmm_pipeline.store.manifest import FORMAT, FileFacts, Manifest, versions
from gmm_pipeline.store.newest import MANIFESTS, NEWEST, Newest, read_newest
from gmm_pipeline.store.result import Product, Result, link_files, with_id


@dataclass(frozen=True)
class Draft:
    """A result whose files are on the disk, not yet in their place.

    Parameters
    ----------
    column : Path
        The folder of the column.
    folder : Path
        Holds the files.
    manifest : Manifest
    keeps : Result or None
        The result whose files stay beside those of the draft.
    """

    column: Path
    folder: Path
    manifest: Manifest
    keeps: Result | None

    @classmethod
    def write(cls, column: Path, folder: Path, product: Product, present: Result | None) -> Draft:
        """Write the files of a product, and what is to be said of them.

        Parameters
        ----------
        column, folder : Path
        product : Product
        present : Result or None
            The newest result of the stage.
        """
        folder.mkdir(parents=True)
        started = time.perf_counter()
        written = product.write(folder)
        manifest = Manifest(
            format=FORMAT,
            column=product.column,
            stage=product.stage,
            rows=product.rows,
            columns=product.columns,
            files={
                **(product.keeps.kept_files() if product.keeps else {}),
                **_facts(folder, written.files),
            },
            origin=product.origin,
            continues=product.continues,
            versions=versions(),
            created=datetime.now(UTC),
            seconds=time.perf_counter() - started,
            summary=written.summary,
        )
        if present is not None and present.manifest.content == manifest.content:
            # The same content is as old as it was, however often it is computed.
            age = {"created": present.manifest.created, "confirmed": manifest.created}
            manifest = manifest.model_copy(update=age)
        draft = cls(column, folder, manifest, product.keeps)
        draft._describe()
        return draft

    def publish(self) -> Result:
        """Make the draft the newest result of its stage; readers find it or the one before."""
        folder = self._place()
        self._described.replace(self.column / MANIFESTS / self.manifest.file_name)
        self._named.replace(self.column / NEWEST)
        return Result(self.manifest, folder)

    @property
    def _described(self) -> Path:
        return self.folder.with_suffix(".manifest")

    @property
    def _named(self) -> Path:
        return self.folder.with_suffix(".newest")

    def _describe(self) -> None:
        """Write the manifest, and the names of the newest manifests with its own among them."""
        (self.column / MANIFESTS).mkdir(exist_ok=True)
        newest = read_newest(self.column) or Newest()
        manifests = {**newest.manifests, self.manifest.stage: self.manifest.file_name}
        named = Newest(manifests=manifests).model_dump_json(indent=2)
        for path, text in ((self._described, self.manifest.text), (self._named, named)):
            path.write_text(text, encoding="utf-8")
            flush(path)

    def _place(self) -> Path:
        """Make the files a content of their own, unless it exists undamaged."""
        present = Result(self.manifest, legacy.locate(self.column, self.manifest))
        # Files that stay are not read for it: they may be all of a large column.
        is_intact = present.is_complete if self.keeps else present.is_undamaged
        if present.folder.is_dir() and is_intact():
            return present.folder
        for file in [entry for entry in self.folder.iterdir() if entry.is_file()]:
            file.rename(self.folder / with_id(Path(file.name), self.manifest.content_id))
        if self.keeps:
            link_files(self.keeps, self.folder)
        flush_folder(self.folder)
        target = content_folder(self.column, self.manifest.stage, self.manifest.content_id)
        target.parent.mkdir(exist_ok=True)
        replace_folder(self.folder, target)
        return target


def _facts(folder: Path, known: WrittenFiles) -> dict[str, FileFacts]:
    """Bring the files of a folder to the disk, except the known ones; return the facts of all."""
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    others = [name for name in names if name not in known]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        flushed = pool.map(WrittenFile.flushed, (folder / name for name in others))
        written = {**known, **dict(zip(others, flushed, strict=True))}
    return {name: FileFacts.from_written(written[name]) for name in names}
