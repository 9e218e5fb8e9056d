import io
import json

from rich.console import Console

from jaxvae.metrics import Latent
from jaxvae.report import table

ROWS = [
  Latent(3, 'z3', 0.00213, 3.214, True, 'posX', 0.614, (0.0, 0.614)),
  Latent(0, 'z0', 0.00001, 12.5, True, 'a|b', 0.2, (0.2, 0.1)),
  Latent(1, 'z1', 1.0021, -0.001, False, None, None, ()),
]

TEXT = """\
latent  variance  KL (nats)  active by KL  factor   NMI
------  --------  ---------  ------------  ------  ----
z3        0.0021       3.21  yes           posX    0.61
z0       <0.0001      12.50  yes           a|b     0.20
z1        1.0021       0.00  no            -          -

2 of 3 latents active by KL, MIG 0.312"""

MARKDOWN = """\
| latent | variance | KL (nats) | active by KL | factor | NMI |
| :--- | ---: | ---: | :--- | :--- | ---: |
| z3 | 0.0021 | 3.21 | yes | posX | 0.61 |
| z0 | <0.0001 | 12.50 | yes | a\\|b | 0.20 |
| z1 | 1.0021 | 0.00 | no | - | - |

2 of 3 latents active by KL"""


def test_text():
  assert table.text(ROWS, 0.3123) == TEXT


def test_markdown():
  assert table.markdown(ROWS) == MARKDOWN


def test_json():
  value = json.loads(json.dumps(table.as_json(ROWS, 0.3)))
  assert value['mig'] == 0.3 and value['active_units'] == 2
  assert value['latents'][0] == {
    'index': 3,
    'name': 'z3',
    'variance': 0.00213,
    'kl': 3.214,
    'active': True,
    'factor': 'posX',
    'nmi': 0.614,
    'nmi_per_factor': [0.0, 0.614],
  }
  assert value['latents'][2]['factor'] is None


def test_shown_as_plain_text_in_a_pipe_and_dim_on_a_terminal():
  pipe = io.StringIO()
  table.show(ROWS, 0.3123, Console(file=pipe, width=20))
  assert pipe.getvalue() == TEXT + '\n'
  terminal = io.StringIO()
  table.show(
    ROWS,
    console=Console(
      file=terminal, force_terminal=True, color_system='standard'
    ),
  )
  assert '\x1b[2mz1 ' in terminal.getvalue()


def test_label_of_a_row():
  assert table.label(ROWS[0]) == 'z3   posX 0.61\nKL 3.21   var 0.0021'
  assert table.label(ROWS[2]) == 'z1\nKL 0.00   var 1.0021'
