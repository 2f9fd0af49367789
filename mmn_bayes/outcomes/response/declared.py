"""Responses of patients, as model files have them."""

from mmn_bayes.model_file.declaration import Declaration

RESPONSE = Declaration(
    name="response",
    words="responses of patients",
    acts_on=("response",),
    required=("intercept",),
    margins=("odds_ratio", "response"),
)
