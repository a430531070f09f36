"""The repository of the claims: its folders, and what its check files state."""

from theory_on_trial.repository.places import check_files as check_files
from theory_on_trial.repository.places import check_folder as check_folder
from theory_on_trial.repository.places import dotted_name as dotted_name
from theory_on_trial.repository.places import import_base as import_base
from theory_on_trial.repository.places import import_file as import_file
from theory_on_trial.repository.places import import_path as import_path
from theory_on_trial.repository.places import paper_of as paper_of
from theory_on_trial.repository.places import root as root
