"""Trained models as files: written so that a reader never sees half of one, read again when they are replaced."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mdstream.errors import MissingDependencyError, ModelError
from mdstream.forecasting.model import QuantileModel

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
_LONGEST_NAME = 200
"""Characters of a folder's name; file systems take 255."""
_NAMED = 20
"""Most models that a line of the log names."""


class ModelMetadata(BaseModel):
    """What is known of a trained model.

    Attributes:
        format: Of these files; another one is of another release.
        symbol: Instrument.
        window: Window of the bars.
        horizon_minutes: How far ahead it forecasts.
        version: Names this very model in every forecast.
        sha256: Of the booster's file, `{horizon}min-{version}.ubj` in the same folder.
        trained_at: When it was trained.
        first_bar_end: End of the first bar that it was trained on.
        known_until: End of the newest bar that it was trained on: it must not judge anything before.
        rows: Samples that it was trained on.
        bars: Bars that these were made of, the first of which only warm up.
        bars_left_out: Bars besides, without a price above zero and a volume.
        features: What it forecasts from, in order.
        settings: How it was trained.
        versions: Releases of what made it.
        importance: Share of each feature in what the trees have gained.
        evaluation: How it did, walking forward through the bars that it was trained on.
        beats_naive: Whether it did better than the last price there, and not by chance.
        relative_mae: Its mean absolute error there, as a share of the last price's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    symbol: str
    window: str
    horizon_minutes: int
    version: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$")
    sha256: str
    trained_at: datetime
    first_bar_end: datetime
    known_until: datetime
    rows: int
    bars: int | None = None
    bars_left_out: int = 0
    features: tuple[str, ...]
    settings: dict[str, Any]
    versions: dict[str, str]
    importance: dict[str, float]
    evaluation: dict[str, Any]
    beats_naive: bool
    relative_mae: float | None

    @property
    def booster(self) -> str:
        """Name of the booster's file."""
        return f"{self.horizon_minutes}min-{self.version}.ubj"


@dataclass(frozen=True)
class TrainedModel:
    """A model and what is known of it."""

    model: QuantileModel
    metadata: ModelMetadata


_Stamp = tuple[int, int, int] | None


