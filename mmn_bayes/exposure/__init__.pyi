"""Infusions: schedules, exposure, dose response, trajectories, identifiability, confounding."""

from mmn_bayes.data.exposure import dose_rate as dose_rate
from mmn_bayes.data.exposure import infusion_exposure as infusion_exposure
from mmn_bayes.data.restricting import first_months as first_months
from mmn_bayes.data.schedules import courses as courses
from mmn_bayes.data.schedules import no_infusions as no_infusions
from mmn_bayes.data.schedules import schedule as schedule
from mmn_bayes.exposure.confounding import confounding_sensitivity as confounding_sensitivity
from mmn_bayes.exposure.dose_response import dose_response_curve as dose_response_curve
from mmn_bayes.exposure.extrapolation import extrapolation_table as extrapolation_table
from mmn_bayes.exposure.identifiability import change_by_part as change_by_part
from mmn_bayes.exposure.kernel import dose_in_effect_kernel as dose_in_effect_kernel
from mmn_bayes.exposure.kernel import equivalent_dose as equivalent_dose
from mmn_bayes.exposure.kernel import wearing_off_curve as wearing_off_curve
from mmn_bayes.exposure.scenarios import patient_course as patient_course
from mmn_bayes.exposure.scenarios import trajectory as trajectory
