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


def test_few_points_have_few_digits():
  parameters = ({'points': 16}, {'points': 400}, {'points': 10_000, 'test': 9})
  parameters += (
    {'points': 5_000, 'test_points': 99},
    {'train': 10, 'test': 50},
  )
  lines = table(
    [Score('mig', 0.123456, 'a', each, ungrouped=0.5) for each in parameters]
  ).splitlines()
  values = [line.split()[1:3] for line in lines[1:]]
  assert values == [
    *(['0.1', '0.5'], ['0.12', '0.50'], ['0.1235', '0.5000']),
    *(['0.1', '0.5'], ['0.1', '0.5']),
  ]
