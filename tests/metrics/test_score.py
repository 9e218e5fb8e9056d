"""The table of scores."""

from jaxvae.metrics import Score, table


def test_a_line_each_with_parameters_parts_and_notes():
  scores = [
    Score('mig', 0.25, 'locatello2019', {'bins': 20}, (0.5, 0.0)),
    Score('sap', 1.0, 'svm', {'seed': 3}, note='two latents are constant'),
  ]
  assert table(scores, ('shape', 'scale')).splitlines() == [
    'metric   value  variant        parameters',
    'mig     0.2500  locatello2019  bins=20',
    '                               shape 0.5000, scale 0.0000',
    'sap     1.0000  svm            seed=3 (two latents are constant)',
  ]


def test_the_ungrouped_value_stands_beside():
  lines = table(
    [
      Score('mig', 0.9, 'a', ungrouped=0.1),
      Score('irs', 0.5, 'b'),
    ]
  ).splitlines()
  assert lines[0].split() == [
    *('metric', 'value', 'ungrouped', 'variant', 'parameters')
  ]
  assert lines[1].split() == ['mig', '0.9000', '0.1000', 'a']
  assert lines[2].split() == ['irs', '0.5000', 'b']
