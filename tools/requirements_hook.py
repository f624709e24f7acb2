"""The package's dependencies, read from requirements.txt while it is built; pyproject.toml names this hook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Requirements(MetadataHookInterface):
    """Makes requirements.txt the one list of what the package needs."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Puts a line of requirements.txt, without its remark, for each dependency."""
        lines = (Path(self.root) / "requirements.txt").read_text(encoding="utf-8").splitlines()
        bare = (line.partition("#")[0].strip() for line in lines)
        metadata["dependencies"] = [line for line in bare if line]
