"""Reading and writing, disk at the ends: tables, figures, manifests, model files."""

from mmn_bayes.model_file.model_spec import model_to_toml as model_to_toml
from mmn_bayes.model_file.reading import parse_model as parse_model
from mmn_bayes.report.formatting import print_table as print_table
from mmn_bayes.report.formatting import to_markdown as to_markdown
from mmn_bayes.report.formatting import to_text as to_text
from mmn_bayes.report.store import remove_manifest as remove_manifest
from mmn_bayes.report.store import save_figure as save_figure
from mmn_bayes.report.store import write_columns as write_columns
from mmn_bayes.report.store import write_manifest as write_manifest
from mmn_bayes.report.store import write_report as write_report
from mmn_bayes.report.store import write_table as write_table
from mmn_bayes.report.store import write_text as write_text