class ModelStore:
    """A folder of models: `{symbol}/{horizon}min.json` and beside it the booster that this names.

    The JSON file is replaced in one step and names its booster by content, so a model is there whole or not at all.

    Args:
        folder: The folder; `save` makes it.

    Example:
        >>> ModelStore(Path("models")).path_of("BTC/USD", 5).as_posix()
        'models/BTC%2FUSD/5min.json'
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int], tuple[_Stamp, TrainedModel | None]] = {}

    def path_of(self, symbol: str, horizon_minutes: int) -> Path:
        """Return the file of a model's metadata."""
        return self._folder / _folder_name(symbol) / f"{horizon_minutes}min.json"

    def save(self, model: QuantileModel, metadata: ModelMetadata) -> Path:
        """Put a model in the place of the one that is there.

        Returns:
            The file of its metadata.

        Raises:
            ModelError: The folder cannot be written to.
        """
        path = self.path_of(metadata.symbol, metadata.horizon_minutes)
        booster = path.with_name(metadata.booster)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(booster, model.to_bytes())
            replace_file(path, (metadata.model_dump_json(indent=2) + "\n").encode())
            for old in path.parent.glob(f"{metadata.horizon_minutes}min-*.ubj"):
                if old != booster:
                    old.unlink(missing_ok=True)
        except OSError as exc:
            raise ModelError(f"cannot write the model {path}: {exc.strerror or exc}") from exc
        return path

    def load(self, symbol: str, horizon_minutes: int) -> TrainedModel:
        """Read a model.

        Raises:
            ModelError: There is none, or it cannot be used; the message says which and what to do.
            MissingDependencyError: XGBoost is not installed.
        """
        path = self.path_of(symbol, horizon_minutes)
        for attempt in range(1, _ATTEMPTS + 1):
            metadata = _read_metadata(path)
            try:
                content = path.with_name(metadata.booster).read_bytes()
                break
            except OSError as exc:
                # Another model may just have taken its place.
                if attempt == _ATTEMPTS:
                    raise _unusable(path, f"{metadata.booster} cannot be read: {exc.strerror or exc}") from exc
        if (metadata.symbol, metadata.horizon_minutes) != (symbol, horizon_minutes):
            raise _unusable(path, f"it is of {metadata.symbol}, {metadata.horizon_minutes} minutes")
        if hashlib.sha256(content).hexdigest() != metadata.sha256:
            raise _unusable(path, f"{metadata.booster} is not what was written: its SHA-256 differs")
        try:
            return TrainedModel(QuantileModel.from_bytes(content), metadata)
        except ModelError as exc:
            raise _unusable(path, str(exc)) from exc

    def current(self, symbol: str, horizon_minutes: int) -> TrainedModel | None:
        """Return the model as it is now: read at first, and again when it was replaced.

        Whatever is wrong with its files is logged once as a warning, and there is no model then.
        """
        key = (symbol, horizon_minutes)
        path = self.path_of(symbol, horizon_minutes)
        stamp = _stamp_of(path)
        with self._lock:
            known = self._known.get(key)
            if known is not None and known[0] == stamp:
                return known[1]
            model = self._read(symbol, horizon_minutes, is_there=stamp is not None)
            self._known[key] = (stamp, model)
            return model

    def _read(self, symbol: str, horizon_minutes: int, *, is_there: bool) -> TrainedModel | None:
        try:
            return self.load(symbol, horizon_minutes)
        except (ModelError, MissingDependencyError) as exc:
            logger.log(logging.WARNING if is_there else logging.INFO, "%s", exc)
            return None

    def has_any(self) -> bool:
        """Whether there is a model, usable or not."""
        return next(self._files(), None) is not None

    def _files(self) -> Iterator[Path]:
        return self._folder.glob("*/*min.json")

    def log_contents(self) -> None:
        """Log which models there are, and which of them are not better than the last price."""
        found, not_better = 0, []
        for path in sorted(self._files()):
            try:
                metadata = _read_metadata(path)
            except ModelError as exc:
                logger.warning("%s", exc)
                continue
            found += 1
            if not metadata.beats_naive:
                not_better.append(f"{metadata.symbol} {metadata.horizon_minutes} min")
        if not found:
            logger.info("there is no model in %s; `mdstream train` makes them", self._folder)
        elif not_better:
            logger.warning(
                "%d of %d models in %s are not better than the last price, and their forecasts say so: %s",
                len(not_better),
                found,
                self._folder,
                ", ".join(not_better[:_NAMED]) + (" ..." if len(not_better) > _NAMED else ""),
            )
        else:
            logger.info("%d models in %s, each better than the last price", found, self._folder)


def log_verdict(metadata: ModelMetadata) -> None:
    """Log whether a model is better than the last price, as a warning if it is not."""
    logger.log(
        logging.INFO if metadata.beats_naive else logging.WARNING,
        "model %s of %s, %d minutes: relative MAE %s, %s",
        metadata.version,
        metadata.symbol,
        metadata.horizon_minutes,
        "unknown" if metadata.relative_mae is None else f"{metadata.relative_mae:.4f}",
        "better than the last price" if metadata.beats_naive else "not better than the last price",
    )


def _folder_name(symbol: str) -> str:
    """Return a name for a symbol's folder that stands for it alone, and for no other folder."""
    name = quote(symbol, safe="").replace(".", "%2E") if not symbol.strip(".") else quote(symbol, safe="")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}~{hashlib.sha256(symbol.encode()).hexdigest()[:16]}"


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there, so that it is there whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _stamp_of(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read_metadata(path: Path) -> ModelMetadata:
    try:
        content = path.read_bytes()
    except FileNotFoundError as exc:
        raise ModelError(f"there is no model {path}; `mdstream train` makes it") from exc
    except OSError as exc:
        raise _unusable(path, f"it cannot be read: {exc.strerror or exc}") from exc
    try:
        return ModelMetadata.model_validate_json(content)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise _unusable(path, f"it is damaged or of another release ({where}: {first['msg']})") from exc


def _unusable(path: Path, reason: str) -> ModelError:
    return ModelError(f"the model {path} cannot be used: {reason}; `mdstream train` makes it anew")
