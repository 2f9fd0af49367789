"""Studies of many fits."""

from mmn_bayes.studies.comparing_results import compare_results as compare_results
from mmn_bayes.studies.known_truth import simulated as simulated
from mmn_bayes.studies.known_truth import truth_intervals as truth_intervals
from mmn_bayes.studies.recovery import SETTINGS as SETTINGS
from mmn_bayes.studies.recovery import run_study as run_study
from mmn_bayes.studies.runner import Task as Task
from mmn_bayes.studies.runner import run_tasks as run_tasks
from mmn_bayes.studies.runner import task_seed as task_seed
from mmn_bayes.studies.sides import Committed as Committed
from mmn_bayes.studies.sides import WorkingTree as WorkingTree
from mmn_bayes.studies.verdicts import cohort_of as cohort_of
from mmn_bayes.studies.verdicts import study_calls as study_calls
from mmn_bayes.studies.verdicts import ten_candidates as ten_candidates
from mmn_bayes.studies.visit_study import run_visits_study as run_visits_study
from mmn_bayes.studies.visit_study import visits_notes as visits_notes
