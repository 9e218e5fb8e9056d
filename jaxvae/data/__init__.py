"""Data: images made by known factors, and batches as a function of the step."""

from jaxvae.data.builders import DATASETS
from jaxvae.data.factors import (
  Factor,
  FactorGrid,
  dtype_of,
  factors_from_json,
  factors_to_json,
)
from jaxvae.data.sequence import held_out
from jaxvae.data.store import (
  RULES,
  DataSpec,
  Source,
  ensure_prepared,
  open_source,
  splits,
)

__all__ = [
  'DATASETS',
  'RULES',
  'DataSpec',
  'Factor',
  'FactorGrid',
  'Source',
  'dtype_of',
  'ensure_prepared',
  'factors_from_json',
  'factors_to_json',
  'held_out',
  'open_source',
  'splits',
]
