"""The repository that claims live in: its places, what its check files say, digests of its source, its records."""

from theory_on_trial.repository.places import (
    check_files,
    check_folder,
    dotted_name,
    import_base,
    import_file,
    import_path,
    paper_of,
    records_folder,
    root,
)

__all__ = [
    "check_files",
    "check_folder",
    "dotted_name",
    "import_base",
    "import_file",
    "import_path",
    "paper_of",
    "records_folder",
    "root",
]
