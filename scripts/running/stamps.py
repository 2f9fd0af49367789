"""Whether a part is done for the present inputs: models, data, script and version of the code."""

import datetime
import hashlib
import json
from pathlib import Path

import mmn_bayes as mb

from .plan import FITS, ROOT, STUDIES, Part


class Stamps:
    """What is known of parts that were done here: of which inputs, in how many seconds.

    Parameters
    ----------
    root
        Of the repository.
    folder
        Where a file a part is kept; by default one that is not committed, so that a fresh clone
        does everything itself.
    """

    def __init__(self, root: Path = ROOT, folder: Path | None = None):
        self.root = root
        self.folder = root / ".studies" if folder is None else folder

    def inputs(self, part: Part) -> str:
        """SHA-256 of what a part is made of, and of what the parts that it reads are made of."""
        digest = hashlib.sha256(f"code {mb.engine.CODE_VERSION}".encode())
        digest.update((self.root / "scripts" / f"{part.script}.py").read_bytes())
        for path in sorted({p for n in part.models for p in self._models(n)}):
            # Resolved: a file may be based on another one, and a remark is no change.
            digest.update(f"{path.name} {mb.read_model(path).fingerprint}".encode())
        for path in sorted(p for p in (self.root / "data").rglob("*") if p.is_file()):
            digest.update(f"{path.relative_to(self.root)}".encode() + path.read_bytes())
        for other in (p for p in STUDIES if p.name in part.after):
            digest.update(self.inputs(other).encode())
        return digest.hexdigest()

    def _models(self, pattern: str) -> list[Path]:
        return list((self.root / "models").glob(f"{pattern}.toml"))

    def is_done(self, part: Part) -> bool:
        """Whether it was done here, of the present inputs, and what it wrote is still there."""
        written = (self.root / "results" / part.writes).is_file()
        return written and self._read(part).get("inputs") == self.inputs(part)

    def seconds(self, part: Part) -> float:
        """What it took here, or what is planned for it."""
        return float(self._read(part).get("seconds", part.seconds))

    def done(self, part: Part, inputs: str, seconds: float) -> None:
        """Keep that it was done, of which inputs and in how many seconds."""
        about = {"inputs": inputs, "seconds": round(seconds, 1)}
        about |= {"date": datetime.date.today().isoformat()}
        mb.io.write_text(json.dumps(about, indent=2), self._file(part))

    def _file(self, part: Part) -> Path:
        return self.folder / f"{part.name}.json"

    def _read(self, part: Part) -> dict:
        file = self._file(part)
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def fits_are_current(root: Path = ROOT) -> bool:
    """Whether the fits of the main job are there, and newer than all that they are made of."""
    files = [root / "results" / "leger2008" / f"{name}.nc" for name in FITS.models]
    if not all(file.is_file() for file in files):
        return False
    sources = [root / "scripts" / f"{FITS.script}.py", *(root / "data").rglob("*")]
    sources += [root / "models" / f"{name}.toml" for name in FITS.models]
    newest = max(path.stat().st_mtime for path in sources if path.is_file())
    return min(file.stat().st_mtime for file in files) >= newest
