"""A wheel of the papers takes the engine that stands beside them, so that no index need have it.

An editable installation names both places itself (`pip install -e engine -e .`): there pip refuses
a package that it is told to take from a place in two ways.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EngineOfThisCheckout(BuildHookInterface):
    """Replaces the engine's version among what a wheel requires by the engine's place."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Replace it; `version` is "standard" or "editable"."""
        if version != "standard":
            return
        required = self.metadata.core.dependencies
        (engine,) = (one for one in required if one.startswith("theory-on-trial["))
        place = Path(self.root, "engine").as_uri()
        required[required.index(engine)] = f"{engine.partition('==')[0]} @ {place}"
