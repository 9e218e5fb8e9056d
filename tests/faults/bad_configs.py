"""What configs, texts, files and JSON can have wrong, said by kind.

It is said here and not read off the code under test.
"""

HUGE = '1' + '0' * 30
NO_NUMBER = ("'many'", 'True', '[1]', '(1,)', '{}', '1j', "b'1'", '...', '-1')
NO_NUMBER += ('1e400', '-1e400', HUGE)
# What an argument of a kind cannot be, as text.
BAD = {
  'count': (*NO_NUMBER, '0', '1.5', 'None', '1e3', '1_000_000_000_000'),
  'scale': (*NO_NUMBER, '0', '1e-50', '1e39', '0.0'),
  'weight': (*NO_NUMBER, '1e39'),
  'share': (*NO_NUMBER, '1', '1.0', '2'),
  'factor': ("'many'", 'True', '[1]', '1e400', '1e39', HUGE, 'None'),
  'flag': ("'yes'", '1', '0', 'None', '0.5', '[]', "'True'"),
  'name': ("'x'", '0', 'True', '[]', "''", '1.5', '(1, 2)', '{}', "'\\n'"),
  'widths': (
    *('400', '(0,)', '(-1,)', '(1.5,)', "('a',)", '(True,)', 'None', '[400]'),
    *(f'({HUGE},)', '(100000000,)', '(1,) * 3', '((4,),)'),
    *(f'({"1, " * 1000})', '(1000000, 1000000)'),
  ),
  'step': ("'late'", 'True', '-1', '1.5', '1e400', HUGE, '[1]', 'None', '1j'),
  # 1e30 is a number, and ends as one would think.
  'rate': ("'fast'", '-0.001', '1e400', '1e-50', '1e39', 'None', '[1]', 'True'),
  'start': (*NO_NUMBER, '1e39', 'None'),
}
# Key, text with a place for the argument, kind.
ARGUMENTS = [
  ('latent', 'gaussian({})', 'count'),
  ('latent', 'gaussian(2, scale={})', 'name'),
  ('latent', 'tilted({}, 3.)', 'count'),
  ('latent', 'tilted(2, {})', 'weight'),
  ('latent', 'tilted(2, 3., kl={})', 'name'),
  ('latent', 'loop({})', 'name'),
  ('latent', 'loop(tau={})', 'scale'),
  ('latent', 'loop(tau=8., radius={})', 'scale'),
  ('latent', 'loop(anchor={})', 'scale'),
  ('latent', 'points({})', 'count'),
  ('latent', 'points(4, {})', 'name'),
  ('latent', 'points(4, s={})', 'scale'),
  ('latent', 'points(4, spacing={})', 'scale'),
  ('latent', 'points(4, code={})', 'name'),
  ('latent', "points(4, kind='concrete', relaxation={})", 'scale'),
  ('latent', 'segment({})', 'name'),
  ('latent', 'segment(length={})', 'scale'),
  ('latent', 'segment(s={})', 'scale'),
  ('latent', 'segment(anchor={})', 'scale'),
  ('latent', 'mixture({}, 2)', 'count'),
  ('latent', 'mixture(3, {})', 'count'),
  ('latent', 'mixture(3, 2, kind={})', 'name'),
  ('latent', 'mixture(3, 2, radius={})', 'scale'),
  ('latent', 'mixture(3, 2, std={})', 'scale'),
  ('latent', 'vamp({}, 2)', 'count'),
  ('latent', 'vamp(3, {})', 'count'),
  ('latent', 'quantized({}, 3)', 'count'),
  ('latent', 'quantized(2, {})', 'count'),
  ('latent', 'quantized(2, 3, kind={})', 'name'),
  ('latent', "quantized(2, 3, kind='latent', commitment={})", 'weight'),
  ('latent', 'ksparse({}, 1)', 'count'),
  ('latent', 'ksparse(4, {})', 'count'),
  ('latent', 'ksparse(4, 2, a={})', 'factor'),
  ('latent', 'ksparse(4, 2, b={})', 'factor'),
  ('latent', 'ksparse(4, 2, straight_through={})', 'flag'),
  ('latent', 'ksparse(4, 2, lifetime={})', 'share'),
  ('latent', "label({}, factor='digit') + gaussian(2)", 'count'),
  ('latent', "label(10, {}, factor='digit') + gaussian(2)", 'name'),
  ('latent', "label(10, film={}, factor='digit') + gaussian(2)", 'flag'),
  ('latent', 'label(10, factor={}) + gaussian(2)', 'name'),
  ('latent', "head({}, factor='digit') + gaussian(2)", 'count'),
  ('latent', "head(10, k={}, factor='digit') + gaussian(2)", 'count'),
  ('latent', "head(10, join={}, factor='digit') + gaussian(2)", 'name'),
  ('net', 'mlp(encoder={})', 'widths'),
  ('net', 'mlp(decoder={})', 'widths'),
  ('net', 'mlp(encoder_activation={})', 'name'),
  ('net', 'locatello(kernels={})', 'widths'),
  ('net', 'locatello(lowering={})', 'name'),
  ('net', 'burgess({})', 'name'),
  ('likelihood', 'gaussian({})', 'flag'),
  ('likelihood', 'laplace(learned={})', 'flag'),
  ('likelihood', 'bernoulli({})', 'flag'),
  ('objective', 'beta_vae({})', 'flag'),
  ('objective', 'annealed_vae(gamma={})', 'weight'),
  *(('optimizer', f'adam({name}={{}})', 'share') for name in ('b1', 'b2')),
  ('optimizer', 'adam(eps={})', 'scale'),
  ('optimizer', 'adam(eps_root={})', 'weight'),
  ('optimizer', 'adam(nesterov={})', 'flag'),
  ('optimizer', 'adam(mu_dtype={})', 'name'),
  ('optimizer', 'adamw(weight_decay={})', 'weight'),
  ('optimizer', 'adamw(b1={})', 'share'),
  ('optimizer', 'momentum({})', 'share'),
  ('optimizer', 'sgd({})', 'weight'),
  *(
    (f'schedule.{key}', f'{name}({{}}, 100)', 'start')
    for key in ('beta', 'gamma', 'capacity', 'tilt', 'alpha')
    for name in ('linear', 'cosine')
  ),
  *(
    (f'schedule.{key}', f'{name}({{}}, 100)', 'scale')
    for key in ('noise', 'temperature', 'keep')
    for name in ('linear', 'geometric')
  ),
  ('schedule.learning_rate', 'linear({}, 100)', 'rate'),
  ('schedule.beta', 'linear(1., {})', 'step'),
  ('schedule.beta', 'cosine(1., 100, delay={})', 'step'),
  ('schedule.noise', 'piecewise(((0, {}),), 100)', 'scale'),
  ('schedule.beta', 'piecewise((({}, 1.),), 100)', 'step'),
  ('schedule.beta', 'piecewise(((0, 1.),), {})', 'step'),
]
WHOLE = ('', 'x', '1.5', 'nan', 'inf', '-1', '1e3', '0x10', '[1]', 'None', HUGE)
WHOLE += ('9' * 5000, '1 2')
NUMBER = ('', 'x', 'nan', 'inf', '-inf', '-1', '1e400', '1e39', '1,5', 'None')
NUMBER += ('9' * 400, '[1.0]', '1j')
KEYS = {
  **dict.fromkeys(
    (
      *('num_steps', 'batch_size', 'steps_per_call', 'log_every'),
      *('save_every', 'keep_checkpoints', 'eval.examples', 'eval.bins'),
    ),
    (*WHOLE, '0'),
  ),
  **dict.fromkeys(
    ('seed', 'data.image_size', 'data.channels', 'data.pairs', 'labels.shift'),
    WHOLE,
  ),
  **dict.fromkeys(
    (
      *('hyper.beta', 'hyper.gamma', 'hyper.capacity', 'hyper.tilt'),
      *('hyper.alpha', 'eval.active_kl'),
    ),
    (*NUMBER, '1e-50'),
  ),
  **dict.fromkeys(
    ('hyper.learning_rate', 'hyper.noise', 'hyper.temperature', 'hyper.keep'),
    (*NUMBER, '0', '1e-50'),
  ),
  **dict.fromkeys(
    ('data.holdout', 'labels.fraction', 'labels.share'), (*NUMBER, '1.5')
  ),
  **dict.fromkeys(
    ('data.binarize', 'eval.embedding', 'eval.figures'),
    ('', 'yes', '1', '0', 'None', 'nan'),
  ),
  **dict.fromkeys(
    ('shard', 'lanes', 'labels.pick', 'data.placement', 'data.variant'),
    ('x', 'AUTO', '0', ' ', "'auto'", 'x' * 10_000),
  ),
  'eval.metrics': ('x', 'mig,,x', '0', '__import__("os")', 'mig(bins=3)'),
  'data.name': ('x', 'digits(3)', 'a.b', '1', 'digits + digits', '../digits'),
}
CALLS = [
  *('', ' ', '10', '()', '[]', 'x', 'gaussian(', 'gaussian)', 'gaussian(10))'),
  *('gaussian(n)', 'gaussian(2 * 5)', 'a.gaussian(10)', 'gaussian[10]'),
  *('gaussian(lambda: 3)', 'gaussian(10)(2)', 'f"{1}"', 'gaussian(f"{1}")'),
  *('__import__("os")', '__import__("os").system("true")', 'x := 3'),
  *('gaussian([x for x in (1,)])', 'gaussian(*(1,))', 'gaussian(**{})' * 2),
  *('gaussian(latents=1, latents=2)', 'gaussian(10) - loop', '-gaussian(10)'),
  *('gaussian(10); loop', 'gaussian(10)\nimport os', 'gaussian(\0)', '\ud800'),
  *('ガウス(10)', 'gaussian(１０)', 'gaussian(10)\u2028+\u2028x', '🎲'),
  *('(' * 9000, '-' * 9000 + '1', '[' * 200 + ']' * 200, 'x' * 1_000_000),
  *('gaussian(' + '9' * 5000 + ')', ' + '.join(['loop'] * 300)),
  *('gaussian(10) + ' * 100_000, 'gaussian(' * 500 + ')' * 500),
  *("gaussian('" + 'x' * 5000 + "')", 'gaussian(1or 2)', 'not gaussian'),
  *('gaussian(x' + 'y' * 5000 + '=1)', 'yield', 'await x', '`gaussian`'),
]
TEXTS = ('latent', 'net', 'likelihood', 'objective', 'optimizer', 'data.name')
TEXTS += ('schedule.beta',)
ENSEMBLES = [
  *('range(1000000000)', 'range(100001)', 'range(0)', 'range(x)', '()'),
  *('range(' + '9' * 30 + ')', 'range(0, 3, 0)', "'abc'", '[' * 10_000),
  *('1,' * 100_001, '1 2', '-1', '0.5', '1, 1', 'nan', '__import__("os")', ''),
  *('None', '{}', '{1: 2}', "'x', 'y'", '(1,), (2,)', '1e400', '4294967296'),
]
# What a config file can be besides a config.
HEAD = 'import ml_collections\nfrom jaxvae import config as c\n'
BODIES = [
  'def get_config():\n  return None\n',
  'def get_config():\n  return 3\n',
  'def get_config():\n  return {}\n',
  'def get_config():\n  return []\n',
  'def get_config():\n  return ml_collections.ConfigDict()\n',
  'def get_config():\n  return ml_collections.ConfigDict({1: 2, None: 3})\n',
  'def get_config():\n  raise ValueError("a\\nb")\n',
  'def get_config():\n  return 1 / 0\n',
  'def get_config():\n  return get_config()\n',
  'def get_config(:\n',
  'get_config = 3\n',
  '',
  'import no_such_module\n',
  'def get_config(variant):\n  return c.default()\n',
]
# Right-hand sides that a key is set to, whatever its type.
VALUES = [
  *('None', '[]', '{}', 'b"x"', 'object()', 'float("nan")', '10**5000', '(1,)'),
  *('lambda: 3', 'print', '"x" * 10**6', '[0] * 10**6', 'range(10**12)', '{1}'),
  *('__import__("numpy").zeros(100)', '__import__("numpy").float64(1)'),
  *('__import__("itertools").count()', '1 + 2j', 'Ellipsis', '"\\n" * 99'),
]
SWEEPS = [
  'def sweep():\n  while True:\n    yield {"seed": 1}\n',
  'import itertools\n\n\ndef sweep():\n  return itertools.repeat({})\n',
  'def sweep():\n  return ()\n',
  'def sweep():\n  return 3\n',
  'def sweep():\n  yield 3\n',
  'def sweep():\n  yield {"sed": 1}\n',
  'def sweep():\n  yield {"seed": -1}\n',
  'def sweep():\n  yield {"hyper.beta": 1e39}\n',
  'def sweep():\n  yield {}\n  yield {}\n',
  'sweep = 3\n',
]
SAVED = [
  *('[]', '3', 'null', '"x"', 'true', '1e400', 'NaN', '{}', '[[[]]]'),
  *('{"seed": 0}', '{"hyper": 3}', '{"hyper": {"beta": "1"}}'),
  *('{"": {"": {}}}', '{"a.b": 1}', '{"seed": {"seed": 0}}'),
  '{"ensemble": 3}',
  '{"a":' * 900 + '1' + '}' * 900,
]
# What no machine has the memory for, though each number alone could be meant.
LARGE = [
  {'batch_size': '100000000'},
  {'batch_size': '2147483647'},
  dict.fromkeys(
    ('steps_per_call', 'num_steps', 'log_every', 'save_every'), '1000000000'
  ),
  {'net': 'mlp(encoder=(1000000, 1000000))'},
  {'net': 'mlp(decoder=(1000000, 1000000, 1000000))'},
  {'net': 'mlp(encoder=(1000000,))', 'latent': 'gaussian(100000)'},
  {'latent': "quantized(100000, 10000, kind='latent')"},
  {'latent': "points(10000, kind='mixture')", 'batch_size': '65536'},
  {'latent': 'vamp(10000, 1000)', 'batch_size': '65536'},
  {'latent': 'gaussian(100000) + ' * 90 + 'gaussian(100000)'},
  {'latent': 'tilted(100000, 3.)', 'batch_size': '1000000'},
]
