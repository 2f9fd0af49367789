"""Response by the rule: other definitions, missing data, replicated and scored predictions."""

from mmn_bayes.data.definitions import Definition as Definition
from mmn_bayes.data.definitions import definition_grid as definition_grid
from mmn_bayes.data.deriving import with_early_response as with_early_response
from mmn_bayes.outcomes.response.calibration_table import prediction_scores as prediction_scores
from mmn_bayes.outcomes.response.definitions import response_by_definition as response_by_definition
from mmn_bayes.outcomes.response.estimands import replicated_response as replicated_response
from mmn_bayes.outcomes.response.missing import delta_adjusted_response as delta_adjusted_response
from mmn_bayes.outcomes.response.table import response_draws as response_draws
