"""Data frames, which need pandas, an extra of the engine."""

from typing import Any


def imported_pandas() -> Any:
    """Return the module pandas; raise ModuleNotFoundError, with the extra that installs it."""
    try:
        import pandas
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "to_frame() needs pandas: pip install 'theory-on-trial[sweep]'", name="pandas"
        ) from None
    return pandas
